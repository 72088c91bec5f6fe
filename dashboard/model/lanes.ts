// What became of each transaction, per transactional id, as bars on a line of time. Rings of numbers, so that many
// thousands cost little memory and nothing to collect; bounded, whatever passes.
import type { ProxyEvent, TransactionEvidence, TransactionOutcome } from '../../proxy/events.ts'

/** Lanes kept; the one silent for the longest goes first. */
export const lanesMax = 2_000
const barsAtFirst = 64
/** Bars kept of one lane. */
export const barsMax = 8_192

/** How a bar is drawn. `unseen`: its end fell into a gap of the events. */
export const states = ['open', 'committed', 'aborted', 'unknown', 'unseen'] as const
export type BarState = (typeof states)[number]

const evidences: readonly TransactionEvidence[] = [
  'end-retry-answered',
  'opposite-refused',
  'answer-seen',
  'epoch-bumped',
  'next-accepted',
  'next-decided',
  'markers-seen',
  'reinitialised',
  'fenced',
  'nothing-to-end',
]

export interface Bar {
  ordinal: number
  startMs: number
  /** When the client asked for its end. */
  endingMs?: number
  /** Absent while it lasts. */
  endMs?: number
  state: BarState
  /** At some time nobody could say how it had ended. */
  wasUnknown: boolean
  evidence?: TransactionEvidence
}

export interface Lane {
  readonly id: string
  instance: string | undefined
  lastMs: number
  /** Bars ever begun; the newest stands at this minus one, modulo the capacity. */
  count: number
  /** What is drawn reads these directly. 0 in `ends` and `endings` means not yet. */
  bars: Bars
}

export interface Bars {
  capacity: number
  starts: Float64Array
  endings: Float64Array
  ends: Float64Array
  ordinals: Float64Array
  states: Uint8Array
  unknowns: Uint8Array
  evidences: Uint8Array
}

type TransactionEvent = Extract<ProxyEvent, { type: 'transaction' }>

/** A transaction has ended, or nobody can say any more how it will; one that was unknown ends once more when known. */
export interface Ending {
  outcome: TransactionOutcome
  atMs: number
  /** From the request for its end to the answer. */
  latencyMs?: number
}

export interface Lanes {
  all(): readonly Lane[]
  lane(id: string): Lane | undefined
  see(event: TransactionEvent): Ending | undefined
  /** What the proxy says of an id now, after events were missed. */
  correct(now: {
    transactionalId: string
    transaction: number
    phase: string
    lastOutcome?: TransactionOutcome
    atMs: number
  }): void
  clear(): void
}

function newBars(capacity: number): Bars {
  return {
    capacity,
    starts: new Float64Array(capacity),
    endings: new Float64Array(capacity),
    ends: new Float64Array(capacity),
    ordinals: new Float64Array(capacity),
    states: new Uint8Array(capacity),
    unknowns: new Uint8Array(capacity),
    evidences: new Uint8Array(capacity),
  }
}

/** Twice the room, in the same order. */
function grown(lane: Lane): Bars {
  const { bars } = lane
  const wider = newBars(bars.capacity * 2)
  for (let index = lane.count - bars.capacity; index < lane.count; index += 1) {
    const from = index % bars.capacity
    const to = index % wider.capacity
    wider.starts[to] = bars.starts[from]!
    wider.endings[to] = bars.endings[from]!
    wider.ends[to] = bars.ends[from]!
    wider.ordinals[to] = bars.ordinals[from]!
    wider.states[to] = bars.states[from]!
    wider.unknowns[to] = bars.unknowns[from]!
    wider.evidences[to] = bars.evidences[from]!
  }
  return wider
}

/** The first bar that is still kept. */
export const oldestIndex = (lane: Lane): number => Math.max(0, lane.count - lane.bars.capacity)

export function barAt(lane: Lane, index: number): Bar | undefined {
  if (index < oldestIndex(lane) || index >= lane.count) return undefined
  const { bars } = lane
  const at = index % bars.capacity
  const evidence = evidences[bars.evidences[at]! - 1]
  return {
    ordinal: bars.ordinals[at]!,
    startMs: bars.starts[at]!,
    ...(bars.endings[at] === 0 ? {} : { endingMs: bars.endings[at]! }),
    ...(bars.ends[at] === 0 ? {} : { endMs: bars.ends[at]! }),
    state: states[bars.states[at]!]!,
    wasUnknown: bars.unknowns[at] === 1,
    ...(evidence === undefined ? {} : { evidence }),
  }
}

