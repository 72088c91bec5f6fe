// The only file that opens sockets: listens, dials, and wraps a socket as a leg (bytes in, bytes out, back-
// pressure, endings). Where TLS is due, tls.ts wraps the socket first.
import net from 'node:net'
import type { BrokerTls, DoorTls, KeyPair } from './access.ts'
import { connectTls, type Greeting, terminateTls } from './tls.ts'

export interface SocketAddress {
  host: string
  port: number
}

export interface LegEvents {
  /**
   * True when nobody holds on to the chunk or a part of it: its memory is then used for the next bytes. Anything
   * else leaves the memory to whoever has it.
   */
  bytes(chunk: Buffer): boolean | undefined
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
  /** Nothing that was written is still waiting in memory. */
  flushed(): boolean
  pause(): void
  resume(): void
  /** Sends what is queued, then FIN. */
  end(): void
  /** Closes at once: with RST, or after the queued bytes with FIN. */
  close(how: 'fin' | 'reset'): void
  readonly open: boolean
  readonly remote: string
  /** Whose certificate the other side has shown; undefined where none was asked for. */
  readonly subject?: string
  listen(events: LegEvents): void
}

/** Room for one read: small to begin with, since most connections are quiet, and doubled by reads that fill it. */
const readBytesMin = 4 * 1024
const readBytesMax = 256 * 1024

/**
 * Reads into memory of our own. Left to itself Node allocates 64 kB for each read, and the garbage of a busy
 * connection then costs more than moving its bytes. What a reader of the chunk keeps is not written over: the next
 * read goes behind it, or into a new piece.
 */
function createReader(take: (chunk: Buffer) => boolean | undefined): net.OnReadOpts {
  let piece: Buffer = Buffer.allocUnsafeSlow(readBytesMin)
  let used = 0
  let room = piece
  const renew = (bytes: number): void => {
    piece = Buffer.allocUnsafeSlow(bytes)
    used = 0
    room = piece
  }
  return {
    buffer: () => room,
    callback(count) {
      const isFull = count === room.length
      const mayReuse = take(isFull ? room : room.subarray(0, count)) === true
      if (isFull && piece.length < readBytesMax) renew(piece.length * 2)
      else if (!mayReuse) {
        used += count
        if (used > piece.length / 2) renew(piece.length)
        else room = piece.subarray(used)
      }
      return true
    },
  }
}

/** How long a leg that was closed politely waits for the other side to do the same. */
const retireLimitMs = 2_000

/**
 * Moves an accepted connection to a socket with a reader, which Node's server cannot be told to make. Undefined where
 * Node's socket has no handle to move: then it reads in its own way.
 */
function adopt(accepted: net.Socket, onread: net.OnReadOpts): net.Socket | undefined {
  const holder = accepted as unknown as { _handle?: object | null }
  const handle = holder._handle
  if (handle === undefined || handle === null) return undefined
  holder._handle = null
  accepted.destroy()
  const options = { handle, allowHalfOpen: true, onread }
  return new net.Socket(options as net.SocketConstructorOpts)
}

/** `below` is the plain socket under one with TLS, which alone can be reset. */
function legOver(
  make: (onread: net.OnReadOpts) => net.Socket,
  below?: { raw: net.Socket; subject: string | undefined },
): { leg: Leg; socket: net.Socket } {
  let events: LegEvents | undefined
  let failure: string | undefined
  let isOpen = true
  let retired = false
  let paused = false
  const socket = make(createReader((chunk) => (retired ? true : events?.bytes(chunk))))
  const isSecured = 'encrypted' in socket
  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => void (retired || events?.bytes(chunk)))
  socket.on('end', () => {
    if (retired) socket.destroy()
    else events?.ended()
  })
  socket.on('drain', () => events?.drained())
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message
  })
  socket.on('close', () => {
    isOpen = false
    events?.closed(failure)
  })
  /**
   * Says goodbye and reads on until the other side does the same. Closed with bytes unread, the kernel would send a
   * reset, and that takes back what the other side has not read yet.
   */
  function retire(): void {
    if (retired) return
    retired = true
    if (socket.readableEnded) {
      socket.destroySoon()
      return
    }
    const timer = setTimeout(() => socket.destroy(), retireLimitMs)
    socket.once('close', () => clearTimeout(timer))
    socket.end()
    socket.resume()
  }
  const leg: Leg = {
    write(bytes) {
      if (!socket.writable) return true
      // Node says no to any large write, also to one that the kernel has taken whole.
      return socket.write(bytes) || socket.writableLength === 0
    },
    flushed: () => socket.writableLength === 0,
    // Each resume of a socket that still dials leaves a listener on it, so one that changes nothing is none.
    pause() {
      if (!paused) socket.pause()
      paused = true
    },
    resume() {
      if (paused) socket.resume()
      paused = false
    },
    end: () => void socket.end(),
    close(how) {
      if (!isOpen) return
      const isEnding = socket.writableEnded && !socket.writableFinished
      if (how === 'fin') retire()
      // While a FIN is under way Node's reset fails, and the socket would never report its close.
      else if (isEnding) socket.destroy()
      else if (below !== undefined) below.raw.resetAndDestroy()
      else if (isSecured) socket.destroy()
      else socket.resetAndDestroy()
    },
    get open() {
      return isOpen && !socket.destroyed
    },
    remote: `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`,
    ...(below?.subject === undefined ? {} : { subject: below.subject }),
    listen(listener) {
      events = listener
    },
  }
  return { leg, socket }
}

