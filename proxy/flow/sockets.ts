// The only file that opens sockets: listens, dials, and wraps a socket as a leg (bytes in, bytes out, back-
// pressure, endings). TLS will come in here and nowhere else.
import net from 'node:net'

export interface SocketAddress {
  host: string
  port: number
}

export interface LegEvents {
  bytes(chunk: Buffer): void
  /** The other side sends no more; it may still read. */
  ended(): void
  /** Nothing will come or go any more. Called once. */
  closed(failure: string | undefined): void
  /** Written bytes have drained below the mark again. */
  drained(): void
}

/** One end of a connection. */
export interface Leg {
  /** False when the receiver is slow: stop reading from the other leg until `drained`. */
  write(bytes: Buffer): boolean
  pause(): void
  resume(): void
  /** Sends what is queued, then FIN. */
  end(): void
  /** Closes at once: with RST, or after the queued bytes with FIN. */
  close(how: 'fin' | 'reset'): void
  readonly open: boolean
  readonly remote: string
  listen(events: LegEvents): void
}

/** How long the last bytes of a closed connection may take to leave. */
export const finLimitMs = 5_000

export function legOf(socket: net.Socket): Leg {
  socket.setNoDelay(true)
  let events: LegEvents | undefined
  let failure: string | undefined
  let isOpen = true
  socket.on('data', (chunk: Buffer) => events?.bytes(chunk))
  socket.on('end', () => events?.ended())
  socket.on('drain', () => events?.drained())
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message
  })
  socket.on('close', () => {
    isOpen = false
    events?.closed(failure)
  })
  return {
    write: (bytes) => (socket.writable ? socket.write(bytes) : true),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    close(how) {
      if (!isOpen) return
      if (how === 'reset') {
        socket.resetAndDestroy()
        return
      }
      socket.destroySoon()
      // A peer that reads no more would keep the rest, and this socket, for ever.
      const timer = setTimeout(() => socket.resetAndDestroy(), finLimitMs)
      timer.unref()
      socket.once('close', () => clearTimeout(timer))
    },
    get open() {
      return isOpen && !socket.destroyed
    },
    remote: `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`,
    listen(listener) {
      events = listener
    },
  }
}

export interface Listener {
  address: SocketAddress
  close(): Promise<void>
}

/** Accepts connections; resolves when the port is bound. Port 0 takes any free one. */
export function listen(address: SocketAddress, accept: (leg: Leg) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) =>
      accept(legOf(socket)),
    )
    server.once('error', reject)
    server.listen({ host: address.host, port: address.port, backlog: 1024 }, () => {
      server.removeListener('error', reject)
      const bound = server.address()
      if (bound === null || typeof bound === 'string')
        throw new Error('a TCP server has an address')
      resolve({
        address: { host: address.host, port: bound.port },
        close: () => new Promise((done) => server.close(() => done())),
      })
    })
  })
}

/** How long a broker may take to accept a connection. */
export const dialTimeoutMs = 10_000

/** Connects; `connected` or the leg's `closed` follows. Bytes written meanwhile are kept. */
export function dial(address: SocketAddress, connected: () => void): Leg {
  const socket = net.connect({ host: address.host, port: address.port, allowHalfOpen: true })
  const timer = setTimeout(() => socket.destroy(new Error('dial timed out')), dialTimeoutMs)
  socket.once('connect', () => {
    clearTimeout(timer)
    connected()
  })
  socket.once('close', () => clearTimeout(timer))
  return legOf(socket)
}
