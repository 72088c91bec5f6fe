// Where a message stands before it takes effect: the ids it concerns, and for each transactional id the
// transaction, its phase before and with the message. Fault triggers match on this; it changes nothing.
import type { TransactionPhase } from '../events.ts'
import {
  addPartitionsToTxnKey,
  endTxnKey,
  fetchKey,
  findCoordinatorKey,
  initProducerIdKey,
  produceKey,
  writeTxnMarkersKey,
} from './api-keys.ts'
import { codesIn } from './apply-reply.ts'
import { entryOf, namedProducers, openExchange } from './apply-request.ts'
import { invalidMapping, invalidState, mayBeOwnBump, meansFenced, none } from './broker-answers.ts'
import { markerTarget } from './markers.ts'
import { flagOf } from './message-fields.ts'
import type { LocatedTransaction, Location, Observation, TopicPartition } from './observation.ts'
import { ageOf, placeRequest, transactionOf } from './placement.ts'
import { clientStep } from './steps.ts'
import {
  groupsIn,
  markersIn,
  producersIn,
  topicPartitionsIn,
  transactionalIdsIn,
} from './subjects.ts'
import {
  type ExchangeEntry,
  type Memory,
  newProducer,
  phaseOf,
  type TrackedExchange,
  type TrackedProducer,
  type TrackedTransaction,
} from './tracked.ts'

const unchanged: readonly TransactionPhase[] = []

export function locate(memory: Memory, o: Observation): Location {
  const exchange = memory.exchanges.get(o.request)
  const batches =
    o.apiKey === produceKey ? (exchange ?? openExchange(memory, o)).batches : undefined
  const transactions =
    o.plane === 'client' ? onClientPlane(memory, o, exchange, batches) : betweenBrokers(memory, o)
  const transactionalIds = unique([
    ...transactionalIdsIn(o.apiKey, o.request),
    ...transactions.map((located) => located.transactionalId),
  ])
  const producers = (
    batches ?? [...producersIn(o.apiKey, o.request), ...markersIn(o.request)]
  ).filter((named) => named.producerId >= 0)
  const producerIds = unique(producers.map((named) => named.producerId))
  const producerEpoch = producers[0]?.producerEpoch
  const [first] = transactions
  const committed = committedIn(o, transactions)
  const enters = first?.entered.at(-1)
  return {
    transactionalIds,
    groups: groupsIn(o.apiKey, o.request),
    producerIds,
    ...(producerEpoch === undefined ? {} : { producerEpoch }),
    topicPartitions: placesIn(memory, o, batches),
    transactions,
    ...(committed === undefined ? {} : { committed }),
    ...(first === undefined ? {} : { phase: first.phase, phaseBefore: first.phaseBefore }),
    ...(enters === undefined ? {} : { enters }),
    entered: first?.entered ?? unchanged,
    ...(first?.transaction === undefined ? {} : { transaction: first.transaction }),
  }
}

function unique<Value>(values: readonly Value[]): Value[] {
  return values.length < 2 ? [...values] : [...new Set(values)]
}

function placesIn(
  memory: Memory,
  o: Observation,
  batches: TrackedExchange['batches'],
): readonly TopicPartition[] {
  if (batches !== undefined) return batches.map(({ topic, partition }) => ({ topic, partition }))
  // In a session a Fetch asks only for what has changed, and its answer is about others.
  if (o.apiKey === fetchKey && o.reply !== undefined) {
    return topicPartitionsIn(o.reply, memory.topicName)
  }
  const asked = topicPartitionsIn(o.request, memory.topicName)
  // Metadata may ask for nothing by name; then the answer tells.
  if (asked.length > 0 || o.reply === undefined) return asked
  return topicPartitionsIn(o.reply, memory.topicName)
}

function committedIn(
  o: Observation,
  transactions: readonly LocatedTransaction[],
): boolean | undefined {
  if (o.apiKey === endTxnKey) return flagOf(o.request, 'committed')
  if (o.apiKey !== writeTxnMarkersKey) return undefined
  const results = markersIn(o.request).map((marker) => marker.committed)
  const [first] = results.length > 0 ? results : transactions.map((located) => located.committed)
  return results.every((result) => result === first) ? first : undefined
}

function located(
  entry: Pick<ExchangeEntry, 'producer' | 'transaction' | 'producerId' | 'producerEpoch'>,
  phases: { phaseBefore: TransactionPhase; phase: TransactionPhase; entered: typeof unchanged },
  ordinal: number | undefined,
  committed: boolean | undefined,
): LocatedTransaction {
  return {
    transactionalId: entry.producer.transactionalId,
    producerId: entry.producerId,
    producerEpoch: entry.producerEpoch,
    ...(ordinal === undefined ? {} : { transaction: ordinal }),
    ...phases,
    ...(committed === undefined ? {} : { committed }),
  }
}

