// Every primitive of the protocol as a read/write pair, side by side, over bytes that are never trusted:
// each read checks its bounds first, each write checks its value. All integers are big-endian.
// A text or byte field has four forms: length in an int16/int32 (-1 is null), or "compact", where a varint
// holds length + 1 (0 is null). Byte fields are views of the frame, not copies.

export class ProtocolError extends Error {
  /** Where in the body (reading) or in the bytes written so far (writing) it went wrong. */
  readonly position: number

  constructor(message: string, position: number) {
    super(`${message} (at byte ${position})`)
    this.name = 'ProtocolError'
    this.position = position
  }
}

/** A reading position in a frame. `end` is the first byte that is not ours. */
export interface Cursor {
  bytes: Buffer
  position: number
  end: number
}

/** Bytes written so far. `bytes` is replaced when it is full. */
export interface Output {
  bytes: Buffer
  position: number
}

export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'
export const emptyBytes: Buffer = Buffer.alloc(0)

const outputBytesFirst = 4_096
const uuidBytes = 16
const uuidCharacters = 22
/** Up to here a loop over characters is quicker than a call into the runtime. */
const shortTextBytes = 12

export function cursorOver(bytes: Buffer, position = 0): Cursor {
  return { bytes, position, end: bytes.length }
}

const spare: Buffer = Buffer.allocUnsafeSlow(outputBytesFirst)

/** Writes with a buffer that is kept for the next message, unless the message outgrew it. */
export function written(write: (output: Output) => void): Buffer {
  const output: Output = { bytes: spare, position: 0 }
  write(output)
  const whole = output.bytes.subarray(0, output.position)
  return output.bytes === spare ? Buffer.from(whole) : whole
}

/** Makes room for `count` more bytes and returns where they start. */
function reserve(output: Output, count: number): number {
  const start = output.position
  const needed = start + count
  if (needed > output.bytes.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed + 64, output.bytes.length * 2))
    output.bytes.copy(larger, 0, 0, start)
    output.bytes = larger
  }
  output.position = needed
  return start
}

/** Takes the next `count` bytes and returns where they start. */
function take(cursor: Cursor, count: number): number {
  const start = cursor.position
  const next = start + count
  if (next > cursor.end) truncated(cursor, count)
  cursor.position = next
  return start
}

function truncated(cursor: Cursor, count: number): never {
  const left = cursor.end - cursor.position
  throw new ProtocolError(`${count} bytes wanted, ${left} left`, cursor.position)
}

function unexpectedNull(cursor: Cursor): never {
  throw new ProtocolError('null where the schema allows none', cursor.position)
}

function badLength(cursor: Cursor, length: number): never {
  throw new ProtocolError(`impossible length ${length}`, cursor.position)
}

function badValue(output: Output, field: string, value: unknown, type: string): never {
  const shown = typeof value === 'string' || typeof value === 'object' ? typeof value : value
  throw new ProtocolError(`field ${field}: ${String(shown)} is not ${type}`, output.position)
}

// Fixed size

export function readBool(cursor: Cursor): boolean {
  return cursor.bytes[take(cursor, 1)] !== 0
}

export function writeBool(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'boolean') badValue(output, field, value, 'a bool')
  const at = reserve(output, 1)
  output.bytes[at] = value ? 1 : 0
}

export function readInt8(cursor: Cursor): number {
  return (cursor.bytes[take(cursor, 1)]! << 24) >> 24
}

export function writeInt8(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'number' || (value << 24) >> 24 !== value) {
    badValue(output, field, value, 'an int8')
  }
  const at = reserve(output, 1)
  output.bytes[at] = value
}

export function readInt16(cursor: Cursor): number {
  const at = take(cursor, 2)
  const bytes = cursor.bytes
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16)) >> 16
}

export function writeInt16(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'number' || (value << 16) >> 16 !== value) {
    badValue(output, field, value, 'an int16')
  }
  putInt16(output, value)
}

function putInt16(output: Output, value: number): void {
  const at = reserve(output, 2)
  output.bytes[at] = value >> 8
  output.bytes[at + 1] = value
}

export function readUint16(cursor: Cursor): number {
  return readInt16(cursor) & 0xffff
}

export function writeUint16(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'number' || (value & 0xffff) !== value) {
    badValue(output, field, value, 'a uint16')
  }
  putInt16(output, value)
}

