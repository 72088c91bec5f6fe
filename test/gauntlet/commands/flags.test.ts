import { describe, expect, it } from 'vitest'
import { againLine, runFlags } from '../../../gauntlet/commands/flags.ts'

describe('the command that repeats a run', () => {
  it('has the seed, the cluster and all changes, quoted for a shell where needed', () => {
    const flags = runFlags({
      seed: 3,
      cluster: 'kafka:9092',
      set: ['seed=4', 'load.records=5', "asks=Is it's?"],
    })
    expect(againLine('my plan.yaml', 3, flags)).toBe(
      "gauntlet run 'my plan.yaml' --seed 3 --cluster kafka:9092 --set load.records=5 --set 'asks=Is it'\\''s?'",
    )
  })
})
