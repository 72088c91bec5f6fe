import { describe, expect, it } from 'vitest'
import { slowCommits } from '../../../validators/checkers/commit-latency.ts'
import { commitLatency } from '../../../validators/commit-latency.ts'
import { askGuards } from '../../../validators/guards.ts'
import type { HistoryLine } from '../../../validators/history-line.ts'
import { cleanLines, ended, fault, history, run } from '../builders.ts'

const bounded = (commitLatencyMs: { p50?: number; p99?: number; max?: number }) =>
  run({ expect: { verdict: 'PASS', allow: [], commitLatencyMs } })

/** The Nth transaction, whose commit takes so long. */
const commit = (number: number, tookMs: number): HistoryLine[] => [
  ended(number, 'commit', { phase: 'ending', atMs: 1_000 * number }),
  // A retried EndTxn does not begin it anew.
  ended(number, 'commit', { phase: 'ending', atMs: 1_000 * number + 1 }),
  ended(number, 'commit', { atMs: 1_000 * number + tookMs }),
]
const commits = [10, 20, 30, 400].flatMap((tookMs, index) => commit(index + 1, tookMs))
const window = fault('applied', { firedAtMs: 4_100, healedAtMs: 4_200 })

describe('commit latency', () => {
  it('is told by percentile, inside and outside of the windows of faults', () => {
    const { whole, inside, outside } = commitLatency(history(...commits, window))
    expect(whole).toEqual({ commits: 4, p50: 20, p90: 400, p95: 400, p99: 400, max: 400 })
    expect(inside).toMatchObject({ commits: 1, max: 400 })
    expect(outside).toMatchObject({ commits: 3, p50: 20, max: 30 })
  })

  it('fails only past the bound of the plan', () => {
    expect(slowCommits(history(bounded({ p50: 20, p99: 100 }), ...commits, window))).toMatchObject([
      {
        kind: 'commit-latency',
        summary: 'commits took too long: p99 400 ms, at most 100 ms are allowed',
        count: 1,
        proof: [
          {
            shows: "p99 of 4 commits: 400 ms inside of the faults' windows, 30 ms outside",
          },
        ],
      },
    ])
    expect(slowCommits(history(bounded({ p50: 20, max: 400 }), ...commits))).toEqual([])
    expect(slowCommits(history(...commits))).toEqual([])
  })

  it('leaves out aborts, and commits whose outcome nobody learnt', () => {
    const others = [
      ended(1, 'abort', { phase: 'ending', atMs: 1_000, outcome: 'aborted' }),
      ended(1, 'abort', { atMs: 9_000 }),
      ended(2, 'commit', { phase: 'ending', atMs: 10_000 }),
      ended(2, 'commit', { outcome: 'unknown', atMs: 19_000 }),
    ]
    expect(commitLatency(history(...others)).whole).toBeUndefined()
  })

  it('keeps a run from PASS where it is bound and no commit was seen', () => {
    const missing = askGuards(history(bounded({ p99: 1 }))).flatMap((guard) => guard.missing)
    expect(missing).toContain('no commit was seen whose latency could be measured')
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(slowCommits(history(bounded({ p99: 1 })))).toEqual([])
    expect(slowCommits(history(...cleanLines()))).toEqual([])
  })
})
