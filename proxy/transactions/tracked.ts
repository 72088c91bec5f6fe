// The tracker's memory: one record per transactional id, one per transaction, one per exchange under way.
// Records and their limits only; what changes them is in lifecycle.ts.
import type {
  SentBatch,
  TransactionDecision,
  TransactionOutcome,
  TransactionPhase,
  TransactionProtocol,
} from '../events.ts'
import type { Message } from '../protocol/codec.ts'
import type { TransactionEffect } from './observation.ts'
import type { Standing, Standings } from './standings.ts'

/** Transactional ids remembered; the longest silent ones without an open transaction go first. */
export const trackedProducersMax = 10_000
/** Partitions remembered per transaction, and per producer for its last sequences. */
export const trackedPartitionsMax = 10_000
/** Earlier transactions kept per transactional id, for answers and evidence that come late. */
export const recentTransactionsMax = 8
/** Earlier producer ids kept per transactional id. */
export const pastProducerIdsMax = 8

export type Choice = 'commit' | 'abort'

export interface TrackedTransaction {
  /** From 1, counted from the first sight of the id. */
  ordinal: number
  /** The ids that its records carry. */
  producerId: number
  producerEpoch: number
  instance: string | undefined
  protocol: TransactionProtocol | undefined
  phase: Exclude<TransactionPhase, 'idle'>
  startedAtMs: number
  partitions: Set<string>
  groups: Set<string>
  asked: Choice | 'both' | undefined
  /** EndTxn requests that the client sent. */
  endsSent: number
  /** EndTxn requests that reached the broker, or may have, and that it has not refused. */
  openEnds: { commit: number; abort: number }
  decided: TransactionDecision | undefined
  outcome: TransactionOutcome | undefined
  /** The broker's last word on an EndTxn. */
  brokerError: string | undefined
  /** The broker accepted something that adds partitions. */
  registered: boolean
  /** The proxy came in the middle of it, so what it does not know may still have happened. */
  partial: boolean
  /** An answer to something that adds partitions was lost. */
  addLost: boolean
  /** CONCURRENT_TRANSACTIONS to the next transaction's first request: this one was being carried out. */
  carriedOut: boolean
  /** An InitProducerId since then may have aborted it. */
  reinitialising: boolean
}

export interface TrackedProducer {
  transactionalId: string
  /** As the client knows them; -1 as long as nobody said. */
  producerId: number
  producerEpoch: number
  /** What the broker answered to EndTxn v5+ but did not reach the client. */
  untold: { producerId: number; producerEpoch: number } | undefined
  /** The broker may have handed out ids to an InitProducerId whose answer was lost. */
  initLost: boolean
  pastProducerIds: number[]
  instance: string | undefined
  coordinator: number | undefined
  timeoutMs: number | undefined
  /** Initialised since the current transaction ended, or never in one. */
  idle: boolean
  /** An InitProducerId or its effect was seen, so the beginning is not missing. */
  initialised: boolean
  ordinal: number
  current: TrackedTransaction | undefined
  /** Earlier ones, newest first. */
  recent: TrackedTransaction[]
  fenced: boolean
  /** The last `id/epoch` reported as fenced. */
  fencedReported: string
  /** The last `id/epoch/instance` reported as shared by two instances. */
  sharedReported: string
  /** Base sequence of the newest batch per topic-partition, for this id and epoch. */
  lastSequences: Map<string, number>
  lastSeenAtMs: number
  /** On which its client spoke last. */
  lastConnection: number
  /** As it was counted last. */
  standing: Standing | undefined
}

/** One producer's part of an exchange. */
export interface ExchangeEntry {
  producer: TrackedProducer
  transaction: TrackedTransaction | undefined
  producerId: number
  producerEpoch: number
  /** The ids are older than the ones in force: a zombie, or a message that comes late. */
  stale: boolean
  phaseBefore: TransactionPhase
  phase: TransactionPhase
  entered: readonly TransactionPhase[]
  choice: Choice | undefined
  /** The transaction in whose `openEnds` it is counted. */
  countedIn: TrackedTransaction | undefined
}

export interface TrackedExchange {
  entries: ExchangeEntry[]
  batches: SentBatch[] | undefined
  unreadable: string | undefined
  sentAtMs: number
  delivered: boolean
  /** Answered, or known to be lost, as far as the client is concerned. */
  settled: boolean
}

/** Exchanges by the request's own object, so that one is forgotten with its messages. */
export type Exchanges = Pick<WeakMap<Message, TrackedExchange>, 'get' | 'has'> & {
  set(request: Message, exchange: TrackedExchange): void
}

/**
 * Kept on the request itself, under a key that nobody else has. A WeakMap does the same, but each of its entries is
 * work for the garbage collector; with one per message that was a third of the cost of tracking.
 */
