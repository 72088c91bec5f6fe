import { expect, it } from 'vitest'
import { watchRun } from '../../gauntlet/run-watch.ts'
import type { ProxyEvent } from '../../proxy/events.ts'

const progress = (instance: string, atMs: number): ProxyEvent => ({
  type: 'progress',
  atMs,
  instance,
  via: 'EndTxn',
})

it('waits for every instance until it has committed', () => {
  const watch = watchRun(['copier-0', 'copier-1'], [])
  watch.see([progress('copier-0', 100)])
  expect(watch.isWarm()).toBe(false)
  watch.see([progress('copier-1', 200)])
  expect(watch.isWarm()).toBe(true)
  expect(watch.idleSince(150)).toEqual(['copier-0'])
})

it('does not wait for one that a fault has killed, until it is started again', () => {
  const watch = watchRun(['copier-0', 'copier-1'], [])
  watch.see([progress('copier-1', 200)])
  watch.seeInstance('copier-0', 'killed')
  expect(watch.isWarm()).toBe(true)
  expect(watch.idleSince(100)).toEqual([])
  watch.seeInstance('copier-0', 'started')
  expect(watch.isWarm()).toBe(false)
  expect(watch.idleSince(100)).toEqual(['copier-0'])
})

it('waits for one that only stood still', () => {
  const watch = watchRun(['copier-0'], [])
  watch.seeInstance('copier-0', 'paused')
  watch.seeInstance('copier-0', 'resumed')
  expect(watch.idleSince(0)).toEqual(['copier-0'])
})
