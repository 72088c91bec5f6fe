// Kafka's APIs as a test wants them: one call per request, by our own client, so that a test decides what is
// sent on which connection. Answers come back as the error's name and the few fields that tests look at.
import type { BrokerClient } from '../../../proxy/flow/broker-client.ts'
import type { Message } from '../../../proxy/protocol/codec.ts'
import { errorNameOf } from '../../../proxy/protocol/error-codes.ts'
import {
  type BatchHeader,
  readBatches,
  readMarker,
  readRecords,
  writeBatch,
} from '../../../proxy/protocol/record-batch.ts'

const produceTimeoutMs = 10_000
const fetchVersion = 12
const fetchBytes = 1024 * 1024
/** The last version that names topics. */
export const produceByName = 12

export interface Place {
  topic: string
  partition: number
}

/** A transactional producer as the coordinator knows it. */
export interface Identity {
  transactionalId: string
  producerId: number
  producerEpoch: number
}

export interface Produced {
  error: string
  baseOffset: number
}

function first(list: unknown): Message {
  const [found] = (list ?? []) as Message[]
  if (found === undefined) throw new Error('the answer is empty')
  return found
}

/** The number of the batch is its sequence, so that a value sent again is known to be the same one. */
export async function produce(
  client: BrokerClient,
  { topic, partition }: Place,
  values: readonly string[],
  options: {
    version?: number
    topicId?: string
    as?: Identity
    sequence?: number
    acks?: number
  } = {},
): Promise<Produced> {
  const { version = 11, as, sequence, acks = -1, topicId } = options
  const idempotent = as !== undefined
  const records = writeBatch({
    records: values.map((value) => ({ value })),
    baseTimestampMs: Date.now(),
    ...(idempotent
      ? {
          transactional: as.transactionalId !== '',
          producerId: as.producerId,
          producerEpoch: as.producerEpoch,
          baseSequence: sequence ?? 0,
        }
      : {}),
  })
  const answer = await client.request(
    'Produce',
    {
      transactionalId: as === undefined || as.transactionalId === '' ? null : as.transactionalId,
      acks,
      timeoutMs: produceTimeoutMs,
      topicData: [
        {
          ...(topicId === undefined ? { name: topic } : { topicId }),
          partitionData: [{ index: partition, records }],
        },
      ],
    },
    version,
  )
  const result = first(first(answer.responses).partitionResponses)
  const error = errorNameOf(result.errorCode as number)
  // The markers of the transaction before are still being written.
  if (error === 'CONCURRENT_TRANSACTIONS')
    return produce(client, { topic, partition }, values, options)
  return { error, baseOffset: Number(result.baseOffset) }
}

/** One record to each of several partitions in one request; the errors in the same order. */
export async function produceEach(
  client: BrokerClient,
  places: readonly Place[],
  value: string,
): Promise<string[]> {
  const records = writeBatch({ records: [{ value }], baseTimestampMs: Date.now() })
  const answer = await client.request(
    'Produce',
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: produceTimeoutMs,
      topicData: places.map(({ topic, partition }) => ({
        name: topic,
        partitionData: [{ index: partition, records }],
      })),
    },
    11,
  )
  // Brokers answer in an order of their own.
  return places.map((place) => {
    const topic = (answer.responses as Message[]).find(({ name }) => name === place.topic)
    return errorNameOf(first(topic?.partitionResponses).errorCode as number)
  })
}

export async function initProducer(
  client: BrokerClient,
  transactionalId: string,
  transactionTimeoutMs = 60_000,
): Promise<Identity> {
  for (;;) {
    const answer = await client.request('InitProducerId', {
      transactionalId: transactionalId === '' ? null : transactionalId,
      transactionTimeoutMs,
      producerId: -1n,
      producerEpoch: -1,
    })
    const error = errorNameOf(answer.errorCode as number)
    // A cold coordinator fetches its block of ids first.
    if (error === 'COORDINATOR_LOAD_IN_PROGRESS' || error === 'CONCURRENT_TRANSACTIONS') continue
    if (error !== 'NONE') throw new Error(`InitProducerId: ${error}`)
    return {
      transactionalId,
      producerId: Number(answer.producerId),
      producerEpoch: answer.producerEpoch as number,
    }
  }
}

/** Protocol V1: adds a partition to the transaction, as often as the last one's markers make it wait. */
export async function addPartition(
  client: BrokerClient,
  as: Identity,
  { topic, partition }: Place,
): Promise<{ error: string; refused: number }> {
  for (let refused = 0; ; refused++) {
    const answer = await client.request(
      'AddPartitionsToTxn',
      {
        v3AndBelowTransactionalId: as.transactionalId,
        v3AndBelowProducerId: BigInt(as.producerId),
        v3AndBelowProducerEpoch: as.producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
      },
      3,
    )
    const result = first(first(answer.resultsByTopicV3AndBelow).resultsByPartition)
    const error = errorNameOf(result.partitionErrorCode as number)
    if (error !== 'CONCURRENT_TRANSACTIONS') return { error, refused }
  }
}

