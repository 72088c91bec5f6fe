// A consumer group rebalances when nobody expected it: which group and which member are meant, and the two ways
// that need no more than a request or a made-up answer. The others have files of their own.
import type { FaultEffect } from '../faults/fault.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { FiringReport } from './firing-report.ts'
import { ghostMember } from './ghost-member.ts'
import { groupHeartbeats, heartbeatsLost } from './heartbeats-lost.ts'
import { type Cause, type Heal, type Means, nothingToHeal } from './means.ts'

type GroupEffect = Extract<FaultEffect, { on: 'group' }>

function groupMeant({ tracker }: Means, effect: GroupEffect, cause: Cause | undefined): string {
  if (effect.group !== undefined) return effect.group
  const [own] = cause?.view.subject().groups ?? []
  if (own !== undefined) return own
  const views = tracker.groups()
  const instance = cause?.connection.instance
  const byInstance = views.find((view) =>
    view.members.some((member) => member.instance === instance && instance !== undefined),
  )
  const found = byInstance ?? views[0]
  if (found === undefined) throw new Error('no consumer group has been seen yet')
  return found.group
}

/** The member that sent the message, or that belongs to its instance. */
function ownMember(
  { tracker }: Means,
  group: string,
  cause: Cause | undefined,
): string | undefined {
  const seen = tracker.groups().find((view) => view.group === group)?.members ?? []
  const instance = cause?.connection.instance
  const byInstance = seen.find((member) => member.instance === instance && instance !== undefined)
  // An old TxnOffsetCommit names no member, or an empty one.
  return cause?.view.memberId() || byInstance?.memberId
}

async function evict(
  means: Means,
  group: string,
  report: FiringReport,
  cause: Cause | undefined,
): Promise<Heal> {
  const own = ownMember(means, group, cause)
  const members = await means.cluster.members(group)
  const member = members.find(({ memberId }) => memberId === own) ?? members[0]
  if (member === undefined) throw new Error(`group ${group} has no members to evict`)
  const code = await means.cluster.evict(group, member)
  report.answered(errorNameOf(code))
  if (code !== 0) throw new Error(`leaving for ${member.memberId}: ${errorNameOf(code)}`)
  report.applied(`evicted ${member.memberId} from group ${group}`)
  return nothingToHeal
}

function tellMembers(
  { rules, tracker }: Means,
  group: string,
  report: FiringReport,
  over: () => void,
): Heal {
  const told = new Set<string>()
  const membersNow = (): string[] => {
    const view = tracker.groups().find((one) => one.group === group)
    return (view?.members ?? []).map((member) => member.memberId)
  }
  rules.claim(report.rule, groupHeartbeats, (view) => {
    if (view.side !== 'request' || !groupHeartbeats.includes(view.api)) return false
    const memberId = view.memberId()
    if (memberId === undefined || told.has(memberId)) return false
    if (!view.subject().groups.includes(group)) return false
    told.add(memberId)
    // Members that have left in the meantime are not waited for.
    if (membersNow().every((member) => told.has(member))) over()
    return true
  })
  return async () => rules.claim(report.rule, [], undefined)
}

export async function groupEffect(
  means: Means,
  effect: GroupEffect,
  report: FiringReport,
  cause: Cause | undefined,
  over: () => void,
): Promise<Heal> {
  const group = groupMeant(means, effect, cause)
  report.firing.targets = [`group ${group}`]
  switch (effect.how) {
    case 'evict':
      return evict(means, group, report, cause)
    case 'error':
      return tellMembers(means, group, report, over)
    case 'ghost-member':
      return ghostMember(means, group, report, cause, over)
    case 'heartbeats-lost': {
      const memberId =
        ownMember(means, group, cause) ?? (await means.cluster.members(group))[0]?.memberId
      if (memberId === undefined) throw new Error(`group ${group} has no members`)
      return heartbeatsLost(means, group, memberId, report)
    }
  }
}
