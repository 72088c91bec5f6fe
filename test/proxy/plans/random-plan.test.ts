// The generator of random plans, of which `npm run test:long` runs some dozens.
import { describe, expect, it } from 'vitest'
import { readPlan } from '../../../proxy/plans/read-plan.ts'
import { copiers, randomPlan } from '../../long/random-plan.ts'

const seeds = Array.from({ length: 40 }, (_, index) => index + 1)

describe.each(copiers)('random plans for %s', (copier) => {
  it('are valid, the same for the same seed, and of many kinds', () => {
    const kinds = new Set<string>()
    for (const seed of seeds) {
      const { text, kinds: own } = randomPlan(seed, copier)
      const read = readPlan(text, 'random.yaml')
      expect('problems' in read ? [text, read.problems] : []).toEqual([])
      expect(randomPlan(seed, copier).text).toBe(text)
      for (const kind of own) kinds.add(kind)
    }
    expect(kinds.size).toBeGreaterThan(8)
  })
})
