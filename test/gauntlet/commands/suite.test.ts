import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type RawOptions, runFlags } from '../../../gauntlet/commands/flags.ts'
import { suiteCommand, suiteFlags } from '../../../gauntlet/commands/suite.ts'
import { processOutput } from '../../../gauntlet/reports/output.ts'
import { entry, judged } from '../suite/entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-suite-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

const flagsOf = (options: RawOptions) => suiteFlags(options, runFlags(options))

describe('gauntlet suite --clusters', () => {
  it('is one cluster when nothing is said, and as many as are asked for', () => {
    expect(flagsOf({}).clustersAtOnce).toBe(1)
    expect(flagsOf({ clusters: 2 }).clustersAtOnce).toBe(2)
  })

  it.each([0, 9, 1.5, 'two', true])('refuses %j', (clusters) => {
    expect(() => flagsOf({ clusters })).toThrow(`--clusters ${clusters} is no number of clusters`)
  })
})

describe('gauntlet suite --from', () => {
  const table = join(folder, 'table.md')
  const written = (plan: string): string =>
    JSON.stringify({
      format: 1,
      startedAt: '2026-11-24T10:00:00.000Z',
      tookMs: 1_000,
      clusters: { started: 1, tookMs: 1 },
      entries: [entry(judged('PASS', true), { plan })],
    })
  const make = (from: string[]): Promise<number> =>
    suiteCommand([], flagsOf({ from, table }), {
      output: processOutput(),
      signal: new AbortController().signal,
    })

  it('makes the table of folders of suites and of copies of their results', async () => {
    mkdirSync(join(folder, 'one'))
    writeFileSync(join(folder, 'one', 'suite.json'), written('of-a-folder'))
    writeFileSync(join(folder, 'kept.json'), written('of-a-copy'))
    expect(await make([join(folder, 'one'), join(folder, 'kept.json')])).toBe(0)
    const said = readFileSync(table, 'utf8')
    expect(said).toContain('| of-a-folder |')
    expect(said).toContain('| of-a-copy |')
  })

  it('says which of them is not there', async () => {
    await expect(make([join(folder, 'nothing')])).rejects.toThrow('is no folder of a suite')
    await expect(make([join(folder, 'lost.json')])).rejects.toThrow(/^there is no .*lost\.json$/)
  })
})