export function readInt32(cursor: Cursor): number {
  const at = take(cursor, 4)
  const bytes = cursor.bytes
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

export function writeInt32(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'number' || (value | 0) !== value) badValue(output, field, value, 'an int32')
  putInt32(output, value)
}

function putInt32(output: Output, value: number): void {
  const at = reserve(output, 4)
  const bytes = output.bytes
  bytes[at] = value >> 24
  bytes[at + 1] = value >> 16
  bytes[at + 2] = value >> 8
  bytes[at + 3] = value
}

export function readUint32(cursor: Cursor): number {
  return readInt32(cursor) >>> 0
}

export function writeUint32(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'number' || value >>> 0 !== value) badValue(output, field, value, 'a uint32')
  putInt32(output, value)
}

// One 64-bit cell seen as two 32-bit halves: much quicker than shifting big integers.
const wide = new BigInt64Array(1)
const halves = new Int32Array(wide.buffer)
wide[0] = 1n
const low = halves[0] === 1 ? 0 : 1
const high = 1 - low

export function readInt64(cursor: Cursor): bigint {
  halves[high] = readInt32(cursor)
  halves[low] = readInt32(cursor)
  return wide[0]!
}

/** A number is accepted too, as long as it is exact. */
export function writeInt64(output: Output, value: unknown, field: string): void {
  if (typeof value === 'bigint') {
    wide[0] = value
    if (wide[0] !== value) badValue(output, field, value, 'an int64')
  } else if (Number.isSafeInteger(value)) {
    wide[0] = BigInt(value as number)
  } else {
    badValue(output, field, value, 'an int64')
  }
  putInt32(output, halves[high]!)
  putInt32(output, halves[low]!)
}

export function readFloat64(cursor: Cursor): number {
  return cursor.bytes.readDoubleBE(take(cursor, 8))
}

export function writeFloat64(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'number') badValue(output, field, value, 'a float64')
  const at = reserve(output, 8)
  output.bytes.writeDoubleBE(value, at)
}

export function readUuid(cursor: Cursor): string {
  const at = take(cursor, uuidBytes)
  return cursor.bytes.toString('base64url', at, at + uuidBytes)
}

export function writeUuid(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'string' || value.length !== uuidCharacters) {
    badValue(output, field, value, 'a uuid of 22 base64url characters')
  }
  const at = reserve(output, uuidBytes)
  if (output.bytes.write(value, at, 'base64url') !== uuidBytes) {
    badValue(output, field, value, 'a uuid of 22 base64url characters')
  }
}

// Variable size

/** 32 bits, seven at a time, lowest first. */
export function readUnsignedVarint(cursor: Cursor): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = cursor.bytes[take(cursor, 1)]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value >>> 0
  }
  throw new ProtocolError('a varint of more than 5 bytes', cursor.position)
}

