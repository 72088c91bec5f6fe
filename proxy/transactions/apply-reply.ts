// What an answer, or the loss of one, tells about a transaction. The broker's answer moves what is decided;
// what the client was told moves the phase. They differ whenever a fault stands between the two.
import type { Outcome } from '../events.ts'
import type { Message } from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import {
  addOffsetsToTxnKey,
  addPartitionsToTxnKey,
  endTxnKey,
  initProducerIdKey,
  produceKey,
  txnOffsetCommitKey,
} from './api-keys.ts'
import {
  concurrentTransactions,
  coordinatorLost,
  endRefused,
  invalidMapping,
  invalidState,
  mayBeOwnBump,
  meansFenced,
  none,
} from './broker-answers.ts'
import {
  acceptedNext,
  bumpAfterEnd,
  decide,
  endFenced,
  fence,
  initialise,
  odd,
  report,
  settle,
} from './lifecycle.ts'
import { numberOf, structsOf, textOf } from './message-fields.ts'
import type { Observation } from './observation.ts'
import { ageOf, hasIds, type Ids } from './placement.ts'
import {
  type Choice,
  decisionOf,
  type ExchangeEntry,
  isOpen,
  type Memory,
  type Outbox,
  type TrackedExchange,
  type TrackedTransaction,
} from './tracked.ts'

/** The two sides of an answer. */
export interface Answer {
  /** What the broker said; undefined when it said nothing that passed here. */
  broker: Message | undefined
  /** What the client was handed, if it is known to the letter. */
  client: Message | undefined
  /** As the flow stated it; undefined when the answer went on as it is. */
  stated: Outcome | undefined
  /** As stated, or as the answer shows: ok only without any error. */
  told: Outcome
}

const noCode = undefined

function errorCode(reply: Message | undefined): number | undefined {
  return reply === undefined ? noCode : numberOf(reply, 'errorCode', none)
}

/** Separates what the broker said from what the client was told. */
export function answerOf(o: Observation, delivered: boolean): Answer {
  const broker = delivered ? o.reply : undefined
  const client = o.late === true ? undefined : (o.toldReply ?? o.reply)
  const stated = o.late === true ? 'unknown' : o.told
  if (stated !== undefined) return { broker, client, stated, told: stated }
  // Each batch of a Produce is told its own fate, so the whole need not be looked through.
  if (client === undefined || o.apiKey === produceKey) {
    return { broker, client, stated, told: 'unknown' }
  }
  const failed = codesIn(o.apiKey, client).some((code) => code !== none)
  return { broker, client, stated, told: failed ? 'failed' : 'ok' }
}

/** Every error code of an answer to a transactional API. */
export function codesIn(apiKey: number, reply: Message): number[] {
  switch (apiKey) {
    case addPartitionsToTxnKey: {
      const own = structsOf(reply, 'resultsByTransaction')
      const topics =
        own.length > 0
          ? own.flatMap((result) => structsOf(result, 'topicResults'))
          : structsOf(reply, 'resultsByTopicV3AndBelow')
      const codes = topics.flatMap((topic) =>
        structsOf(topic, 'resultsByPartition').map((partition) =>
          numberOf(partition, 'partitionErrorCode', none),
        ),
      )
      const top = numberOf(reply, 'errorCode', none)
      return top === none ? codes : [top, ...codes]
    }
    case txnOffsetCommitKey:
      return structsOf(reply, 'topics').flatMap((topic) =>
        structsOf(topic, 'partitions').map((partition) => numberOf(partition, 'errorCode', none)),
      )
    case produceKey:
      return structsOf(reply, 'responses').flatMap((response) =>
        structsOf(response, 'partitionResponses').map((partition) =>
          numberOf(partition, 'errorCode', none),
        ),
      )
    default:
      return [numberOf(reply, 'errorCode', none)]
  }
}

/** The part of an AddPartitionsToTxn answer that speaks of one transactional id. */
function codesFor(o: Observation, reply: Message, transactionalId: string): number[] {
  if (o.apiKey !== addPartitionsToTxnKey) return codesIn(o.apiKey, reply)
  const results = structsOf(reply, 'resultsByTransaction')
  if (results.length === 0) return codesIn(o.apiKey, reply)
  const own = results.find((result) => textOf(result, 'transactionalId') === transactionalId)
  return own === undefined ? [] : codesIn(o.apiKey, { resultsByTransaction: [own] })
}

