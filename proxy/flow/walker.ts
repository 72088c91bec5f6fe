// Cuts one direction of a connection into Kafka frames without copying: bytes that nobody asked for leave
// in the chunks they came in. A frame is streamed (only its header is read), teed (streamed, and shown when
// complete) or gathered (kept back until complete and decided upon).
import { frameBytesMax } from '../protocol/frame.ts'

export const stream = 0
export const tee = 1
export const gather = 2
/** One of the three modes, or the negative number of bytes that the header needs to be judged. */
export type FrameMode = number

/** What to do with a gathered frame: let it go on unchanged, replace it (empty: swallow), or stop here. */
export type FrameDecision = 'pass' | 'wait' | Buffer

export interface WalkerHooks {
  /** Bytes from the start of a frame, size included, that `header` always needs. */
  headerBytes: number
  header(chunk: Buffer, at: number, available: number): FrameMode
  /**
   * A whole teed or gathered frame in its chunk, before a view of it is made. True: it goes on as it is, nothing of it
   * is held on to, and it need not be shown.
   */
  glance(chunk: Buffer, at: number, end: number, mode: FrameMode): boolean
  frame(frame: Buffer): FrameDecision
  teed(frame: Buffer): void
  /** A frame has left (or was taken); bytes to put right behind it, if any. */
  ended(): Buffer | undefined
  write(bytes: Buffer): void
  broken(reason: string): void
}

export interface Walker {
  /**
   * Takes the next bytes of the stream, with the time they came. While waiting, they are kept. True when nothing of
   * the chunk is held on to, here or by whoever was shown a frame in it; what was written is another matter.
   */
  feed(chunk: Buffer, atMs: number): boolean
  /** Inside `frame`: sends what came before this frame, so that it leaves before any effect. */
  flush(): void
  /** Inside `frame` or `teed`: nobody holds on to the frame that is being shown. */
  release(): void
  /** Goes on after `wait`; the frame that waited has been dealt with by the caller. */
  resume(): void
  waiting(): boolean
  /** When the bytes under the walker's feet came. */
  chunkAtMs(): number
  /** Bytes kept while waiting. */
  keptBytes(): number
  /** No frame has begun that has not ended. */
  atBoundary(): boolean
  /** From now on bytes pass without a look. */
  turnOpaque(): void
  stop(): void
}

const sizeBytes = 4
/** A frame's memory grows with what has come of it: a size alone must not make us allocate. */
const assemblyBytesMin = 1024 * 1024

const nothing = Buffer.alloc(0)

