// Who uses Kafka how, seen from what passes without any fault: idempotence, acks, transactions, isolation, groups,
// libraries. Told a request now and then, it answers with what is new. Pure and bounded; the sentences and the rules
// of each problem are here, what is remembered of a client in posture-clients.ts.
import type {
  ClientName,
  ClientPosture,
  PostureProblem,
  PostureProblemKind,
  ProxyEvent,
} from '../events.ts'
import {
  addPartitionsToTxnKey,
  apiVersionsKey,
  consumerGroupHeartbeatKey,
  endTxnKey,
  fetchKey,
  initProducerIdKey,
  joinGroupKey,
  offsetCommitKey,
  produceKey,
  txnOffsetCommitKey,
} from './api-keys.ts'
import { numberOf, structsOf, textOf } from './message-fields.ts'
import type { Observation } from './observation.ts'
import {
  acksOf,
  applicationOf,
  type Client,
  createClients,
  firstProducerId,
  isInternal,
  noteBounded,
  type Seat,
} from './posture-clients.ts'
import { createIdFamilies } from './posture-ids.ts'
import { topicOf } from './subjects.ts'

/** Topics that are known to hold transactions, and groups that commit offsets. */
export const postureTopicsMax = 10_000
export const postureGroupsMax = 2_000
/** Commits that must have come evenly to be taken for automatic ones. */
const evenCommitsMin = 4
const evenCommitsTolerance = 0.15
const autoCommitIntervalMinMs = 500
/** From this version on EndTxn hands out epochs: protocol V2. */
const endTxnV2 = 5

export type PostureEffect = Extract<ProxyEvent, { type: 'posture' | 'client-seen' }>

export interface Posture {
  /** Which requests of an API are worth a look: a sample, all of them, or none. */
  concerns(apiKey: number): 'none' | 'sample' | 'all'
  see(o: Observation): readonly PostureEffect[]
  /** What the tracker has concluded says something too. */
  seeEvent(event: ProxyEvent): readonly PostureEffect[]
  /** Whose request this is. */
  clientOf(o: Observation): ClientName
  /** Traffic was found to break a policy. */
  breaksPolicy(o: Observation, topic: string, message: string): void
  connectionClosed(connection: number): void
  clients(): ClientPosture[]
  /** Transactions that lasted longer than their timeout and were not committed. */
  timeouts(): number
  /** How many clients have each problem. */
  problemCounts(): Partial<Record<PostureProblemKind, number>>
}

const nothing: readonly PostureEffect[] = []
const sampled: ReadonlySet<number> = new Set([
  produceKey,
  fetchKey,
  apiVersionsKey,
  joinGroupKey,
  consumerGroupHeartbeatKey,
  txnOffsetCommitKey,
])
const always: ReadonlySet<number> = new Set([
  initProducerIdKey,
  addPartitionsToTxnKey,
  endTxnKey,
  offsetCommitKey,
])

interface GroupUse {
  inTransactions: boolean
  /** Who committed outside of transactions. */
  outside: Set<Client>
}