/** Where the bar of a transaction stands; mostly it is among the last. */
export function indexOf(lane: Lane, ordinal: number): number | undefined {
  const { bars } = lane
  for (let index = lane.count - 1; index >= oldestIndex(lane); index -= 1) {
    if (bars.ordinals[index % bars.capacity] === ordinal) return index
  }
  return undefined
}

export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()
  let sorted: Lane[] | undefined

  function laneOf(id: string): Lane {
    const known = lanes.get(id)
    if (known !== undefined) return known
    if (lanes.size >= lanesMax) {
      let silent: Lane | undefined
      for (const lane of lanes.values()) {
        if (silent === undefined || lane.lastMs < silent.lastMs) silent = lane
      }
      if (silent !== undefined) lanes.delete(silent.id)
    }
    const bars = newBars(barsAtFirst)
    const lane: Lane = { id, instance: undefined, lastMs: 0, count: 0, bars }
    lanes.set(id, lane)
    sorted = undefined
    return lane
  }

  function begin(lane: Lane, ordinal: number, startMs: number): number {
    if (lane.count >= lane.bars.capacity && lane.bars.capacity < barsMax) lane.bars = grown(lane)
    const { bars } = lane
    const at = lane.count % bars.capacity
    bars.starts[at] = startMs
    bars.endings[at] = 0
    bars.ends[at] = 0
    bars.ordinals[at] = ordinal
    bars.states[at] = 0
    bars.unknowns[at] = 0
    bars.evidences[at] = 0
    lane.count += 1
    return at
  }

  function placeOf(lane: Lane, event: TransactionEvent): number | undefined {
    const index = indexOf(lane, event.transaction)
    if (index !== undefined) return index % lane.bars.capacity
    const newest = lane.count === 0 ? 0 : lane.bars.ordinals[(lane.count - 1) % lane.bars.capacity]!
    // Older than all that is kept: there is nothing to draw it on.
    if (event.transaction < newest) return undefined
    return begin(lane, event.transaction, event.atMs - (event.durationMs ?? 0))
  }

  return {
    all() {
      sorted ??= [...lanes.values()].sort((a, b) =>
        a.id.localeCompare(b.id, 'en', { numeric: true }),
      )
      return sorted
    },
    lane: (id) => lanes.get(id),
    see(event) {
      const { phase, outcome, atMs } = event
      if (event.transaction < 1 || phase === 'idle') return undefined
      const lane = laneOf(event.transactionalId)
      lane.lastMs = atMs
      lane.instance = event.instance ?? lane.instance
      const at = placeOf(lane, event)
      if (at === undefined) return undefined
      const { bars } = lane
      if (phase === 'ending' && bars.endings[at] === 0) bars.endings[at] = atMs
      if (event.evidence !== undefined) {
        bars.evidences[at] = evidences.indexOf(event.evidence) + 1
      }
      const wasOver = bars.ends[at] !== 0
      const before = states[bars.states[at]!]
      if (phase === 'ended' && !wasOver) bars.ends[at] = atMs
      if (outcome === undefined) return undefined
      bars.states[at] = states.indexOf(outcome)
      if (outcome === 'unknown') {
        const isNew = bars.unknowns[at] === 0
        bars.unknowns[at] = 1
        return isNew ? { outcome, atMs } : undefined
      }
      if (phase !== 'ended' || before === 'committed' || before === 'aborted') return undefined
      const endingMs = bars.endings[at]!
      const latency = wasOver || endingMs === 0 ? {} : { latencyMs: Math.max(0, atMs - endingMs) }
      return { outcome, atMs, ...latency }
    },
    correct({ transactionalId, transaction, phase, lastOutcome, atMs }) {
      const lane = lanes.get(transactionalId)
      if (lane === undefined) return
      const { bars } = lane
      const newest = lane.count === 0 ? 0 : bars.ordinals[(lane.count - 1) % bars.capacity]!
      for (let index = oldestIndex(lane); index < lane.count; index += 1) {
        const at = index % bars.capacity
        const ordinal = bars.ordinals[at]!
        if (bars.ends[at] !== 0 || ordinal > transaction) continue
        if (ordinal === transaction && phase !== 'ended') continue
        const isLast = ordinal === transaction || ordinal === transaction - 1
        const outcome = isLast ? lastOutcome : undefined
        bars.states[at] = states.indexOf(outcome ?? 'unseen')
        bars.ends[at] = atMs
      }
      const isOpen = phase !== 'ended' && phase !== 'idle'
      if (isOpen && transaction > newest) begin(lane, transaction, atMs)
    },
    clear() {
      lanes.clear()
      sorted = undefined
    },
  }
}
