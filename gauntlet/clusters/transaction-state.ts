// The brokers' own word on transactions: who coordinates which transactional id, in what state, with which ids and
// partitions, and which partitions still hold a producer's transaction open. Asked past the proxy, one question each.
import {
  type BrokerClient,
  BrokerConnectionError,
  connectBroker,
} from '../../proxy/flow/broker-client.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import type { Broker } from './cluster.ts'

const answerLimitMs = 5_000
const noOffset = -1

/** What a broker calls it: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, … */
export type CoordinatorState = string

export interface CoordinatedTransaction {
  transactionalId: string
  coordinator: number
  state: CoordinatorState
  producerId: number
  producerEpoch: number
  /** `topic-partition`; those of the current transaction. */
  partitions: string[]
}

export interface PartitionProducer {
  /** `topic-partition` */
  place: string
  producerId: number
  producerEpoch: number
  /** The partition holds a transaction of it open. */
  isOpen: boolean
}

export interface ClusterTransactions {
  transactions: CoordinatedTransaction[]
  producers: PartitionProducer[]
  /** Brokers that did not answer: what only they know is missing. */
  silent: number[]
}

/** Asks every broker. `places` are the `topic-partition`s whose producers are asked for. */
export async function askTransactions(
  brokers: readonly Broker[],
  transactionalIds: ReadonlySet<string>,
  places: ReadonlySet<string>,
): Promise<ClusterTransactions> {
  const found: ClusterTransactions = { transactions: [], producers: [], silent: [] }
  for (const { node, address, access } of brokers) {
    let client: BrokerClient | undefined
    try {
      client = await connectBroker(address, {
        clientId: 'gauntlet-audit',
        timeoutMs: answerLimitMs,
        access,
      })
      found.transactions.push(...(await coordinatedBy(client, node, transactionalIds)))
      found.producers.push(...(await producersAt(client, node, places)))
    } catch (cause) {
      if (!(cause instanceof BrokerConnectionError)) throw cause
      found.silent.push(node)
    } finally {
      client?.close()
    }
  }
  return found
}

async function coordinatedBy(
  client: BrokerClient,
  node: number,
  wanted: ReadonlySet<string>,
): Promise<CoordinatedTransaction[]> {
  const listed = await client.request('ListTransactions', {})
  const ids = ((listed.transactionStates ?? []) as Message[])
    .map(({ transactionalId }) => transactionalId as string)
    .filter((id) => wanted.has(id))
  if (ids.length === 0) return []
  const described = await client.request('DescribeTransactions', { transactionalIds: ids })
  return (described.transactionStates as Message[])
    .filter(({ errorCode }) => errorCode === 0)
    .map((state) => ({
      transactionalId: state.transactionalId as string,
      coordinator: node,
      state: state.transactionState as string,
      producerId: Number(state.producerId),
      producerEpoch: state.producerEpoch as number,
      partitions: (state.topics as Message[]).flatMap((topic) =>
        (topic.partitions as number[]).map((partition) => `${topic.topic}-${partition}`),
      ),
    }))
}

/** Of the partitions that this broker leads. */
async function producersAt(
  client: BrokerClient,
  node: number,
  places: ReadonlySet<string>,
): Promise<PartitionProducer[]> {
  const names = new Set([...places].map((place) => place.slice(0, place.lastIndexOf('-'))))
  if (names.size === 0) return []
  const metadata = await client.request('Metadata', {
    topics: [...names].map((name) => ({ name })),
    allowAutoTopicCreation: false,
  })
  const topics = (metadata.topics as Message[]).flatMap((topic) => {
    const name = topic.name as string
    const partitionIndexes = (topic.partitions as Message[])
      .filter(
        ({ leaderId, partitionIndex }) =>
          leaderId === node && places.has(`${name}-${partitionIndex}`),
      )
      .map(({ partitionIndex }) => partitionIndex as number)
    return partitionIndexes.length === 0 ? [] : [{ name, partitionIndexes }]
  })
  if (topics.length === 0) return []
  const described = await client.request('DescribeProducers', { topics })
  return (described.topics as Message[]).flatMap((topic) =>
    (topic.partitions as Message[]).flatMap((partition) =>
      ((partition.activeProducers ?? []) as Message[]).map((producer) => ({
        place: `${topic.name}-${partition.partitionIndex}`,
        producerId: Number(producer.producerId),
        producerEpoch: producer.producerEpoch as number,
        isOpen: Number(producer.currentTxnStartOffset) !== noOffset,
      })),
    ),
  )
}
