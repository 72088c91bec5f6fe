// Which requests a transaction may begin with: a proxy that is about to stop lets none of them through.
import type { MessageView } from '../faults/message-view.ts'
import {
  addOffsetsToTxnKey,
  addPartitionsToTxnKey,
  produceKey,
  txnOffsetCommitKey,
} from '../transactions/api-keys.ts'

const beginners: ReadonlySet<number> = new Set([
  produceKey,
  addPartitionsToTxnKey,
  addOffsetsToTxnKey,
  txnOffsetCommitKey,
])

export const mayBegin = (apiKey: number): boolean => beginners.has(apiKey)

export const begins = (view: MessageView): boolean =>
  view.subject().transactions.some(({ entered }) => entered.includes('begun'))
