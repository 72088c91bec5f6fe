// What can be said of a running proxy at any moment, kept up from its events: outcomes, latencies, fences, faults.
// Bounded, whatever passes; read by the metrics, the page and the rolling verdict.
import { build, type Histogram } from 'hdr-histogram-js'
import type { ProxyEvent, TransactionOutcome } from '../events.ts'
import { durationBoundsMs } from '../flow/traffic.ts'
import { createDurations, type HistogramSeries } from './histogram.ts'
import type { RunView } from './runs.ts'

export interface FaultTotals {
  kind: string
  fired: number
  applied: number
  healed: number
}

export interface LiveTotals {
  transactions: Record<TransactionOutcome, number>
  /** From EndTxn to its answer, in milliseconds. */
  commitLatencyMs: Histogram
  commitDurations: Omit<HistogramSeries, 'labels'>
  /** From the first send of a transaction to its end. */
  transactionDurations: Omit<HistogramSeries, 'labels'>
  /** 0 when there was none yet. */
  lastCommitAtMs: number
  fences: number
  epochBumps: number
  oddities: number
  errors: number
  loopStalls: number
  rebalances: number
  /** Records in batches that the broker accepted, as far as their sends were journaled. */
  recordsAccepted: number
  recordsUnknown: number
  faults: ReadonlyMap<string, FaultTotals>
}

export interface RollingVerdict {
  verdict: 'PASS' | 'FAIL' | 'INCONCLUSIVE'
  reasons: string[]
  run?: string
  atMs?: number
}

export interface Live {
  see(events: readonly ProxyEvent[]): void
  totals(): LiveTotals
  verdict(runs: readonly RunView[]): RollingVerdict
}

const endingsRememberedMax = 20_000
const faultsRememberedMax = 1_000

export function createLive(): Live {
  const transactions: Record<TransactionOutcome, number> = { committed: 0, aborted: 0, unknown: 0 }
  const commitLatencyMs = build({
    highestTrackableValue: 3_600_000,
    numberOfSignificantValueDigits: 2,
  })
  const commitDurations = createDurations(durationBoundsMs)
  const transactionDurations = createDurations(durationBoundsMs)
  let lastCommitAtMs = 0
  const endingAtMs = new Map<string, number>()
  const faults = new Map<string, FaultTotals>()
  const groupRebalances = new Map<string, number>()
  const counts = {
    fences: 0,
    epochBumps: 0,
    oddities: 0,
    errors: 0,
    loopStalls: 0,
    recordsAccepted: 0,
    recordsUnknown: 0,
  }

  function faultOf(name: string, kind: string): FaultTotals {
    const known = faults.get(name)
    if (known !== undefined) return known
    if (faults.size >= faultsRememberedMax) {
      const [oldest] = faults.keys()
      if (oldest !== undefined) faults.delete(oldest)
    }
    const fresh = { kind, fired: 0, applied: 0, healed: 0 }
    faults.set(name, fresh)
    return fresh
  }

  function seeTransaction(event: Extract<ProxyEvent, { type: 'transaction' }>): void {
    const { transactionalId, phase, outcome, atMs } = event
    if (phase === 'ending') {
      if (endingAtMs.size < endingsRememberedMax) endingAtMs.set(transactionalId, atMs)
      return
    }
    if (phase !== 'ended') return
    transactions[outcome ?? 'unknown'] += 1
    if (event.durationMs !== undefined) transactionDurations.note(event.durationMs)
    if (outcome === 'committed') lastCommitAtMs = atMs
    const startedAtMs = endingAtMs.get(transactionalId)
    endingAtMs.delete(transactionalId)
    if (startedAtMs !== undefined && outcome === 'committed') {
      commitDurations.note(Math.max(0, atMs - startedAtMs))
      commitLatencyMs.recordValue(Math.min(3_600_000, Math.max(0, Math.round(atMs - startedAtMs))))
    }
  }

  function see(event: ProxyEvent): void {
    switch (event.type) {
      case 'transaction':
        seeTransaction(event)
        break
      case 'producer':
        if (event.change === 'fenced') counts.fences += 1
        if (event.change === 'bumped') counts.epochBumps += 1
        break
      case 'send':
        for (const { told, brokerError, records } of event.batches) {
          if (told === 'ok' || brokerError === 'NONE') counts.recordsAccepted += records
          else if (told === 'unknown') counts.recordsUnknown += records
        }
        break
      case 'group':
        groupRebalances.set(event.group, event.rebalances)
        break
      case 'fault-fired':
        faultOf(event.fault, event.kind).fired += 1
        break
      case 'fault-applied':
        faultOf(event.fault, event.kind).applied += 1
        break
      case 'fault-healed':
        faultOf(event.fault, event.kind).healed += 1
        break
      case 'oddity':
        counts.oddities += 1
        break
      case 'error':
        counts.errors += 1
        break
      case 'loop-stalled':
        counts.loopStalls += 1
        break
      default:
        break
    }
  }

  return {
    see(events) {
      for (const event of events) see(event)
    },
    totals: () => ({
      transactions: { ...transactions },
      commitLatencyMs,
      commitDurations: commitDurations.series(),
      transactionDurations: transactionDurations.series(),
      lastCommitAtMs,
      ...counts,
      rebalances: [...groupRebalances.values()].reduce((sum, count) => sum + count, 0),
      faults,
    }),
    verdict(runs) {
      const judged = runs.filter(({ verdict }) => verdict !== undefined).at(-1)
      if (judged?.verdict !== undefined) {
        return {
          verdict: judged.verdict,
          reasons: judged.reasons ?? [],
          run: judged.name,
          ...(judged.endedAtMs === undefined ? {} : { atMs: judged.endedAtMs }),
        }
      }
      // What passes says what was done, not what became of every record: only an audit can say PASS.
      const reasons = ['no run has been audited with this proxy']
      if (counts.errors > 0) reasons.push(`the proxy reported ${counts.errors} errors`)
      return { verdict: 'INCONCLUSIVE', reasons }
    },
  }
}