export function writeUnsignedVarint(output: Output, value: number): void {
  let rest = value >>> 0
  while (rest >= 0x80) {
    const at = reserve(output, 1)
    output.bytes[at] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  const at = reserve(output, 1)
  output.bytes[at] = rest
}

function text(cursor: Cursor, length: number): string {
  const start = take(cursor, length)
  const bytes = cursor.bytes
  if (length > shortTextBytes) return bytes.toString('utf8', start, start + length)
  let value = ''
  for (let at = start; at < start + length; at++) {
    const byte = bytes[at]!
    if (byte >= 0x80) return bytes.toString('utf8', start, start + length)
    value += String.fromCharCode(byte)
  }
  return value
}

/** The null of each form as -1; anything below is damage. */
function shortLength(cursor: Cursor): number {
  const length = readInt16(cursor)
  return length < -1 ? badLength(cursor, length) : length
}

function longLength(cursor: Cursor): number {
  const length = readInt32(cursor)
  return length < -1 ? badLength(cursor, length) : length
}

function compactLength(cursor: Cursor): number {
  return readUnsignedVarint(cursor) - 1
}

export function readString(cursor: Cursor): string {
  const length = shortLength(cursor)
  return length < 0 ? unexpectedNull(cursor) : text(cursor, length)
}

export function readNullableString(cursor: Cursor): string | null {
  const length = shortLength(cursor)
  return length < 0 ? null : text(cursor, length)
}

export function readCompactString(cursor: Cursor): string {
  const length = compactLength(cursor)
  return length < 0 ? unexpectedNull(cursor) : text(cursor, length)
}

export function readCompactNullableString(cursor: Cursor): string | null {
  const length = compactLength(cursor)
  return length < 0 ? null : text(cursor, length)
}

/** Kafka allows no text longer than an int16 can say, in either form. */
const textBytesMax = 32_767

function putText(output: Output, value: string, length: number): void {
  const at = reserve(output, length)
  if (length > shortTextBytes || length !== value.length) {
    output.bytes.write(value, at, length, 'utf8')
    return
  }
  for (let i = 0; i < length; i++) output.bytes[at + i] = value.charCodeAt(i)
}

function textBytes(output: Output, value: unknown, field: string): number {
  if (typeof value !== 'string') badValue(output, field, value, 'a string')
  const length = Buffer.byteLength(value, 'utf8')
  if (length > textBytesMax) badValue(output, field, value, `at most ${textBytesMax} bytes`)
  return length
}

export function writeString(output: Output, value: unknown, field: string): void {
  const length = textBytes(output, value, field)
  putInt16(output, length)
  putText(output, value as string, length)
}

export function writeNullableString(output: Output, value: unknown, field: string): void {
  if (value === null) putInt16(output, -1)
  else writeString(output, value, field)
}

export function writeCompactString(output: Output, value: unknown, field: string): void {
  const length = textBytes(output, value, field)
  writeUnsignedVarint(output, length + 1)
  putText(output, value as string, length)
}

export function writeCompactNullableString(output: Output, value: unknown, field: string): void {
  if (value === null) writeUnsignedVarint(output, 0)
  else writeCompactString(output, value, field)
}

function view(cursor: Cursor, length: number): Buffer {
  const start = take(cursor, length)
  return cursor.bytes.subarray(start, start + length)
}

export function readBytes(cursor: Cursor): Buffer {
  const length = longLength(cursor)
  return length < 0 ? unexpectedNull(cursor) : view(cursor, length)
}

export function readNullableBytes(cursor: Cursor): Buffer | null {
  const length = longLength(cursor)
  return length < 0 ? null : view(cursor, length)
}

export function readCompactBytes(cursor: Cursor): Buffer {
  const length = compactLength(cursor)
  return length < 0 ? unexpectedNull(cursor) : view(cursor, length)
}

export function readCompactNullableBytes(cursor: Cursor): Buffer | null {
  const length = compactLength(cursor)
  return length < 0 ? null : view(cursor, length)
}

function bytesOf(output: Output, value: unknown, field: string): Uint8Array {
  return value instanceof Uint8Array ? value : badValue(output, field, value, 'bytes')
}

function putBytes(output: Output, value: Uint8Array): void {
  const at = reserve(output, value.length)
  output.bytes.set(value, at)
}

export function writeBytes(output: Output, value: unknown, field: string): void {
  const bytes = bytesOf(output, value, field)
  putInt32(output, bytes.length)
  putBytes(output, bytes)
}

export function writeNullableBytes(output: Output, value: unknown, field: string): void {
  if (value === null) putInt32(output, -1)
  else writeBytes(output, value, field)
}

export function writeCompactBytes(output: Output, value: unknown, field: string): void {
  const bytes = bytesOf(output, value, field)
  writeUnsignedVarint(output, bytes.length + 1)
  putBytes(output, bytes)
}

export function writeCompactNullableBytes(output: Output, value: unknown, field: string): void {
  if (value === null) writeUnsignedVarint(output, 0)
  else writeCompactBytes(output, value, field)
}

// Arrays: only the count; the elements are the caller's business. The smallest size of an element bounds a
// count by the bytes that are left, so a damaged count cannot make us allocate.

function checkedCount(cursor: Cursor, count: number, elementBytesMin: number): number {
  if (count * elementBytesMin > cursor.end - cursor.position) {
    throw new ProtocolError(`an array of ${count} in too few bytes`, cursor.position)
  }
  return count
}

export function readCount(cursor: Cursor, elementBytesMin: number): number {
  const count = longLength(cursor)
  return count < 0 ? unexpectedNull(cursor) : checkedCount(cursor, count, elementBytesMin)
}

/** -1 for null */
export function readNullableCount(cursor: Cursor, elementBytesMin: number): number {
  return checkedCount(cursor, longLength(cursor), elementBytesMin)
}

export function readCompactCount(cursor: Cursor, elementBytesMin: number): number {
  const count = compactLength(cursor)
  return count < 0 ? unexpectedNull(cursor) : checkedCount(cursor, count, elementBytesMin)
}

/** -1 for null */
export function readCompactNullableCount(cursor: Cursor, elementBytesMin: number): number {
  return checkedCount(cursor, compactLength(cursor), elementBytesMin)
}

/** Writes the count and hands the array back; `undefined` counts as empty. */
export function writeCount(output: Output, value: unknown, field: string): unknown[] {
  if (!Array.isArray(value)) badValue(output, field, value, 'an array')
  putInt32(output, value.length)
  return value
}

const noElements: unknown[] = []

export function writeNullableCount(output: Output, value: unknown, field: string): unknown[] {
  if (value !== null) return writeCount(output, value, field)
  putInt32(output, -1)
  return noElements
}

export function writeCompactCount(output: Output, value: unknown, field: string): unknown[] {
  if (!Array.isArray(value)) badValue(output, field, value, 'an array')
  writeUnsignedVarint(output, value.length + 1)
  return value
}

export function writeCompactNullableCount(
  output: Output,
  value: unknown,
  field: string,
): unknown[] {
  if (value !== null) return writeCompactCount(output, value, field)
  writeUnsignedVarint(output, 0)
  return noElements
}

// A nullable struct has one byte in front, in flexible versions too.

export function readPresence(cursor: Cursor): boolean {
  return readInt8(cursor) >= 0
}

export function writePresence(output: Output, value: unknown): boolean {
  const at = reserve(output, 1)
  output.bytes[at] = value === null ? 0xff : 1
  return value !== null
}

export function checkStruct(output: Output, value: unknown, field: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    badValue(output, field, value, 'a struct')
  }
}

