// What the timeline of a run shows, drawn from its history: a lane per transactional id, the firings of faults, the
// times without progress, records per second, commit latency. What is too much to be drawn one by one is summed up in
// cells, and the picture says so. Pure.
import type { Firing } from '../../../proxy/events.ts'
import { outcomeOf } from '../../../validators/counts.ts'
import type { WireTransaction } from '../../../validators/facts/wire.ts'
import type { History } from '../../../validators/history.ts'
import type { RunResult } from '../../../validators/result.ts'

/** Bars that are drawn one by one; beyond that lanes are summed up. */
export const barsMax = 2_000
/** Lanes of their own; the ids left over share the last one. */
export const lanesMax = 30
/** Of each fault; an unlimited one may have thousands. */
export const firingsDrawnMax = 60
/** Cells of all lanes together, when they are summed up. */
const cellsMax = 2_400
/** Transactions that keep a mark of their own beside the cells. */
const marksMax = 200
/** A shorter time without progress is nothing to speak of. */
const stallMs = 1_000
const slotsMax = 120
const slotStepsMs = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000]

export type Look = 'committed' | 'aborted' | 'unknown' | 'open'

export interface Bar {
  transactionalId: string
  transaction: number
  fromMs: number
  toMs: number
  look: Look
  /** The client was without the answer, for a time or for good. */
  unsure: boolean
  /** A finding names it. */
  found: boolean
  records: number
}

export interface Cell {
  fromMs: number
  toMs: number
  counts: Record<Look, number>
  unsure: number
  found: number
}

export interface Lane {
  name: string
  counts: Record<Look, number>
  unsure: number
  bars: Bar[]
  /** Instead of bars, when there are too many. */
  cells: Cell[]
  /** What happened to the process behind it. */
  processes: Array<{ atMs: number; change: string }>
}

export interface FaultRow {
  name: string
  kind: string
  firings: Array<{ firing: Firing; fromMs: number; toMs: number }>
  leftOut: number
}

export interface RunPicture {
  fromMs: number
  toMs: number
  phases: Array<{ name: string; atMs: number }>
  lanes: Lane[]
  /** Ids that share the last lane. */
  idsLeftOut: number
  transactions: number
  /** How long a cell is; undefined while every transaction has a bar. */
  cellMs: number | undefined
  faults: FaultRow[]
  /** Nobody made progress. */
  stalls: Array<{ fromMs: number; toMs: number }>
  slotMs: number
  /** Per slot. */
  recordsPerSecond: number[]
  commitLatency: Array<{ p50: number; p99: number } | undefined>
  /** Transactions that did not simply commit, and those of findings. */
  notable: Bar[]
  notableLeftOut: number
}

const noCounts = (): Record<Look, number> => ({ committed: 0, aborted: 0, unknown: 0, open: 0 })

export const transactionKey = (id: string, transaction: number): string => `${id}#${transaction}`

export function drawRun(history: History, result: RunResult): RunPicture {
  const { transactions } = history.wire
  const span = spanOf(history)
  const found = new Set(
    result.findings.flatMap(({ proof }) =>
      proof.flatMap(({ transactionalId, transaction }) =>
        transactionalId === undefined || transaction === undefined
          ? []
          : [transactionKey(transactionalId, transaction)],
      ),
    ),
  )
  const unsure = unsureOf(history)
  const bars = transactions.map((transaction) =>
    barOf(history, transaction, { found, unsure, span }),
  )
  const { lanes, idsLeftOut } = lanesOf(history, bars)
  const isTooMany = bars.length > barsMax
  const cellMs = isTooMany
    ? (span.toMs - span.fromMs) / Math.max(20, Math.floor(cellsMax / Math.max(1, lanes.length)))
    : undefined
  const notable = bars.filter((bar) => bar.found || bar.unsure || bar.look !== 'committed')
  const slotMs = slotOf(span)
  return {
    ...span,
    phases: [...history.timeline.phases]
      .map(([name, atMs]) => ({ name, atMs }))
      .filter(({ atMs }) => atMs >= span.fromMs && atMs <= span.toMs),
    lanes:
      cellMs === undefined
        ? lanes
        : lanes.map((lane) => ({
            ...lane,
            cells: cellsOf(lane.bars, span.fromMs, cellMs),
            bars: [],
          })),
    idsLeftOut,
    transactions: bars.length,
    cellMs,
    faults: faultRows(history, span),
    stalls: stallsOf(history),
    slotMs,
    recordsPerSecond: throughput(history, bars, span, slotMs),
    commitLatency: latencies(history, span, slotMs),
    notable: worstFirst(notable).slice(0, marksMax),
    notableLeftOut: Math.max(0, notable.length - marksMax),
  }
}

