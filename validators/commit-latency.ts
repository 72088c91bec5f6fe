// How long commits took: from the first EndTxn until the client learnt that it is committed, by nearest rank, inside
// and outside of the windows of faults. A commit whose outcome the client never learnt has no end and is not counted.
import type { History } from './history.ts'
import { type LatencyRank, latencyRanks } from './history-line.ts'

export interface Latencies extends Record<LatencyRank, number> {
  commits: number
}

export interface CommitLatency {
  whole: Latencies | undefined
  /** Commits that overlap with a fault, from its firing until it healed. */
  inside: Latencies | undefined
  outside: Latencies | undefined
}

const shares: Readonly<Record<LatencyRank, number>> = {
  p50: 0.5,
  p90: 0.9,
  p95: 0.95,
  p99: 0.99,
  max: 1,
}

function ranked(durationsMs: number[]): Latencies | undefined {
  if (durationsMs.length === 0) return undefined
  durationsMs.sort((a, b) => a - b)
  const at = (rank: LatencyRank): number => {
    const index = Math.max(0, Math.ceil(shares[rank] * durationsMs.length) - 1)
    return Math.round((durationsMs[index] ?? 0) * 10) / 10
  }
  const ranks = Object.fromEntries(latencyRanks.map((rank) => [rank, at(rank)]))
  return { commits: durationsMs.length, ...(ranks as Record<LatencyRank, number>) }
}

export function commitLatency(history: History): CommitLatency {
  const { faults, commits } = history.timeline
  const windows = faults.flatMap(({ firings }) =>
    firings.map(({ firedAtMs, appliedAtMs, healedAtMs }) => ({
      fromMs: firedAtMs,
      toMs: healedAtMs ?? appliedAtMs ?? firedAtMs,
    })),
  )
  const inside: number[] = []
  const outside: number[] = []
  for (const { fromMs, toMs } of commits) {
    const isHit = windows.some((window) => fromMs <= window.toMs && toMs >= window.fromMs)
    const side = isHit ? inside : outside
    side.push(toMs - fromMs)
  }
  return {
    whole: ranked([...inside, ...outside]),
    inside: ranked(inside),
    outside: ranked(outside),
  }
}