// Tagged fields: count, then tag, size and content of each, tags ascending.

/** A type, not an interface: so it also counts as a message. */
export type UnknownTag = { tag: number; bytes: Buffer }

/** The end of the tagged field whose size comes next. */
export function readTagEnd(cursor: Cursor): number {
  const size = readUnsignedVarint(cursor)
  if (size > cursor.end - cursor.position) truncated(cursor, size)
  return cursor.position + size
}

export function checkTagOrder(cursor: Cursor, tag: number, previous: number): void {
  if (tag <= previous) {
    throw new ProtocolError(`tag ${tag} comes after tag ${previous}`, cursor.position)
  }
}

export function checkTagEnd(cursor: Cursor, tag: number, end: number): void {
  if (cursor.position !== end) {
    throw new ProtocolError(`tag ${tag} should end at byte ${end}`, cursor.position)
  }
}

export function readUnknownTag(cursor: Cursor, tag: number, end: number): UnknownTag {
  return { tag, bytes: view(cursor, end - cursor.position) }
}

/** Leaves one byte for the size, which is known only later; returns where the content starts. */
export function beginSized(output: Output): number {
  return reserve(output, 1) + 1
}

export function endSized(output: Output, start: number): void {
  const size = output.position - start
  if (size < 0x80) {
    output.bytes[start - 1] = size
    return
  }
  const extra = Math.ceil((32 - Math.clz32(size)) / 7) - 1
  reserve(output, extra)
  output.bytes.copyWithin(start + extra, start, start + size)
  const end = output.position
  output.position = start - 1
  writeUnsignedVarint(output, size)
  output.position = end
}

/** Writes those from index `next` on whose tag is below `before`; returns the index of the first left. */
export function writeUnknownTags(
  output: Output,
  tags: UnknownTag[],
  next: number,
  before: number,
): number {
  let index = next
  for (; index < tags.length; index++) {
    const { tag, bytes } = tags[index]!
    const previous = index === 0 ? -1 : tags[index - 1]!.tag
    if (tag === before || tag <= previous) {
      badValue(output, 'unknownTaggedFields', tag, 'a free tag in ascending order')
    }
    if (tag > before) break
    writeUnsignedVarint(output, tag)
    const content = bytesOf(output, bytes, 'unknownTaggedFields')
    writeUnsignedVarint(output, content.length)
    putBytes(output, content)
  }
  return index
}

export function refuseField(output: Output, field: string, version: number): never {
  throw new ProtocolError(
    `field ${field} does not exist in version ${version} and is not at its default`,
    output.position,
  )
}