function onClientPlane(
  memory: Memory,
  o: Observation,
  exchange: TrackedExchange | undefined,
  batches: TrackedExchange['batches'],
): LocatedTransaction[] {
  const step = clientStep(o.api)
  if (o.apiKey === writeTxnMarkersKey) return betweenBrokers(memory, o)
  if (step === undefined || o.apiKey === findCoordinatorKey) {
    return transactionalIdsIn(o.apiKey, o.request).flatMap((transactionalId) => {
      const producer = memory.producers.get(transactionalId)
      return producer === undefined ? [] : [standing(producer, producer.current)]
    })
  }
  if (exchange !== undefined && exchange.entries.length > 0) {
    return exchange.entries.map((entry) => fromEntry(o, entry, entry.transaction?.ordinal))
  }
  return namedProducers(memory, o, { batches }).map((named) => {
    const producer =
      memory.producers.get(named.transactionalId) ?? newProducer(named.transactionalId, o.atMs)
    const placement = placeRequest(producer, step, named, batches ?? [])
    return fromEntry(o, entryOf(o, producer, named, placement), placement.ordinal)
  })
}

function fromEntry(
  o: Observation,
  entry: ExchangeEntry,
  ordinal: number | undefined,
): LocatedTransaction {
  const committed = entry.choice === undefined ? undefined : entry.choice === 'commit'
  if (o.side === 'request') {
    const { phaseBefore, phase, entered } = entry
    return located(entry, { phaseBefore, phase, entered }, ordinal, committed)
  }
  const phaseBefore = phaseNow(entry)
  const entered = enteredByReply(o, entry, phaseBefore)
  const phase = entered.at(-1) ?? phaseBefore
  return located(entry, { phaseBefore, phase, entered }, ordinal, committed)
}

function phaseNow(entry: ExchangeEntry): TransactionPhase {
  const { producer, transaction } = entry
  if (transaction === undefined || transaction === producer.current) return phaseOf(producer)
  return transaction.phase
}

/** The phases that an answer leads to if the client gets it as it is. */
function enteredByReply(
  o: Observation,
  entry: ExchangeEntry,
  now: TransactionPhase,
): readonly TransactionPhase[] {
  const { reply } = o
  if (reply === undefined || o.delivered === false || o.late === true) return unchanged
  const codes = codesIn(o.apiKey, reply)
  const under = now !== 'idle' && now !== 'ended'
  if (o.apiKey === initProducerIdKey) {
    if (codes[0] === none) {
      if (now === 'idle') return unchanged
      return under ? ['ended', 'idle'] : ['idle']
    }
  }
  if (!under || entry.stale) return unchanged
  const ends =
    o.apiKey === endTxnKey
      ? codes.some(
          (code) =>
            code === none || code === invalidState || code === invalidMapping || meansFenced(code),
        )
      : codes.some((code) => meansFenced(code) && !mayBeOwnBump(o.apiKey, code))
  return ends ? ['ended'] : unchanged
}

function standing(
  producer: TrackedProducer,
  transaction: TrackedTransaction | undefined,
  ids: { producerId: number; producerEpoch: number } = producer,
  committed?: boolean,
): LocatedTransaction {
  const phase =
    transaction === undefined || transaction === producer.current
      ? phaseOf(producer)
      : transaction.phase
  return located(
    { producer, transaction, producerId: ids.producerId, producerEpoch: ids.producerEpoch },
    { phaseBefore: phase, phase, entered: unchanged },
    transaction?.ordinal,
    committed,
  )
}

/** Between brokers nothing moves the client's phases; the message only stands in one of them. */
function betweenBrokers(memory: Memory, o: Observation): LocatedTransaction[] {
  if (o.apiKey === writeTxnMarkersKey) {
    return markersIn(o.request).flatMap((marker) => {
      const target = markerTarget(memory, marker)
      if (target === undefined) return []
      return [standing(target.producer, target.transaction, marker, marker.committed)]
    })
  }
  if (o.apiKey !== addPartitionsToTxnKey) return []
  return producersIn(o.apiKey, o.request).flatMap((named) => {
    const producer = memory.producers.get(named.transactionalId)
    if (producer === undefined) return []
    const transaction =
      ageOf(producer, named) === 'same' ? producer.current : transactionOf(producer, named)
    return [standing(producer, transaction, named)]
  })
}
