// What is remembered of each client for its posture: per client the weakest of what it was seen to do, per
// connection who sits there. Bounded; the oldest go first.
import type {
  Acks,
  ClientName,
  ClientPosture,
  PostureProblem,
  TransactionProtocol,
} from '../events.ts'
import { ProtocolError } from '../protocol/bytes.ts'
import type { Message } from '../protocol/codec.ts'
import { readBatches } from '../protocol/record-batch.ts'
import { bytesOf, structsOf } from './message-fields.ts'
import type { Observation } from './observation.ts'

export const postureClientsMax = 2_000
export const topicsPerClientMax = 200
export const groupsPerClientMax = 100
export const problemsPerClientMax = 100
/** Transactional ids shown of a client; more are only counted. */
export const idsShownMax = 20

type Isolation = 'read_committed' | 'read_uncommitted'

export interface GroupOfClient {
  protocol: 'classic' | 'consumer' | undefined
  inTransactions: boolean
  outside: boolean
  autoCommit: boolean
}

export interface Client {
  name: ClientName
  firstSeenAtMs: number
  lastSeenAtMs: number
  produces: Map<string, ClientPosture['produces'][number]>
  reads: Map<string, Isolation>
  groups: Map<string, GroupOfClient>
  transactionalIds: Set<string>
  transactionalIdCount: number
  protocols: Set<TransactionProtocol>
  transactionTimeoutMs: number | undefined
  longestTransactionMs: number | undefined
  /** By what makes each of them the same again. */
  problems: Map<string, PostureProblem>
}

/** One connection, and whose it is. */
export interface Seat {
  client: Client
  /** Its library was told of. */
  told: boolean
  /** When offsets were committed on it, the last few times. */
  commitsAtMs: number[]
}

export interface Clients {
  seatOf(o: Observation): Seat
  /** The connection has said which library it is. */
  reseat(seat: Seat, name: ClientName, atMs: number): void
  nameOf(client: Client): ClientName
  /** False when it is known. */
  addProblem(client: Client, found: PostureProblem): boolean
  noteProduce(client: Client, seen: ClientPosture['produces'][number]): void
  noteRead(client: Client, topic: string, isolation: Isolation): void
  noteGroup(client: Client, group: string): GroupOfClient
  noteTransactionalId(client: Client, transactionalId: string): void
  noteProtocol(client: Client, protocol: TransactionProtocol): void
  closed(connection: number): void
  all(): Iterable<Client>
  views(): ClientPosture[]
}

/** Sets an entry; where there are too many, the oldest makes room. */
export function noteBounded<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  max: number,
): void {
  if (map.size >= max && !map.has(key)) {
    const oldest = map.keys().next()
    if (oldest.done !== true) map.delete(oldest.value)
  }
  map.set(key, value)
}

export function acksOf(acks: number): Acks {
  if (acks === 0) return 'none'
  return acks === 1 ? 'leader' : 'all'
}

const acksOrder: readonly Acks[] = ['none', 'leader', 'all']
const weaker = (one: Acks, other: Acks): Acks =>
  acksOrder.indexOf(one) < acksOrder.indexOf(other) ? one : other

/** Kafka's own topics say nothing about an application. */
export const isInternal = (topic: string): boolean => topic.startsWith('__')

/** Connections of one application: they share a listener, or at least a client id. */
export const applicationOf = ({ name }: Client): string =>
  name.instance === undefined ? `id ${name.clientId ?? ''}` : `instance ${name.instance}`

/** Producer id in the first batch to a topic; -1 when it has none, or cannot be read. */
export function firstProducerId(topicData: Message): number {
  for (const partition of structsOf(topicData, 'partitionData')) {
    const records = bytesOf(partition, 'records')
    if (records === undefined) continue
    try {
      const [batch] = readBatches(records)
      if (batch !== undefined) return batch.producerId
    } catch (cause) {
      // Not even the broker will read these records.
      if (!(cause instanceof ProtocolError)) throw cause
    }
  }
  return -1
}

const keyOf = ({ instance, clientId, software, softwareVersion }: ClientName): string =>
  JSON.stringify([instance, clientId, software, softwareVersion])

function newClient(name: ClientName, atMs: number): Client {
  return {
    name,
    firstSeenAtMs: atMs,
    lastSeenAtMs: atMs,
    produces: new Map(),
    reads: new Map(),
    groups: new Map(),
    transactionalIds: new Set(),
    transactionalIdCount: 0,
    protocols: new Set(),
    transactionTimeoutMs: undefined,
    longestTransactionMs: undefined,
    problems: new Map(),
  }
}

