// A producer's requests to one partition are alike to the byte but for their size, correlation id and batch, and so
// are the answers NONE but for a few numbers. One of each that was read in full gives the shape by which the others
// are known without being decoded. Bytes only; what they mean is the tracker's.
import { encodeResponse, type FieldValue, type Message } from '../protocol/codec.ts'
import { isFlexible, responseBodyOffset, sizeBytes } from '../protocol/frame.ts'
import { type BatchFacts, readSoleBatch } from '../protocol/record-batch.ts'
import type { RepeatableProduce } from '../transactions/tracker.ts'

/** Shapes kept per connection; the oldest goes first. */
export const produceShapesMax = 8
/** A shape longer than this (a very long name) is not worth comparing. */
const prefixBytesMax = 1024

const produceKey = 0
/** Size, API, version and correlation id. */
const prefixStart = 12
const answerStart = 8
const int64Bytes = 8
const int32Bytes = 4
/** Tagged fields of the partition, the topic and the request, all empty. */
const tagSectionsBytes = 3

export interface ProduceShape {
  /** API key and version as they stand in the frame. */
  apiAndVersion: number
  /** From the client id up to the length of the records. */
  prefix: Buffer
  isFlexible: boolean
  of: RepeatableProduce
  answer: AnswerShape | undefined
  /** Whether a rule may care, as of the rules numbered `askedAt`. */
  isAsked: boolean
  askedAt: number
}

/** A whole answer NONE, and the places in it that differ from one to the next. */
export interface AnswerShape {
  frame: Buffer
  /** Pairs of first and behind-the-last byte that are always the same. */
  fixed: readonly number[]
  baseOffsetAt: number
}

/** The shape of a request that was just decoded; undefined when it does not end as all such requests do. */
export function produceShape(
  frame: Buffer,
  version: number,
  of: RepeatableProduce,
  records: Buffer,
): ProduceShape | undefined {
  const recordsAt = records.byteOffset - frame.byteOffset
  if (records.buffer !== frame.buffer || recordsAt > prefixBytesMax) return undefined
  const flexible = isFlexible(produceKey, version)
  const lengthBytes = flexible ? varintBytes(records.length + 1) : int32Bytes
  const shape: ProduceShape = {
    apiAndVersion: frame.readInt32BE(sizeBytes),
    prefix: Buffer.from(frame.subarray(prefixStart, recordsAt - lengthBytes)),
    isFlexible: flexible,
    of,
    answer: undefined,
    isAsked: true,
    askedAt: -1,
  }
  const batch: BatchFacts = { producerId: 0, producerEpoch: 0, baseSequence: 0, recordCount: 0 }
  return readRepeated(shape, frame, 0, frame.length, batch) ? shape : undefined
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes += 1
  return bytes
}

/** Whether the frame that begins at `at` is of this shape up to its records, as far as that is there to be seen. */
export function hasShape(
  shape: ProduceShape,
  chunk: Buffer,
  at: number,
  available: number,
): boolean {
  const { prefix } = shape
  const length = prefix.length
  if (available < prefixStart + length) return false
  if (chunk.readInt32BE(at + sizeBytes) !== shape.apiAndVersion) return false
  const start = at + prefixStart
  // From the end: shapes of one connection differ in the partition, which comes last.
  for (let place = length - 1; place >= 0; place--) {
    if (chunk[start + place] !== prefix[place]) return false
  }
  return true
}

/** Reads the batch of a whole request of this shape; false when it holds anything but one transactional batch. */
export function readRepeated(
  shape: ProduceShape,
  chunk: Buffer,
  at: number,
  end: number,
  into: BatchFacts,
): boolean {
  let place = at + prefixStart + shape.prefix.length
  if (!shape.isFlexible) {
    const bytes = chunk.readInt32BE(place)
    place += int32Bytes
    return place + bytes === end && readSoleBatch(chunk, place, bytes, into)
  }
  let lengthAndOne = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = chunk[place] ?? 0
    place += 1
    lengthAndOne |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  const bytes = lengthAndOne - 1
  const behind = place + bytes
  if (behind + tagSectionsBytes !== end) return false
  if (chunk[behind] !== 0 || chunk[behind + 1] !== 0 || chunk[behind + 2] !== 0) return false
  return readSoleBatch(chunk, place, bytes, into)
}

/** The shape of an answer that was just decoded; undefined when it says anything but NONE. */
export function answerShape(
  frame: Buffer,
  version: number,
  reply: Message,
): AnswerShape | undefined {
  const [response, ...otherResponses] = reply.responses as Message[]
  if (response === undefined || otherResponses.length > 0) return undefined
  const [partition, ...otherPartitions] = response.partitionResponses as Message[]
  if (partition === undefined || otherPartitions.length > 0) return undefined
  if (partition.errorCode !== 0 || frame.length > prefixBytesMax) return undefined
  const answer = frame.subarray(sizeBytes)
  const bodyAt = sizeBytes + responseBodyOffset(produceKey, version, answer)
  const body = encodeResponse(produceKey, version, reply)
  if (!body.equals(frame.subarray(bodyAt))) return undefined

  /** Where the body changes with a field: found by changing every bit of it. */
  const placeOf = (owner: Message, field: string, otherwise: FieldValue): number | undefined => {
    const own = owner[field]
    if (own === undefined) return undefined
    owner[field] = otherwise
    const changed = encodeResponse(produceKey, version, reply)
    owner[field] = own
    const place = body.findIndex((byte, index) => byte !== changed[index])
    return place < 0 ? undefined : bodyAt + place
  }
  const places: Array<{ at: number | undefined; bytes: number }> = []
  for (const field of ['baseOffset', 'logAppendTimeMs', 'logStartOffset']) {
    const own = partition[field]
    if (typeof own !== 'bigint') return undefined
    places.push({ at: placeOf(partition, field, ~own), bytes: int64Bytes })
  }
  const throttleTimeMs = reply.throttleTimeMs as number
  places.push({ at: placeOf(reply, 'throttleTimeMs', ~throttleTimeMs), bytes: int32Bytes })
  const baseOffsetAt = places[0]?.at
  if (baseOffsetAt === undefined) return undefined
  const fixed: number[] = []
  let from = answerStart
  for (const { at, bytes } of places) {
    if (at === undefined) continue
    if (at > from) fixed.push(from, at)
    from = at + bytes
  }
  if (from < frame.length) fixed.push(from, frame.length)
  return { frame: Buffer.from(frame), fixed, baseOffsetAt }
}

/** The base offset in a whole answer of this shape; -1 when it is of another, or names none. */
export function repeatedBaseOffset(
  shape: AnswerShape,
  chunk: Buffer,
  at: number,
  end: number,
): number {
  const { frame, fixed, baseOffsetAt } = shape
  if (end - at !== frame.length) return -1
  for (let range = 0; range < fixed.length; range += 2) {
    const behind = fixed[range + 1] ?? 0
    for (let place = fixed[range] ?? 0; place < behind; place++) {
      if (chunk[at + place] !== frame[place]) return -1
    }
  }
  const high = chunk.readInt32BE(at + baseOffsetAt)
  if (high < 0) return -1
  return high * 0x1_0000_0000 + chunk.readUInt32BE(at + baseOffsetAt + int32Bytes)
}
