// The ids of the records that a message carries, from the header that our generator and copiers write. Batches are
// opened for this, so it is done only for messages that a rule with `id` could match.
import type { Message } from '../protocol/codec.ts'
import { type LogRecord, readBatches, readRecords } from '../protocol/record-batch.ts'
import { recordsIn } from '../protocol/records-in.ts'

export const idHeader = 'gauntlet-id'

export function recordId({ headers }: LogRecord): string | undefined {
  return headers.find(({ key }) => key === idHeader)?.value?.toString('utf8')
}

/** Ids in a request and in its answer. What cannot be opened is told to `unreadable` and left out. */
export function recordIds(
  apiKey: number,
  request: Message,
  reply: Message | undefined,
  unreadable: (cause: unknown) => void,
): string[] {
  const carried = [
    ...recordsIn('request', apiKey, request),
    ...(reply === undefined ? [] : recordsIn('response', apiKey, reply)),
  ]
  return carried.flatMap(({ records }) => {
    try {
      return readBatches(records)
        .filter(({ control, truncated }) => !control && !truncated)
        .flatMap((batch) => readRecords(batch).map(recordId))
        .filter((id) => id !== undefined)
    } catch (cause) {
      unreadable(cause)
      return []
    }
  })
}
