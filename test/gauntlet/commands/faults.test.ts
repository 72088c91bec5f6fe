import { describe, expect, it } from 'vitest'
import { faultLines } from '../../../gauntlet/commands/faults.ts'
import { countsText } from '../../../gauntlet/commands/watch.ts'

describe('faults on the terminal', () => {
  it('stand in a table with what became of them and how long they live', () => {
    const fault = {
      name: 'lost-reply',
      kind: 'drop',
      state: 'spent' as const,
      matched: 1_204,
      fired: 1,
      applied: 1,
      healed: 1,
      firings: [],
    }
    expect(
      faultLines(
        [
          { ...fault, expiresAtMs: 31_000 },
          { ...fault, name: 'x' },
        ],
        1_000,
      ),
    ).toEqual([
      'fault       kind  state  matched  fired  applied  healed  expires in',
      'lost-reply  drop  spent  1,204    1      1        1       30 s',
      'x           drop  spent  1,204    1      1        1       -',
    ])
    expect(faultLines([], 0)).toEqual(['no fault is armed'])
  })

  it('are counted below what is followed', () => {
    const transactions = { committed: 12, aborted: 1, unknown: 0 }
    const text = countsText({
      transactions,
      faultsApplied: 2,
      open: 1,
      oldestOpenMs: 3_100,
      verdict: 'PASS',
    })
    expect(text.trim()).toBe(
      'transactions 12 committed, 1 aborted, 0 unknown · 1 open, oldest 3.1 s · faults applied 2 · verdict PASS',
    )
  })
})
