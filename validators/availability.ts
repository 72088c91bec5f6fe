// How much of the time the application worked: the share of equal windows between warm and the end of the load in
// which at least one instance made progress. A window that the load's end cuts short is left out.
import type { History } from './history.ts'

export interface Availability {
  /** Between 0 and 1. */
  share: number
  windows: number
  /** Where the first window without progress began. */
  firstIdleAtMs: number | undefined
}

export const windowMs = 1_000

/** Undefined when the load lasted no whole window, or nobody saw it. */
export function availability(history: History): Availability | undefined {
  const { phases, progress } = history.timeline
  const from = phases.get('warm') ?? phases.get('load-started')
  const to = phases.get('load-finished') ?? phases.get('drain-started')
  if (from === undefined || to === undefined) return undefined
  const windows = Math.floor((to - from) / windowMs)
  if (windows < 1) return undefined
  const worked = new Set<number>()
  for (const { atMs } of progress) {
    const window = Math.floor((atMs - from) / windowMs)
    if (window >= 0 && window < windows) worked.add(window)
  }
  let firstIdle = 0
  while (worked.has(firstIdle)) firstIdle++
  return {
    share: worked.size / windows,
    windows,
    firstIdleAtMs: firstIdle < windows ? from + firstIdle * windowMs : undefined,
  }
}