/** Follows an answer for one producer of the exchange. `batchCodes` are those of a Produce. */
export function applyReply(
  outbox: Outbox,
  memory: Memory,
  o: Observation,
  entry: ExchangeEntry,
  answer: Answer,
  batchCodes: readonly number[],
): void {
  entry.producer.lastSeenAtMs = o.atMs
  switch (o.apiKey) {
    case endTxnKey:
      if (o.late === true) applyLateEnd(outbox, entry, answer)
      else applyEnd(outbox, memory, o, entry, answer)
      noteCoordinator(o, entry, errorCode(answer.broker))
      return
    case initProducerIdKey:
      applyInitialise(outbox, memory, o, entry, answer)
      noteCoordinator(o, entry, errorCode(answer.broker))
      return
    case produceKey:
      applySend(outbox, o, entry, batchCodes)
      return
    case addPartitionsToTxnKey:
    case addOffsetsToTxnKey:
    case txnOffsetCommitKey: {
      if (answer.broker === undefined) return
      const codes = codesFor(o, answer.broker, entry.producer.transactionalId)
      applySend(outbox, o, entry, codes)
      if (o.apiKey !== txnOffsetCommitKey) noteCoordinator(o, entry, codes[0])
      return
    }
    default:
      return
  }
}

function noteCoordinator(o: Observation, entry: ExchangeEntry, code: number | undefined): void {
  const { producer } = entry
  if (code === none) producer.coordinator = o.node
  else if (code !== undefined && coordinatorLost(code) && producer.coordinator === o.node) {
    producer.coordinator = undefined
  }
}

/** Answers to what adds to a transaction: registration, records, offsets. */
function applySend(
  outbox: Outbox,
  o: Observation,
  entry: ExchangeEntry,
  codes: readonly number[],
): void {
  const { producer, transaction } = entry
  const ids: Ids = { producerId: entry.producerId, producerEpoch: entry.producerEpoch }
  const late = o.late === true
  if (codes.some((code) => code === none)) {
    if (
      entry.stale &&
      !late &&
      ageOf(producer, ids) === 'older' &&
      transaction?.protocol !== 'V2'
    ) {
      odd(
        outbox,
        producer.transactionalId,
        `${o.api} of the outdated producer ${ids.producerId} epoch ${ids.producerEpoch} was accepted`,
      )
    }
    if (transaction !== undefined && !late) {
      transaction.registered = true
      acceptedNext(outbox, producer, transaction)
    }
  }
  if (late) return
  for (const code of codes) {
    if (code === concurrentTransactions) {
      const [before] = producer.recent
      // After a lost answer it may be our own first try that is being written.
      const sure = transaction !== undefined && transaction === producer.current
      if (before !== undefined && sure && !transaction.addLost) before.carriedOut = true
    }
    if (meansFenced(code)) {
      const own = mayBeOwnBump(o.apiKey, code)
      // A batch that crossed its own EndTxn v5+ carries the epoch before the bump: nobody fenced it.
      if (own && entry.stale && transaction?.protocol === 'V2' && transaction.endsSent > 0) return
      fence(outbox, producer, ids, { instance: o.instance, final: !own })
      return
    }
  }
}

function opposite(choice: Choice): Choice {
  return choice === 'commit' ? 'abort' : 'commit'
}

function idsIn(reply: Message): Ids | undefined {
  const producerId = numberOf(reply, 'producerId', -1)
  if (producerId < 0) return undefined
  return { producerId, producerEpoch: numberOf(reply, 'producerEpoch', -1) }
}

/** Not carried out by this request: it no longer speaks for a decision. */
function takeBack(entry: ExchangeEntry): void {
  const { countedIn, choice } = entry
  if (countedIn === undefined || choice === undefined) return
  entry.countedIn = undefined
  countedIn.openEnds[choice] -= 1
}

