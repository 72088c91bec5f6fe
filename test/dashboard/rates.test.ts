import { describe, expect, it } from 'vitest'
import { createRates, percentile, secondsMax } from '../../dashboard/model/rates.ts'

describe('numbers per second', () => {
  it('puts records, ends and latencies into the second that they fell in', () => {
    const rates = createRates()
    rates.addRecords(10_100, 5)
    rates.addRecords(10_900, 7)
    rates.addEnd(10_500, 'committed', 30)
    rates.addEnd(10_600, 'committed', 10)
    rates.addEnd(11_000, 'aborted', undefined)
    expect(rates.until(12_300, 3)).toEqual([
      {
        second: 9,
        records: 0,
        ends: { committed: 0, aborted: 0, unknown: 0 },
        commitP50Ms: undefined,
        commitP99Ms: undefined,
      },
      {
        second: 10,
        records: 12,
        ends: { committed: 2, aborted: 0, unknown: 0 },
        commitP50Ms: 10,
        commitP99Ms: 30,
      },
      {
        second: 11,
        records: 0,
        ends: { committed: 0, aborted: 1, unknown: 0 },
        commitP50Ms: undefined,
        commitP99Ms: undefined,
      },
    ])
    expect(rates.totals()).toEqual({ committed: 2, aborted: 1, unknown: 0 })
  })

  it('works a second out again when something of it comes late', () => {
    const rates = createRates()
    rates.addEnd(5_000, 'committed', 10)
    expect(rates.until(6_500, 1)[0]?.commitP99Ms).toBe(10)
    rates.addEnd(5_900, 'committed', 90)
    expect(rates.until(6_500, 1)[0]?.commitP99Ms).toBe(90)
  })

  it('forgets the oldest seconds', () => {
    const rates = createRates()
    for (let second = 0; second <= secondsMax; second += 1) rates.addRecords(second * 1_000, 1)
    expect(rates.until(1_000, 1)[0]?.records).toBe(0)
    expect(rates.until(2_000, 1)[0]?.records).toBe(1)
  })

  it('takes percentiles from what was there', () => {
    expect(percentile([], 0.5)).toBeUndefined()
    expect(percentile([4], 0.99)).toBe(4)
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2)
  })
})
