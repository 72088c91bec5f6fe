// What a rule may know of a message. Cheap facts are plain fields; what needs decoding is asked for by
// calling, so that a rule which fails on the API's name costs nothing more.
import type { Plane, TransactionPhase } from '../events.ts'
import type { Side } from './fault.ts'

export interface MessageSubject {
  transactionalIds: readonly string[]
  groups: readonly string[]
  producerIds: readonly number[]
  topicPartitions: readonly { topic: string; partition: number }[]
  /** EndTxn's choice, or the markers' result. */
  committed?: boolean | undefined
  phase?: TransactionPhase | undefined
  /** The phase that this message leads to, where it changes it. */
  enters?: TransactionPhase | undefined
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
  subject(): MessageSubject
  /** Names of the error codes in a reply; empty when there is none. */
  errors(): readonly string[]
}