/** Findings first, then what is not decided, each by time. */
function worstFirst(bars: readonly Bar[]): Bar[] {
  const rank = ({ found, look, unsure }: Bar): number =>
    found ? 0 : look === 'unknown' || look === 'open' ? 1 : unsure ? 2 : 3
  return [...bars].sort((a, b) => rank(a) - rank(b) || a.fromMs - b.fromMs)
}

interface Span {
  fromMs: number
  toMs: number
}

/** From the first that the application did until all was at rest; the cluster's start and the audit are left out. */
function spanOf({ timeline, wire, run, lastAtMs }: History): Span {
  const { phases } = timeline
  const last = (values: Iterable<number>): number => {
    let latest = Number.NEGATIVE_INFINITY
    for (const value of values) if (value > latest) latest = value
    return latest
  }
  const activeMs = last(
    [
      wire.transactions.map(({ beganAtMs, endedAtMs }) => endedAtMs ?? beganAtMs),
      timeline.progress.map(({ atMs }) => atMs),
      wire.sends.map(({ atMs }) => atMs),
      timeline.faults.flatMap(({ firings }) =>
        firings.map(({ firedAtMs, healedAtMs }) => healedAtMs ?? firedAtMs),
      ),
    ].map(last),
  )
  const firstMs = Math.min(
    wire.transactions[0]?.beganAtMs ?? Number.POSITIVE_INFINITY,
    wire.sends[0]?.sentAtMs ?? Number.POSITIVE_INFINITY,
    phases.get('load-started') ?? Number.POSITIVE_INFINITY,
    phases.get('instances-started') ?? Number.POSITIVE_INFINITY,
  )
  const fromMs = Number.isFinite(firstMs) ? firstMs : run.atMs
  const endMs = Math.max(activeMs, phases.get('drain-started') ?? 0)
  const toMs = Number.isFinite(endMs) && endMs > fromMs ? endMs : Math.max(lastAtMs, fromMs + 1)
  const margin = (toMs - fromMs) * 0.01
  return { fromMs: fromMs - margin, toMs: toMs + margin }
}

/** Transactions whose outcome the client did not know at some time; the answer may have come later. */
function unsureOf(history: History): Set<string> {
  const unsure = new Set<string>()
  for (const line of history.lines()) {
    if (line.type !== 'transaction' || line.outcome !== 'unknown') continue
    unsure.add(transactionKey(line.transactionalId, line.transaction))
  }
  return unsure
}

function barOf(
  history: History,
  transaction: WireTransaction,
  known: { found: Set<string>; unsure: Set<string>; span: Span },
): Bar {
  const { transactionalId, beganAtMs, endedAtMs, sends } = transaction
  const key = transactionKey(transactionalId, transaction.transaction)
  const outcome = outcomeOf(history, transaction)
  return {
    transactionalId,
    transaction: transaction.transaction,
    fromMs: beganAtMs,
    toMs: endedAtMs ?? known.span.toMs,
    look: outcome === 'unknown' && endedAtMs === undefined ? 'open' : outcome,
    unsure: known.unsure.has(key),
    found: known.found.has(key),
    records: sends.reduce((sum, { batch }) => sum + (batch.told === 'ok' ? batch.records : 0), 0),
  }
}

/** By name; if there are too many, those with something to see have lanes of their own. */
function lanesOf(history: History, bars: readonly Bar[]): { lanes: Lane[]; idsLeftOut: number } {
  const byId = new Map<string, Bar[]>()
  for (const bar of bars) {
    const own = byId.get(bar.transactionalId)
    if (own === undefined) byId.set(bar.transactionalId, [bar])
    else own.push(bar)
  }
  const instanceOf = new Map(
    history.wire.transactions.map(({ transactionalId, instance }) => [transactionalId, instance]),
  )
  const all = [...byId].map(([name, own]) => {
    const instance = instanceOf.get(name)
    return laneOf(
      name,
      own,
      history.timeline.instances.filter(
        (line) => instance !== undefined && line.instance === instance,
      ),
    )
  })
  const byName = (a: Lane, b: Lane): number => a.name.localeCompare(b.name, 'en', { numeric: true })
  if (all.length <= lanesMax) return { lanes: all.sort(byName), idsLeftOut: 0 }
  const interest = ({ bars: own }: Lane): number =>
    own.filter((bar) => bar.found || bar.unsure || bar.look !== 'committed').length
  const ranked = all.sort((a, b) => interest(b) - interest(a) || byName(a, b))
  const own = ranked.slice(0, lanesMax - 1)
  const others = ranked.slice(lanesMax - 1)
  const shared = laneOf(
    `${others.length} other ids`,
    others.flatMap((lane) => lane.bars).sort((a, b) => a.fromMs - b.fromMs),
    [],
  )
  return { lanes: [...own.sort(byName), shared], idsLeftOut: others.length }
}

