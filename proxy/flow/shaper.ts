// Makes one direction of a connection narrow: a byte rate, small separate writes, or both. What comes is queued in
// order and leaves by the clock; the sender is told to wait when enough is queued.

/** Bytes queued for one direction of a narrow connection before its sender is made to wait. */
export const shapedBytesMax = 64 * 1024
/** What a quiet connection saves up of its rate: a burst of this length goes out at once. */
const burstMs = 20
/** Slices without a gap that are written in one turn, so that other connections have theirs. */
const slicesPerTurnMax = 256
const millisecondsPerSecond = 1_000

export interface Slicing {
  bytes: number
  /** A slice is up to this much shorter or longer. */
  variationBytes: number
  gapMs: number
  jitterMs: number
}

export interface Shape {
  bytesPerSecond?: number
  slicing?: Slicing
  random: () => number
  /** Told when bytes had to wait, or left in more writes than they came in. */
  touched: () => void
}

export interface Shaper {
  /** False when the sender should wait until `relieved`. */
  take(bytes: Buffer): boolean
  /** Goes on in another shape. */
  reshape(shape: Shape): void
  /** The receiver takes bytes again. */
  resume(): void
  /** Everything queued leaves now, as it came. */
  release(): void
  readonly queuedBytes: number
  /** Calls back when nothing is queued, at once if so. */
  whenEmpty(work: () => void): void
  /** Forgets what is queued. */
  stop(): void
}

export function createShaper(
  first: Shape,
  parts: {
    nowMs: () => number
    after: (delayMs: number, callback: () => void) => () => void
    write: (bytes: Buffer) => void
    /** Whether the receiver takes bytes now; `resume` follows when it does again. */
    isReady: () => boolean
    /** The sender may go on. */
    relieved: () => void
  },
): Shaper {
  let shape = first
  let queue: Buffer[] = []
  let queuedBytes = 0
  let isPressed = false
  let tokens = 0
  let refilledAtMs = parts.nowMs()
  /** What the rate has left of the slice that is under way. */
  let sliceLeft: number | undefined
  let cancelTurn: (() => void) | undefined
  let emptyListeners: Array<() => void> = []

  /** How long until `wanted` bytes, or a burst of them, may leave; pays for them when that is now. */
  function pay(wanted: number): { bytes: number; waitMs: number } {
    const { bytesPerSecond } = shape
    if (bytesPerSecond === undefined) return { bytes: wanted, waitMs: 0 }
    const now = parts.nowMs()
    const burst = Math.max(1, Math.floor((bytesPerSecond * burstMs) / millisecondsPerSecond))
    const earned = ((now - refilledAtMs) * bytesPerSecond) / millisecondsPerSecond
    tokens = Math.min(burst, tokens + earned)
    refilledAtMs = now
    const bytes = Math.min(wanted, burst)
    if (tokens < bytes) {
      const missingMs = ((bytes - tokens) * millisecondsPerSecond) / bytesPerSecond
      return { bytes: 0, waitMs: Math.ceil(missingMs) }
    }
    tokens -= bytes
    return { bytes, waitMs: 0 }
  }

  function sliceBytes(): number {
    const { slicing, random } = shape
    if (slicing === undefined) return Number.POSITIVE_INFINITY
    const { bytes, variationBytes } = slicing
    if (variationBytes === 0) return bytes
    return Math.max(1, Math.round(bytes + (random() * 2 - 1) * variationBytes))
  }

  function gapMs(): number {
    const { slicing, random } = shape
    if (slicing === undefined) return 0
    return slicing.jitterMs === 0 ? slicing.gapMs : slicing.gapMs + slicing.jitterMs * random()
  }

  /** The next so many bytes of the queue, never over the end of what was taken as one. */
  function cutOff(bytes: number): Buffer {
    const head = queue[0]
    if (head === undefined) throw new Error('nothing is queued')
    if (head.length <= bytes) {
      queue.shift()
      queuedBytes -= head.length
      return head
    }
    queue[0] = head.subarray(bytes)
    queuedBytes -= bytes
    return head.subarray(0, bytes)
  }

  function settle(): void {
    if (isPressed && queuedBytes <= shapedBytesMax / 2) {
      isPressed = false
      parts.relieved()
    }
    if (queuedBytes > 0) return
    const listeners = emptyListeners
    emptyListeners = []
    for (const listener of listeners) listener()
  }

  function nextTurn(delayMs: number): void {
    cancelTurn = parts.after(delayMs, () => {
      cancelTurn = undefined
      turn()
    })
  }

  /** Sends what may leave now and says when to look again. */
  function turn(): void {
    for (let written = 1; queue.length > 0 && parts.isReady(); written++) {
      const headBytes = queue[0]?.length ?? 0
      sliceLeft ??= sliceBytes()
      const { bytes, waitMs } = pay(Math.min(sliceLeft, headBytes))
      if (bytes === 0) {
        shape.touched()
        nextTurn(waitMs)
        break
      }
      sliceLeft -= bytes
      parts.write(cutOff(bytes))
      if (bytes < headBytes) shape.touched()
      if (sliceLeft > 0 && bytes < headBytes) continue
      sliceLeft = undefined
      const gap = gapMs()
      if (gap > 0 || (shape.slicing !== undefined && written >= slicesPerTurnMax)) {
        // Also behind the last slice: what comes next keeps its distance.
        nextTurn(gap)
        break
      }
    }
    settle()
  }

  return {
    take(bytes) {
      if (bytes.length > 0) {
        queue.push(bytes)
        queuedBytes += bytes.length
      }
      if (cancelTurn === undefined) turn()
      if (queuedBytes > shapedBytesMax) isPressed = true
      return !isPressed
    },
    reshape(next) {
      shape = next
      tokens = 0
      sliceLeft = undefined
      refilledAtMs = parts.nowMs()
      cancelTurn?.()
      cancelTurn = undefined
      turn()
    },
    resume() {
      if (cancelTurn === undefined) turn()
    },
    release() {
      cancelTurn?.()
      cancelTurn = undefined
      const all = queue
      queue = []
      queuedBytes = 0
      for (const bytes of all) parts.write(bytes)
      settle()
    },
    get queuedBytes() {
      return queuedBytes
    },
    whenEmpty(work) {
      if (queuedBytes === 0) work()
      else emptyListeners.push(work)
    },
    stop() {
      cancelTurn?.()
      cancelTurn = undefined
      queue = []
      queuedBytes = 0
      emptyListeners = []
    },
  }
}