function viewOf(client: Client): ClientPosture {
  const { transactionTimeoutMs, longestTransactionMs } = client
  const isTimed = transactionTimeoutMs !== undefined && Number.isFinite(transactionTimeoutMs)
  return {
    ...client.name,
    firstSeenAtMs: client.firstSeenAtMs,
    lastSeenAtMs: client.lastSeenAtMs,
    produces: [...client.produces.values()].map((one) => ({ ...one })),
    reads: [...client.reads].map(([topic, isolation]) => ({ topic, isolation })),
    groups: [...client.groups].map(([group, use]) => ({
      group,
      ...(use.protocol === undefined ? {} : { protocol: use.protocol }),
      offsets: use.inTransactions
        ? use.outside
          ? 'both'
          : 'in-transactions'
        : use.outside
          ? 'outside'
          : 'none',
      autoCommit: use.autoCommit,
    })),
    transactionalIds: [...client.transactionalIds],
    transactionalIdCount: client.transactionalIdCount,
    protocols: [...client.protocols].sort(),
    ...(isTimed ? { transactionTimeoutMs } : {}),
    ...(longestTransactionMs === undefined ? {} : { longestTransactionMs }),
    problems: [...client.problems.values()],
  }
}

export function createClients(): Clients {
  const clients = new Map<string, Client>()
  const seats = new Map<number, Seat>()

  function clientNamed(name: ClientName, atMs: number): Client {
    const key = keyOf(name)
    const known = clients.get(key)
    if (known !== undefined) return known
    const fresh = newClient(name, atMs)
    noteBounded(clients, key, fresh, postureClientsMax)
    return fresh
  }

  return {
    seatOf(o) {
      let seat = seats.get(o.connection)
      if (seat === undefined) {
        const name: ClientName = { clientId: o.clientId }
        if (o.instance !== undefined) name.instance = o.instance
        seat = { client: newClient(name, o.atMs), told: false, commitsAtMs: [] }
        seats.set(o.connection, seat)
      }
      const { client } = seat
      client.lastSeenAtMs = o.atMs
      const key = keyOf(client.name)
      const entered = clients.get(key)
      if (entered === undefined) noteBounded(clients, key, client, postureClientsMax)
      else if (entered !== client) seat.client = entered
      seat.client.lastSeenAtMs = o.atMs
      return seat
    },
    reseat(seat, name, atMs) {
      const before = seat.client
      // Nothing but this was seen of it, so it was entered a moment ago, under half its name.
      const isUnused =
        before.produces.size + before.reads.size + before.groups.size === 0 &&
        before.transactionalIdCount === 0
      if (isUnused && before.name.software === undefined) clients.delete(keyOf(before.name))
      seat.client = clientNamed(name, atMs)
      seat.client.lastSeenAtMs = atMs
    },
    nameOf: ({ name }) => ({ ...name }),
    addProblem({ problems }, found) {
      const key = `${found.problem} ${found.topic ?? found.group ?? found.transactionalId ?? ''}`
      if (problems.has(key) || problems.size >= problemsPerClientMax) return false
      problems.set(key, found)
      return true
    },
    noteProduce({ produces }, seen) {
      const known = produces.get(seen.topic)
      if (known === undefined) noteBounded(produces, seen.topic, { ...seen }, topicsPerClientMax)
      else {
        known.acks = weaker(known.acks, seen.acks)
        known.idempotent &&= seen.idempotent
        known.transactional &&= seen.transactional
      }
    },
    noteRead({ reads }, topic, isolation) {
      if (reads.get(topic) === 'read_uncommitted') return
      noteBounded(reads, topic, isolation, topicsPerClientMax)
    },
    noteGroup({ groups }, group) {
      const known = groups.get(group)
      if (known !== undefined) return known
      const fresh: GroupOfClient = {
        protocol: undefined,
        inTransactions: false,
        outside: false,
        autoCommit: false,
      }
      noteBounded(groups, group, fresh, groupsPerClientMax)
      return fresh
    },
    noteTransactionalId(client, transactionalId) {
      const { transactionalIds } = client
      if (transactionalIds.delete(transactionalId)) {
        transactionalIds.add(transactionalId)
        return
      }
      client.transactionalIdCount += 1
      transactionalIds.add(transactionalId)
      if (transactionalIds.size <= idsShownMax) return
      const oldest = transactionalIds.values().next()
      if (oldest.done !== true) transactionalIds.delete(oldest.value)
    },
    noteProtocol: ({ protocols }, protocol) => void protocols.add(protocol),
    closed: (connection) => void seats.delete(connection),
    all: () => clients.values(),
    views: () => [...clients.values()].map(viewOf),
  }
}
