// A tap on both legs of every connection of the proxy: what came from the client and went to the broker, what came
// from the broker and went to the client, byte for byte. Put in by a test with `vi.mock` of flow/sockets.ts.
import type { Leg } from '../../proxy/flow/sockets.ts'
import { type ApiInfo, apiOf, decodeResponse, type Message } from '../../proxy/protocol/codec.ts'
import { responseBodyOffset } from '../../proxy/protocol/frame.ts'

type Sockets = typeof import('../../proxy/flow/sockets.ts')

export interface RecordedConnection {
  fromClient: Buffer[]
  toClient: Buffer[]
  fromBroker: Buffer[]
  toBroker: Buffer[]
}

/** Every connection that a proxy of this process has accepted since the list was last emptied. */
export const recorded: RecordedConnection[] = []

function tapped(leg: Leg, inward: Buffer[], outward: Buffer[]): Leg {
  return {
    ...leg,
    get open() {
      return leg.open
    },
    write(bytes) {
      outward.push(Buffer.from(bytes))
      return leg.write(bytes)
    },
    listen: (events) =>
      leg.listen({
        ...events,
        bytes(chunk) {
          inward.push(Buffer.from(chunk))
          return events.bytes(chunk)
        },
      }),
  }
}

/** The real socket layer with taps on both sides of whatever is accepted. */
export function recordingSockets(actual: Sockets): Sockets {
  let accepting: RecordedConnection | undefined
  return {
    ...actual,
    listen: (address, accept) =>
      actual.listen(address, (client) => {
        const connection: RecordedConnection = {
          fromClient: [],
          toClient: [],
          fromBroker: [],
          toBroker: [],
        }
        recorded.push(connection)
        // The proxy dials the broker before it returns.
        accepting = connection
        accept(tapped(client, connection.fromClient, connection.toClient))
        accepting = undefined
      }),
    dial(address, connected) {
      const leg = actual.dial(address, connected)
      return accepting === undefined ? leg : tapped(leg, accepting.fromBroker, accepting.toBroker)
    },
  }
}

/** Bytes in a list of chunks. */
export function bytesIn(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

/** Cuts a stream into frames, sizes included; what is not whole at its end is left out. */
export function framesOf(chunks: readonly Buffer[]): Buffer[] {
  const bytes = Buffer.concat(chunks)
  const frames: Buffer[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readInt32BE(at)
    if (end > bytes.length) break
    frames.push(bytes.subarray(at, end))
    at = end
  }
  return frames
}

export interface RecordedExchange {
  api: ApiInfo | undefined
  version: number
  request: Buffer
  /** As the broker gave it, and as the client got it. */
  given: Buffer
  got: Buffer
}

/** Requests with both forms of their answers. */
export function exchangesOf(connection: RecordedConnection): RecordedExchange[] {
  const given = framesOf(connection.fromBroker)
  const got = framesOf(connection.toClient)
  const requests = new Map(
    framesOf(connection.fromClient).map((request) => [request.readInt32BE(8), request]),
  )
  return given.flatMap((answer, at) => {
    const request = requests.get(answer.readInt32BE(4))
    const told = got[at]
    if (request === undefined || told === undefined) return []
    const api = apiOf(request.readInt16BE(4))
    return [{ api, version: request.readInt16BE(6), request, given: answer, got: told }]
  })
}

export function answerIn(exchange: RecordedExchange, frame: Buffer): Message {
  const { api, version } = exchange
  if (api === undefined) throw new Error('an API that nobody knows')
  const answer = frame.subarray(4)
  const offset = responseBodyOffset(api.key, version, answer)
  return decodeResponse(api.key, version, answer.subarray(offset))
}

/** Every port that an answer tells, wherever it stands. */
export function portsIn(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(portsIn)
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'port' && typeof inner === 'number' && inner > 0 ? [inner] : portsIn(inner),
  )
}

/** The same value with every address taken out. */
export function withoutAddresses(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAddresses)
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'host' && name !== 'port')
      .map(([name, inner]) => [name, withoutAddresses(inner)]),
  )
}
