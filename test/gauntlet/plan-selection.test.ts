import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { shippedPlans } from '../../gauntlet/plan-files.ts'
import { choosePlans } from '../../gauntlet/plan-selection.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-selection-'))
afterAll(() => rmSync(folder, { recursive: true }))

const chosen = (...words: string[]) => choosePlans(words).map(({ name }) => name)

describe('choosePlans', () => {
  it('takes the whole library when nothing is said', () => {
    expect(chosen()).toEqual(shippedPlans())
  })

  it('takes a folder, a tag, a plan, and each plan once', () => {
    expect(chosen('late-messages')).toContain('late-commit-v2')
    expect(chosen('late-messages')).not.toContain('baseline')
    expect(chosen('smoke')).toContain('baseline')
    expect(chosen('baseline', 'smoke', 'baseline').filter((name) => name === 'baseline')).toEqual([
      'baseline',
    ])
    expect(chosen('late-messages/late-commit')).toEqual(['late-commit'])
  })

  it('takes a folder on disk with all that lies below it', () => {
    mkdirSync(join(folder, 'deeper'))
    writeFileSync(join(folder, 'one.yaml'), '')
    writeFileSync(join(folder, 'deeper', 'two.yaml'), '')
    writeFileSync(join(folder, 'notes.txt'), '')
    expect(choosePlans([folder])).toEqual([
      { name: 'one', folder: '', file: join(folder, 'one.yaml') },
      { name: 'two', folder: 'deeper', file: join(folder, 'deeper', 'two.yaml') },
    ])
  })

  it('says of a word that means nothing what was nearly meant', () => {
    expect(() => chosen('mistaks')).toThrow('there is no folder, tag or plan mistaks')
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    expect(() => chosen(empty)).toThrow(`there is no plan in ${empty}`)
  })
})
