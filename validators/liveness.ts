// How long the application stood still, and how soon it worked again once everything had healed. Progress is a
// commit, an offset commit, or an acknowledged send outside transactions.
import type { History } from './history.ts'

export interface Liveness {
  /** The longest time without any progress between warm and the end of the load. */
  longestStallMs: number | undefined
  stalledFromMs: number | undefined
  /** From the last heal until every instance has made progress; undefined without a fault, or if one never did. */
  timeToRecoverMs: number | undefined
  /** Instances without progress after the last heal. */
  notRecovered: string[]
}

/** When the last effect of a fault ended; undefined when none was applied. */
export function lastHealedAtMs(history: History): number | undefined {
  const times = history.timeline.faults.flatMap(({ firings }) =>
    firings.flatMap(({ healedAtMs, appliedAtMs }) => healedAtMs ?? appliedAtMs ?? []),
  )
  return times.length === 0 ? undefined : Math.max(...times)
}

/** When the first fault fired; undefined when none did. */
export function firstFiredAtMs(history: History): number | undefined {
  const times = history.timeline.faults.flatMap(({ firings }) =>
    firings.map(({ firedAtMs }) => firedAtMs),
  )
  return times.length === 0 ? undefined : Math.min(...times)
}

export function liveness(history: History): Liveness {
  const { phases, progress } = history.timeline
  const from = phases.get('warm') ?? phases.get('load-started')
  const to = phases.get('load-finished') ?? phases.get('drain-started')
  let longestStallMs: number | undefined
  let stalledFromMs: number | undefined
  if (from !== undefined && to !== undefined) {
    const within = progress.filter(({ atMs }) => atMs > from && atMs < to)
    let before = from
    for (const atMs of [...within.map((one) => one.atMs), to]) {
      if (longestStallMs === undefined || atMs - before > longestStallMs) {
        longestStallMs = atMs - before
        stalledFromMs = before
      }
      before = atMs
    }
  }
  const healed = lastHealedAtMs(history)
  if (healed === undefined) {
    return { longestStallMs, stalledFromMs, timeToRecoverMs: undefined, notRecovered: [] }
  }
  const recoveries = history.run.instances.map((instance) => ({
    instance,
    atMs: progress.find((one) => one.instance === instance && one.atMs > healed)?.atMs,
  }))
  const notRecovered = recoveries.filter(({ atMs }) => atMs === undefined)
  const times = recoveries.flatMap(({ atMs }) => atMs ?? [])
  return {
    longestStallMs,
    stalledFromMs,
    timeToRecoverMs:
      notRecovered.length > 0 || times.length === 0 ? undefined : Math.max(...times) - healed,
    notRecovered: notRecovered.map(({ instance }) => instance),
  }
}
