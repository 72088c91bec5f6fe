// Reads from the first bytes of a request what decides whether it must be decoded: the isolation of a Fetch, the first
// topic of a Produce. Negative numbers ask for so many bytes of the frame.
import { isFlexible } from '../protocol/frame.ts'
import { fetchKey, produceKey } from '../transactions/api-keys.ts'

export const readCommitted = 1
export const readUncommitted = 0

/** Size, API, version and correlation id, and the length of the client id. */
const headBytes = 14
const int32Bytes = 4
const uuidBytes = 16
const isolationSince = 4
const maxBytesSince = 3
const withoutReplicaSince = 15
const topicIdsSince = 13

/** The isolation level of a Fetch; one whose header has tags is too rare to read by hand and counts as uncommitted. */
export function readIsolation(
  chunk: Buffer,
  at: number,
  available: number,
  version: number,
): number {
  if (version < isolationSince) return readUncommitted
  let place = headBytes + Math.max(0, chunk.readInt16BE(at + headBytes - 2))
  if (isFlexible(fetchKey, version)) {
    if (available < place + 1) return -(place + 1)
    if (chunk[at + place] !== 0) return readUncommitted
    place += 1
  }
  if (version < withoutReplicaSince) place += int32Bytes
  // How long to wait, and how many bytes at least and at most.
  place += int32Bytes * (version >= maxBytesSince ? 3 : 2)
  if (available < place + 1) return -(place + 1)
  return chunk[at + place] === readCommitted ? readCommitted : readUncommitted
}

export interface FirstTopic {
  /** The request names no other. */
  isOnly: boolean
  name?: string
  topicId?: string
}

/** The first topic of a Produce whose topics begin at `topicsAt`; or the bytes that are needed. */
export function readFirstTopic(
  chunk: Buffer,
  at: number,
  available: number,
  version: number,
  topicsAt: number,
): FirstTopic | number {
  const flexible = isFlexible(produceKey, version)
  let place = topicsAt
  /** A length or count, one less than written where it is a varint; undefined when there are too few bytes. */
  const size = (plainBytes: 2 | 4): number | undefined => {
    if (!flexible) {
      if (available < place + plainBytes) return undefined
      const value = plainBytes === 2 ? chunk.readInt16BE(at + place) : chunk.readInt32BE(at + place)
      place += plainBytes
      return value
    }
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      if (available < place + 1) return undefined
      const byte = chunk[at + place] ?? 0
      place += 1
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    return value - 1
  }
  const count = size(4)
  if (count === undefined) return -(place + int32Bytes)
  const isOnly = count === 1
  if (!isOnly) return { isOnly }
  if (version >= topicIdsSince) {
    if (available < place + uuidBytes) return -(place + uuidBytes)
    const topicId = chunk.toString('base64url', at + place, at + place + uuidBytes)
    return { isOnly, topicId }
  }
  const length = size(2)
  if (length === undefined) return -(place + int32Bytes)
  if (available < place + length) return -(place + length)
  return { isOnly, name: chunk.toString('utf8', at + place, at + place + length) }
}
