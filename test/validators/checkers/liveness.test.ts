import { describe, expect, it } from 'vitest'
import { noRecovery } from '../../../validators/checkers/no-recovery.ts'
import { stall } from '../../../validators/checkers/stall.ts'
import type { HistoryLine } from '../../../validators/history-line.ts'
import { liveness } from '../../../validators/liveness.ts'
import { cleanLines, fault, history, phase, run } from '../builders.ts'

const progress = (instance: string, atMs: number): HistoryLine => ({
  type: 'progress',
  atMs,
  instance,
  via: 'EndTxn',
})
const bounded = (bounds: { recoveryMs?: number; stallMs?: number }) =>
  run({
    instances: ['copier-0', 'copier-1'],
    expect: { verdict: 'PASS', allow: [], ...bounds },
  })
const lines = [
  phase('warm', 1_000),
  progress('copier-0', 1_500),
  progress('copier-1', 1_600),
  fault('applied', { firedAtMs: 2_000, appliedAtMs: 2_000 }),
  fault('healed', { firedAtMs: 2_000, healedAtMs: 4_000 }),
  progress('copier-1', 4_500),
  progress('copier-0', 5_000),
  phase('load-finished', 6_000),
]

describe('liveness', () => {
  it('measures the longest stall while there was load, and the recovery of the slowest instance', () => {
    expect(liveness(history(bounded({}), ...lines))).toMatchObject({
      longestStallMs: 2_900,
      stalledFromMs: 1_600,
      timeToRecoverMs: 1_000,
      notRecovered: [],
    })
  })

  it('finds a stall and a slow recovery past the bounds of the plan only', () => {
    expect(stall(history(bounded({ stallMs: 2_899 }), ...lines))).toMatchObject([{ kind: 'stall' }])
    expect(stall(history(bounded({ stallMs: 2_900 }), ...lines))).toEqual([])
    expect(stall(history(bounded({}), ...lines))).toEqual([])
    expect(noRecovery(history(bounded({ recoveryMs: 999 }), ...lines))).toMatchObject([
      { kind: 'no-recovery', proof: [{ atMs: 4_000 }] },
    ])
    expect(noRecovery(history(bounded({ recoveryMs: 1_000 }), ...lines))).toEqual([])
    expect(noRecovery(history(bounded({}), ...lines))).toEqual([])
  })

  it('finds an instance that never worked again', () => {
    const without = lines.filter((line) => !(line.type === 'progress' && line.atMs === 5_000))
    expect(noRecovery(history(bounded({ recoveryMs: 99_999 }), ...without))).toMatchObject([
      { summary: 'copier-0 made no progress after the last fault had healed', count: 1 },
    ])
  })

  it('finds nothing in an empty and in a clean history', () => {
    for (const check of [stall, noRecovery]) {
      expect(check(history())).toEqual([])
      expect(check(history(...cleanLines()))).toEqual([])
    }
  })
})
