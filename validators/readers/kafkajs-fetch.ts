// The one place that reaches into kafkajs: its cluster, connections and record decoder, without its consumer.
// Its consumer needs a group and hands out records of aborted transactions in two cases (2.2.4: it takes the list of
// aborted transactions to be sorted by their first offset, and enters at most one of them per record), so a correct
// run could not be told from a wrong one. Fetching by partition needs no group, and what was aborted is left out as
// the broker's own list says.
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import kafkajs from 'kafkajs'
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { kafkajsSasl, openClientSocket } from '../../proxy/flow/client-library.ts'
import { decompress, initCompression } from '../../proxy/protocol/compression.ts'

// A CommonJS module whose names Node cannot tell one by one.
const { CompressionCodecs, CompressionTypes, logLevel } = kafkajs

/** What kafkajs decodes a record to. */
export interface FetchedRecord {
  offset: string
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, Buffer | null | Array<Buffer | null>>
  isControlRecord: boolean
  batchContext: { producerId: string; inTransaction: boolean }
}

export interface AbortedTransaction {
  producerId: string
  firstOffset: string
}

export interface FetchedPartition {
  partition: number
  highWatermark: string
  lastStableOffset: string
  abortedTransactions: AbortedTransaction[] | null
  messages: FetchedRecord[]
}

interface FetchRequest {
  maxWaitTime: number
  minBytes: number
  maxBytes: number
  isolationLevel: number
  topics: Array<{
    topic: string
    partitions: Array<{ partition: number; fetchOffset: string; maxBytes: number }>
  }>
}

/** The part of kafkajs' cluster that is used. */
export interface KafkajsCluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  refreshMetadata(): Promise<void>
  findTopicPartitionMetadata(topic: string): Array<{ partitionId: number; leader: number }>
  findBroker(of: { nodeId: string }): Promise<{
    fetch(request: FetchRequest): Promise<{
      responses: Array<{ topicName: string; partitions: FetchedPartition[] }>
    }>
  }>
}

interface SocketWish {
  host: string
  port: number
  onConnect: () => void
}
type MakeSocket = (options: SocketWish) => Socket

const requireModule = createRequire(import.meta.url)
const connectionTimeoutMs = 2_000
/** A broker that stands still is asked again through another connection after this. */
const requestTimeoutMs = 5_000

export async function openKafkajsCluster(
  bootstrap: readonly string[],
  clientId: string,
  access?: BrokerAccess,
): Promise<KafkajsCluster> {
  await initCompression()
  const inflate = (name: 'snappy' | 'lz4' | 'zstd') => () => ({
    compress: () => Promise.reject(new Error('this client only reads')),
    decompress: (bytes: Buffer) => Promise.resolve(decompress(name, bytes)),
  })
  CompressionCodecs[CompressionTypes.Snappy] = inflate('snappy')
  CompressionCodecs[CompressionTypes.LZ4] = inflate('lz4')
  CompressionCodecs[CompressionTypes.ZSTD] = inflate('zstd')

  const Cluster = requireModule('kafkajs/src/cluster') as new (options: object) => KafkajsCluster
  const { createLogger } = requireModule('kafkajs/src/loggers') as {
    createLogger(options: object): object
  }
  const socketFactory = requireModule('kafkajs/src/network/socketFactory') as () => MakeSocket
  const makeSocket = socketFactory()
  const cluster = new Cluster({
    logger: createLogger({ level: logLevel.NOTHING, logCreator: () => () => undefined }),
    socketFactory: (wish: SocketWish) => {
      // Every attempt to reach a broker that is away leaves a listener behind; that is no leak of ours to warn of.
      const socket = openClientSocket(
        wish,
        access,
        (address, onConnect) => makeSocket({ ...wish, ...address, onConnect }),
        wish.onConnect,
      )
      socket.setMaxListeners(0)
      return socket
    },
    brokers: [...bootstrap],
    clientId,
    ...kafkajsSasl(access),
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    retry: { retries: 2, initialRetryTime: 50, maxRetryTime: 500 },
  })
  return cluster
}

const abortMarkerKey = Buffer.from([0, 0, 0, 0])

/** What a read_committed reader may hand out: no control records, nothing of a transaction that the broker lists as aborted. */
export function withoutAborted(
  messages: readonly FetchedRecord[],
  aborted: readonly AbortedTransaction[] | null,
): FetchedRecord[] {
  const starts = (aborted ?? [])
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .sort((a, b) => a.firstOffset - b.firstOffset)
  const inside = new Set<string>()
  let next = 0
  return messages.filter((message) => {
    for (let start = starts[next]; start !== undefined; start = starts[++next]) {
      if (start.firstOffset > Number(message.offset)) break
      inside.add(start.producerId)
    }
    const { producerId, inTransaction } = message.batchContext
    if (message.isControlRecord) {
      if (message.key?.equals(abortMarkerKey) === true) inside.delete(producerId)
      return false
    }
    return !(inTransaction && inside.has(producerId))
  })
}
