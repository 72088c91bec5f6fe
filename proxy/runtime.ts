// The only place that time and chance come from. Everything else is given a Runtime, so that tests
// can turn the clock by hand and a seed fixes every random choice of a run.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Cancels a timer; calling it again, or after it went off, does nothing. */
export type Cancel = () => void

export interface Runtime {
  /** Wall clock in milliseconds since the epoch, with fractions; never goes backwards. */
  nowMs(): number
  /** Calls back once after the delay. The callback may start no earlier than that. */
  after(delayMs: number, callback: () => void): Cancel
  /** An independent stream of numbers in [0, 1), fixed by the run's seed and the stream's name. */
  random(stream: string): () => number
}

/** 32 bits that differ for different texts (FNV-1a). */
function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return hash | 0
}

/** A stream of numbers in [0, 1) that depends on seed and name alone. */
export function randomStream(seed: number, stream: string): () => number {
  const generator = xoroshiro128plus(hash32(`${seed}/${stream}`))
  return () => (generator.next() >>> 0) / 0x1_0000_0000
}

/** The real clock and real timers. A timer that has not been cancelled keeps the process alive. */
export function systemRuntime(seed: number): Runtime {
  return {
    nowMs: () => performance.timeOrigin + performance.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
    random: (stream) => randomStream(seed, stream),
  }
}
