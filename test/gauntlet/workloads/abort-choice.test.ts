import { describe, expect, it } from 'vitest'
import { abortChoice } from '../../../gauntlet/workloads/abort-choice.ts'
import { randomStream } from '../../../proxy/runtime.ts'

describe('aborts on purpose', () => {
  const ordinals = Array.from({ length: 1_000 }, (_, index) => index + 1)

  it('are the listed transactions and no others', () => {
    const aborts = abortChoice({ share: 0, transactions: [2, 4], random: () => 0 })
    expect(ordinals.slice(0, 5).map(aborts)).toEqual([false, true, false, true, false])
  })

  it('are about the given share, and the same ones for the same seed', () => {
    const choose = (seed: number) => {
      const random = randomStream(seed, 'abort/copier-0')
      return ordinals.map(abortChoice({ share: 0.1, transactions: [], random }))
    }
    const chosen = choose(7)
    expect(chosen.filter(Boolean).length).toBeGreaterThan(60)
    expect(chosen.filter(Boolean).length).toBeLessThan(140)
    expect(choose(7)).toEqual(chosen)
    expect(choose(8)).not.toEqual(chosen)
  })
})