export function createExchanges(): Exchanges {
  const key = Symbol('exchange')
  type Marked = Message & { [key]?: TrackedExchange }
  return {
    get: (request) => (request as Marked)[key],
    has: (request) => (request as Marked)[key] !== undefined,
    set(request, exchange) {
      const marked = request as Marked
      marked[key] = exchange
    },
  }
}

export interface Memory {
  producers: Map<string, TrackedProducer>
  /** Whose producer id it is. */
  owners: Map<number, TrackedProducer>
  exchanges: Exchanges
  standings: Standings<TrackedProducer>
  topicName(topicId: string): string | undefined
}

/** What one observation leads to. */
export interface Outbox {
  atMs: number
  effects: TransactionEffect[]
}

export function newProducer(transactionalId: string, atMs: number): TrackedProducer {
  return {
    transactionalId,
    producerId: -1,
    producerEpoch: -1,
    untold: undefined,
    initLost: false,
    pastProducerIds: [],
    instance: undefined,
    coordinator: undefined,
    timeoutMs: undefined,
    idle: true,
    initialised: false,
    ordinal: 0,
    current: undefined,
    recent: [],
    fenced: false,
    fencedReported: '',
    sharedReported: '',
    lastSequences: new Map(),
    lastSeenAtMs: atMs,
    lastConnection: -1,
    standing: undefined,
  }
}

export function newTransaction(
  producer: TrackedProducer,
  begin: { phase: TrackedTransaction['phase']; atMs: number; instance: string | undefined },
): TrackedTransaction {
  return {
    ordinal: producer.ordinal + 1,
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    instance: begin.instance,
    protocol: undefined,
    phase: begin.phase,
    startedAtMs: begin.atMs,
    partitions: new Set(),
    groups: new Set(),
    asked: undefined,
    endsSent: 0,
    openEnds: { commit: 0, abort: 0 },
    decided: undefined,
    outcome: undefined,
    brokerError: undefined,
    registered: false,
    partial: !producer.initialised && producer.ordinal === 0,
    addLost: false,
    carriedOut: false,
    reinitialising: false,
  }
}

export function phaseOf(producer: TrackedProducer): TransactionPhase {
  return producer.idle ? 'idle' : (producer.current?.phase ?? 'idle')
}

/** Open for the client: begun and not yet asked to end. */
export function isOpen(transaction: TrackedTransaction): boolean {
  return transaction.phase !== 'ending' && transaction.phase !== 'ended'
}

export function decisionOf(choice: Choice): TransactionDecision {
  return choice === 'commit' ? 'committed' : 'aborted'
}

/** The decision that was taken if any of the EndTxn that may have arrived was carried out. */
export function soleOpenDecision(transaction: TrackedTransaction): TransactionDecision | undefined {
  const { commit, abort } = transaction.openEnds
  if (commit > 0 && abort > 0) return undefined
  if (commit > 0) return 'committed'
  return abort > 0 ? 'aborted' : undefined
}

export function producerNamed(
  memory: Memory,
  transactionalId: string,
  atMs: number,
): TrackedProducer {
  const known = memory.producers.get(transactionalId)
  if (known !== undefined) return known
  const producer = newProducer(transactionalId, atMs)
  memory.producers.set(transactionalId, producer)
  noteStanding(memory, producer)
  return producer
}

/** To be told whenever its phase, its transaction or its fencing may have changed. */
export function noteStanding({ standings }: Memory, producer: TrackedProducer): void {
  const { current, fenced, standing } = producer
  const phase = phaseOf(producer)
  const isOpenNow = current !== undefined && phase !== 'idle' && phase !== 'ended'
  const openSinceMs = isOpenNow ? current.startedAtMs : undefined
  if (
    standing !== undefined &&
    standing.phase === phase &&
    standing.isFenced === fenced &&
    standing.openSinceMs === openSinceMs
  ) {
    return
  }
  standings.note(producer, { phase, isFenced: fenced, openSinceMs })
}

/** Forgets the longest silent producers, a tenth at a time, so that the cost is shared by many. */
export function evictSilent(memory: Memory): number {
  if (memory.producers.size <= trackedProducersMax) return 0
  const share = Math.ceil(trackedProducersMax / 10)
  const bySilence = [...memory.producers.values()].sort((a, b) => a.lastSeenAtMs - b.lastSeenAtMs)
  const closed = (producer: TrackedProducer): boolean =>
    producer.current === undefined || producer.current.phase === 'ended'
  const first = bySilence.filter(closed)
  const leaving = [...first, ...bySilence.filter((producer) => !closed(producer))].slice(0, share)
  let open = 0
  for (const producer of leaving) {
    if (!closed(producer)) open += 1
    memory.producers.delete(producer.transactionalId)
    memory.standings.forget(producer)
    for (const id of [producer.producerId, ...producer.pastProducerIds]) {
      if (memory.owners.get(id) === producer) memory.owners.delete(id)
    }
  }
  return open
}
