// One of the two ways of a connection, from the leg that bytes come from to the leg that they leave by: what is kept
// while it is cut off or left unread, thrown away in a black hole, made narrow, and when its sender has to wait.
import { createShaper, type Shape, type Shaper } from './shaper.ts'
import type { Leg } from './sockets.ts'
import type { Walker } from './walker.ts'

/** Bytes kept for one way of a waiting connection before its sender is made to wait too. */
export const keptBytesMax = 1024 * 1024

/** Which way bytes do not pass. */
export interface Direction {
  toBroker: boolean
  toClient: boolean
  /** Told when bytes are really kept or thrown away. */
  touched?: () => void
}

/** What keeps bytes from passing now; shared by both ways. */
export interface Barriers {
  /** Partition: bytes are kept. */
  stalled: Direction | undefined
  /** The socket that they come from is not read. */
  unread: Direction | undefined
  /** Black hole: bytes are thrown away. */
  block: Direction | undefined
}

export interface Way {
  /** Sends bytes on as the barriers let them. */
  send(bytes: Buffer): void
  /**
   * Takes what has come. True when the chunk's memory may be used for the next read: nothing of it is kept, and what
   * was written of it is out, or will be before reading goes on.
   */
  receive(chunk: Buffer): boolean
  /** The message that waited has been dealt with: those behind it follow. */
  goOn(): void
  /** What a partition kept goes on its way. */
  free(): void
  /** Its socket is read again, after what had been read of it already. False when it had not been left unread. */
  readAgain(): boolean
  /** The receiver takes bytes again. */
  drained(): void
  /** Bytes leave in this shape from now on; what is queued of one that ends leaves at once. */
  narrow(shape: Shape | undefined): void
  /** What is queued of a shape leaves now. */
  release(): void
  /** Calls back when nothing is queued, at once if so. */
  whenEmpty(work: () => void): void
  stop(): void
}

/** Of so many pieces that come the time of one is taken. */
const timedEvery = 64

const pausedByDrain = 1
const pausedByWait = 2
const pausedByFault = 4
const pausedByShape = 8

export function createWay(parts: {
  to: 'toBroker' | 'toClient'
  barriers: Barriers
  walker: () => Walker
  source: () => Leg | undefined
  sink: () => Leg | undefined
  /** Nobody is at the other end any more. */
  isSinkGone: () => boolean
  /** The other end is still to be dialled. */
  isUndialled: () => boolean
  /** What comes is of no interest to anybody. */
  isDeaf: () => boolean
  /** Nothing reaches the other end any more. */
  isMute: () => boolean
  /** The time to note for what has just come; 0 when nobody wants to know. */
  arrivedAtMs: () => number
  /** Bytes were thrown away. */
  torn: (hole: Direction) => void
  /** What has come has been walked through. */
  walked: () => void
  failed: (cause: unknown) => void
  /** Told, of a sample of pieces, how long they were held up by being looked at; absent: nobody asks. */
  heldUp?: ((tookMs: number) => void) | undefined
  nowMs: () => number
  after: (delayMs: number, callback: () => void) => () => void
}): Way {
  const { to, barriers } = parts
  /** What the partition, or a socket left unread, keeps as it came. */
  const kept: Buffer[] = []
  let keptBytes = 0
  /** Messages that came free in the middle of a partition: they wait on with the others. */
  const freed: Buffer[] = []
  let shaper: Shaper | undefined
  let paused = 0
  let pieces = 0

  function pause(why: number): void {
    if (paused === 0) parts.source()?.pause()
    paused |= why
  }
  function resume(why: number): void {
    if (paused === 0) return
    paused &= ~why
    if (paused === 0) parts.source()?.resume()
  }

  function write(leg: Leg, bytes: Buffer): void {
    if (!leg.write(bytes)) pause(pausedByDrain)
  }

  function keep(chunk: Buffer): false {
    kept.push(chunk)
    keptBytes += chunk.length
    return false
  }

  function receive(chunk: Buffer): boolean {
    if (parts.isDeaf()) return true
    const { stalled, unread, block } = barriers
    if (block?.[to] === true) {
      parts.torn(block)
      return true
    }
    if (stalled?.[to] === true || parts.isUndialled()) {
      stalled?.touched?.()
      keep(chunk)
      if (keptBytes > keptBytesMax) pause(pausedByWait)
      return false
    }
    if (unread?.[to] === true) {
      unread.touched?.()
      pause(pausedByFault)
      return keep(chunk)
    }
    const walker = parts.walker()
    const { heldUp } = parts
    const startMs = heldUp !== undefined && pieces++ % timedEvery === 0 ? parts.nowMs() : undefined
    let isFree = false
    try {
      isFree = walker.feed(chunk, parts.arrivedAtMs())
    } catch (cause) {
      parts.failed(cause)
    }
    if (startMs !== undefined) heldUp?.(parts.nowMs() - startMs)
    if (walker.waiting() && walker.keptBytes() > keptBytesMax) pause(pausedByWait)
    parts.walked()
    if (!isFree || freed.length > 0 || shaper !== undefined) return false
    return (paused & pausedByDrain) !== 0 || parts.sink()?.flushed() === true
  }

  function send(bytes: Buffer): void {
    const leg = parts.sink()
    if (leg === undefined || parts.isMute()) return
    const { block, stalled } = barriers
    if (block?.[to] === true) parts.torn(block)
    else if (stalled?.[to] === true) {
      stalled.touched?.()
      freed.push(bytes)
    } else if (shaper === undefined) write(leg, bytes)
    else if (!shaper.take(bytes)) pause(pausedByShape)
  }

  const newShaper = (shape: Shape): Shaper =>
    createShaper(shape, {
      nowMs: parts.nowMs,
      after: parts.after,
      isReady: () => barriers.stalled?.[to] !== true && (paused & pausedByDrain) === 0,
      write(bytes) {
        const leg = parts.sink()
        if (leg === undefined || parts.isSinkGone()) return
        if (barriers.block?.[to] === true) parts.torn(barriers.block)
        else write(leg, bytes)
      },
      relieved: () => resume(pausedByShape),
    })

  function free(): void {
    keptBytes = 0
    shaper?.resume()
    for (const bytes of freed.splice(0)) send(bytes)
    for (const chunk of kept.splice(0)) receive(chunk)
    if (!parts.walker().waiting()) resume(pausedByWait)
  }

  return {
    send,
    receive,
    goOn() {
      const walker = parts.walker()
      walker.resume()
      if (!walker.waiting()) resume(pausedByWait)
    },
    free,
    readAgain() {
      if ((paused & pausedByFault) === 0) return false
      free()
      resume(pausedByFault)
      return true
    },
    drained() {
      resume(pausedByDrain)
      shaper?.resume()
    },
    narrow(shape) {
      if (shape === undefined) {
        shaper?.release()
        shaper = undefined
      } else if (shaper === undefined) shaper = newShaper(shape)
      else shaper.reshape(shape)
    },
    release: () => shaper?.release(),
    whenEmpty(work) {
      if (shaper === undefined) work()
      else shaper.whenEmpty(work)
    },
    stop: () => shaper?.stop(),
  }
}