function laneOf(name: string, bars: Bar[], processes: Lane['processes']): Lane {
  const counts = noCounts()
  for (const { look } of bars) counts[look]++
  return {
    name,
    counts,
    unsure: bars.filter(({ unsure }) => unsure).length,
    bars,
    cells: [],
    processes: processes.map(({ atMs, change }) => ({ atMs, change })),
  }
}

/** A transaction belongs to the cell in which it ended. */
function cellsOf(bars: readonly Bar[], fromMs: number, cellMs: number): Cell[] {
  const cells = new Map<number, Cell>()
  for (const bar of bars) {
    const index = Math.floor((bar.toMs - fromMs) / cellMs)
    let cell = cells.get(index)
    if (cell === undefined) {
      const startMs = fromMs + index * cellMs
      cell = { fromMs: startMs, toMs: startMs + cellMs, counts: noCounts(), unsure: 0, found: 0 }
      cells.set(index, cell)
    }
    cell.counts[bar.look]++
    if (bar.unsure) cell.unsure++
    if (bar.found) cell.found++
  }
  return [...cells].sort(([a], [b]) => a - b).map(([, cell]) => cell)
}

function faultRows({ timeline }: History, { toMs }: Span): FaultRow[] {
  return timeline.faults.map(({ name, kind, firings }) => ({
    name,
    kind,
    firings: firings.slice(0, firingsDrawnMax).map((firing) => ({
      firing,
      fromMs: firing.firedAtMs,
      toMs: Math.min(toMs, firing.healedAtMs ?? firing.appliedAtMs ?? firing.firedAtMs),
    })),
    leftOut: Math.max(0, firings.length - firingsDrawnMax),
  }))
}

function stallsOf({ timeline }: History): RunPicture['stalls'] {
  const { phases, progress } = timeline
  const from = phases.get('warm') ?? phases.get('load-started')
  const to = phases.get('load-finished') ?? phases.get('drain-started')
  if (from === undefined || to === undefined) return []
  const times = progress.map(({ atMs }) => atMs).filter((atMs) => atMs > from && atMs < to)
  times.sort((a, b) => a - b)
  let before = from
  return [...times, to].flatMap((atMs) => {
    const gap = { fromMs: before, toMs: atMs }
    before = atMs
    return gap.toMs - gap.fromMs >= stallMs ? [gap] : []
  })
}

function slotOf({ fromMs, toMs }: Span): number {
  const whole = toMs - fromMs
  const last = slotStepsMs.at(-1) ?? whole
  return slotStepsMs.find((step) => whole / step <= slotsMax) ?? Math.max(last, whole / slotsMax)
}

/** Records count at the moment when their commit was known; those outside of transactions when acknowledged. */
function throughput(
  { wire }: History,
  bars: readonly Bar[],
  { fromMs, toMs }: Span,
  slotMs: number,
): number[] {
  const slots = new Array<number>(Math.ceil((toMs - fromMs) / slotMs)).fill(0)
  const add = (atMs: number, records: number): void => {
    const index = Math.floor((atMs - fromMs) / slotMs)
    const before = slots[index]
    if (before !== undefined) slots[index] = before + records
  }
  for (const { look, toMs: atMs, records } of bars) if (look === 'committed') add(atMs, records)
  for (const { batch, atMs } of wire.sends) {
    if (!batch.transactional && batch.told === 'ok') add(atMs, batch.records)
  }
  return slots.map((records) => (records * 1_000) / slotMs)
}

function latencies(
  { timeline }: History,
  { fromMs, toMs }: Span,
  slotMs: number,
): RunPicture['commitLatency'] {
  const slots = Array.from({ length: Math.ceil((toMs - fromMs) / slotMs) }, (): number[] => [])
  for (const commit of timeline.commits) {
    slots[Math.floor((commit.toMs - fromMs) / slotMs)]?.push(commit.toMs - commit.fromMs)
  }
  return slots.map((durations) => {
    if (durations.length === 0) return undefined
    durations.sort((a, b) => a - b)
    const at = (share: number): number =>
      durations[Math.max(0, Math.ceil(share * durations.length) - 1)] ?? 0
    return { p50: at(0.5), p99: at(0.99) }
  })
}
