import { describe, expect, it } from 'vitest'
import { lowAvailability } from '../../../validators/checkers/availability.ts'
import { askGuards } from '../../../validators/guards.ts'
import type { HistoryLine } from '../../../validators/history-line.ts'
import { resultOf } from '../../../validators/result.ts'
import { judge } from '../../../validators/verdict.ts'
import { cleanLines, history, phase, run } from '../builders.ts'

const bounded = (availability: number) =>
  run({ expect: { verdict: 'PASS', allow: [], availability } })
/** Ten windows of a second, the first six with progress. */
const lines: HistoryLine[] = [
  phase('warm', 10_000),
  phase('load-finished', 20_400),
  ...[0, 1, 2, 3, 4, 5].map(
    (second): HistoryLine => ({
      type: 'progress',
      atMs: 10_500 + 1_000 * second,
      instance: 'copier-0',
      via: 'EndTxn',
    }),
  ),
]

describe('availability', () => {
  it('finds less progress than the plan asks for, and where it began to lack', () => {
    expect(lowAvailability(history(bounded(0.95), ...lines))).toEqual([
      {
        kind: 'availability',
        summary: 'progress in 60% of 10 windows of 1000 ms, at least 95% are asked for',
        count: 4,
        ids: [],
        proof: [{ shows: 'the first window without progress began', atMs: 16_000 }],
      },
    ])
    expect(lowAvailability(history(bounded(0.6), ...lines))).toEqual([])
  })

  it('is reported without a bound, and fails nothing then', () => {
    const told = history(run(), ...lines)
    expect(lowAvailability(told)).toEqual([])
    expect(resultOf(told, judge(told)).availability).toEqual({ share: 0.6, windows: 10 })
  })

  it('keeps a run from PASS where it is bound and cannot be measured', () => {
    const missing = askGuards(history(bounded(0.5))).flatMap((guard) => guard.missing)
    expect(missing).toContain(
      'the load was too short to say for how much of it the application worked',
    )
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(lowAvailability(history(bounded(0.95)))).toEqual([])
    expect(lowAvailability(history(...cleanLines()))).toEqual([])
  })
})
