// A frame is an int32 size, then a header and a body. Which header version goes with which message, with the
// two exceptions: the client id keeps its old form in flexible headers, and ApiVersions is always answered
// with header version 0, because its client does not yet know what the broker speaks.
import {
  type Cursor,
  checkTagOrder,
  cursorOver,
  ProtocolError,
  readInt16,
  readInt32,
  readNullableString,
  readTagEnd,
  readUnknownTag,
  readUnsignedVarint,
  type UnknownTag,
  writeInt16,
  writeInt32,
  writeNullableString,
  writeUnknownTags,
  writeUnsignedVarint,
  written,
} from './bytes.ts'
import { apiOf } from './codec.ts'

/** What a broker accepts by default (socket.request.max.bytes). */
export const frameBytesMax = 100 * 1024 * 1024
/** The size in front of a frame, which it does not count. */
export const sizeBytes = 4
/** Key, version and correlation id: the part of a request header that every version has. */
export const requestHeaderBytesMin = 8

const apiVersionsKey = 18
const correlationIdBytes = 4

export interface RequestHeader {
  apiKey: number
  apiVersion: number
  correlationId: number
  clientId: string | null
  /** Of the header; empty before flexible versions. */
  taggedFields: UnknownTag[]
  /** Where the body starts in the frame. */
  bodyOffset: number
}

/** By the request's version alone, so it also holds for versions that the schemas do not know yet. */
export function isFlexible(apiKey: number, apiVersion: number): boolean {
  const api = apiOf(apiKey)
  return api !== undefined && apiVersion >= api.flexibleFrom
}

function hasFlexibleResponseHeader(apiKey: number, apiVersion: number): boolean {
  return apiKey !== apiVersionsKey && isFlexible(apiKey, apiVersion)
}

/** `frame` without its size. For an unknown API the body may start with a header's tagged fields. */
export function readRequestHeader(frame: Buffer): RequestHeader {
  const cursor = cursorOver(frame)
  const apiKey = readInt16(cursor)
  const apiVersion = readInt16(cursor)
  const correlationId = readInt32(cursor)
  const clientId = readNullableString(cursor)
  const taggedFields = isFlexible(apiKey, apiVersion) ? readTags(cursor) : []
  return { apiKey, apiVersion, correlationId, clientId, taggedFields, bodyOffset: cursor.position }
}

function readTags(cursor: Cursor): UnknownTag[] {
  const tags: UnknownTag[] = []
  let previous = -1
  for (let left = readUnsignedVarint(cursor); left > 0; left--) {
    const tag = readUnsignedVarint(cursor)
    checkTagOrder(cursor, tag, previous)
    previous = tag
    tags.push(readUnknownTag(cursor, tag, readTagEnd(cursor)))
  }
  return tags
}

/** Where the body of an answer starts in its frame (without the size). */
export function responseBodyOffset(apiKey: number, apiVersion: number, frame: Buffer): number {
  const cursor = cursorOver(frame)
  readInt32(cursor)
  if (hasFlexibleResponseHeader(apiKey, apiVersion)) {
    for (let left = readUnsignedVarint(cursor); left > 0; left--) {
      readUnsignedVarint(cursor)
      cursor.position = readTagEnd(cursor)
    }
  }
  return cursor.position
}

export interface RequestFrameHeader {
  apiKey: number
  apiVersion: number
  correlationId: number
  clientId: string | null
  taggedFields?: UnknownTag[]
}

/** The whole frame, size included. */
export function requestFrame(header: RequestFrameHeader, body: Buffer): Buffer {
  const start = written((output) => {
    writeInt32(output, 0, 'size')
    writeInt16(output, header.apiKey, 'apiKey')
    writeInt16(output, header.apiVersion, 'apiVersion')
    writeInt32(output, header.correlationId, 'correlationId')
    writeNullableString(output, header.clientId, 'clientId')
    if (!isFlexible(header.apiKey, header.apiVersion)) return
    const tags = header.taggedFields ?? []
    writeUnsignedVarint(output, tags.length)
    writeUnknownTags(output, tags, 0, Number.POSITIVE_INFINITY)
  })
  return sized(start, body)
}

/** The whole frame, size included. */
export function responseFrame(
  apiKey: number,
  apiVersion: number,
  correlationId: number,
  body: Buffer,
): Buffer {
  const tagBytes = hasFlexibleResponseHeader(apiKey, apiVersion) ? 1 : 0
  const start = Buffer.alloc(sizeBytes + correlationIdBytes + tagBytes)
  start.writeInt32BE(correlationId, sizeBytes)
  return sized(start, body)
}

function sized(start: Buffer, body: Buffer): Buffer {
  const frameBytes = start.length - sizeBytes + body.length
  if (frameBytes > frameBytesMax) {
    throw new ProtocolError(`a frame of ${frameBytes} bytes, at most ${frameBytesMax}`, 0)
  }
  start.writeInt32BE(frameBytes, 0)
  return Buffer.concat([start, body], start.length + body.length)
}