function applyEnd(
  outbox: Outbox,
  memory: Memory,
  o: Observation,
  entry: ExchangeEntry,
  answer: Answer,
): void {
  const { producer, transaction, choice } = entry
  if (choice === undefined) return
  const code = errorCode(answer.broker)
  if (code !== undefined && endRefused(code)) takeBack(entry)
  if (transaction === undefined) {
    applyEmptyEnd(outbox, memory, o, entry, answer)
    return
  }
  const nothingNew = transaction.phase === 'ended' && transaction.outcome !== 'unknown'
  if (code !== undefined && !nothingNew) transaction.brokerError = errorNameOf(code)
  if (code === none) {
    const decision = decisionOf(choice)
    decide(outbox, producer, transaction, decision)
    const next = answer.broker === undefined ? undefined : idsIn(answer.broker)
    if (answer.told === 'ok') {
      const repeated = transaction.endsSent > 1
      const first = transaction.phase !== 'ended'
      settle(outbox, producer, transaction, decision, repeated ? 'end-retry-answered' : undefined)
      if (next !== undefined && !entry.stale) {
        bumpAfterEnd(outbox, memory, producer, next, o.instance)
      }
      if (first && choice === 'commit' && o.instance !== undefined) {
        outbox.effects.push({
          atMs: outbox.atMs,
          type: 'progress',
          instance: o.instance,
          via: 'EndTxn',
        })
      }
      return
    }
    if (next !== undefined && !entry.stale) {
      producer.untold = next
      memory.owners.set(next.producerId, producer)
    }
    if (nothingNew) return
    if (transaction.phase === 'ended') {
      settle(outbox, producer, transaction, decision, 'answer-seen')
      return
    }
    unclear(outbox, entry, transaction)
    return
  }
  if (code === undefined) {
    // The broker said nothing, so only the client's belief can change.
    if (answer.told === 'ok') settle(outbox, producer, transaction, decisionOf(choice))
    else unclear(outbox, entry, transaction)
    return
  }
  if (code === invalidState) applyRefusedEnd(outbox, entry, transaction, choice, answer)
  else if (meansFenced(code) || code === invalidMapping) {
    applyFencedEnd(outbox, o, entry, transaction, { code, told: answer.told })
  } else unclear(outbox, entry, transaction)
}

/** The client does not know how it ended: an error that says nothing about it, or no answer at all. */
function unclear(outbox: Outbox, entry: ExchangeEntry, transaction: TrackedTransaction): void {
  if (transaction.phase === 'ended') return
  transaction.outcome = 'unknown'
  report(outbox, entry.producer, transaction)
}

/** EndTxn without anything sent before: V2 answers an abort with the next epoch. */
function applyEmptyEnd(
  outbox: Outbox,
  memory: Memory,
  o: Observation,
  entry: ExchangeEntry,
  answer: Answer,
): void {
  const { producer } = entry
  const ids: Ids = { producerId: entry.producerId, producerEpoch: entry.producerEpoch }
  const code = errorCode(answer.broker)
  if (code === none && answer.broker !== undefined && !entry.stale) {
    const next = idsIn(answer.broker)
    if (next === undefined) return
    if (answer.told === 'ok') bumpAfterEnd(outbox, memory, producer, next, o.instance)
    else producer.untold = next
  } else if (code !== undefined && meansFenced(code)) {
    fence(outbox, producer, ids, { instance: o.instance, final: true })
  }
}

/** INVALID_TXN_STATE: the other decision was taken, or there was nothing to end. */
function applyRefusedEnd(
  outbox: Outbox,
  entry: ExchangeEntry,
  transaction: TrackedTransaction,
  choice: Choice,
  answer: Answer,
): void {
  const { producer } = entry
  const other = opposite(choice)
  const decision =
    transaction.decided ?? (transaction.openEnds[other] > 0 ? decisionOf(other) : undefined)
  if (decision !== undefined) {
    decide(outbox, producer, transaction, decision)
    if (answer.told === 'unknown' && transaction.phase !== 'ended') {
      unclear(outbox, entry, transaction)
    } else settle(outbox, producer, transaction, decision, 'opposite-refused')
    return
  }
  if (!transaction.registered && !transaction.partial) {
    settle(outbox, producer, transaction, 'aborted', 'nothing-to-end')
    return
  }
  if (transaction.phase !== 'ended') {
    odd(
      outbox,
      producer.transactionalId,
      `EndTxn(${choice}) of transaction ${transaction.ordinal} met INVALID_TXN_STATE, though the other decision was never asked for`,
    )
  }
  // Something unseen ended it, so its records cannot have waited for the next transaction.
  transaction.reinitialising = true
  settle(outbox, producer, transaction, 'unknown')
}

