import { expect, it } from 'vitest'
import { createLive } from '../../../proxy/control/live.ts'
import type { RunView } from '../../../proxy/control/runs.ts'
import { handClock } from './rest-bench.ts'

const windowMs = 60_000

function run(verdict: RunView['verdict'], endedAtMs: number, more: Partial<RunView> = {}): RunView {
  const name = `run-${endedAtMs}`
  return {
    name,
    state: 'ended',
    startedAtMs: endedAtMs,
    endedAtMs,
    links: [],
    ...(verdict === undefined ? {} : { verdict }),
    ...more,
  }
}

it('says nothing without a run, and what the last runs came to as long as they are in the window', () => {
  const clock = handClock()
  const live = createLive(clock, windowMs)
  const said = (...runs: RunView[]) => live.verdict(runs, 0).verdict
  expect(said()).toBe('INCONCLUSIVE')
  const now = clock.nowMs()
  expect(said(run('PASS', now))).toBe('PASS')
  expect(said(run('FAIL', now - 10), run('PASS', now))).toBe('FAIL')
  expect(said(run('INCONCLUSIVE', now - 10), run('PASS', now))).toBe('INCONCLUSIVE')
  expect(said(run('FAIL', now, { expected: 'FAIL' }))).toBe('PASS')
  clock.turn(windowMs + 1)
  expect(said(run('FAIL', now))).toBe('INCONCLUSIVE')
})

it('does not say PASS while the proxy has failed at something, has stood still, or a transaction hangs', () => {
  const clock = handClock()
  const live = createLive(clock, windowMs)
  const passed = () => [run('PASS', clock.nowMs())]
  const atMs = clock.nowMs()
  expect(live.verdict(passed(), 1)).toMatchObject({ verdict: 'INCONCLUSIVE' })
  live.see([{ type: 'error', atMs, code: 'cannot-decode', message: 'x' }])
  expect(live.verdict(passed(), 0)).toMatchObject({
    verdict: 'INCONCLUSIVE',
    counts: { errors: 1, loopStalls: 0 },
  })
  // All of its life still counts in the totals.
  clock.turn(windowMs + 10_000)
  expect(live.verdict(passed(), 0)).toMatchObject({ verdict: 'PASS', counts: { errors: 0 } })
  live.see([{ type: 'loop-stalled', atMs: clock.nowMs(), stalledMs: 2_000 }])
  expect(live.verdict(passed(), 0)).toMatchObject({ verdict: 'INCONCLUSIVE' })
  expect(live.totals()).toMatchObject({ errors: 1, loopStalls: 1 })
})

it('counts the rebalances of more groups than it remembers', () => {
  const live = createLive(handClock(), windowMs)
  const groups = 3_000
  for (let number = 0; number < groups; number += 1) {
    live.see([
      {
        type: 'group',
        atMs: 0,
        group: `group-${number}`,
        protocol: 'classic',
        state: 'stable',
        epoch: 2,
        members: 1,
        rebalances: 2,
      },
    ])
  }
  expect(live.totals().rebalances).toBe(groups * 2)
})
