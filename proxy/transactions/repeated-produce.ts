// Produce of a transaction that is under way, by a producer and to a partition that are known: followed from its
// batch's header alone. Nothing may come out otherwise than if it had been observed in full; what is not certain
// to come out alike is refused here, and then observed in full.
import type { ExchangeIdentity, SentBatch } from '../events.ts'
import { zeroUuid } from '../protocol/bytes.ts'
import type { BatchFacts } from '../protocol/record-batch.ts'
import { acceptedNext } from './lifecycle.ts'
import { numberOf, structsOf, textOf } from './message-fields.ts'
import type { Observation, TransactionEffect } from './observation.ts'
import { isBehind } from './placement.ts'
import {
  type Memory,
  type Outbox,
  type TrackedProducer,
  type TrackedTransaction,
  trackedPartitionsMax,
  trackedProducersMax,
} from './tracked.ts'

/** What the requests have in common: everything but their one batch, their time and their correlation id. */
export interface RepeatableProduce {
  /** One of them, without its records. */
  sample: Observation
  producer: TrackedProducer
  topic: string
  partition: number
  /** `topic-partition` */
  place: string
}

/** One of them under way. */
export interface RepeatedProduce extends BatchFacts {
  of: RepeatableProduce
  transaction: TrackedTransaction
  /** The transaction's when it was sent, which it did not change. */
  phase: 'producing' | 'offsets'
  correlationId: number
  sentAtMs: number
}

/** What a request, just observed, has in common with those that may follow; undefined where it is unusual. */
export function repeatableProduce(memory: Memory, o: Observation): RepeatableProduce | undefined {
  const exchange = memory.exchanges.get(o.request)
  if (exchange === undefined || !exchange.delivered || exchange.settled) return undefined
  const [entry, ...otherEntries] = exchange.entries
  const [batch, ...otherBatches] = exchange.batches ?? []
  if (entry === undefined || batch === undefined) return undefined
  if (otherEntries.length + otherBatches.length > 0 || !batch.transactional) return undefined
  if (textOf(o.request, 'transactionalId') === undefined) return undefined
  if (numberOf(o.request, 'acks', 0) === 0) return undefined
  const [data, ...otherData] = structsOf(o.request, 'topicData')
  if (data === undefined || otherData.length > 0) return undefined
  const [partitionData, ...otherPartitions] = structsOf(data, 'partitionData')
  if (partitionData === undefined || otherPartitions.length > 0) return undefined
  const topicId = textOf(data, 'topicId') ?? zeroUuid
  if (topicId !== zeroUuid && memory.topicName(topicId) === undefined) return undefined
  const { topic, partition } = batch
  const light = [{ ...data, partitionData: [{ ...partitionData, records: null }] }]
  return {
    sample: { ...o, request: { ...o.request, topicData: light } },
    producer: entry.producer,
    topic,
    partition,
    place: `${topic}-${partition}`,
  }
}

/** Follows one more; undefined (and nothing changed) when it may mean more than those before it. */
export function followRepeated(
  memory: Memory,
  of: RepeatableProduce,
  batch: BatchFacts,
  sent: { correlationId: number; atMs: number },
): RepeatedProduce | undefined {
  const { producer, place, sample } = of
  const { producerId, producerEpoch, baseSequence, recordCount } = batch
  const { current: transaction, instance } = producer
  const { producers } = memory
  if (transaction === undefined || producer.idle) return undefined
  const { phase } = transaction
  if (phase !== 'producing' && phase !== 'offsets') return undefined
  if (producerId < 0 || producerId !== producer.producerId) return undefined
  if (producerEpoch < 0 || producerEpoch !== producer.producerEpoch) return undefined
  if (transaction.protocol === undefined || !transaction.partitions.has(place)) return undefined
  if (sample.instance !== undefined && sample.instance !== instance) return undefined
  // Forgotten in between, or somebody must be: then it is not this one alone that changes.
  if (producers.get(producer.transactionalId) !== producer) return undefined
  if (producers.size > trackedProducersMax) return undefined
  if (producer.lastSequences.size >= trackedPartitionsMax) return undefined
  const last = producer.lastSequences.get(place)
  if (last === undefined || !isBehind(baseSequence, last)) {
    producer.lastSequences.set(place, baseSequence)
  }
  producer.lastSeenAtMs = sent.atMs
  return {
    of,
    transaction,
    phase,
    producerId,
    producerEpoch,
    baseSequence,
    recordCount,
    correlationId: sent.correlationId,
    sentAtMs: sent.atMs,
  }
}

/** The broker answered NONE, and the client gets that answer. */
export function acceptRepeated(outbox: Outbox, sent: RepeatedProduce, baseOffset: number): void {
  outbox.effects.push(sendOf(sent, outbox.atMs, baseOffset))
  const { of, transaction } = sent
  of.producer.lastSeenAtMs = outbox.atMs
  transaction.registered = true
  acceptedNext(outbox, of.producer, transaction)
}

function sendOf(sent: RepeatedProduce, atMs: number, baseOffset: number): TransactionEffect {
  const { of, transaction, producerId, producerEpoch, baseSequence, recordCount } = sent
  const { sample, producer, topic, partition } = of
  const exchange: ExchangeIdentity = {
    connection: sample.connection,
    plane: sample.plane,
    node: sample.node,
    clientId: sample.clientId,
    api: sample.api,
    version: sample.version,
    correlationId: sent.correlationId,
    transactionalIds: [producer.transactionalId],
    producerId,
    producerEpoch,
    transaction: transaction.ordinal,
    topicPartitions: [of.place],
  }
  if (sample.instance !== undefined) exchange.instance = sample.instance
  if (sample.source !== undefined) exchange.source = sample.source
  const batch: SentBatch = {
    topic,
    partition,
    producerId,
    producerEpoch,
    baseSequence,
    records: recordCount,
    transactional: true,
    told: 'ok',
    brokerError: 'NONE',
    baseOffset,
  }
  return { atMs, type: 'send', exchange, sentAtMs: sent.sentAtMs, batches: [batch] }
}

/** The request as if it had been observed in full: its answer is unusual, or will never come. */
export function expandRepeated(memory: Memory, sent: RepeatedProduce): Observation {
  const { of, transaction, phase, producerId, producerEpoch, sentAtMs } = sent
  const { topic, partition, producer } = of
  // A request of its own: it is what the exchange is remembered by.
  const request = { ...of.sample.request }
  memory.exchanges.set(request, {
    entries: [
      {
        producer,
        transaction,
        producerId,
        producerEpoch,
        stale: false,
        phaseBefore: phase,
        phase,
        entered: [],
        choice: undefined,
        countedIn: undefined,
      },
    ],
    batches: [
      {
        topic,
        partition,
        producerId,
        producerEpoch,
        baseSequence: sent.baseSequence,
        records: sent.recordCount,
        transactional: true,
        told: 'unknown',
      },
    ],
    unreadable: undefined,
    sentAtMs,
    delivered: true,
    settled: false,
  })
  return { ...of.sample, request, atMs: sentAtMs, correlationId: sent.correlationId }
}
