// Consumer groups as the wire shows them: who is in, in which generation (classic) or member epoch
// (KIP-848), how often it was rebalanced. The coordinator's answers count, told to the client or not.
import type { Message } from '../protocol/codec.ts'
import { errorCodeNamed } from '../protocol/error-codes.ts'
import {
  consumerGroupHeartbeatKey,
  heartbeatKey,
  joinGroupKey,
  leaveGroupKey,
  syncGroupKey,
} from './api-keys.ts'
import { numberOf, structsOf, textOf } from './message-fields.ts'
import type { Observation } from './observation.ts'
import type { Outbox } from './tracked.ts'

/** Groups remembered; the longest silent go first. */
export const trackedGroupsMax = 1_000
/** Members remembered per group. */
export const groupMembersMax = 5_000

const none = 0
const unknownMember = errorCodeNamed('UNKNOWN_MEMBER_ID')
const rebalanceInProgress = errorCodeNamed('REBALANCE_IN_PROGRESS')
const fencedInstance = errorCodeNamed('FENCED_INSTANCE_ID')
const fencedMemberEpoch = errorCodeNamed('FENCED_MEMBER_EPOCH')
/** From this JoinGroup version on, a first request without member id is only told one. */
const memberIdRequiredFrom = 4

export interface GroupMemberView {
  memberId: string
  instance?: string
  clientId: string | null
  /** group.instance.id of a static member. */
  staticId?: string
  /** Generation (classic) or member epoch (KIP-848) that the member was last told. */
  epoch: number
}

export interface GroupView {
  group: string
  protocol: 'classic' | 'consumer'
  state: 'empty' | 'rebalancing' | 'stable'
  coordinator?: number
  /** Generation (classic) or the highest member epoch seen (KIP-848); -1 as long as none was. */
  epoch: number
  members: readonly GroupMemberView[]
  /** Generations or epochs that followed the first one seen. */
  rebalances: number
  lastRebalanceAtMs?: number
}

interface TrackedMember extends GroupMemberView {
  /** Has its assignment in this epoch. */
  assignedEpoch: number
}

interface TrackedGroup {
  group: string
  protocol: 'classic' | 'consumer'
  state: GroupView['state']
  coordinator: number | undefined
  epoch: number
  members: Map<string, TrackedMember>
  rebalances: number
  lastRebalanceAtMs: number | undefined
  lastSeenAtMs: number
  reported: string
}

export interface Groups {
  observeRequest(outbox: Outbox, o: Observation): void
  /** `answer` is the broker's own. */
  observeReply(outbox: Outbox, o: Observation, answer: Message): void
  /** FindCoordinator named the group's coordinator, or it answered. */
  noteCoordinator(group: string, node: number | undefined): void
  views(): GroupView[]
}

export function createGroups(): Groups {
  const groups = new Map<string, TrackedGroup>()

  function known(o: Observation): TrackedGroup | undefined {
    const name = textOf(o.request, 'groupId')
    if (name === undefined || name === '') return undefined
    const protocol = o.apiKey === consumerGroupHeartbeatKey ? 'consumer' : 'classic'
    let group = groups.get(name)
    if (group === undefined) {
      group = {
        group: name,
        protocol,
        state: 'empty',
        coordinator: undefined,
        epoch: -1,
        members: new Map(),
        rebalances: 0,
        lastRebalanceAtMs: undefined,
        lastSeenAtMs: o.atMs,
        reported: 'empty -1 0',
      }
      groups.set(name, group)
      evict()
    }
    // A group may be upgraded from one protocol to the other while it lives.
    group.protocol = protocol
    group.lastSeenAtMs = o.atMs
    return group
  }

  function evict(): void {
    if (groups.size <= trackedGroupsMax) return
    const bySilence = [...groups.values()].sort((a, b) => a.lastSeenAtMs - b.lastSeenAtMs)
    for (const group of bySilence.slice(0, Math.ceil(trackedGroupsMax / 10))) {
      groups.delete(group.group)
    }
  }

  return {
    observeRequest(outbox, o) {
      if (o.apiKey !== joinGroupKey || o.delivered === false || o.late === true) return
      const memberId = textOf(o.request, 'memberId') ?? ''
      if (memberId === '' && o.version >= memberIdRequiredFrom) return
      const group = known(o)
      if (group === undefined) return
      group.state = 'rebalancing'
      report(outbox, group)
    },
    observeReply(outbox, o, answer) {
      const group = known(o)
      if (group === undefined) return
      switch (o.apiKey) {
        case joinGroupKey:
          joined(group, o, answer)
          break
        case syncGroupKey:
        case heartbeatKey:
          kept(group, o, answer)
          break
        case leaveGroupKey:
          left(group, o, answer)
          break
        case consumerGroupHeartbeatKey:
          beaten(group, o, answer)
          break
        default:
          return
      }
      if (numberOf(answer, 'errorCode', none) === none) group.coordinator = o.node
      if (group.members.size === 0 && group.state === 'stable') group.state = 'empty'
      report(outbox, group)
    },
    noteCoordinator(name, node) {
      const group = groups.get(name)
      if (group !== undefined) group.coordinator = node
    },
    views: () => [...groups.values()].map(viewOf),
  }
}

