// Real sockets for tests of a connection: a peer that speaks frames on either side, and a waiter for what it
// receives, so that no test sleeps.
import net from 'node:net'

export function requestFrame(
  correlationId: number,
  body: Buffer = Buffer.alloc(0),
  apiKey = 900,
): Buffer {
  const head = Buffer.alloc(14)
  head.writeInt32BE(10 + body.length, 0)
  head.writeInt16BE(apiKey, 4)
  head.writeInt16BE(0, 6)
  head.writeInt32BE(correlationId, 8)
  head.writeInt16BE(-1, 12)
  return Buffer.concat([head, body])
}

export function replyFrame(correlationId: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + body.length, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, body])
}

export interface Peer {
  socket: net.Socket
  received(): Buffer
  /** Resolves when at least so many bytes have come. */
  bytes(count: number): Promise<Buffer>
  /** Resolves when the other side has ended or broken the connection. */
  gone: Promise<'fin' | string>
  send(bytes: Buffer): void
}

export function peerOf(socket: net.Socket): Peer {
  const chunks: Buffer[] = []
  let receivedBytes = 0
  let waiting: Array<{ count: number; resolve: (bytes: Buffer) => void }> = []
  const serve = (): void => {
    for (const waiter of waiting) {
      if (receivedBytes >= waiter.count) waiter.resolve(Buffer.concat(chunks))
    }
    waiting = waiting.filter(({ count }) => receivedBytes < count)
  }
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    receivedBytes += chunk.length
    serve()
  })
  const gone = new Promise<'fin' | string>((resolve) => {
    socket.on('end', () => resolve('fin'))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve('closed'))
  })
  return {
    socket,
    received: () => Buffer.concat(chunks),
    bytes: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve })
        serve()
      }),
    gone,
    send: (bytes) => void socket.write(bytes),
  }
}

export interface Server {
  port: number
  next(): Promise<Peer>
  close(): void
}

export async function startServer(allowHalfOpen = true): Promise<Server> {
  const arrived: Peer[] = []
  const waiting: Array<(peer: Peer) => void> = []
  const server = net.createServer({ allowHalfOpen }, (socket) => {
    const peer = peerOf(socket)
    const next = waiting.shift()
    if (next === undefined) arrived.push(peer)
    else next(peer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as net.AddressInfo
  return {
    port: address.port,
    next: () =>
      new Promise((resolve) => {
        const peer = arrived.shift()
        if (peer === undefined) waiting.push(resolve)
        else resolve(peer)
      }),
    close: () => void server.close(),
  }
}

export function connect(port: number): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () =>
      resolve(peerOf(socket)),
    )
    socket.once('error', reject)
  })
}
