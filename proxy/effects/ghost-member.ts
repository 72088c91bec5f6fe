// A member that does no work joins a classic group by a connection of the proxy's own, gets its share of the
// partitions like any other, and leaves again: two rebalances that nobody asked for.
import { type BrokerClient, connectBroker } from '../flow/broker-client.ts'
import type { Message } from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { FiringReport } from './firing-report.ts'
import type { Cause, Heal, Means } from './means.ts'
import { assignmentOfNothing, subscriptionLike } from './member-metadata.ts'

const clientId = 'gauntlet-ghost'
/** Within the bounds that brokers set by default. */
const sessionTimeoutMs = 10_000
const rebalanceTimeoutMs = 60_000
/** A join is answered when every member has joined again, or was given up. */
const answerLimitMs = rebalanceTimeoutMs + 15_000
const heartbeatEveryMs = 1_000
const statePollMs = 50
/** Only a settled group tells what its members support. A message that waits for us does not wait as long. */
const settledLimitMs = 30_000
const settledLimitOfMessageMs = 5_000

interface Ghost {
  client: BrokerClient
  group: string
  memberId: string
  protocol: { name: string; metadata: Buffer }
}

async function describe(client: BrokerClient, group: string): Promise<Message> {
  const answer = await client.request('DescribeGroups', { groups: [group] })
  const [described] = answer.groups as Message[]
  if (described === undefined) throw new Error(`the coordinator says nothing of group ${group}`)
  return described
}

async function settled(
  { cluster, runtime }: Means,
  client: BrokerClient,
  group: string,
  limitMs: number,
): Promise<Message> {
  const endMs = runtime.nowMs() + limitMs
  for (;;) {
    const described = await describe(client, group)
    if (described.groupState === 'Stable') return described
    const [member] = await cluster.members(group)
    if (member?.protocol === 'consumer') {
      throw new Error(`group ${group} is of the newer protocol: ghosts join classic groups only`)
    }
    if (runtime.nowMs() > endMs) {
      throw new Error(
        `group ${group} was not settled (${described.groupState}), so nobody can join`,
      )
    }
    await new Promise<void>((resolve) => runtime.after(statePollMs, resolve))
  }
}

function join({ client, group, memberId, protocol }: Ghost): Promise<Message> {
  return client.request('JoinGroup', {
    groupId: group,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [protocol],
    reason: 'a ghost joins',
  })
}

function demand(answer: Message, api: string): Message {
  const error = errorNameOf(answer.errorCode as number)
  if (error !== 'NONE') throw new Error(`${api} of the ghost was answered ${error}`)
  return answer
}

/** Takes what the leader gives, or gives nothing to everybody if the ghost was made the leader. */
async function sync(ghost: Ghost, joined: Message): Promise<Message> {
  const isLeader = joined.leader === ghost.memberId
  return ghost.client.request('SyncGroup', {
    groupId: ghost.group,
    generationId: joined.generationId as number,
    memberId: ghost.memberId,
    groupInstanceId: null,
    protocolType: joined.protocolType ?? 'consumer',
    protocolName: joined.protocolName ?? ghost.protocol.name,
    assignments: isLeader
      ? (joined.members as Message[]).map((member) => ({
          memberId: member.memberId as string,
          assignment: assignmentOfNothing(),
        }))
      : [],
  })
}

/** Joins and syncs until it is in; members may come and go meanwhile. */
async function enter(ghost: Ghost, first: Promise<Message>): Promise<number> {
  let joining = first
  for (;;) {
    const joined = demand(await joining, 'JoinGroup')
    const synced = await sync(ghost, joined)
    const error = errorNameOf(synced.errorCode as number)
    if (error === 'NONE') return joined.generationId as number
    if (error !== 'REBALANCE_IN_PROGRESS') demand(synced, 'SyncGroup')
    joining = join(ghost)
  }
}