/** Protocol V1: the transaction will hold offsets of a group. */
export async function addOffsets(
  client: BrokerClient,
  as: Identity,
  groupId: string,
): Promise<string> {
  for (;;) {
    const answer = await client.request(
      'AddOffsetsToTxn',
      {
        transactionalId: as.transactionalId,
        producerId: BigInt(as.producerId),
        producerEpoch: as.producerEpoch,
        groupId,
      },
      3,
    )
    const error = errorNameOf(answer.errorCode as number)
    if (error !== 'CONCURRENT_TRANSACTIONS') return error
  }
}

/** Stages a group's offset as one who is no member. `client`: the group's coordinator. Version 5 is protocol V2. */
export async function commitOffset(
  client: BrokerClient,
  as: Identity,
  groupId: string,
  { topic, partition }: Place,
  offset: number,
  version: 3 | 5 = 3,
): Promise<string> {
  const answer = await client.request(
    'TxnOffsetCommit',
    {
      transactionalId: as.transactionalId,
      groupId,
      producerId: BigInt(as.producerId),
      producerEpoch: as.producerEpoch,
      generationId: -1,
      memberId: '',
      topics: [
        {
          name: topic,
          partitions: [{ partitionIndex: partition, committedOffset: BigInt(offset) }],
        },
      ],
    },
    version,
  )
  return errorNameOf(first(first(answer.topics).partitions).errorCode as number)
}

/** Version 4 is protocol V1; 5 is V2 and hands out the next epoch. */
export async function endTransaction(
  client: BrokerClient,
  as: Identity,
  committed: boolean,
  version: 4 | 5 = 4,
): Promise<{ error: string; next: Identity }> {
  const answer = await client.request(
    'EndTxn',
    {
      transactionalId: as.transactionalId,
      producerId: BigInt(as.producerId),
      producerEpoch: as.producerEpoch,
      committed,
    },
    version,
  )
  const error = errorNameOf(answer.errorCode as number)
  if (error === 'CONCURRENT_TRANSACTIONS') return endTransaction(client, as, committed, version)
  const next =
    version === 5 && error === 'NONE'
      ? {
          ...as,
          producerId: Number(answer.producerId),
          producerEpoch: answer.producerEpoch as number,
        }
      : as
  return { error, next }
}

export async function findCoordinator(
  client: BrokerClient,
  keyType: 'group' | 'transaction',
  key: string,
): Promise<{ error: string; node: number; host: string; port: number }> {
  const answer = await client.request(
    'FindCoordinator',
    { keyType: keyType === 'group' ? 0 : 1, coordinatorKeys: [key] },
    4,
  )
  const found = first(answer.coordinators)
  return {
    error: errorNameOf(found.errorCode as number),
    node: found.nodeId as number,
    host: found.host as string,
    port: found.port as number,
  }
}

export interface LogEntry {
  offset: number
  /** A record's value, or what a marker says. */
  value: string
  producerId: number
  producerEpoch: number
}

function entriesOf(batch: BatchHeader): LogEntry[] {
  const { producerId, producerEpoch, baseOffset } = batch
  const marker = readMarker(batch)
  if (marker !== undefined) {
    const value = marker.committed ? '<commit>' : '<abort>'
    return [{ offset: baseOffset, value, producerId, producerEpoch }]
  }
  return readRecords(batch).map(({ offset, value }) => ({
    offset,
    value: value?.toString('utf8') ?? '',
    producerId,
    producerEpoch,
  }))
}

/** All that is in a partition's log below the high watermark, markers included. `client`: its leader. */
export async function readLog(
  client: BrokerClient,
  { topic, partition }: Place,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for (;;) {
    const fetchOffset = (entries.at(-1)?.offset ?? -1) + 1
    const answer = await client.request(
      'Fetch',
      {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: fetchBytes,
        isolationLevel: 0,
        sessionEpoch: -1,
        topics: [
          {
            topic,
            partitions: [
              {
                partition,
                currentLeaderEpoch: -1,
                fetchOffset: BigInt(fetchOffset),
                lastFetchedEpoch: -1,
                logStartOffset: -1n,
                partitionMaxBytes: fetchBytes,
              },
            ],
          },
        ],
      },
      fetchVersion,
    )
    const found = first(first(answer.responses).partitions)
    const error = errorNameOf(found.errorCode as number)
    if (error !== 'NONE') throw new Error(`Fetch of ${topic}-${partition}: ${error}`)
    const records = found.records as Buffer | null
    const fresh = (records === null ? [] : readBatches(records))
      .filter((batch) => !batch.truncated)
      .flatMap(entriesOf)
      .filter(({ offset }) => offset >= fetchOffset)
    if (fresh.length === 0) return entries
    entries.push(...fresh)
  }
}
