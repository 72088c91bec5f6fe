// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of plans look like those of JavaScript
import { describe, expect, it } from 'vitest'
import { type RecordsPhase, recordMaker, steadyLoad } from '../../../gauntlet/workloads/load.ts'
import { randomStream } from '../../../proxy/runtime.ts'

const phase: RecordsPhase = { kind: 'records', records: 10, ratePerSecond: 100 }

describe('generated records', () => {
  it('are numbered per partition, and those to be aborted per partition apart', () => {
    const make = recordMaker(randomStream(1, 'x'))
    const ids = [
      make(phase, { partition: 0, aborted: false }),
      make(phase, { partition: 3, aborted: false }),
      make(phase, { partition: 0, aborted: true }),
      make(phase, { partition: 0, aborted: false }),
      make(phase, { partition: 0, aborted: true }),
    ].map(({ id }) => id)
    expect(ids).toEqual(['p0-0', 'p3-0', 'a0-0', 'p0-1', 'a0-1'])
  })

  it('carry their id as key and in a small JSON value, with an amount that the seed decides', () => {
    const make = (seed: number) =>
      recordMaker(randomStream(seed, 'x'))(phase, { partition: 2, aborted: false })
    const record = make(1)
    expect(record).toMatchObject({ partition: 2, key: 'p2-0' })
    const value = JSON.parse(record.value) as { id: string; amount: number }
    expect(value.id).toBe('p2-0')
    expect(value.amount).toBeGreaterThanOrEqual(1)
    expect(value.amount).toBeLessThanOrEqual(100)
    expect(make(1)).toEqual(record)
  })

  it('take the texts of the plan in turn', () => {
    const make = recordMaker(() => 0)
    const texts = { ...phase, value: ['first ${id}', 'second ${amount}'], key: 'k${partition}' }
    const place = { partition: 1, aborted: false }
    expect([make(texts, place), make(texts, place), make(texts, place)]).toEqual([
      { id: 'p1-0', partition: 1, key: 'k1', value: 'first p1-0' },
      { id: 'p1-1', partition: 1, key: 'k1', value: 'second 1' },
      { id: 'p1-2', partition: 1, key: 'k1', value: 'first p1-2' },
    ])
  })

  it('of a steady load are one phase that goes on', () => {
    expect(steadyLoad({ records: 20_000, rate: 2_000 })).toEqual([
      { kind: 'records', records: 20_000, ratePerSecond: 2_000, abortedShare: 0, openEnded: true },
    ])
  })
})
