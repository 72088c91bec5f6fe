// From a place in the log to what is known about it: its batch, who sent it, in which transaction, how that ended.
import type { LogBatch } from './facts/log.ts'
import { topicPartition } from './facts/log.ts'
import type { WireSend, WireTransaction } from './facts/wire.ts'
import type { Proof } from './finding.ts'
import type { History } from './history.ts'

export function place(at: { topic: string; partition: number }, offset: number): string {
  return `${topicPartition(at)}@${offset}`
}

/** The batch of a line, without its ids. */
export function batchAt(
  history: History,
  line: { topic: string; partition: number; baseOffset: number },
): LogBatch {
  const batch = history.log.batchAt(topicPartition(line), line.baseOffset)
  if (batch === undefined) throw new Error(`no batch at ${place(line, line.baseOffset)}`)
  return batch
}

/** `transaction 2 of copier-0` */
export function transactionName(transaction: WireTransaction): string {
  return `transaction ${transaction.transaction} of ${transaction.transactionalId}`
}

/** What the client asked for and what came of it. */
export function fateOf(transaction: WireTransaction): string {
  const { asked, brokerError, outcome, decided } = transaction
  if (asked === undefined) return 'which the client never ended'
  const wish = asked === 'both' ? 'to commit as well as to abort' : `to ${asked}`
  const answer =
    brokerError === undefined
      ? 'and the answer is not known'
      : brokerError === 'NONE'
        ? 'and the broker agreed'
        : `and the broker answered ${brokerError}`
  const told = outcome === 'unknown' ? ', which the client never learnt' : ''
  const before =
    asked === 'abort' && decided === 'committed' ? ', after it had been committed already' : ''
  return `which the client asked ${wish} ${answer}${before}${told}`
}

/** The parts of a proof that say which transaction and exchange it is about. */
export function sendProof(
  send: Pick<WireSend, 'exchange' | 'atMs' | 'transaction'>,
): Partial<Proof> {
  const { exchange, transaction, atMs } = send
  const instance = exchange.instance ?? transaction?.instance
  return {
    atMs,
    exchange,
    ...(instance === undefined ? {} : { instance }),
    ...(transaction === undefined
      ? {}
      : {
          transactionalId: transaction.transactionalId,
          transaction: transaction.transaction,
        }),
  }
}

export function batchProof(batch: LogBatch): Partial<Proof> {
  if (batch.producerId < 0) return {}
  const { producerId, producerEpoch, baseSequence } = batch
  return { producerId, producerEpoch, baseSequence }
}

/** The only transaction that this batch was sent in; undefined when none or several are known. */
export function transactionOf(history: History, batch: LogBatch): WireTransaction | undefined {
  const sends = history.wire.sendsOf(batch)
  const first = sends[0]?.transaction
  return sends.every((send) => send.transaction === first) ? first : undefined
}

/** Everything known about one record in the log. */
export function recordProof(
  history: History,
  batch: LogBatch,
  record: { offset: number; id: string | null },
  shows: string,
): Proof {
  const sends = history.wire.sendsOf(batch)
  const send = sends[0]
  const transaction = transactionOf(history, batch)
  const marker = history.log.markerOf(batch)
  const story =
    transaction === undefined ? '' : `, in ${transactionName(transaction)}, ${fateOf(transaction)}`
  return {
    shows: `${shows}${story}`,
    ...(record.id === null ? {} : { id: record.id }),
    place: place(batch, record.offset),
    ...batchProof(batch),
    ...(send === undefined ? {} : sendProof(send)),
    ...(marker === undefined ? {} : { markedAtMs: marker.timestampMs }),
  }
}