export interface Listener {
  address: SocketAddress
  close(): Promise<void>
}

/** TLS at a port of ours. */
export interface ListenerTls {
  door: DoorTls
  /** Asked for every connection before its handshake. */
  greet(): Greeting
  /** A handshake came to nothing, though nobody meant it to. */
  failed(reason: string): void
}

/** Accepts connections; resolves when the port is bound. Port 0 takes any free one. */
export function listen(
  address: SocketAddress,
  accept: (leg: Leg) => void,
  secured?: ListenerTls,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const open = new Set<net.Socket>()
    let whenEmpty: (() => void) | undefined
    const count = (socket: net.Socket): void => {
      open.add(socket)
      socket.once('close', () => {
        open.delete(socket)
        if (open.size === 0) whenEmpty?.()
      })
    }
    const terminator =
      secured === undefined
        ? undefined
        : terminateTls(
            secured.door,
            (socket, raw, subject) => accept(legOver(() => socket, { raw, subject }).leg),
            secured.failed,
          )
    const options = { allowHalfOpen: true, pauseOnConnect: terminator === undefined }
    const server = net.createServer(options, (accepted) => {
      if (secured !== undefined) {
        count(accepted)
        const greeting = secured.greet()
        if (greeting === 'reset') accepted.resetAndDestroy()
        else terminator?.receive(accepted, greeting)
        return
      }
      const { leg, socket } = legOver((onread) => adopt(accepted, onread) ?? accepted)
      count(socket)
      accept(leg)
      if (socket === accepted) socket.resume()
    })
    server.once('error', reject)
    server.listen({ host: address.host, port: address.port, backlog: 1024 }, () => {
      server.removeListener('error', reject)
      const bound = server.address()
      if (bound === null || typeof bound === 'string')
        throw new Error('a TCP server has an address')
      resolve({
        address: { host: address.host, port: bound.port },
        close: () =>
          new Promise((done) => {
            server.close(() => {
              if (open.size === 0) done()
              else whenEmpty = done
            })
            // A handshake that is not done is nobody's connection yet.
            if (secured !== undefined) terminator?.close()
          }),
      })
    })
  })
}

/** How long a broker may take to accept a connection. */
export const dialTimeoutMs = 10_000

/** TLS on a way to a broker, as we are or as somebody else. */
export interface DialTls {
  tls: BrokerTls
  identity?: KeyPair | undefined
}

/** Connects; `connected` or the leg's `closed` follows. Bytes written meanwhile are kept. */
export function dial(address: SocketAddress, connected: () => void, secured?: DialTls): Leg {
  const { host, port } = address
  const { leg, socket } = legOver((onread) =>
    secured === undefined
      ? net.connect({ host, port, allowHalfOpen: true, onread })
      : connectTls(address, secured.tls, secured.identity),
  )
  const timer = setTimeout(() => socket.destroy(new Error('dial timed out')), dialTimeoutMs)
  socket.once(secured === undefined ? 'connect' : 'secureConnect', () => {
    clearTimeout(timer)
    connected()
  })
  socket.once('close', () => clearTimeout(timer))
  return leg
}
