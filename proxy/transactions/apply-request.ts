// A client's request, carried into the tracker's memory. The placement says where it belongs; this file
// makes it so and reports the phases that it leads to.
import type { TransactionPhase, TransactionProtocol } from '../events.ts'
import {
  addOffsetsToTxnKey,
  addPartitionsToTxnKey,
  endTxnKey,
  initProducerIdKey,
  produceKey,
  txnOffsetCommitKey,
} from './api-keys.ts'
import { addPartition, adopt, begin, noteAsked, odd, report } from './lifecycle.ts'
import { flagOf, numberOf, structsOf, textOf } from './message-fields.ts'
import type { Observation } from './observation.ts'
import { hasIds, isBehind, type Placement, placeRequest } from './placement.ts'
import { batchesIn } from './produce.ts'
import type { Step } from './steps.ts'
import { type NamedProducer, producersIn, topicPartitionsIn } from './subjects.ts'
import {
  type Choice,
  type ExchangeEntry,
  type Memory,
  type Outbox,
  producerNamed,
  type TrackedExchange,
  type TrackedProducer,
  type TrackedTransaction,
  trackedPartitionsMax,
} from './tracked.ts'

/** From these versions on, the broker itself adds the partition (KIP-890). */
const produceV2From = 12
const txnOffsetCommitV2From = 5
const endTxnV2From = 5

/** The exchange as a request begins it, with nothing applied. */
export function openExchange(memory: Memory, o: Observation): TrackedExchange {
  const read = o.apiKey === produceKey ? batchesIn(o.request, memory.topicName) : undefined
  return {
    entries: [],
    batches: read?.batches,
    unreadable: read?.unreadable,
    sentAtMs: o.atMs,
    delivered: o.delivered !== false,
    settled: false,
  }
}

/** The producer behind a Produce: by its transactional id, or by whose producer id its batches carry. */
export function produceProducer(
  memory: Memory,
  o: Observation,
  exchange: Pick<TrackedExchange, 'batches'>,
): NamedProducer | undefined {
  const first = exchange.batches?.[0]
  const ids = { producerId: first?.producerId ?? -1, producerEpoch: first?.producerEpoch ?? -1 }
  const transactionalId = textOf(o.request, 'transactionalId')
  if (transactionalId !== undefined) return { transactionalId, ...ids }
  if (first?.transactional !== true) return undefined
  const owner = memory.owners.get(first.producerId)
  return owner === undefined ? undefined : { transactionalId: owner.transactionalId, ...ids }
}

export function namedProducers(
  memory: Memory,
  o: Observation,
  exchange: Pick<TrackedExchange, 'batches'>,
): readonly NamedProducer[] {
  if (o.apiKey !== produceKey) return producersIn(o.apiKey, o.request)
  const named = produceProducer(memory, o, exchange)
  return named === undefined ? [] : [named]
}

export function choiceIn(o: Observation): Choice | undefined {
  if (o.apiKey !== endTxnKey) return undefined
  return flagOf(o.request, 'committed') ? 'commit' : 'abort'
}

/** The entry that a placement stands for, before anything is applied. */
export function entryOf(
  o: Observation,
  producer: TrackedProducer,
  named: NamedProducer,
  placement: Placement,
): ExchangeEntry {
  return {
    producer,
    transaction: placement.transaction,
    producerId: named.producerId,
    producerEpoch: named.producerEpoch,
    stale: placement.age === 'older',
    phaseBefore: placement.phaseBefore,
    phase: placement.phase,
    entered: placement.entered,
    choice: choiceIn(o),
    countedIn: undefined,
  }
}

/** Follows one client request for one transactional id. */
export function applyRequest(
  outbox: Outbox,
  memory: Memory,
  o: Observation,
  exchange: TrackedExchange,
  step: Step,
  named: NamedProducer,
): void {
  const producer = producerNamed(memory, named.transactionalId, o.atMs)
  producer.lastSeenAtMs = o.atMs
  producer.lastConnection = o.connection
  const batches = exchange.batches ?? []
  const placement = placeRequest(producer, step, named, batches)
  const entry = entryOf(o, producer, named, placement)
  exchange.entries.push(entry)
  if (o.apiKey === initProducerIdKey) {
    producer.timeoutMs = numberOf(o.request, 'transactionTimeoutMs', producer.timeoutMs ?? 0)
    return
  }
  if (step.request.leadsTo === undefined) return
  if (placement.age !== 'older') {
    adopt(outbox, memory, producer, named, o.instance)
    noteInstance(outbox, producer, o)
  }
  const transaction = follow(outbox, producer, o, placement)
  entry.transaction = transaction
  if (transaction === undefined) return
  if (!entry.stale) {
    noteProtocol(outbox, producer, transaction, o)
    noteContent(producer, transaction, o, exchange)
  }
  const { choice } = entry
  let askedAnew = false
  if (choice !== undefined) {
    askedAnew = noteAsked(transaction, choice)
    if (exchange.delivered) {
      transaction.openEnds[choice] += 1
      entry.countedIn = transaction
    }
  }
  for (const phase of placement.entered) {
    if (phase !== 'idle') transaction.phase = phase
    report(outbox, producer, transaction, undefined, o.api)
  }
  if (placement.entered.length === 0 && askedAnew && transaction.phase === 'ending') {
    report(outbox, producer, transaction, undefined, o.api)
  }
}

