// Numbers per second of the last minutes: records, ends of transactions, how long commits took.
import type { TransactionOutcome } from '../../proxy/events.ts'

/** Seconds kept. */
export const secondsMax = 600
/** Latencies taken into account in one second. */
const latenciesMax = 20_000

export interface Second {
  /** Since the epoch, in whole seconds. */
  second: number
  records: number
  ends: Record<TransactionOutcome, number>
  commitP50Ms: number | undefined
  commitP99Ms: number | undefined
}

interface OpenSecond {
  second: number
  records: number
  ends: Record<TransactionOutcome, number>
  latenciesMs: number[]
}

export interface Rates {
  addRecords(atMs: number, records: number): void
  addEnd(atMs: number, outcome: TransactionOutcome, latencyMs: number | undefined): void
  /** Whole seconds up to this time, oldest first, silent ones too. */
  until(nowMs: number, seconds: number): Second[]
  totals(): Readonly<Record<TransactionOutcome, number>>
  clear(): void
}

export function percentile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]
}

export function createRates(): Rates {
  const ring = new Map<number, OpenSecond>()
  const totals: Record<TransactionOutcome, number> = { committed: 0, aborted: 0, unknown: 0 }
  /** Seconds that are over are worked out once. */
  const done = new Map<number, Second>()

  function at(atMs: number): OpenSecond {
    const second = Math.floor(atMs / 1_000)
    const known = ring.get(second)
    if (known !== undefined) {
      done.delete(second)
      return known
    }
    const fresh: OpenSecond = {
      second,
      records: 0,
      ends: { committed: 0, aborted: 0, unknown: 0 },
      latenciesMs: [],
    }
    ring.set(second, fresh)
    if (ring.size > secondsMax) {
      const [oldest] = ring.keys()
      if (oldest !== undefined) {
        ring.delete(oldest)
        done.delete(oldest)
      }
    }
    return fresh
  }

  function view(second: number): Second {
    const known = done.get(second)
    if (known !== undefined) return known
    const open = ring.get(second)
    if (open === undefined) {
      const ends = { committed: 0, aborted: 0, unknown: 0 }
      return { second, records: 0, ends, commitP50Ms: undefined, commitP99Ms: undefined }
    }
    const sorted = open.latenciesMs.toSorted((a, b) => a - b)
    const made: Second = {
      second,
      records: open.records,
      ends: open.ends,
      commitP50Ms: percentile(sorted, 0.5),
      commitP99Ms: percentile(sorted, 0.99),
    }
    done.set(second, made)
    return made
  }

  return {
    addRecords(atMs, records) {
      at(atMs).records += records
    },
    addEnd(atMs, outcome, latencyMs) {
      const second = at(atMs)
      second.ends[outcome] += 1
      totals[outcome] += 1
      if (latencyMs !== undefined && second.latenciesMs.length < latenciesMax) {
        second.latenciesMs.push(latencyMs)
      }
    },
    until(nowMs, seconds) {
      const last = Math.floor(nowMs / 1_000) - 1
      return Array.from({ length: seconds }, (_, index) => view(last - seconds + 1 + index))
    },
    totals: () => totals,
    clear() {
      ring.clear()
      done.clear()
      Object.assign(totals, { committed: 0, aborted: 0, unknown: 0 })
    },
  }
}
