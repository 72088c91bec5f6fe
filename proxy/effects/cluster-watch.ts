// Who the cluster's brokers are, asked again: every so often, and soon after one could not be reached. A proxy that
// stands for days outlives the addresses that it began with, and not every client asks for metadata in time.
import type { Runtime } from '../runtime.ts'

/** Of many connections that fail at once only the first leads to a question. */
const soonMs = 250
/** Between two questions that failures led to. */
const soonestMs = 1_000

export interface ClusterWatch {
  /** A broker was not where it was thought to be. */
  missed(): void
  stop(): void
}

export function createClusterWatch(parts: {
  runtime: Runtime
  /** 0: nobody asks. */
  everyMs: number
  /** Asks, and tells of what has changed. */
  ask: () => Promise<void>
}): ClusterWatch {
  const { runtime, everyMs } = parts
  let cancel: () => void = () => undefined
  let dueAtMs = Number.POSITIVE_INFINITY
  let askedAtMs = Number.NEGATIVE_INFINITY
  let isAsking = false
  let isStopped = false

  function plan(delayMs: number): void {
    const atMs = runtime.nowMs() + delayMs
    if (isStopped || isAsking || atMs >= dueAtMs) return
    cancel()
    dueAtMs = atMs
    cancel = runtime.after(delayMs, () => void look())
  }

  async function look(): Promise<void> {
    dueAtMs = Number.POSITIVE_INFINITY
    askedAtMs = runtime.nowMs()
    isAsking = true
    try {
      await parts.ask()
    } catch {
      // Nobody answers now. Clients notice that by themselves, and so does /ready; it is asked again later.
    } finally {
      isAsking = false
      plan(everyMs)
    }
  }

  if (everyMs > 0) plan(everyMs)
  return {
    missed() {
      if (everyMs === 0) return
      plan(Math.max(soonMs, askedAtMs + soonestMs - runtime.nowMs()))
    },
    stop() {
      isStopped = true
      cancel()
    },
  }
}
