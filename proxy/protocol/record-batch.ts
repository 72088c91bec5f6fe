// Record batches (magic 2), the content of Produce and Fetch and of the log itself: their headers as plain
// numbers, their records, the markers that end transactions; and building batches, for tests and faults.
// The checksum covers everything from the attributes on, so offsets can be changed without a new one, and
// producer ids, epochs and sequences cannot.
import { crc32c } from '@node-rs/crc32'
import { ProtocolError } from './bytes.ts'
import { type Compression, compress, compressionNames, decompress } from './compression.ts'

export const batchHeaderBytes = 61

const at = {
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const
/** Base offset and batch length, which the batch length does not count. */
const uncountedBytes = 12
const recordBytesMin = 7
const transactionalBit = 0x10
const controlBit = 0x20
const logAppendTimeBit = 0x08
const deleteHorizonBit = 0x40

export interface BatchHeader {
  /** The whole batch, a view; shorter than it claims when `truncated`. */
  bytes: Buffer
  /** The last batch of a Fetch answer may be cut off: its header is right, its records are not all there. */
  truncated: boolean
  /** Bytes that the batch takes when it is whole. */
  sizeBytes: number
  baseOffset: number
  partitionLeaderEpoch: number
  crc: number
  compression: Compression
  timestampType: 'create' | 'append'
  transactional: boolean
  control: boolean
  /** The base timestamp is the time from which on a marker may be deleted. */
  deleteHorizon: boolean
  lastOffsetDelta: number
  baseTimestampMs: number
  maxTimestampMs: number
  /** -1 when the producer is not idempotent. */
  producerId: number
  producerEpoch: number
  /** -1 for control batches. */
  baseSequence: number
  recordCount: number
}

export interface LogRecord {
  offset: number
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: RecordHeader[]
}

export interface RecordHeader {
  key: string
  value: Buffer | null
}

/** The headers of all batches in a row. A rest too short for a header is what a Fetch cut off: left out. */
export function readBatches(records: Buffer): BatchHeader[] {
  const batches: BatchHeader[] = []
  let start = 0
  while (records.length - start >= batchHeaderBytes) {
    const batch = readBatch(records, start)
    batches.push(batch)
    start += batch.sizeBytes
  }
  return batches
}

function readBatch(records: Buffer, start: number): BatchHeader {
  const magic = records.readInt8(start + at.magic)
  if (magic !== 2) throw new ProtocolError(`a batch with magic ${magic}`, start + at.magic)
  const sizeBytes = records.readInt32BE(start + at.batchLength) + uncountedBytes
  if (sizeBytes < batchHeaderBytes) {
    throw new ProtocolError(`a batch of ${sizeBytes} bytes`, start + at.batchLength)
  }
  const attributes = records.readInt16BE(start + at.attributes)
  const compression = compressionNames[attributes & 7]
  if (compression === undefined) {
    throw new ProtocolError(`compression ${attributes & 7}`, start + at.attributes)
  }
  return {
    bytes: records.subarray(start, Math.min(records.length, start + sizeBytes)),
    truncated: start + sizeBytes > records.length,
    sizeBytes,
    baseOffset: readInt64(records, start),
    partitionLeaderEpoch: records.readInt32BE(start + at.partitionLeaderEpoch),
    crc: records.readUInt32BE(start + at.crc),
    compression,
    timestampType: (attributes & logAppendTimeBit) === 0 ? 'create' : 'append',
    transactional: (attributes & transactionalBit) !== 0,
    control: (attributes & controlBit) !== 0,
    deleteHorizon: (attributes & deleteHorizonBit) !== 0,
    lastOffsetDelta: records.readInt32BE(start + at.lastOffsetDelta),
    baseTimestampMs: readInt64(records, start + at.baseTimestamp),
    maxTimestampMs: readInt64(records, start + at.maxTimestamp),
    producerId: readInt64(records, start + at.producerId),
    producerEpoch: records.readInt16BE(start + at.producerEpoch),
    baseSequence: records.readInt32BE(start + at.baseSequence),
    recordCount: records.readInt32BE(start + at.recordCount),
  }
}

/** What a producer counts its batches by. */
export type BatchFacts = Pick<
  BatchHeader,
  'producerId' | 'producerEpoch' | 'baseSequence' | 'recordCount'
>

/**
 * The facts of a transactional batch that takes exactly so many bytes, read in place into an object of the caller's;
 * false where anything else is there. For requests by the hundred thousand: nothing is made anew.
 */
export function readSoleBatch(
  bytes: Buffer,
  start: number,
  sizeBytes: number,
  into: BatchFacts,
): boolean {
  if (sizeBytes < batchHeaderBytes || bytes.length < start + batchHeaderBytes) return false
  if (bytes.readInt8(start + at.magic) !== 2) return false
  if (bytes.readInt32BE(start + at.batchLength) !== sizeBytes - uncountedBytes) return false
  const attributes = bytes.readInt16BE(start + at.attributes)
  if ((attributes & transactionalBit) === 0) return false
  if (compressionNames[attributes & 7] === undefined) return false
  into.producerId = readInt64(bytes, start + at.producerId)
  into.producerEpoch = bytes.readInt16BE(start + at.producerEpoch)
  into.baseSequence = bytes.readInt32BE(start + at.baseSequence)
  into.recordCount = bytes.readInt32BE(start + at.recordCount)
  return true
}

/** As a plain number: offsets, times and producer ids stay far below 2^53. */
function readInt64(bytes: Buffer, start: number): number {
  return bytes.readInt32BE(start) * 0x1_0000_0000 + bytes.readUInt32BE(start + 4)
}

/** The sequence of a batch's last record; sequences wrap to 0 after 2^31 - 1. */
export function lastSequence(batch: BatchHeader): number {
  if (batch.baseSequence < 0) return -1
  return (batch.baseSequence + batch.lastOffsetDelta) % 0x8000_0000
}

export function hasValidCrc(batch: BatchHeader): boolean {
  return !batch.truncated && crc32c(batch.bytes.subarray(at.attributes)) === batch.crc
}

/** Writes the right checksum into the bytes of one whole batch, after they were changed. */
export function restoreCrc(batchBytes: Buffer): void {
  batchBytes.writeUInt32BE(crc32c(batchBytes.subarray(at.attributes)), at.crc)
}

/** Writes the length into the bytes of one whole batch, after they have become more or fewer. */
export function setBatchLength(batchBytes: Buffer): void {
  batchBytes.writeInt32BE(batchBytes.length - uncountedBytes, at.batchLength)
}

// Records: zigzag varints, unlike the protocol's own.

/**
 * Where the parts of one record lie in `bytes`. One object stands for each record of a batch in turn, so that a log of
 * millions is read without making anything for a record. A part that is null starts at -1.
 */
export interface RecordPlaces {
  bytes: Buffer
  offset: number
  timestampMs: number
  keyStart: number
  keyEnd: number
  valueStart: number
  valueEnd: number
  headerCount: number
  /** Four for each header: where its key starts and ends, where its value does. */
  headers: Int32Array
}

interface RecordCursor {
  bytes: Buffer
  position: number
}

const headerPlaces = 4

function readVarint(cursor: RecordCursor): number {
  const first = cursor.bytes[cursor.position]
  if (first !== undefined && first < 0x80) {
    cursor.position++
    return (first >>> 1) ^ -(first & 1)
  }
  return readLongVarint(cursor)
}

function readLongVarint(cursor: RecordCursor): number {
  const { bytes } = cursor
  let raw = 0
  let factor = 1
  for (let count = 0; count < 10; count++) {
    const byte = bytes[cursor.position]
    if (byte === undefined) throw new ProtocolError('a record ends too soon', cursor.position)
    cursor.position++
    raw += (byte & 0x7f) * factor
    if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
    factor *= 128
  }
  throw new ProtocolError('a varint of more than 10 bytes', cursor.position)
}

/** Steps over a part and gives where it starts; -1 for null. It ends at the cursor. */
function passPart(cursor: RecordCursor): number {
  const length = readVarint(cursor)
  if (length === -1) return -1
  const start = cursor.position
  if (length < 0 || length > cursor.bytes.length - start) {
    throw new ProtocolError(`a part of ${length} bytes`, start)
  }
  cursor.position = start + length
  return start
}

/** Inflates the batch if it must, and shows its records one after the other. */
export function eachRecord(batch: BatchHeader, visit: (record: RecordPlaces) => void): void {
  if (batch.truncated) throw new ProtocolError('the batch is cut off', batch.bytes.length)
  const bytes = decompress(batch.compression, batch.bytes.subarray(batchHeaderBytes))
  if (batch.recordCount < 0 || batch.recordCount * recordBytesMin > bytes.length) {
    throw new ProtocolError(`${batch.recordCount} records in ${bytes.length} bytes`, at.recordCount)
  }
  const cursor: RecordCursor = { bytes, position: 0 }
  const record: RecordPlaces = {
    bytes,
    offset: 0,
    timestampMs: 0,
    keyStart: -1,
    keyEnd: -1,
    valueStart: -1,
    valueEnd: -1,
    headerCount: 0,
    headers: new Int32Array(headerPlaces),
  }
  for (let left = batch.recordCount; left > 0; left--) {
    findRecord(cursor, batch, record)
    visit(record)
  }
  if (cursor.position !== bytes.length) {
    throw new ProtocolError('bytes after the last record', cursor.position)
  }
}

function findRecord(cursor: RecordCursor, batch: BatchHeader, record: RecordPlaces): void {
  const length = readVarint(cursor)
  const end = cursor.position + length
  if (length < 0 || end > cursor.bytes.length) {
    throw new ProtocolError(`a record of ${length} bytes`, cursor.position)
  }
  cursor.position++ // Attributes, which no version uses.
  const timestampDelta = readVarint(cursor)
  record.timestampMs =
    batch.timestampType === 'append' ? batch.maxTimestampMs : batch.baseTimestampMs + timestampDelta
  record.offset = batch.baseOffset + readVarint(cursor)
  record.keyStart = passPart(cursor)
  record.keyEnd = cursor.position
  record.valueStart = passPart(cursor)
  record.valueEnd = cursor.position
  const headerCount = readVarint(cursor)
  if (headerCount < 0 || headerCount > end - cursor.position) {
    throw new ProtocolError(`${headerCount} headers`, cursor.position)
  }
  record.headerCount = headerCount
  if (record.headers.length < headerCount * headerPlaces) {
    record.headers = new Int32Array(headerCount * headerPlaces * 2)
  }
  const { headers } = record
  for (let place = 0; place < headerCount * headerPlaces; place += headerPlaces) {
    const keyStart = passPart(cursor)
    if (keyStart < 0) throw new ProtocolError('a header without a key', cursor.position)
    headers[place] = keyStart
    headers[place + 1] = cursor.position
    headers[place + 2] = passPart(cursor)
    headers[place + 3] = cursor.position
  }
  if (cursor.position !== end) throw new ProtocolError('a record of another length', end)
}

/** Inflates the batch if it must, and reads its records. Keys and values are views. */
export function readRecords(batch: BatchHeader): LogRecord[] {
  const records: LogRecord[] = []
  eachRecord(batch, (record) => {
    const { bytes, offset, timestampMs, headers } = record
    const part = (start: number, end: number) => (start < 0 ? null : bytes.subarray(start, end))
    records.push({
      offset,
      timestampMs,
      key: part(record.keyStart, record.keyEnd),
      value: part(record.valueStart, record.valueEnd),
      headers: Array.from({ length: record.headerCount }, (_, index) => {
        const place = index * headerPlaces
        return {
          key: bytes.toString('utf8', headers[place], headers[place + 1]),
          value: part(headers[place + 2] ?? -1, headers[place + 3] ?? -1),
        }
      }),
    })
  })
  return records
}

export interface TransactionMarker {
  committed: boolean
  coordinatorEpoch: number
}

const abortMarker = 0
const commitMarker = 1

/** The commit or abort that a control batch stands for; undefined for control records of other kinds. */
export function readMarker(batch: BatchHeader): TransactionMarker | undefined {
  if (!batch.control) return undefined
  const [record] = readRecords(batch)
  if (record?.key == null || record.key.length < 4) {
    throw new ProtocolError('a control batch without a type', batchHeaderBytes)
  }
  const type = record.key.readInt16BE(2)
  if (type !== abortMarker && type !== commitMarker) return undefined
  if (record.value === null || record.value.length < 6) {
    throw new ProtocolError('a marker without a coordinator epoch', batchHeaderBytes)
  }
  return { committed: type === commitMarker, coordinatorEpoch: record.value.readInt32BE(2) }
}

// Writing

export interface RecordToWrite {
  key?: Buffer | string | null
  value: Buffer | string | null
  headers?: { key: string; value: Buffer | string | null }[]
  timestampMs?: number
}

export interface BatchToWrite {
  records: RecordToWrite[]
  baseOffset?: number
  partitionLeaderEpoch?: number
  compression?: Compression
  transactional?: boolean
  control?: boolean
  baseTimestampMs?: number
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
}

export function writeBatch(batch: BatchToWrite): Buffer {
  const { records, compression = 'none', baseTimestampMs = 0 } = batch
  const times = records.map((record) => record.timestampMs ?? baseTimestampMs)
  const body = records.map((record, index) =>
    recordBytes(record, (times[index] ?? 0) - baseTimestampMs, index),
  )
  const header = Buffer.alloc(batchHeaderBytes)
  const whole = Buffer.concat([header, compress(compression, Buffer.concat(body))])
  const attributes =
    compressionNames.indexOf(compression) |
    (batch.transactional === true ? transactionalBit : 0) |
    (batch.control === true ? controlBit : 0)
  whole.writeBigInt64BE(BigInt(batch.baseOffset ?? 0), 0)
  setBatchLength(whole)
  whole.writeInt32BE(batch.partitionLeaderEpoch ?? -1, at.partitionLeaderEpoch)
  whole.writeInt8(2, at.magic)
  whole.writeInt16BE(attributes, at.attributes)
  whole.writeInt32BE(records.length - 1, at.lastOffsetDelta)
  whole.writeBigInt64BE(BigInt(baseTimestampMs), at.baseTimestamp)
  whole.writeBigInt64BE(BigInt(Math.max(baseTimestampMs, ...times)), at.maxTimestamp)
  whole.writeBigInt64BE(BigInt(batch.producerId ?? -1), at.producerId)
  whole.writeInt16BE(batch.producerEpoch ?? -1, at.producerEpoch)
  whole.writeInt32BE(batch.baseSequence ?? -1, at.baseSequence)
  whole.writeInt32BE(records.length, at.recordCount)
  restoreCrc(whole)
  return whole
}

export interface MarkerToWrite extends TransactionMarker {
  producerId: number
  producerEpoch: number
  baseOffset?: number
}

/** The control batch that ends a transaction on one partition. */
export function writeMarker(marker: MarkerToWrite): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(marker.committed ? commitMarker : abortMarker, 2)
  const value = Buffer.alloc(6)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  const { producerId, producerEpoch, baseOffset = 0 } = marker
  return writeBatch({
    records: [{ key, value }],
    transactional: true,
    control: true,
    producerId,
    producerEpoch,
    baseOffset,
  })
}

function varint(value: number): Buffer {
  let raw = value >= 0 ? value * 2 : -value * 2 - 1
  const bytes: number[] = []
  while (raw >= 128) {
    bytes.push((raw % 128) | 0x80)
    raw = Math.floor(raw / 128)
  }
  bytes.push(raw)
  return Buffer.from(bytes)
}

function part(value: Buffer | string | null | undefined): Buffer[] {
  if (value === null || value === undefined) return [varint(-1)]
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return [varint(bytes.length), bytes]
}

function recordBytes(record: RecordToWrite, timestampDelta: number, offsetDelta: number): Buffer {
  const headers = record.headers ?? []
  const content = Buffer.concat([
    Buffer.alloc(1),
    varint(timestampDelta),
    varint(offsetDelta),
    ...part(record.key),
    ...part(record.value),
    varint(headers.length),
    ...headers.flatMap((header) => [...part(header.key), ...part(header.value)]),
  ])
  return Buffer.concat([varint(content.length), content])
}
