// Damages records in transit. With a broken checksum everybody on the way can tell; with a right one nobody can,
// and what was written is silently something else.
import { compress, decompress } from './compression.ts'
import {
  type BatchHeader,
  batchHeaderBytes,
  type LogRecord,
  readRecords,
  restoreCrc,
  setBatchLength,
} from './record-batch.ts'

/** Makes any text that it hits invalid UTF-8, so that a damaged id never looks like another one. */
const flippedBits = 0x80

/** A copy with one byte of its records flipped and the checksum as it was. */
export function breakBatch(batch: BatchHeader): Buffer {
  const bytes = Buffer.from(batch.bytes)
  flip(bytes.subarray(batchHeaderBytes))
  return bytes
}

/**
 * A copy in which one record is damaged and the checksum is right: one byte of its value and of the header of the
 * given name, as far as it has them. Undefined when no record of the batch is meant and has either.
 */
export function damageRecord(
  batch: BatchHeader,
  isMeant: (record: LogRecord) => boolean,
  headerName: string,
): Buffer | undefined {
  const header = Buffer.from(batch.bytes.subarray(0, batchHeaderBytes))
  const body = Buffer.from(decompress(batch.compression, batch.bytes.subarray(batchHeaderBytes)))
  const bytes = Buffer.concat([header, body])
  const plain: BatchHeader = { ...batch, bytes, compression: 'none', sizeBytes: bytes.length }
  const partsOf = ({ value, headers }: LogRecord): Buffer[] =>
    [value, ...headers.filter(({ key }) => key === headerName).map(({ value }) => value)].filter(
      (part): part is Buffer => part !== null && part.length > 0,
    )
  const record = readRecords(plain).find((one) => isMeant(one) && partsOf(one).length > 0)
  if (record === undefined) return undefined
  // Parts of a record are views of its batch.
  for (const part of partsOf(record)) flip(part)
  const whole = Buffer.concat([
    header,
    compress(batch.compression, bytes.subarray(batchHeaderBytes)),
  ])
  setBatchLength(whole)
  restoreCrc(whole)
  return whole
}

function flip(bytes: Buffer): void {
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ flippedBits
}
