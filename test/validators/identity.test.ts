import { describe, expect, it } from 'vitest'
import { createIdSpace, createSlotNumbers, createTally } from '../../validators/identity.ts'

describe('an id space', () => {
  it('gives the same id the same slot and different ids different slots', () => {
    const space = createIdSpace()
    const ids = [
      'in-0',
      'in-7',
      'in-07',
      'in-007',
      'in-99999999',
      'in-100000000',
      'other-7',
      'in-7x',
      '-7',
      'in-',
      '7',
      '550e8400-e29b-41d4-a716-446655440000',
      'a-b-7',
      '',
      'ä-7',
    ]
    const slots = ids.map((id) => space.slot(id))
    expect(new Set(slots).size).toBe(ids.length)
    expect(ids.map((id) => space.slot(id))).toEqual(slots)
  })

  it('keeps two hundred thousand arbitrary ids apart, in 30 bytes each at most', () => {
    const space = createIdSpace()
    const count = 200_000
    const slots = new Set<number>()
    for (let index = 0; index < count; index++) slots.add(space.slot(`order/${index * 7919}/x`))
    expect(slots.size).toBe(count)
    expect(space.bytes() / count).toBeLessThan(30)
  })

  it('holds nothing for sequence ids', () => {
    const space = createIdSpace()
    for (let index = 0; index < 100_000; index++) space.slot(`in-${index}`)
    expect(space.bytes()).toBeLessThan(10_000)
  })

  it('goes on with fingerprints when there are too many sources', () => {
    const space = createIdSpace()
    const slots = new Set<number>()
    for (let index = 0; index < 10_000; index++) slots.add(space.slot(`source${index}-1`))
    expect(slots.size).toBe(10_000)
  })
})

describe('a tally', () => {
  it('counts every slot on its own, up to its limit', () => {
    const space = createIdSpace()
    const tally = createTally()
    const ids = Array.from({ length: 20_000 }, (_, index) => `in-${index}`)
    for (const id of ids) tally.add(space.slot(id))
    for (const id of ids.filter((_, index) => index % 3 === 0)) tally.add(space.slot(id))
    for (let times = 0; times < 5; times++) tally.add(space.slot('in-4'))
    const counts = ids.map((id) => tally.count(space.slot(id)))
    expect(counts.slice(0, 6)).toEqual([2, 1, 1, 2, 3, 1])
    expect(tally.limit).toBe(3)
    expect(tally.distinct).toBe(20_000)
    expect(tally.repeated).toBe(counts.filter((count) => count > 1).length)
    expect(tally.count(space.slot('in-20000'))).toBe(0)
  })

  it('goes through the slots that were seen, each with its count, and no others', () => {
    for (const bits of [2, 8] as const) {
      const space = createIdSpace()
      const tally = createTally(bits)
      const ids = ['in-0', 'in-5000', 'other-3', 'arbitrary', 'in-5000']
      for (const id of ids) tally.add(space.slot(id))
      const seen: Array<[number, number]> = []
      expect(tally.some((slot, count) => seen.push([slot, count]) > 99)).toBe(false)
      expect(seen.sort(([a], [b]) => a - b)).toEqual(
        [
          [space.slot('arbitrary'), 1],
          [space.slot('in-0'), 1],
          [space.slot('in-5000'), 2],
          [space.slot('other-3'), 1],
        ].sort(([a], [b]) => a! - b!),
      )
      expect(tally.some((slot) => slot === space.slot('in-5000'))).toBe(true)
    }
  })

  it('takes two bits per sequence id', () => {
    const space = createIdSpace()
    const tally = createTally()
    const count = 1_000_000
    for (let index = 0; index < count; index++) tally.add(space.slot(`in-${index}`))
    expect((tally.bytes() * 8) / count).toBeLessThan(2.1)
  })

  it('counts to 255 with eight bits', () => {
    const tally = createTally(8)
    for (let times = 0; times < 300; times++) tally.add(5)
    expect([tally.count(5), tally.count(4), tally.count(6)]).toEqual([255, 0, 0])
  })
})

describe('slot numbers', () => {
  it('keep a number for each slot', () => {
    const numbers = createSlotNumbers()
    numbers.set(3, 4_294_967_295)
    numbers.set(2 ** 32 + 3, 7)
    expect([numbers.get(3), numbers.get(2 ** 32 + 3), numbers.get(4)]).toEqual([
      4_294_967_295, 7, 0,
    ])
  })
})
