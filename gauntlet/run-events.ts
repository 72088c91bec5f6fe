// What a run tells whoever shows it, and what it leaves behind: events while it goes on, the result at its
// end, and the few settings that are no part of the plan. Types only.
import type { RunResult } from '../validators/result.ts'

export interface RunOptions {
  /** The run's own folder; made if it is not there. */
  outDir: string
  /** Show each step of each transaction as it happens. */
  verbose: boolean
}

/** What `result.json` holds. */
export type Result = RunResult

export interface FaultCount {
  name: string
  fired: number
  applied: number
  times: number | 'unlimited'
}

export interface RunProgress {
  elapsedMs: number
  records: { sent: number; read: number }
  transactions: { committed: number; aborted: number; unknown: number }
  faults: readonly FaultCount[]
}

export type RunEvent =
  /** The first: what is about to happen. */
  | { type: 'run'; plan: string; asks: string; seed: number; outDir: string }
  | { type: 'phase-started'; phase: string; text: string }
  | { type: 'phase-done'; phase: string; text: string; ms: number }
  | { type: 'phase-failed'; phase: string; text: string; ms: number }
  | ({ type: 'progress' } & RunProgress)
  /** A step of a transaction or a change of a group, for who wants to watch them all. */
  | { type: 'step'; text: string }
  /** Worth knowing, e.g. a fault that was applied. */
  | { type: 'note'; text: string }
  /** Something that keeps the run from being a PASS. */
  | { type: 'problem'; text: string }
  /** The last: how it ended. */
  | { type: 'verdict'; result: Result; outDir: string }

export type Report = (event: RunEvent) => void