function applyFencedEnd(
  outbox: Outbox,
  o: Observation,
  entry: ExchangeEntry,
  transaction: TrackedTransaction,
  how: { code: number; told: Outcome },
): void {
  const { producer } = entry
  const ids: Ids = { producerId: entry.producerId, producerEpoch: entry.producerEpoch }
  if (how.code !== invalidMapping) {
    fence(outbox, producer, ids, { instance: o.instance, final: false })
  }
  if (entry.stale || transaction.phase === 'ended') return
  if (how.told !== 'unknown') {
    endFenced(outbox, producer, transaction)
    return
  }
  if (transaction.decided === undefined && transaction.openEnds.commit === 0) {
    decide(outbox, producer, transaction, 'aborted')
  }
  unclear(outbox, entry, transaction)
}

/**
 * The answer to an EndTxn that a fault delivered. The client did not send it in what is going on now, so it
 * asks for nothing there; but V1 cannot tell, and NONE may have ended the transaction that is open now.
 */
function applyLateEnd(outbox: Outbox, entry: ExchangeEntry, answer: Answer): void {
  const { producer, transaction: own, choice } = entry
  const code = errorCode(answer.broker)
  if (choice === undefined || code === undefined) return
  if (endRefused(code)) {
    takeBack(entry)
    return
  }
  if (code !== none) return
  const decision = decisionOf(choice)
  const { current } = producer
  const sameIds = current !== undefined && hasIds(current, entry)
  if (current !== undefined && current !== own && sameIds) {
    // Nothing of the present transaction is with the coordinator yet: it was only told again what it knew.
    if (!current.registered || current.decided !== undefined || current.phase === 'ended') return
    decide(outbox, producer, current, decision)
    odd(
      outbox,
      producer.transactionalId,
      `a late EndTxn(${choice}) of transaction ${own?.ordinal ?? 'unknown'} was accepted and ended transaction ${current.ordinal}`,
    )
    report(outbox, producer, current)
    return
  }
  if (own === undefined) return
  const known = own.decided
  decide(outbox, producer, own, decision)
  if (own.phase === 'ended') settle(outbox, producer, own, decision, 'answer-seen')
  else if (known === undefined) report(outbox, producer, own)
}

function applyInitialise(
  outbox: Outbox,
  memory: Memory,
  o: Observation,
  entry: ExchangeEntry,
  answer: Answer,
): void {
  const { producer } = entry
  const code = errorCode(answer.broker)
  if (code === undefined || answer.broker === undefined) return
  const asked: Ids = { producerId: entry.producerId, producerEpoch: entry.producerEpoch }
  if (code === none) {
    const ids = idsIn(answer.broker)
    if (ids !== undefined) {
      initialise(outbox, memory, producer, { ids, asked, instance: o.instance })
    }
    return
  }
  if (code === concurrentTransactions) noteReinitialising(entry)
  else if (meansFenced(code) && asked.producerId >= 0) {
    fence(outbox, producer, asked, { instance: o.instance, final: true })
  }
}

function noteReinitialising(entry: ExchangeEntry): void {
  const { current } = entry.producer
  entry.producer.initLost = true
  if (current !== undefined && current.phase !== 'ended') current.reinitialising = true
}

/** The answer will never come. What the broker did is open, unless it certainly never saw the request. */
export function applyLoss(
  outbox: Outbox,
  o: Observation,
  exchange: TrackedExchange,
  entry: ExchangeEntry,
): void {
  const { transaction } = entry
  const { delivered } = exchange
  if (!delivered) takeBack(entry)
  if (o.apiKey === initProducerIdKey && delivered) noteReinitialising(entry)
  if (transaction === undefined) return
  if (o.apiKey !== endTxnKey) {
    if (delivered) transaction.addLost = true
    return
  }
  if (!isOpen(transaction)) unclear(outbox, entry, transaction)
}
