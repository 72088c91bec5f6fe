import { describe, expect, it } from 'vitest'
import { runFolders } from '../../../gauntlet/commands/execute.ts'

describe('the folders of runs', () => {
  const now = new Date('2026-11-24T10:15:00Z')

  it('carry plan and time unless one is given', () => {
    expect(runFolders(['baseline'], undefined, now)).toEqual([
      'gauntlet-out/baseline-20261124-101500',
    ])
    expect(runFolders(['baseline'], 'here', now)).toEqual(['here'])
  })

  it('are one each, also for the same plan twice', () => {
    expect(runFolders(['a', 'b', 'a'], 'here', now)).toEqual(['here/a', 'here/b', 'here/a-2'])
  })
})
