// Decides, without changing anything, which transaction of its id a request belongs to and which phases it
// leads to. Locating a message for a fault and following it in the tracker both ask here, so they agree.
import type { SentBatch, TransactionPhase } from '../events.ts'
import { furtherPhase, type Step } from './steps.ts'
import { isOpen, phaseOf, type TrackedProducer, type TrackedTransaction } from './tracked.ts'

export interface Ids {
  producerId: number
  producerEpoch: number
}

export type Age = 'same' | 'newer' | 'older'

export interface Placement {
  age: Age
  /** The transaction that it belongs to, if that has begun. */
  transaction: TrackedTransaction | undefined
  /** It is the first message of the next transaction. */
  starts: boolean
  /** Ordinal of the transaction; undefined when it belongs to none. */
  ordinal: number | undefined
  phaseBefore: TransactionPhase
  phase: TransactionPhase
  entered: readonly TransactionPhase[]
}

/** Whether ids are those in force, later ones that the tracker has not seen handed out, or outdated. */
export function ageOf(producer: TrackedProducer, ids: Ids): Age {
  const { producerId, producerEpoch } = producer
  if (producerId < 0 || ids.producerId < 0) return 'same'
  if (ids.producerId === producerId) {
    if (ids.producerEpoch < 0 || ids.producerEpoch === producerEpoch) return 'same'
    return ids.producerEpoch > producerEpoch ? 'newer' : 'older'
  }
  return producer.pastProducerIds.includes(ids.producerId) ? 'older' : 'newer'
}

const sequences = 2 ** 31

/** Not after the last one. Sequences wrap at 2^31, so what lies less than half of that back is behind. */
export function isBehind(sequence: number, last: number): boolean {
  return (last - sequence + sequences) % sequences < sequences / 2
}

/** A batch that was sent before: not one of its sequences is new to its partition. */
export function isRetry(producer: TrackedProducer, batches: readonly SentBatch[]): boolean {
  return (
    batches.length > 0 &&
    batches.every((batch) => {
      if (batch.baseSequence < 0) return false
      const last = producer.lastSequences.get(`${batch.topic}-${batch.partition}`)
      return last !== undefined && isBehind(batch.baseSequence, last)
    })
  )
}

export function hasIds(transaction: TrackedTransaction, ids: Ids): boolean {
  return (
    transaction.producerId === ids.producerId && transaction.producerEpoch === ids.producerEpoch
  )
}

/** The newest transaction whose records carry these ids. */
export function transactionOf(producer: TrackedProducer, ids: Ids): TrackedTransaction | undefined {
  const { current } = producer
  if (current !== undefined && hasIds(current, ids)) return current
  return producer.recent.find((transaction) => hasIds(transaction, ids))
}

function stays(
  producer: TrackedProducer,
  age: Age,
  transaction: TrackedTransaction | undefined,
): Placement {
  const phase = transaction === producer.current ? phaseOf(producer) : 'ended'
  return {
    age,
    transaction,
    starts: false,
    ordinal: transaction?.ordinal,
    phaseBefore: phase,
    phase,
    entered: [],
  }
}

function next(producer: TrackedProducer, age: Age, leadsTo: TransactionPhase): Placement {
  return {
    age,
    transaction: undefined,
    starts: true,
    ordinal: producer.ordinal + 1,
    phaseBefore: phaseOf(producer),
    phase: leadsTo,
    entered: leadsTo === 'begun' || leadsTo === 'ending' ? [leadsTo] : ['begun', leadsTo],
  }
}

function within(
  producer: TrackedProducer,
  age: Age,
  transaction: TrackedTransaction,
  leadsTo: TransactionPhase | undefined,
): Placement {
  const phase = leadsTo === undefined ? transaction.phase : furtherPhase(transaction.phase, leadsTo)
  return {
    ...stays(producer, age, transaction),
    phaseBefore: transaction.phase,
    phase,
    entered: phase === transaction.phase ? [] : [phase],
  }
}

/** Where a client's request stands. `batches` are those of a Produce. */
export function placeRequest(
  producer: TrackedProducer,
  step: Step,
  ids: Ids,
  batches: readonly SentBatch[],
): Placement {
  const { current, idle } = producer
  const { leadsTo } = step.request
  if (leadsTo === undefined) {
    // FindCoordinator and InitProducerId speak of the id, not of a transaction's content.
    return stays(producer, 'same', current)
  }
  const age = ageOf(producer, ids)
  if (age === 'older') return stays(producer, age, transactionOf(producer, ids))
  if (!step.starts) {
    // EndTxn. It ends what is open; sent again it belongs to the same transaction.
    if (age === 'newer') return stays(producer, age, undefined)
    if (current !== undefined && !idle) {
      return current.phase === 'ended'
        ? stays(producer, age, current)
        : within(producer, age, current, leadsTo)
    }
    // Without anything sent there is nothing to end, unless we came in the middle of it.
    return producer.initialised || current !== undefined
      ? { ...stays(producer, age, undefined), phaseBefore: 'idle', phase: 'idle' }
      : next(producer, age, leadsTo)
  }
  if (age === 'newer' || current === undefined || idle) return next(producer, age, leadsTo)
  if (isOpen(current)) return within(producer, age, current, leadsTo)
  if (isRetry(producer, batches)) return stays(producer, age, current)
  return next(producer, age, leadsTo)
}
