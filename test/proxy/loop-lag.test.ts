import { expect, it } from 'vitest'
import { createLoopLag } from '../../proxy/loop-lag.ts'

it('the lag is the longest of the last seconds, and is forgotten after them', () => {
  const lag = createLoopLag()
  expect(lag.longestMs(1_000)).toBe(0)
  lag.note(1_000, 40)
  lag.note(2_000, 90)
  lag.note(3_000, 10)
  expect(lag.longestMs(4_000)).toBe(90)
  lag.note(16_000, 5)
  expect(lag.longestMs(16_000)).toBe(90)
  expect(lag.longestMs(31_000)).toBe(5)
  expect(lag.longestMs(100_000)).toBe(0)
})