function viewOf(group: TrackedGroup): GroupView {
  const { coordinator, lastRebalanceAtMs } = group
  return {
    group: group.group,
    protocol: group.protocol,
    state: group.state,
    ...(coordinator === undefined ? {} : { coordinator }),
    epoch: group.epoch,
    members: [...group.members.values()].map(({ assignedEpoch: _, ...member }) => member),
    rebalances: group.rebalances,
    ...(lastRebalanceAtMs === undefined ? {} : { lastRebalanceAtMs }),
  }
}

/** Reports a group whose state, epoch or size is not what was reported last. */
function report(outbox: Outbox, group: TrackedGroup): void {
  const { state, epoch, members, rebalances } = group
  const now = `${state} ${epoch} ${members.size}`
  if (now === group.reported) return
  group.reported = now
  outbox.effects.push({
    atMs: outbox.atMs,
    type: 'group',
    group: group.group,
    protocol: group.protocol,
    state,
    epoch,
    members: members.size,
    rebalances,
  })
}

function noteMember(
  group: TrackedGroup,
  o: Observation,
  memberId: string,
  epochs: { epoch: number; assignedEpoch: number },
): void {
  if (memberId === '') return
  if (group.members.size >= groupMembersMax && !group.members.has(memberId)) return
  const staticId = textOf(o.request, 'groupInstanceId') ?? textOf(o.request, 'instanceId')
  group.members.set(memberId, {
    memberId,
    ...(o.instance === undefined ? {} : { instance: o.instance }),
    clientId: o.clientId,
    ...(staticId === undefined ? {} : { staticId }),
    ...epochs,
  })
}

/** A later generation or epoch: the group was rebalanced. */
function noteEpoch(group: TrackedGroup, epoch: number, atMs: number): void {
  if (epoch <= group.epoch) return
  if (group.epoch >= 0) {
    group.rebalances += 1
    group.lastRebalanceAtMs = atMs
  }
  group.epoch = epoch
}

function isSettled(group: TrackedGroup): boolean {
  for (const member of group.members.values()) {
    if (member.assignedEpoch < group.epoch) return false
  }
  return group.members.size > 0
}

function joined(group: TrackedGroup, o: Observation, answer: Message): void {
  const code = numberOf(answer, 'errorCode', none)
  if (code === unknownMember || code === fencedInstance) {
    group.members.delete(textOf(o.request, 'memberId') ?? '')
    return
  }
  if (code !== none) return
  const generation = numberOf(answer, 'generationId', -1)
  noteEpoch(group, generation, o.atMs)
  group.state = 'rebalancing'
  noteMember(group, o, textOf(answer, 'memberId') ?? '', { epoch: generation, assignedEpoch: -1 })
  // The leader is told who is in. Without it, whoever missed a whole generation is out.
  const all = structsOf(answer, 'members').map((member) => textOf(member, 'memberId') ?? '')
  for (const member of group.members.values()) {
    const out = all.length > 0 ? !all.includes(member.memberId) : member.epoch < generation - 1
    if (out) group.members.delete(member.memberId)
  }
}

function kept(group: TrackedGroup, o: Observation, answer: Message): void {
  const code = numberOf(answer, 'errorCode', none)
  const memberId = textOf(o.request, 'memberId') ?? ''
  if (code === none) {
    const generation = numberOf(o.request, 'generationId', -1)
    if (generation < group.epoch) return
    noteEpoch(group, generation, o.atMs)
    noteMember(group, o, memberId, { epoch: generation, assignedEpoch: generation })
    // A heartbeat of a member that has its assignment says nothing about one that is joining.
    if (o.apiKey === syncGroupKey || group.state === 'empty') {
      group.state = isSettled(group) ? 'stable' : 'rebalancing'
    }
  } else if (code === rebalanceInProgress) group.state = 'rebalancing'
  else if (code === unknownMember || code === fencedInstance) group.members.delete(memberId)
}

function left(group: TrackedGroup, o: Observation, answer: Message): void {
  if (numberOf(answer, 'errorCode', none) !== none) return
  const results = structsOf(answer, 'members')
  const ids =
    results.length > 0
      ? results
          .filter((member) => numberOf(member, 'errorCode', none) === none)
          .map((member) => textOf(member, 'memberId') ?? '')
      : [textOf(o.request, 'memberId') ?? '']
  let gone = false
  for (const id of ids) gone = group.members.delete(id) || gone
  if (gone) group.state = group.members.size === 0 ? 'empty' : 'rebalancing'
}

function beaten(group: TrackedGroup, o: Observation, answer: Message): void {
  const code = numberOf(answer, 'errorCode', none)
  const asked = textOf(o.request, 'memberId') ?? ''
  if (code === unknownMember || code === fencedMemberEpoch) {
    group.members.delete(asked)
    group.state = group.members.size === 0 ? 'empty' : 'rebalancing'
    return
  }
  if (code !== none) return
  const epoch = numberOf(answer, 'memberEpoch', -1)
  const memberId = textOf(answer, 'memberId') ?? asked
  if (epoch < 0) group.members.delete(memberId)
  else {
    noteEpoch(group, epoch, o.atMs)
    noteMember(group, o, memberId, { epoch, assignedEpoch: epoch })
  }
  if (group.members.size === 0) group.state = 'empty'
  else group.state = isSettled(group) && epoch >= 0 ? 'stable' : 'rebalancing'
}