export function createPosture(options: {
  topicName(topicId: string): string | undefined
}): Posture {
  const { topicName } = options
  const clients = createClients()
  const families = createIdFamilies()
  let timeouts = 0
  const transactionalTopics = new Map<string, true>()
  const groups = new Map<string, GroupUse>()
  /** Applications that have been seen with a transactional id. */
  const transactionalApplications = new Map<string, true>()

  function problem(
    out: PostureEffect[],
    atMs: number,
    client: Client,
    found: PostureProblem,
  ): void {
    if (!clients.addProblem(client, found)) return
    out.push({ atMs, type: 'posture', client: clients.nameOf(client), ...found })
  }

  function groupUse(group: string): GroupUse {
    const known = groups.get(group)
    if (known !== undefined) return known
    const fresh: GroupUse = { inTransactions: false, outside: new Set() }
    noteBounded(groups, group, fresh, postureGroupsMax)
    return fresh
  }

  function readsUncommitted(out: PostureEffect[], atMs: number, client: Client, topic: string) {
    problem(out, atMs, client, {
      problem: 'reads-uncommitted',
      topic,
      message: `reads ${topic} without read_committed: it is handed records of aborted transactions`,
    })
  }

  function noteTransactionalTopic(out: PostureEffect[], atMs: number, topic: string): void {
    if (transactionalTopics.has(topic) || isInternal(topic)) return
    noteBounded(transactionalTopics, topic, true, postureTopicsMax)
    for (const client of clients.all()) {
      if (client.reads.get(topic) === 'read_uncommitted') {
        readsUncommitted(out, atMs, client, topic)
      }
    }
  }

  function seeProduce(out: PostureEffect[], o: Observation, { client }: Seat): void {
    const { atMs, request } = o
    const transactionalId = textOf(request, 'transactionalId')
    const acks = acksOf(numberOf(request, 'acks', -1))
    for (const data of structsOf(request, 'topicData')) {
      const topic = topicOf(data, topicName)
      if (topic === undefined || isInternal(topic)) continue
      const idempotent = firstProducerId(data) >= 0
      const transactional = transactionalId !== undefined
      clients.noteProduce(client, { topic, acks, idempotent, transactional })
      if (transactional) noteTransactionalTopic(out, atMs, topic)
      if (acks !== 'all') {
        const loses =
          acks === 'none' ? 'anything can be lost unseen' : 'a new leader may not have it'
        problem(out, atMs, client, {
          problem: 'acks-not-all',
          topic,
          message: `writes to ${topic} with acks=${acks === 'none' ? '0' : '1'}: ${loses}`,
        })
      }
      if (!idempotent) {
        problem(out, atMs, client, {
          problem: 'not-idempotent',
          topic,
          message: `writes to ${topic} without idempotence: a retry can double or reorder records`,
        })
      }
    }
  }

  function seeFetch(out: PostureEffect[], o: Observation, { client }: Seat): void {
    const { request, atMs } = o
    if (numberOf(request, 'replicaId', -1) >= 0) return
    const isolation = numberOf(request, 'isolationLevel', 0) === 1 ? 'committed' : 'uncommitted'
    for (const data of structsOf(request, 'topics')) {
      const topic = topicOf(data, topicName)
      if (topic === undefined || isInternal(topic)) continue
      clients.noteRead(client, topic, `read_${isolation}`)
      if (isolation === 'uncommitted' && transactionalTopics.has(topic)) {
        readsUncommitted(out, atMs, client, topic)
      }
    }
  }

  function seeInit(out: PostureEffect[], o: Observation, seat: Seat): void {
    const { request, atMs, connection, node } = o
    const transactionalId = textOf(request, 'transactionalId')
    if (transactionalId === undefined) return
    const { client } = seat
    clients.noteTransactionalId(client, transactionalId)
    client.transactionTimeoutMs = Math.min(
      client.transactionTimeoutMs ?? Number.POSITIVE_INFINITY,
      numberOf(request, 'transactionTimeoutMs', Number.POSITIVE_INFINITY),
    )
    noteTransactional(out, atMs, client)
    const seen = families.initialised({
      transactionalId,
      connection,
      node,
      client,
      timeoutMs: numberOf(request, 'transactionTimeoutMs', 0),
    })
    if (seen.shared) shared(out, atMs, client, transactionalId)
    if (seen.neverRepeats === undefined) return
    const { family, leftBehind } = seen.neverRepeats
    problem(out, atMs, client, {
      problem: 'ids-never-repeat',
      transactionalId: family,
      message: `takes a new transactional id (${family}) at each start: ${leftBehind} were left behind, and none of them ever fences an earlier instance`,
    })
  }

  function shared(out: PostureEffect[], atMs: number, client: Client, transactionalId: string) {
    problem(out, atMs, client, {
      problem: 'shared-transactional-id',
      transactionalId,
      message: `uses the transactional id ${transactionalId} while another live instance does: they fence each other`,
    })
  }

  /** Its application has a transactional producer: what it commits by the clock is beside it. */
  function noteTransactional(out: PostureEffect[], atMs: number, client: Client): void {
    const application = applicationOf(client)
    if (transactionalApplications.has(application)) return
    noteBounded(transactionalApplications, application, true, postureTopicsMax)
    for (const other of clients.all()) {
      if (applicationOf(other) !== application) continue
      for (const [group, use] of other.groups) {
        if (use.autoCommit) autoCommit(out, atMs, other, group)
      }
    }
  }

  function autoCommit(out: PostureEffect[], atMs: number, client: Client, group: string): void {
    if (!transactionalApplications.has(applicationOf(client))) return
    problem(out, atMs, client, {
      problem: 'auto-commit',
      group,
      message: `commits offsets of ${group} by the clock beside a transactional producer: a crash loses or doubles what lies between`,
    })
  }

  function besideTransactions(out: PostureEffect[], atMs: number, client: Client, group: string) {
    problem(out, atMs, client, {
      problem: 'offsets-beside-transactions',
      group,
      message: `commits offsets of ${group} outside of transactions, and the group’s offsets are committed inside of them too`,
    })
  }

  function seeOffsetCommit(out: PostureEffect[], o: Observation, seat: Seat): void {
    const { atMs } = o
    const group = textOf(o.request, 'groupId')
    if (group === undefined || group === '') return
    const { client } = seat
    const own = clients.noteGroup(client, group)
    own.outside = true
    const use = groupUse(group)
    use.outside.add(client)
    if (use.inTransactions) besideTransactions(out, atMs, client, group)
    seat.commitsAtMs.push(atMs)
    if (seat.commitsAtMs.length > evenCommitsMin) seat.commitsAtMs.shift()
    if (!own.autoCommit && isEven(seat.commitsAtMs)) own.autoCommit = true
    if (own.autoCommit) autoCommit(out, atMs, client, group)
  }

  function seeTxnOffsetCommit(out: PostureEffect[], o: Observation, { client }: Seat): void {
    const group = textOf(o.request, 'groupId')
    if (group === undefined) return
    clients.noteGroup(client, group).inTransactions = true
    const use = groupUse(group)
    if (use.inTransactions) return
    use.inTransactions = true
    for (const other of use.outside) besideTransactions(out, o.atMs, other, group)
  }

  /** Somebody acts with a transactional id as its own. */
  function seeActing(out: PostureEffect[], o: Observation, { client }: Seat): void {
    const transactionalId =
      textOf(o.request, 'transactionalId') ?? textOf(o.request, 'v3AndBelowTransactionalId')
    if (transactionalId === undefined || transactionalId === '') return
    clients.noteProtocol(client, o.apiKey === endTxnKey && o.version >= endTxnV2 ? 'V2' : 'V1')
    if (families.isFormerHolder(transactionalId, o.connection)) {
      shared(out, o.atMs, client, transactionalId)
    }
    for (const data of structsOf(o.request, 'v3AndBelowTopics')) {
      const topic = topicOf(data, topicName)
      if (topic !== undefined) noteTransactionalTopic(out, o.atMs, topic)
    }
  }

  function seeGroupMember(o: Observation, { client }: Seat): void {
    const group = textOf(o.request, 'groupId')
    if (group === undefined) return
    const own = clients.noteGroup(client, group)
    own.protocol = o.apiKey === joinGroupKey ? 'classic' : 'consumer'
  }

  function seeLibrary(out: PostureEffect[], o: Observation, seat: Seat): void {
    const software = textOf(o.request, 'clientSoftwareName')
    const softwareVersion = textOf(o.request, 'clientSoftwareVersion')
    if (software !== undefined && software !== '') {
      const named: ClientName = { ...clients.nameOf(seat.client), software }
      if (softwareVersion !== undefined && softwareVersion !== '') {
        named.softwareVersion = softwareVersion
      }
      clients.reseat(seat, named, o.atMs)
    }
    if (seat.told) return
    seat.told = true
    out.push({
      atMs: o.atMs,
      type: 'client-seen',
      connection: o.connection,
      ...clients.nameOf(seat.client),
    })
  }

  return {
    concerns: (apiKey) => (sampled.has(apiKey) ? 'sample' : always.has(apiKey) ? 'all' : 'none'),
    see(o) {
      if (o.plane !== 'client' || o.late === true) return nothing
      const seat = clients.seatOf(o)
      const out: PostureEffect[] = []
      switch (o.apiKey) {
        case apiVersionsKey:
          seeLibrary(out, o, seat)
          break
        case produceKey:
          seeProduce(out, o, seat)
          break
        case fetchKey:
          seeFetch(out, o, seat)
          break
        case initProducerIdKey:
          seeInit(out, o, seat)
          break
        case addPartitionsToTxnKey:
        case endTxnKey:
          seeActing(out, o, seat)
          break
        case offsetCommitKey:
          seeOffsetCommit(out, o, seat)
          break
        case txnOffsetCommitKey:
          seeTxnOffsetCommit(out, o, seat)
          break
        case joinGroupKey:
        case consumerGroupHeartbeatKey:
          seeGroupMember(o, seat)
          break
        default:
          return nothing
      }
      return out
    },
    seeEvent(event) {
      if (event.type === 'producer' && event.change === 'fenced') {
        const found = families.fenced(event.transactionalId)
        if (found === undefined) return nothing
        const out: PostureEffect[] = []
        shared(out, event.atMs, found, event.transactionalId)
        return out
      }
      if (event.type !== 'transaction' || event.phase !== 'ended') return nothing
      const { transactionalId, durationMs, atMs } = event
      if (durationMs === undefined) return nothing
      const holder = families.holderOf(transactionalId)
      if (holder === undefined) return nothing
      const { client, timeoutMs } = holder
      client.longestTransactionMs = Math.max(client.longestTransactionMs ?? 0, durationMs)
      if (timeoutMs <= 0 || durationMs <= timeoutMs) return nothing
      if (event.outcome !== 'committed') timeouts += 1
      const out: PostureEffect[] = []
      problem(out, atMs, client, {
        problem: 'timeout-too-short',
        transactionalId,
        message: `a transaction of ${transactionalId} lasted ${Math.round(durationMs)} ms, and its timeout is ${timeoutMs} ms: the coordinator may abort such a one`,
      })
      return out
    },
    clientOf: (o) => clients.nameOf(clients.seatOf(o).client),
    breaksPolicy(o, topic, message) {
      const { client } = clients.seatOf(o)
      clients.addProblem(client, { problem: 'policy-violated', topic, message })
    },
    connectionClosed(connection) {
      families.closed(connection)
      clients.closed(connection)
    },
    clients: () => clients.views(),
    timeouts: () => timeouts,
    problemCounts() {
      const counts: Partial<Record<PostureProblemKind, number>> = {}
      for (const client of clients.all()) {
        for (const kind of new Set([...client.problems.values()].map(({ problem }) => problem))) {
          counts[kind] = (counts[kind] ?? 0) + 1
        }
      }
      return counts
    },
  }
}

/** So regular that a timer must be behind it. */
function isEven(atMs: readonly number[]): boolean {
  if (atMs.length < evenCommitsMin) return false
  const gaps = atMs.slice(1).map((at, index) => at - (atMs[index] ?? at))
  const shortest = Math.min(...gaps)
  const longest = Math.max(...gaps)
  return (
    shortest >= autoCommitIntervalMinMs && longest - shortest <= shortest * evenCommitsTolerance
  )
}
