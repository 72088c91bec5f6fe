// What a rule may know of a message. Cheap facts are plain fields; what needs decoding is asked for by
// calling, so that a rule which fails on the API's name costs nothing more.
import type { Plane, TransactionPhase } from '../events.ts'
import type { Side } from './fault.ts'

/** One transaction that a message names, and where it stands. */
export interface SubjectTransaction {
  transactionalId: string
  transaction?: number | undefined
  phase: TransactionPhase
  /** Phases that the message leads to, in order: V2's first send enters two. */
  entered: readonly TransactionPhase[]
  committed?: boolean | undefined
}

export interface MessageSubject {
  transactionalIds: readonly string[]
  groups: readonly string[]
  /** Markers and verifications may be about several at once. */
  transactions: readonly SubjectTransaction[]
  producerIds: readonly number[]
  /** Of the first producer named. */
  producerEpoch?: number | undefined
  topicPartitions: readonly { topic: string; partition: number }[]
  /** EndTxn's choice, or the markers' result. */
  committed?: boolean | undefined
  phase?: TransactionPhase | undefined
  transaction?: number | undefined
}

export interface MessageView {
  side: Side
  plane: Plane
  node: number
  instance: string | undefined
  /** Node id of a broker that sends, between brokers. */
  source: number | undefined
  clientId: string | null
  apiKey: number
  api: string
  version: number
  /** The group member that a request names as its sender. */
  memberId(): string | undefined
  subject(): MessageSubject
  /** Ids of the records that it carries; opens the batches. */
  recordIds(): readonly string[]
  /** What its request has in common with every other try of it. */
  retryIdentities(): readonly string[]
  /** Names of the error codes in a reply; empty when there is none. */
  errors(): readonly string[]
}
