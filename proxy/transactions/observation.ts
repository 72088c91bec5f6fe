// What the tracker is told and what it answers: types only. Times, connections and told outcomes come from
// the flow; the tracker itself knows no clock and no socket.
import type {
  Outcome,
  Plane,
  ProxyEvent,
  TransactionDecision,
  TransactionOutcome,
  TransactionPhase,
  TransactionProtocol,
} from '../events.ts'
import type { Message } from '../protocol/codec.ts'

/** One message. The reply's observation carries the very `request` object of the request's one. */
export interface Observation {
  atMs: number
  side: 'request' | 'reply'
  plane: Plane
  /** Node id of the broker at the other end. */
  node: number
  instance?: string
  /** Between brokers: the node id of the sender. */
  source?: number
  connection: number
  apiKey: number
  api: string
  version: number
  correlationId: number
  clientId: string | null
  request: Message
  /** The broker's answer; absent when the broker gave none. With `delivered: false` it is the proxy's. */
  reply?: Message
  /** What the client was handed when that is not `reply`: an answer made or changed by a fault. */
  toldReply?: Message
  /** What the client was told; when absent it follows from the answer. `unknown`: it got no answer. */
  told?: Outcome
  /** False when a fault keeps the request from the broker, at least for now. Absent means true. */
  delivered?: boolean
  /** Sent to the broker by a fault (detached, duplicated), not by the client at this moment. */
  late?: boolean
}

/** A connection ended; these of its requests were never answered. */
export interface ConnectionLost {
  atMs: number
  connection: number
  /** `delivered: false` marks those that the broker certainly never saw. */
  unanswered: readonly Observation[]
}

/** What the tracker reports. */
export type TransactionEffect = Extract<
  ProxyEvent,
  { type: 'transaction' | 'producer' | 'oddity' | 'progress' | 'offsets' | 'send' | 'group' }
>

export interface TopicPartition {
  topic: string
  partition: number
}

/** Where one transactional id stands at one message. */
export interface LocatedTransaction {
  transactionalId: string
  producerId: number
  producerEpoch: number
  /** The Nth transaction of its id that the message belongs to; absent when it belongs to none. */
  transaction?: number
  phaseBefore: TransactionPhase
  /** The phase with this message counted. */
  phase: TransactionPhase
  /** Phases that the message leads to, in order; empty when it changes none. V2's first send enters two. */
  entered: readonly TransactionPhase[]
  /** EndTxn's choice or the marker's result. */
  committed?: boolean
}

/** What a message is about. The flat lists hold everything named; `transactions` keeps what belongs together. */
export interface Location {
  transactionalIds: readonly string[]
  groups: readonly string[]
  producerIds: readonly number[]
  /** Of the first producer named. */
  producerEpoch?: number
  topicPartitions: readonly TopicPartition[]
  transactions: readonly LocatedTransaction[]
  /** Of the first transaction named; `committed` only when all that are named agree. */
  committed?: boolean
  phase?: TransactionPhase
  phaseBefore?: TransactionPhase
  /** The last of `entered`. */
  enters?: TransactionPhase
  entered: readonly TransactionPhase[]
  transaction?: number
}

export interface TransactionView {
  transactionalId: string
  instance?: string
  producerId: number
  producerEpoch: number
  phase: TransactionPhase
  /** 0 before the first transaction. */
  transaction: number
  protocol?: TransactionProtocol
  partitions: readonly string[]
  /** Groups whose offsets are part of the transaction. */
  groups: readonly string[]
  /** Of the current transaction if it has ended, else of the one before. */
  lastOutcome?: TransactionOutcome
  /** What the broker is known to have decided about the current transaction. */
  decided?: TransactionDecision
  asked?: 'commit' | 'abort' | 'both'
  /** Node of the transaction coordinator, when one has answered or been named. */
  coordinator?: number
  /** Since the current transaction began; 0 when none is open. */
  ageMs: number
  timeoutMs?: number
  fenced: boolean
  /** The broker has accepted something of the current transaction. */
  registered: boolean
  /** An answer was lost that would have told of newer ids, or somebody else has taken the id over. */
  unsure: boolean
}
