// The beginning of a request, read by hand: enough to know what it is without decoding it.

/** Bytes from the start of a request's frame up to its client id. */
export const headerBytesMin = 14
const acksBytes = 2
const timeoutBytes = 4

/** Filled anew for each request: one is opened at a time on a thread. */
export interface RequestHead {
  apiKey: number
  version: number
  correlationId: number
  /** Of a Produce: acks=0. */
  silent: boolean
  /** Of a Produce: it names a transactional id. */
  isTransactional: boolean
  /** Of a Produce: where its topics begin, from the start of its frame; 0 when nobody knows. */
  topicsAt: number
}

export function newRequestHead(): RequestHead {
  return {
    apiKey: 0,
    version: 0,
    correlationId: 0,
    silent: false,
    isTransactional: false,
    topicsAt: 0,
  }
}

export function readHead(head: RequestHead, chunk: Buffer, at: number): void {
  head.apiKey = chunk.readInt16BE(at + 4)
  head.version = chunk.readInt16BE(at + 6)
  head.correlationId = chunk.readInt32BE(at + 8)
  head.silent = false
  head.isTransactional = false
  head.topicsAt = 0
}

/** Reads up to acks in a Produce request: 1 done, 0 cannot be read by hand, negative: so many bytes are needed. */
export function readProduceHead(
  head: RequestHead,
  chunk: Buffer,
  at: number,
  available: number,
): number {
  const clientIdLength = Math.max(0, chunk.readInt16BE(at + 12))
  let place = headerBytesMin + clientIdLength
  if (head.version >= 9) {
    if (available < place + 2) return -(place + 2)
    if (chunk[at + place] !== 0) return 0
    place += 1
  }
  head.isTransactional = false
  if (head.version >= 9) {
    let length = 0
    for (let shift = 0; ; shift += 7) {
      if (available < place + 1) return -(place + 1)
      const byte = chunk[at + place] ?? 0
      place += 1
      length |= (byte & 0x7f) << shift
      if (byte < 0x80 || shift >= 28) break
    }
    head.isTransactional = length > 0
    place += Math.max(0, length - 1)
  } else if (head.version >= 3) {
    if (available < place + 2) return -(place + 2)
    const length = chunk.readInt16BE(at + place)
    head.isTransactional = length >= 0
    place += 2 + Math.max(0, length)
  }
  if (available < place + 2) return -(place + 2)
  head.silent = chunk.readInt16BE(at + place) === 0
  head.topicsAt = place + acksBytes + timeoutBytes
  return 1
}
