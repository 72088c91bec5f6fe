// Whether a cluster is as it was when it was started: every broker there, every replica in sync, leaders where they
// belong, nothing open. And the few acts that bring it there without touching a process.
import {
  type BrokerClient,
  BrokerConnectionError,
  connectBroker,
} from '../../proxy/flow/broker-client.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import { errorCodeNamed, errorNameOf } from '../../proxy/protocol/error-codes.ts'
import type { Broker } from './cluster.ts'

const answerLimitMs = 5_000
const preferredElection = 0
const fencingTransactionTimeoutMs = 10_000
const noProducer = { producerId: -1n, producerEpoch: -1 }
const openStates = ['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']
/** Sentences about one kind of trouble; more are counted. */
const sentencesMax = 3

export interface OpenTransaction {
  /** Its coordinator. */
  node: number
  transactionalId: string
  state: string
}

export interface ClusterHealth {
  /** Brokers that do not answer. */
  silent: number[]
  /** `topic-partition` whose replicas are not all in sync. */
  lagging: string[]
  /** `topic-partition` that another than its first replica leads. */
  displaced: string[]
  open: OpenTransaction[]
}

/** Asks every broker. */
export async function askHealth(brokers: readonly Broker[]): Promise<ClusterHealth> {
  const health: ClusterHealth = { silent: [], lagging: [], displaced: [], open: [] }
  let described = false
  await Promise.all(
    brokers.map((broker) =>
      withBroker(broker, async (client) => {
        health.open.push(...(await openTransactions(client, broker.node)))
        if (described) return
        described = true
        const places = await partitionPlaces(client)
        for (const { name, leader, replicas, inSync } of places) {
          if (inSync.length < replicas.length) health.lagging.push(name)
          if (leader !== replicas[0]) health.displaced.push(name)
        }
      }).catch((cause: unknown) => {
        if (!(cause instanceof BrokerConnectionError)) throw cause
        health.silent.push(broker.node)
      }),
    ),
  )
  return health
}

/** What is wrong, in sentences; none when all is well. */
export function healthProblems({ silent, lagging, displaced, open }: ClusterHealth): string[] {
  const some = (what: readonly string[], more: string): string[] => [
    ...what.slice(0, sentencesMax),
    ...(what.length > sentencesMax ? [`${what.length - sentencesMax} more ${more}`] : []),
  ]
  return [
    ...silent.map((node) => `broker ${node} does not answer`),
    ...some(
      lagging.map((name) => `replicas of ${name} are not in sync`),
      'partitions lag',
    ),
    ...some(
      displaced.map((name) => `${name} is not led by its first replica`),
      'partitions are led by others',
    ),
    ...some(
      open.map(({ transactionalId, state }) => `the transaction of ${transactionalId} is ${state}`),
      'transactions are open',
    ),
  ]
}

/** Leaders back to the first replica of each partition, where it is in sync. */
export async function electPreferredLeaders(brokers: readonly Broker[]): Promise<void> {
  await anyBroker(brokers, (client) =>
    client.request('ElectLeaders', {
      electionType: preferredElection,
      topicPartitions: null,
      timeoutMs: answerLimitMs,
    }),
  )
}

/** Fences whoever holds a transaction open, which aborts it; what is being completed completes by itself. */
export async function abortOpenTransactions(
  brokers: readonly Broker[],
  open: readonly OpenTransaction[],
): Promise<void> {
  for (const { node, transactionalId, state } of open) {
    const broker = brokers.find((each) => each.node === node)
    if (broker === undefined || state !== 'Ongoing') continue
    await withBroker(broker, (client) =>
      client.request('InitProducerId', {
        transactionalId,
        transactionTimeoutMs: fencingTransactionTimeoutMs,
        ...noProducer,
      }),
    )
  }
}

/** True when the group is gone; false as long as it has members. */
export async function deleteGroup(brokers: readonly Broker[], group: string): Promise<boolean> {
  const gone = [0, errorCodeNamed('GROUP_ID_NOT_FOUND')]
  const elsewhere = errorCodeNamed('NOT_COORDINATOR')
  for (const broker of brokers) {
    const answer = await withBroker(broker, (client) =>
      client.request('DeleteGroups', { groupsNames: [group] }),
    )
    const [result] = answer.results as Message[]
    const code = result?.errorCode as number
    if (code === elsewhere) continue
    return gone.includes(code)
  }
  return false
}

interface NamedPlace {
  name: string
  leader: number
  replicas: number[]
  inSync: number[]
}

async function partitionPlaces(client: BrokerClient): Promise<NamedPlace[]> {
  const answer = await client.request('Metadata', { topics: null, allowAutoTopicCreation: false })
  return (answer.topics as Message[]).flatMap((topic) =>
    (topic.partitions as Message[]).map((partition) => ({
      name: `${topic.name}-${partition.partitionIndex}`,
      leader: partition.leaderId as number,
      replicas: partition.replicaNodes as number[],
      inSync: partition.isrNodes as number[],
    })),
  )
}

async function openTransactions(client: BrokerClient, node: number): Promise<OpenTransaction[]> {
  const answer = await client.request('ListTransactions', {
    stateFilters: [],
    producerIdFilters: [],
  })
  const code = answer.errorCode as number
  if (code !== 0) {
    return [{ node, transactionalId: `broker ${node}`, state: errorNameOf(code) }]
  }
  return (answer.transactionStates as Message[])
    .map((one) => ({
      node,
      transactionalId: one.transactionalId as string,
      state: one.transactionState as string,
    }))
    .filter(({ state }) => openStates.includes(state))
}

async function withBroker<Value>(
  { address, access }: Broker,
  work: (client: BrokerClient) => Promise<Value>,
): Promise<Value> {
  const client = await connectBroker(address, {
    clientId: 'gauntlet-health',
    timeoutMs: answerLimitMs,
    access,
  })
  try {
    return await work(client)
  } finally {
    client.close()
  }
}

async function anyBroker<Value>(
  brokers: readonly Broker[],
  work: (client: BrokerClient) => Promise<Value>,
): Promise<Value> {
  let failure: unknown
  for (const broker of brokers) {
    try {
      return await withBroker(broker, work)
    } catch (cause) {
      if (!(cause instanceof BrokerConnectionError)) throw cause
      failure = cause
    }
  }
  throw failure
}