export async function ghostMember(
  means: Means,
  group: string,
  report: FiringReport,
  cause: Cause | undefined,
  over: () => void,
): Promise<Heal> {
  const { brokers, cluster, runtime } = means
  const node = await cluster.coordinatorOf({ group })
  const address = node === undefined ? undefined : brokers.address(node)
  if (address === undefined) throw new Error(`group ${group} has no coordinator now`)
  const client = await connectBroker(address, {
    clientId,
    timeoutMs: answerLimitMs,
    runtime,
    access: brokers.access,
  })
  try {
    const asking = await brokers.client(node as number)
    const limitMs = cause === undefined ? settledLimitMs : settledLimitOfMessageMs
    const described = await settled(means, asking, group, limitMs)
    if (described.protocolType !== 'consumer') {
      throw new Error(`group ${group} is no group of consumers but of "${described.protocolType}"`)
    }
    const [member] = described.members as Message[]
    if (member === undefined) throw new Error(`group ${group} has no members`)
    const ghost: Ghost = {
      client,
      group,
      memberId: '',
      protocol: {
        name: described.protocolData as string,
        metadata: subscriptionLike(member.memberMetadata as Buffer),
      },
    }
    // The first join only gives it a name.
    const named = await join(ghost)
    if (errorNameOf(named.errorCode as number) !== 'MEMBER_ID_REQUIRED') demand(named, 'JoinGroup')
    ghost.memberId = named.memberId as string
    const first = join(ghost)
    const inside = enter(ghost, first)
    let isIn = false
    inside.then(
      () => {
        isIn = true
      },
      () => undefined,
    )
    // Whoever waits for us may be a member that must join again, so the rebalance itself is not waited for.
    while (!isIn && (await describe(asking, group)).groupState === 'Stable') {
      await Promise.race([
        first.then((answer) => demand(answer, 'JoinGroup')),
        new Promise<void>((resolve) => runtime.after(statePollMs, resolve)),
      ])
    }
    report.applied(`ghost ${ghost.memberId} joins group ${group}: it rebalances`)
    return stay(means, ghost, inside, report, over)
  } catch (problem) {
    client.close()
    throw problem
  }
}

/** Is a member as others are until it is told to leave; without `for` it leaves as soon as it is in. */
function stay(
  { runtime }: Means,
  ghost: Ghost,
  entering: Promise<number>,
  report: FiringReport,
  over: () => void,
): Heal {
  const { client, group, memberId } = ghost
  let leaving = false
  let inside = entering
  let beat = Promise.resolve()

  async function heartbeat(generationId: number): Promise<void> {
    const answer = await client.request('Heartbeat', { groupId: group, generationId, memberId })
    const error = errorNameOf(answer.errorCode as number)
    if (error === 'NONE' || leaving) return
    if (error !== 'REBALANCE_IN_PROGRESS') demand(answer, 'Heartbeat')
    inside = enter(ghost, join(ghost))
    await inside
  }
  function beatOn(): void {
    runtime.after(heartbeatEveryMs, () => {
      if (leaving) return
      beat = inside.then(heartbeat).then(beatOn, (problem: Error) => report.noted(problem.message))
    })
  }
  inside.then(
    (generation) => {
      report.noted(`in generation ${generation}`)
      if (report.rule.spec.for === undefined) over()
      else beatOn()
    },
    (problem: Error) => {
      report.noted(problem.message)
      over()
    },
  )
  return async () => {
    leaving = true
    try {
      await beat
      const isIn = await inside.then(
        () => true,
        () => false,
      )
      if (!isIn) throw new Error(`the ghost never came into group ${group}`)
      const answer = await client.request('LeaveGroup', {
        groupId: group,
        members: [{ memberId, groupInstanceId: null }],
      })
      const error = errorNameOf(demand(answer, 'LeaveGroup').errorCode as number)
      report.answered(error)
      report.noted('left')
    } finally {
      client.close()
    }
  }
}
