// How transactions and producers change, and what is reported when they do: begin, move on, end, resolve,
// adopt new ids, be fenced. Callers say what the wire showed; the conclusions are drawn here.
import type { TransactionDecision, TransactionEvidence, TransactionOutcome } from '../events.ts'
import { ageOf, type Ids, transactionOf } from './placement.ts'
import {
  type Choice,
  isOpen,
  type Memory,
  newTransaction,
  type Outbox,
  pastProducerIdsMax,
  recentTransactionsMax,
  soleOpenDecision,
  type TrackedProducer,
  type TrackedTransaction,
  trackedPartitionsMax,
} from './tracked.ts'

export function odd(outbox: Outbox, transactionalId: string, message: string): void {
  outbox.effects.push({ atMs: outbox.atMs, type: 'oddity', transactionalId, message })
}

/** Reports a transaction as it stands. */
export function report(
  outbox: Outbox,
  producer: TrackedProducer,
  transaction: TrackedTransaction,
  evidence?: TransactionEvidence,
  api?: string,
): void {
  const { phase, outcome, instance, protocol, asked, decided, brokerError } = transaction
  const closing = phase === 'ending' || phase === 'ended'
  outbox.effects.push({
    atMs: outbox.atMs,
    type: 'transaction',
    transactionalId: producer.transactionalId,
    ...(instance === undefined ? {} : { instance }),
    transaction: transaction.ordinal,
    phase,
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    ...(protocol === undefined ? {} : { protocol }),
    ...(api === undefined ? {} : { api }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(decided === undefined ? {} : { decided }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(brokerError === undefined ? {} : { brokerError }),
    ...(asked === undefined ? {} : { asked }),
    ...(closing ? { partitions: [...transaction.partitions] } : {}),
    ...(phase === 'ended' ? { durationMs: outbox.atMs - transaction.startedAtMs } : {}),
  })
}

function reportProducer(
  outbox: Outbox,
  producer: TrackedProducer,
  change: 'initialised' | 'bumped' | 'fenced',
  ids: Ids,
  instance: string | undefined,
): void {
  outbox.effects.push({
    atMs: outbox.atMs,
    type: 'producer',
    transactionalId: producer.transactionalId,
    producerId: ids.producerId,
    producerEpoch: ids.producerEpoch,
    ...(instance === undefined ? {} : { instance }),
    change,
  })
}

/** Starts the next transaction; the one before is closed as what is known of it. */
export function begin(
  outbox: Outbox,
  producer: TrackedProducer,
  phase: TrackedTransaction['phase'],
  instance: string | undefined,
): TrackedTransaction {
  const before = producer.current
  if (before !== undefined) {
    moveOn(outbox, producer, before)
    producer.recent.unshift(before)
    producer.recent.length = Math.min(producer.recent.length, recentTransactionsMax)
  }
  const transaction = newTransaction(producer, { phase, atMs: outbox.atMs, instance })
  producer.ordinal = transaction.ordinal
  producer.current = transaction
  producer.idle = false
  return transaction
}

/** The client leaves a transaction behind without having been told how it ended. */
function moveOn(outbox: Outbox, producer: TrackedProducer, left: TrackedTransaction): void {
  if (left.phase === 'ended') return
  const { decided } = left
  if (decided !== undefined) settle(outbox, producer, left, decided, 'answer-seen')
  else settle(outbox, producer, left, 'unknown')
}

/**
 * Ends a transaction, or resolves one that ended unknown. A known outcome is never overwritten: a
 * contradiction is reported.
 */
export function settle(
  outbox: Outbox,
  producer: TrackedProducer,
  transaction: TrackedTransaction,
  outcome: TransactionOutcome,
  evidence?: TransactionEvidence,
): void {
  const { outcome: known } = transaction
  if (transaction.phase === 'ended' && known !== undefined && known !== 'unknown') {
    if (outcome !== 'unknown' && outcome !== known) {
      odd(
        outbox,
        producer.transactionalId,
        `transaction ${transaction.ordinal} was ${known}, and now shows as ${outcome}`,
      )
    }
    return
  }
  if (transaction.phase === 'ended' && known === outcome) return
  transaction.phase = 'ended'
  transaction.outcome = outcome
  report(outbox, producer, transaction, evidence)
  if (outcome !== 'unknown') resolveEarlier(outbox, producer, transaction, outcome)
}

/** The broker's decision became known, by whatever way; the client may or may not know it. */
export function decide(
  outbox: Outbox,
  producer: TrackedProducer,
  transaction: TrackedTransaction,
  decision: TransactionDecision,
): void {
  if (transaction.decided !== undefined && transaction.decided !== decision) {
    odd(
      outbox,
      producer.transactionalId,
      `transaction ${transaction.ordinal} was decided as ${transaction.decided}, then as ${decision}`,
    )
    return
  }
  transaction.decided = decision
}

/**
 * An earlier transaction whose end nobody saw, under the same ids: either its EndTxn was carried out, or its
 * records ended together with this one. Where both give the same outcome, it is known.
 */
function resolveEarlier(
  outbox: Outbox,
  producer: TrackedProducer,
  ended: TrackedTransaction,
  outcome: TransactionDecision,
): void {
  if (!ended.registered && ended.decided === undefined) return
  for (const earlier of producer.recent) {
    if (earlier.outcome !== 'unknown' || earlier.ordinal >= ended.ordinal) continue
    if (earlier.producerId !== ended.producerId) continue
    if (earlier.producerEpoch !== ended.producerEpoch) continue
    const { commit, abort } = earlier.openEnds
    const neverEnded = commit === 0 && abort === 0 && !earlier.reinitialising
    if (neverEnded || soleOpenDecision(earlier) === outcome) {
      settle(outbox, producer, earlier, outcome, 'next-decided')
    }
  }
}

/** Remembers a partition of the transaction. */
export function addPartition(transaction: TrackedTransaction, place: string): void {
  if (transaction.partitions.size < trackedPartitionsMax) transaction.partitions.add(place)
}

/** Counts an EndTxn of the client. True when what it asks for was not asked before. */
export function noteAsked(transaction: TrackedTransaction, choice: Choice): boolean {
  transaction.endsSent += 1
  const before = transaction.asked
  transaction.asked = before === undefined || before === choice ? choice : 'both'
  return before !== transaction.asked
}

function takeIds(memory: Memory, producer: TrackedProducer, ids: Ids): void {
  if (producer.producerId >= 0 && producer.producerId !== ids.producerId) {
    producer.pastProducerIds = producer.pastProducerIds.filter((id) => id !== ids.producerId)
    producer.pastProducerIds.unshift(producer.producerId)
    for (const forgotten of producer.pastProducerIds.splice(pastProducerIdsMax)) {
      if (memory.owners.get(forgotten) === producer) memory.owners.delete(forgotten)
    }
  }
  producer.producerId = ids.producerId
  producer.producerEpoch = ids.producerEpoch
  producer.untold = undefined
  producer.initLost = false
  producer.lastSequences.clear()
  producer.fenced = false
  if (ids.producerId >= 0) memory.owners.set(ids.producerId, producer)
}

/** The client was handed the ids of its next transaction by EndTxn v5+. */
export function bumpAfterEnd(
  outbox: Outbox,
  memory: Memory,
  producer: TrackedProducer,
  ids: Ids,
  instance: string | undefined,
): void {
  const { producerId, producerEpoch } = producer
  if (ids.producerId === producerId && ids.producerEpoch === producerEpoch) return
  const usual =
    ids.producerId === producerId
      ? ids.producerEpoch === producerEpoch + 1
      : ids.producerEpoch === 0
  if (!usual) {
    odd(
      outbox,
      producer.transactionalId,
      `EndTxn turned producer ${producerId} epoch ${producerEpoch} into ${ids.producerId} epoch ${ids.producerEpoch}`,
    )
  }
  takeIds(memory, producer, ids)
  reportProducer(outbox, producer, 'bumped', ids, instance)
}

/** A client uses ids that the tracker has not seen handed out: first sight, or an answer that it missed. */
export function adopt(
  outbox: Outbox,
  memory: Memory,
  producer: TrackedProducer,
  ids: Ids,
  instance: string | undefined,
): void {
  if (ids.producerId < 0) return
  if (producer.producerId < 0) {
    takeIds(memory, producer, ids)
    return
  }
  if (ageOf(producer, ids) !== 'newer') return
  const { current, untold, producerId, producerEpoch } = producer
  const ending = current !== undefined && !producer.idle && !isOpen(current)
  const handedOut =
    untold !== undefined &&
    untold.producerId === ids.producerId &&
    untold.producerEpoch === ids.producerEpoch
  const byEnd =
    ending &&
    current.protocol === 'V2' &&
    (handedOut || (ids.producerId === producerId && ids.producerEpoch === producerEpoch + 1))
  if (byEnd && current.phase === 'ending') {
    const decision = current.decided ?? soleOpenDecision(current)
    if (decision !== undefined) {
      decide(outbox, producer, current, decision)
      settle(outbox, producer, current, decision, 'epoch-bumped')
    }
  } else if (!byEnd && !handedOut) {
    odd(
      outbox,
      producer.transactionalId,
      `producer ${ids.producerId} epoch ${ids.producerEpoch} follows ${producerId} epoch ${producerEpoch} without an answer that the proxy saw`,
    )
    if (current !== undefined) current.reinitialising = true
  }
  takeIds(memory, producer, ids)
  reportProducer(outbox, producer, 'bumped', ids, instance)
}

/** InitProducerId was answered: older epochs are fenced, and what was open has an end. */
export function initialise(
  outbox: Outbox,
  memory: Memory,
  producer: TrackedProducer,
  next: { ids: Ids; asked: Ids; instance: string | undefined },
): void {
  const { current } = producer
  if (current !== undefined && current.phase !== 'ended') {
    const outcome = outcomeAtInitialise(current, outbox.atMs, producer.timeoutMs)
    const evidence = current.decided === undefined ? 'reinitialised' : 'answer-seen'
    if (outcome === undefined) settle(outbox, producer, current, 'unknown')
    else settle(outbox, producer, current, outcome, evidence)
  }
  const { ids, asked, instance } = next
  const { producerId, producerEpoch, instance: owner } = producer
  // Two of them at once: the answer with the older epoch may come last, and is already fenced.
  if (ageOf(producer, ids) === 'older') {
    reportProducer(outbox, producer, 'initialised', ids, instance)
    return
  }
  const sameIds = ids.producerId === producerId && ids.producerEpoch === producerEpoch
  // Somebody else's start fences the one that was here; the same instance's is a restart.
  const takenOver = owner !== undefined && instance !== undefined && owner !== instance
  if (takenOver && producerId >= 0 && !sameIds) {
    reportFenced(outbox, producer, { producerId, producerEpoch }, owner)
  }
  const continues = asked.producerId >= 0 && asked.producerId === producerId
  if (!sameIds) takeIds(memory, producer, ids)
  producer.idle = true
  producer.initialised = true
  producer.instance = instance
  reportProducer(outbox, producer, continues ? 'bumped' : 'initialised', ids, instance)
}

/**
 * What InitProducerId did to a transaction that had not ended. The coordinator aborts an open one and makes
 * the client wait meanwhile (CONCURRENT_TRANSACTIONS), so an answer at the first asking means that there
 * was nothing left to abort.
 */
function outcomeAtInitialise(
  transaction: TrackedTransaction,
  nowMs: number,
  timeoutMs: number | undefined,
): TransactionDecision | undefined {
  if (transaction.decided !== undefined) return transaction.decided
  if (transaction.openEnds.commit === 0) return 'aborted'
  const mayHaveTimedOut = timeoutMs === undefined || nowMs - transaction.startedAtMs >= timeoutMs
  const atOnce = transaction.registered && !transaction.reinitialising && !mayHaveTimedOut
  return atOnce ? soleOpenDecision(transaction) : undefined
}

export function reportFenced(
  outbox: Outbox,
  producer: TrackedProducer,
  ids: Ids,
  instance: string | undefined,
): void {
  const which = `${ids.producerId}/${ids.producerEpoch}`
  if (producer.fencedReported === which) return
  producer.fencedReported = which
  reportProducer(outbox, producer, 'fenced', ids, instance)
}

/** The broker refused these ids as outdated. `final`: the client cannot even abort any more. */
export function fence(
  outbox: Outbox,
  producer: TrackedProducer,
  ids: Ids,
  how: { instance: string | undefined; final: boolean },
): void {
  reportFenced(outbox, producer, ids, how.instance)
  if (ageOf(producer, ids) !== 'same') return
  producer.fenced = true
  const transaction = transactionOf(producer, ids)
  if (!how.final || transaction === undefined || transaction !== producer.current) return
  if (transaction.phase === 'ended') return
  endFenced(outbox, producer, transaction)
}

/** A fenced transaction is aborted, unless a commit may have been decided before. */
export function endFenced(
  outbox: Outbox,
  producer: TrackedProducer,
  transaction: TrackedTransaction,
): void {
  const outcome = transaction.decided ?? (transaction.openEnds.commit === 0 ? 'aborted' : undefined)
  const evidence = transaction.decided === undefined ? 'fenced' : 'answer-seen'
  if (outcome === undefined) settle(outbox, producer, transaction, 'unknown')
  else settle(outbox, producer, transaction, outcome, evidence)
}

/** The next transaction's first request was accepted: what the one before it was waiting for is over. */
export function acceptedNext(
  outbox: Outbox,
  producer: TrackedProducer,
  transaction: TrackedTransaction,
): void {
  const before = producer.recent[0]
  if (before === undefined || before.outcome !== 'unknown' || !before.carriedOut) return
  if (transaction !== producer.current) return
  const decision = soleOpenDecision(before)
  if (decision !== undefined) settle(outbox, producer, before, decision, 'next-accepted')
}
