// What makes two requests the same one sent again: for batches of idempotent producers their producer id, epoch,
// sequence and partition, whatever else is in the request; for everything else the bytes behind the header, in the
// same transaction (V1 says the same words to end every transaction of a producer).
import { createHash } from 'node:crypto'
import { ProtocolError } from '../protocol/bytes.ts'
import { encodeRequest, type Message } from '../protocol/codec.ts'
import { type BatchHeader, readBatches } from '../protocol/record-batch.ts'
import { recordsIn } from '../protocol/records-in.ts'
import type { MessageSubject } from './message-view.ts'

/** Two requests are tries of one when they have any of these in common. */
export function retryIdentities(
  apiKey: number,
  version: number,
  request: Message,
  subject: MessageSubject,
): string[] {
  const batches = recordsIn('request', apiKey, request).flatMap(({ topic, partition, records }) =>
    headersOf(records)
      .filter(({ producerId, baseSequence }) => producerId >= 0 && baseSequence >= 0)
      .map(({ producerId, producerEpoch, baseSequence }) => {
        const place = `${topic.name ?? topic.topicId}-${partition}`
        return `batch ${place} ${producerId} ${producerEpoch} ${baseSequence}`
      }),
  )
  if (batches.length > 0) return batches
  const bytes = createHash('sha256')
    .update(encodeRequest(apiKey, version, request))
    .digest('hex')
  const transactions = subject.transactions.map(
    ({ transactionalId, transaction }) => `${transactionalId} ${transaction ?? ''}`,
  )
  return [`bytes ${apiKey} ${bytes} ${transactions.join(' ')}`]
}

function headersOf(records: Buffer): BatchHeader[] {
  try {
    return readBatches(records)
  } catch (cause) {
    // The broker will refuse what cannot be read as batches, and the bytes still tell.
    if (cause instanceof ProtocolError) return []
    throw cause
  }
}
