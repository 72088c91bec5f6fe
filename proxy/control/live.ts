// What can be said of a running proxy at any moment, kept up from its events: outcomes, latencies, fences, faults.
// Bounded, whatever passes; read by the metrics, the page and the rolling verdict.
import { build, type Histogram } from 'hdr-histogram-js'
import type { ProxyEvent, TransactionOutcome } from '../events.ts'
import { durationBoundsMs } from '../flow/traffic.ts'
import type { Runtime } from '../runtime.ts'
import { createDurations, type HistogramSeries } from './histogram.ts'
import type { RunView } from './runs.ts'
import { createVerdictWindow, type WindowCounts } from './verdict-window.ts'

/** How far back the rolling verdict looks unless told otherwise. */
export const verdictWindowMs = 15 * 60_000

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
  /** What audits of runs with this proxy have found, by kind. */
  anomalies: ReadonlyMap<string, number>
  recordsAudited: Readonly<AuditedRecords>
}

/** What an audit has counted. */
export interface AuditedRecords {
  expected: number
  committed: number
  lost: number
  duplicated: number
  unexpected: number
}

export interface Audited {
  records?: AuditedRecords
  anomalies?: ReadonlyArray<{ kind: string; count: number }>
}

export interface RollingVerdict {
  verdict: 'PASS' | 'FAIL' | 'INCONCLUSIVE'
  reasons: string[]
  run?: string
  atMs?: number
  windowMs: number
  counts: WindowCounts
}

export interface Live {
  see(events: readonly ProxyEvent[]): void
  /** A run was audited. */
  audited(found: Audited): void
  totals(): LiveTotals
  /** Of the last window. `hanging`: transactions that look open past their timeout now. */
  verdict(runs: readonly RunView[], hanging: number): RollingVerdict
}

const endingsRememberedMax = 20_000
const faultsRememberedMax = 1_000
const groupsRememberedMax = 1_000
/** Kinds of anomalies; there are fewer than that, and whoever makes some up must not fill the metrics. */
const anomalyKindsMax = 50

const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`

export function createLive(
  runtime: Pick<Runtime, 'nowMs'>,
  windowMs: number = verdictWindowMs,
): Live {
  const window = createVerdictWindow(windowMs)
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
  /** Of groups that are no longer remembered one by one. */
  let pastRebalances = 0
  const anomalies = new Map<string, number>()
  const recordsAudited = { expected: 0, committed: 0, lost: 0, duplicated: 0, unexpected: 0 }
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
      if (endingAtMs.size >= endingsRememberedMax) {
        const [oldest] = endingAtMs.keys()
        if (oldest !== undefined) endingAtMs.delete(oldest)
      }
      endingAtMs.set(transactionalId, atMs)
      return
    }
    if (phase !== 'ended') return
    transactions[outcome ?? 'unknown'] += 1
    window.note(atMs, outcome ?? 'unknown')
    if (event.durationMs !== undefined) transactionDurations.note(event.durationMs)
    if (outcome === 'committed') lastCommitAtMs = atMs
    const startedAtMs = endingAtMs.get(transactionalId)
    endingAtMs.delete(transactionalId)
    if (startedAtMs !== undefined && outcome === 'committed') {
      commitDurations.note(Math.max(0, atMs - startedAtMs))
      commitLatencyMs.recordValue(Math.min(3_600_000, Math.max(0, Math.round(atMs - startedAtMs))))
    }
  }

  function seeGroup(group: string, rebalances: number): void {
    // Whoever counts anew was forgotten in between.
    if (rebalances < (groupRebalances.get(group) ?? 0))
      pastRebalances += groupRebalances.get(group) ?? 0
    groupRebalances.delete(group)
    groupRebalances.set(group, rebalances)
    if (groupRebalances.size <= groupsRememberedMax) return
    const [oldest] = groupRebalances
    if (oldest === undefined) return
    groupRebalances.delete(oldest[0])
    pastRebalances += oldest[1]
  }

  function see(event: ProxyEvent): void {
    switch (event.type) {
      case 'transaction':
        seeTransaction(event)
        break
      case 'producer':
        if (event.change === 'fenced') {
          counts.fences += 1
          window.note(event.atMs, 'fences')
        }
        if (event.change === 'bumped') counts.epochBumps += 1
        break
      case 'send':
        for (const { told, brokerError, records } of event.batches) {
          if (told === 'ok' || brokerError === 'NONE') counts.recordsAccepted += records
          else if (told === 'unknown') counts.recordsUnknown += records
        }
        break
      case 'group':
        seeGroup(event.group, event.rebalances)
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
        window.note(event.atMs, 'errors')
        break
      case 'loop-stalled':
        counts.loopStalls += 1
        window.note(event.atMs, 'loopStalls')
        break
      default:
        break
    }
  }

  return {
    see(events) {
      for (const event of events) see(event)
    },
    audited({ records, anomalies: found = [] }) {
      for (const { kind, count } of found) {
        if (anomalies.size >= anomalyKindsMax && !anomalies.has(kind)) continue
        anomalies.set(kind, (anomalies.get(kind) ?? 0) + count)
      }
      if (records === undefined) return
      for (const stage of Object.keys(recordsAudited) as Array<keyof AuditedRecords>) {
        recordsAudited[stage] += records[stage]
      }
    },
    totals: () => ({
      transactions: { ...transactions },
      commitLatencyMs,
      commitDurations: commitDurations.series(),
      transactionDurations: transactionDurations.series(),
      lastCommitAtMs,
      ...counts,
      rebalances: [...groupRebalances.values()].reduce((sum, count) => sum + count, pastRebalances),
      faults,
      anomalies,
      recordsAudited,
    }),
    verdict(runs, hanging) {
      const nowMs = runtime.nowMs()
      const seen = window.counts(nowMs)
      const judged = runs.filter(
        ({ verdict, endedAtMs = nowMs }) => verdict !== undefined && endedAtMs > nowMs - windowMs,
      )
      // A FAIL that its plan asks for says nothing against the application.
      const failed = judged.filter(
        ({ verdict, expected = 'PASS' }) => verdict === 'FAIL' && expected !== 'FAIL',
      )
      const open = judged.filter(({ verdict }) => verdict === 'INCONCLUSIVE')
      const speaker = (failed.at(-1) ?? open.at(-1) ?? judged.at(-1)) as RunView | undefined
      // What passes says what was done, not what became of every record: only an audit can say PASS or FAIL.
      const doubts: string[] = []
      if (speaker === undefined) doubts.push(`no run was audited in the last ${minutes(windowMs)}`)
      if (seen.errors > 0) doubts.push(`the proxy reported ${seen.errors} errors`)
      if (seen.loopStalls > 0) doubts.push(`the proxy stood still ${seen.loopStalls} times`)
      if (hanging > 0) {
        doubts.push(
          `${hanging} transactions look open past their timeout (\`gauntlet txn find-hanging\` asks the brokers)`,
        )
      }
      const isOpen = doubts.length > 0 || open.length > 0
      return {
        verdict: failed.length > 0 ? 'FAIL' : isOpen ? 'INCONCLUSIVE' : 'PASS',
        reasons: [...(speaker?.reasons ?? []), ...doubts],
        ...(speaker === undefined ? {} : { run: speaker.name }),
        ...(speaker?.endedAtMs === undefined ? {} : { atMs: speaker.endedAtMs }),
        windowMs,
        counts: seen,
      }
    },
  }
}