export function createWalker(hooks: WalkerHooks): Walker {
  /** Bytes of the current frame still to come. */
  let remaining = 0
  let mode: FrameMode = stream
  /** Bytes so far of a frame that comes in several chunks; copied, since a chunk's memory is used again. */
  let assembly: Buffer | undefined
  let assembled = 0
  /** Somebody holds on to a view of the chunk under the walker's feet. */
  let isHeld = false
  /** The frame shown last was released by whoever saw it. */
  let isReleased = false
  /** Start of a frame whose header is not complete yet. */
  let stash: Buffer | undefined
  let kept: Array<{ bytes: Buffer; atMs: number }> = []
  let chunkAtMs = 0
  let keptBytes = 0
  let waiting = false
  let opaque = false
  let stopped = false
  let flushCurrent: () => void = () => undefined

  function keep(bytes: Buffer): void {
    isHeld = true
    kept.push({ bytes, atMs: chunkAtMs })
    keptBytes += bytes.length
  }

  /** Copies the part of the current frame that lies in a chunk; `remaining` is what comes after it. */
  function assemble(chunk: Buffer, at: number, end: number): void {
    const wanted = assembled + end - at
    if (assembly === undefined || assembly.length < wanted) {
      const whole = wanted + remaining
      const larger = Buffer.allocUnsafe(Math.min(whole, Math.max(assemblyBytesMin, wanted * 2)))
      assembly?.copy(larger, 0, 0, assembled)
      assembly = larger
    }
    chunk.copy(assembly, assembled, at, end)
    assembled = wanted
  }

  /** Deals with a complete gathered frame; true when the walk may go on behind it. */
  function decide(frame: Buffer, inChunk: boolean): FrameDecision {
    const decision = hooks.frame(frame)
    if (decision === 'pass' && !inChunk) hooks.write(frame)
    return decision
  }

  function walk(chunk: Buffer): void {
    const end = chunk.length
    let at = 0
    let flushed = 0
    const flush = (): void => {
      if (flushed < at)
        hooks.write(flushed === 0 && at === end ? chunk : chunk.subarray(flushed, at))
      flushed = at
    }
    flushCurrent = flush
    while (at < end) {
      if (stopped) return
      if (remaining > 0) {
        const take = Math.min(remaining, end - at)
        remaining -= take
        if (mode !== stream) assemble(chunk, at, at + take)
        at += take
        if (mode === gather) flushed = at
        if (remaining > 0) continue
        if (mode !== stream) {
          const memory = assembly ?? nothing
          const frame = memory.length === assembled ? memory : memory.subarray(0, assembled)
          assembly = undefined
          assembled = 0
          isReleased = false
          if (mode === tee) {
            hooks.teed(frame)
            // Not so for a gathered frame, whose bytes may still be on their way out.
            if (isReleased && memory.length <= assemblyBytesMin) assembly = memory
          } else {
            const decision = decide(frame, false)
            if (decision === 'wait') {
              if (at < end) keep(chunk.subarray(at))
              waiting = true
              return
            }
            if (typeof decision !== 'string' && decision.length > 0) hooks.write(decision)
          }
        }
        const behind = hooks.ended()
        if (behind !== undefined) {
          flush()
          hooks.write(behind)
        }
        continue
      }
      const available = end - at
      if (available < hooks.headerBytes) {
        flush()
        stash = Buffer.from(chunk.subarray(at))
        return
      }
      const frameBytes = chunk.readInt32BE(at) + sizeBytes
      if (frameBytes < hooks.headerBytes || frameBytes - sizeBytes > frameBytesMax) {
        flush()
        hooks.broken(`a frame claims ${frameBytes - sizeBytes} bytes`)
        return
      }
      const chosen = hooks.header(chunk, at, available)
      if (stopped) return
      if (chosen < 0) {
        if (available >= frameBytes) {
          flush()
          hooks.broken('a request header is longer than its frame')
          return
        }
        flush()
        stash = Buffer.from(chunk.subarray(at))
        return
      }
      mode = chosen
      if (mode === stream || available < frameBytes) {
        if (mode === gather) flush()
        remaining = frameBytes
        continue
      }
      if (hooks.glance(chunk, at, at + frameBytes, mode)) {
        at += frameBytes
        const behindIt = hooks.ended()
        if (behindIt !== undefined) {
          flush()
          hooks.write(behindIt)
        }
        continue
      }
      const frame = chunk.subarray(at, at + frameBytes)
      const heldBefore = isHeld
      isHeld = true
      isReleased = false
      if (mode === tee) {
        at += frameBytes
        hooks.teed(frame)
        if (isReleased) isHeld = heldBefore
      } else {
        const decision = decide(frame, true)
        if (isReleased && decision !== 'wait') isHeld = heldBefore
        if (decision === 'pass') at += frameBytes
        else {
          flush()
          at += frameBytes
          flushed = at
          if (decision === 'wait') {
            if (at < end) keep(chunk.subarray(at))
            waiting = true
            return
          }
          if (decision.length > 0) hooks.write(decision)
        }
      }
      const behind = hooks.ended()
      if (behind !== undefined) {
        flush()
        hooks.write(behind)
      }
    }
    flush()
  }

  return {
    feed(chunk, atMs) {
      if (stopped) return true
      if (waiting) {
        kept.push({ bytes: chunk, atMs })
        keptBytes += chunk.length
        return false
      }
      if (opaque) {
        hooks.write(chunk)
        return true
      }
      chunkAtMs = atMs
      isHeld = false
      if (stash === undefined) {
        walk(chunk)
        return !isHeld
      }
      const joined = Buffer.concat([stash, chunk])
      stash = undefined
      walk(joined)
      return true
    },
    resume() {
      if (!waiting || stopped) return
      waiting = false
      const behind = hooks.ended()
      if (behind !== undefined) hooks.write(behind)
      while (kept.length > 0 && !waiting && !stopped) {
        const next = kept.shift()
        if (next === undefined) break
        keptBytes -= next.bytes.length
        chunkAtMs = next.atMs
        const chunk: Buffer = stash === undefined ? next.bytes : Buffer.concat([stash, next.bytes])
        stash = undefined
        if (opaque) hooks.write(chunk)
        else {
          // What is left of this chunk when the walk stops again must come before the rest.
          const rest = kept
          kept = []
          walk(chunk)
          kept.push(...rest)
        }
      }
    },
    waiting: () => waiting,
    flush: () => flushCurrent(),
    release() {
      isReleased = true
    },
    chunkAtMs: () => chunkAtMs,
    keptBytes: () => keptBytes,
    atBoundary: () => remaining === 0 && stash === undefined && !waiting,
    turnOpaque() {
      opaque = true
    },
    stop() {
      stopped = true
      assembly = undefined
      kept = []
      keptBytes = 0
      stash = undefined
    },
  }
}
