// What passed through the proxy: every batch that was sent and what became of it, every transaction with its sends
// and offsets. A batch is found by what identifies it in the log too: partition, producer id, epoch, sequence.
import type {
  CommittedOffset,
  ExchangeIdentity,
  Outcome,
  ProxyEvent,
  SentBatch,
  TransactionDecision,
  TransactionOutcome,
  TransactionProtocol,
} from '../../proxy/events.ts'
import type { HistoryLine } from '../history-line.ts'

export interface WireSend {
  exchange: ExchangeIdentity
  sentAtMs: number
  /** When it was answered, or given up. */
  atMs: number
  batch: SentBatch
  /** A fault delivered it after its client had given it up. */
  late: boolean
  transaction: WireTransaction | undefined
}

export interface WireOffsets {
  exchange: ExchangeIdentity
  atMs: number
  group: string
  offsets: CommittedOffset[]
  told: Outcome
  brokerError: string | undefined
  transaction: WireTransaction | undefined
}

export interface WireTransaction {
  transactionalId: string
  /** The Nth of its transactional id. */
  transaction: number
  instance: string | undefined
  producerId: number
  producerEpoch: number
  protocol: TransactionProtocol | undefined
  beganAtMs: number
  endedAtMs: number | undefined
  outcome: TransactionOutcome | undefined
  /** What the broker decided, as far as the proxy saw, told to the client or not. */
  decided: TransactionDecision | undefined
  asked: 'commit' | 'abort' | 'both' | undefined
  brokerError: string | undefined
  sends: WireSend[]
  offsets: WireOffsets[]
}

/** What identifies a batch, on the wire as in the log. */
export interface BatchIdentity {
  topic: string
  partition: number
  producerId: number
  producerEpoch: number
  baseSequence: number
}

export interface WireFacts {
  sends: readonly WireSend[]
  /** Every time that this batch was sent; several when it was retried. Not for producer id -1. */
  sendsOf(batch: BatchIdentity): readonly WireSend[]
  /** In the order of their beginning. */
  transactions: readonly WireTransaction[]
  /** The Nth transaction of a transactional id; undefined for what is not known. */
  transactionOf(
    transactionalId: string | undefined,
    transaction: number | undefined,
  ): WireTransaction | undefined
  offsets: readonly WireOffsets[]
  producers: ReadonlyArray<Extract<ProxyEvent, { type: 'producer' }>>
}

export interface WireCollector {
  take(line: HistoryLine): void
  finish(): WireFacts
}

/** The broker confirmed it, so a majority of nothing but a crash of its log can take it away. */
export const noError = 'NONE'

export const identityKey = (batch: BatchIdentity): string =>
  `${batch.topic}-${batch.partition}/${batch.producerId}/${batch.producerEpoch}/${batch.baseSequence}`

export function collectWire(): WireCollector {
  const sends: WireSend[] = []
  const byIdentity = new Map<string, WireSend[]>()
  const transactions = new Map<string, WireTransaction>()
  const offsets: WireOffsets[] = []
  const producers: Array<Extract<ProxyEvent, { type: 'producer' }>> = []

  function transactionOf(
    transactionalId: string | undefined,
    transaction: number | undefined,
    seen: { atMs: number; producerId: number; producerEpoch: number },
  ): WireTransaction | undefined {
    if (transactionalId === undefined || transaction === undefined) return undefined
    const key = `${transactionalId}#${transaction}`
    let known = transactions.get(key)
    if (known === undefined) {
      known = {
        transactionalId,
        transaction,
        instance: undefined,
        producerId: seen.producerId,
        producerEpoch: seen.producerEpoch,
        protocol: undefined,
        beganAtMs: seen.atMs,
        endedAtMs: undefined,
        outcome: undefined,
        decided: undefined,
        asked: undefined,
        brokerError: undefined,
        sends: [],
        offsets: [],
      }
      transactions.set(key, known)
    }
    known.beganAtMs = Math.min(known.beganAtMs, seen.atMs)
    return known
  }

  function takeSend(event: Extract<ProxyEvent, { type: 'send' }>): void {
    const { exchange, sentAtMs, atMs } = event
    for (const batch of event.batches) {
      const transaction = batch.transactional
        ? transactionOf(exchange.transactionalIds?.[0], exchange.transaction, {
            atMs: sentAtMs,
            producerId: batch.producerId,
            producerEpoch: batch.producerEpoch,
          })
        : undefined
      const send: WireSend = {
        exchange,
        sentAtMs,
        atMs,
        batch,
        late: event.late === true,
        transaction,
      }
      sends.push(send)
      transaction?.sends.push(send)
      if (batch.producerId < 0) continue
      const key = identityKey(batch)
      const same = byIdentity.get(key)
      if (same === undefined) byIdentity.set(key, [send])
      else same.push(send)
    }
  }

  function takeTransaction(event: Extract<ProxyEvent, { type: 'transaction' }>): void {
    if (event.phase === 'idle') return
    const known = transactionOf(event.transactionalId, event.transaction, event)
    if (known === undefined) return
    known.instance = event.instance ?? known.instance
    known.protocol = event.protocol ?? known.protocol
    known.asked = event.asked ?? known.asked
    known.outcome = event.outcome ?? known.outcome
    known.decided = event.decided ?? known.decided
    known.brokerError = event.brokerError ?? known.brokerError
    if (event.phase === 'ended') known.endedAtMs = event.atMs
  }

  return {
    take(line) {
      switch (line.type) {
        case 'send':
          return takeSend(line)
        case 'transaction':
          return takeTransaction(line)
        case 'offsets': {
          const { exchange, atMs, group, told, brokerError } = line
          const transaction = transactionOf(line.transactionalId, exchange.transaction, {
            atMs,
            producerId: exchange.producerId ?? -1,
            producerEpoch: exchange.producerEpoch ?? -1,
          })
          const entry = { exchange, atMs, group, told, brokerError, transaction }
          const full: WireOffsets = { ...entry, offsets: line.offsets }
          offsets.push(full)
          transaction?.offsets.push(full)
          return
        }
        case 'producer':
          producers.push(line)
          return
      }
    },
    finish: () => ({
      sends,
      sendsOf: (batch) => (batch.producerId < 0 ? [] : (byIdentity.get(identityKey(batch)) ?? [])),
      transactions: [...transactions.values()].sort(
        (a, b) => a.beganAtMs - b.beganAtMs || a.transaction - b.transaction,
      ),
      transactionOf: (transactionalId, transaction) =>
        transactions.get(`${transactionalId}#${transaction}`),
      offsets,
      producers,
    }),
  }
}

/** Every EndTxn that the client sent in this transaction was an abort: it must not become visible. */
export function onlyAborted(transaction: WireTransaction): boolean {
  return transaction.asked === 'abort'
}

/** The coordinator has decided to commit, and nobody asked for anything else. */
export function provablyCommitted(transaction: WireTransaction): boolean {
  return (
    transaction.asked === 'commit' &&
    (transaction.outcome === 'committed' ||
      transaction.decided === 'committed' ||
      transaction.brokerError === noError)
  )
}
