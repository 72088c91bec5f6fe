// A broker that exists only on the wire: it answers every request with a success of that API and version, so that
// the engine can be tried with real sockets and without Kafka. It remembers what it has received.
import net from 'node:net'
import tls from 'node:tls'
import type { SocketAddress } from '../../proxy/flow/sockets.ts'
import {
  apiOf,
  decodeRequest,
  defaultResponse,
  encodeResponse,
  type Message,
} from '../../proxy/protocol/codec.ts'
import { readRequestHeader, responseFrame } from '../../proxy/protocol/frame.ts'

export interface Received {
  api: string
  version: number
  correlationId: number
  request: Message
}

export interface FakeBroker {
  node: number
  address: SocketAddress
  received: Received[]
  sockets: Set<net.Socket>
  /** What is said in an answer instead of its defaults. */
  says: Map<string, (request: Message, version: number) => Message>
  /** Requests are received and not answered before this is called. */
  hush(): () => void
  close(): Promise<void>
}

export async function startFakeBroker(node: number, secured?: tls.TlsOptions): Promise<FakeBroker> {
  const received: Received[] = []
  const sockets = new Set<net.Socket>()
  const says: FakeBroker['says'] = new Map()
  let hushed: Array<() => void> | undefined

  function answer(socket: net.Socket, frame: Buffer): void {
    const header = readRequestHeader(frame)
    const { apiKey, apiVersion, correlationId } = header
    const api = apiOf(apiKey)?.name ?? String(apiKey)
    const request = decodeRequest(apiKey, apiVersion, frame.subarray(header.bodyOffset))
    received.push({ api, version: apiVersion, correlationId, request })
    if (api === 'Produce' && request.acks === 0) return
    const reply = {
      ...defaultResponse(apiKey, apiVersion),
      ...says.get(api)?.(request, apiVersion),
    }
    const bytes = responseFrame(
      apiKey,
      apiVersion,
      correlationId,
      encodeResponse(apiKey, apiVersion, reply),
    )
    const send = (): void => void (socket.writable && socket.write(bytes))
    if (hushed === undefined) send()
    else hushed.push(send)
  }

  const serve = (socket: net.Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let rest = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const end = 4 + rest.readInt32BE(0)
        answer(socket, rest.subarray(4, end))
        rest = rest.subarray(end)
      }
    })
  }
  const server = secured === undefined ? net.createServer(serve) : tls.createServer(secured, serve)
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const address = { host: '127.0.0.1', port }
  says.set('Metadata', () => ({
    brokers: [{ nodeId: node, host: address.host, port, rack: null }],
    clusterId: 'fake',
    controllerId: node,
    topics: [],
  }))
  says.set('FindCoordinator', (request, version) =>
    version >= 4
      ? {
          coordinators: ((request.coordinatorKeys ?? []) as string[]).map((key) => ({
            key,
            nodeId: node,
            host: address.host,
            port,
            errorCode: 0,
            errorMessage: null,
          })),
        }
      : { nodeId: node, host: address.host, port },
  )
  return {
    node,
    address,
    received,
    sockets,
    says,
    hush() {
      const waiting: Array<() => void> = []
      hushed = waiting
      return () => {
        hushed = undefined
        for (const send of waiting) send()
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