/**
 * A fault delivers an EndTxn of an earlier time. V1 cannot tell it from one of the open transaction, so it
 * may decide that one; the client has not asked for it there.
 */
export function applyLateDelivery(entry: ExchangeEntry): void {
  const { producer, choice, transaction: own } = entry
  const { current } = producer
  if (choice === undefined || entry.countedIn !== undefined) return
  const open = current !== undefined && current.phase !== 'ended' && hasIds(current, entry)
  const target = open ? current : own
  if (target === undefined) return
  target.openEnds[choice] += 1
  entry.countedIn = target
}

/** The transaction that the request belongs to, begun if it is the first of it. */
function follow(
  outbox: Outbox,
  producer: TrackedProducer,
  o: Observation,
  placement: Placement,
): TrackedTransaction | undefined {
  if (!placement.starts) return placement.transaction
  const [first] = placement.entered
  return begin(outbox, producer, notIdle(first), o.instance)
}

function notIdle(phase: TransactionPhase | undefined): Exclude<TransactionPhase, 'idle'> {
  return phase === undefined || phase === 'idle' ? 'begun' : phase
}

/** Two live instances with one transactional id must each be initialised; sharing the ids is a mistake. */
function noteInstance(outbox: Outbox, producer: TrackedProducer, o: Observation): void {
  const { instance } = o
  if (instance === undefined) return
  const owner = producer.instance
  if (owner === undefined) {
    producer.instance = instance
    return
  }
  if (owner === instance) return
  const which = `${producer.producerId}/${producer.producerEpoch}/${instance}`
  if (producer.sharedReported === which) return
  producer.sharedReported = which
  odd(
    outbox,
    producer.transactionalId,
    `${instance} uses producer ${producer.producerId} epoch ${producer.producerEpoch} of ${owner}`,
  )
}

/** V1 or V2, as the broker tells them apart: by who adds the partitions, in the end by version alone. */
function protocolShownBy(
  o: Observation,
  known: TransactionProtocol | undefined,
): TransactionProtocol | undefined {
  switch (o.apiKey) {
    case addPartitionsToTxnKey:
    case addOffsetsToTxnKey:
      return 'V1'
    case produceKey:
      return known ?? (o.version >= produceV2From ? 'V2' : 'V1')
    case txnOffsetCommitKey:
      return known ?? (o.version >= txnOffsetCommitV2From ? 'V2' : 'V1')
    case endTxnKey:
      return o.version >= endTxnV2From ? 'V2' : 'V1'
    default:
      return known
  }
}

function noteProtocol(
  outbox: Outbox,
  producer: TrackedProducer,
  transaction: TrackedTransaction,
  o: Observation,
): void {
  const known = transaction.protocol
  const shown = protocolShownBy(o, known)
  if (known !== undefined && shown !== known) {
    odd(
      outbox,
      producer.transactionalId,
      `${o.api} v${o.version} speaks ${shown} in transaction ${transaction.ordinal}, which began in ${known}`,
    )
  }
  transaction.protocol = shown
}

/** Partitions, groups and sequences that the request carries. */
function noteContent(
  producer: TrackedProducer,
  transaction: TrackedTransaction,
  o: Observation,
  exchange: TrackedExchange,
): void {
  switch (o.apiKey) {
    case produceKey:
      for (const batch of exchange.batches ?? []) {
        const place = `${batch.topic}-${batch.partition}`
        addPartition(transaction, place)
        if (producer.lastSequences.size >= trackedPartitionsMax) producer.lastSequences.clear()
        const last = producer.lastSequences.get(place)
        if (last === undefined || !isBehind(batch.baseSequence, last)) {
          producer.lastSequences.set(place, batch.baseSequence)
        }
      }
      return
    case addPartitionsToTxnKey:
      for (const place of addedPartitions(o, producer.transactionalId)) {
        addPartition(transaction, place)
      }
      return
    case addOffsetsToTxnKey:
    case txnOffsetCommitKey: {
      const group = textOf(o.request, 'groupId')
      if (group !== undefined) transaction.groups.add(group)
      return
    }
    default:
      return
  }
}

function addedPartitions(o: Observation, transactionalId: string): string[] {
  const own = structsOf(o.request, 'transactions').find(
    (entry) => textOf(entry, 'transactionalId') === transactionalId,
  )
  const nameless = (): undefined => undefined
  return topicPartitionsIn(own ?? o.request, nameless).map(
    ({ topic, partition }) => `${topic}-${partition}`,
  )
}
