import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { entryFile } from '../../../gauntlet/entry.ts'
import { judgeWithHistory, writeResult } from '../../../gauntlet/judge-history.ts'
import { rewriteReport, writeRunReport, writeSuiteReport } from '../../../gauntlet/report-files.ts'
import type { SuiteResult } from '../../../gauntlet/suite/suite-result.ts'
import { OperatorError } from '../../../proxy/errors.ts'
import { cleanLines } from '../../validators/builders.ts'
import { entry, judged } from '../suite/entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-report-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A folder as a run leaves it. */
async function runFolder(name: string): Promise<string> {
  const own = join(folder, name)
  mkdirSync(own)
  const lines = cleanLines().map((line) => `${JSON.stringify(line)}\n`)
  writeFileSync(join(own, 'history.ndjson'), lines.join(''))
  writeFileSync(join(own, 'plan.yaml'), 'name: literal\n')
  await writeResult(own, judgeWithHistory(join(own, 'history.ndjson')).result)
  return own
}

describe('gauntlet report', () => {
  it('writes the same page that the run wrote at its end, and says where it is', async () => {
    const own = await runFolder('one')
    const { history, result } = judgeWithHistory(join(own, 'history.ndjson'))
    const file = writeRunReport(own, history, result)
    const written = readFileSync(file, 'utf8')
    expect(written).toContain(`gauntlet replay ${own}`)
    rmSync(file)
    const again = spawnSync(process.execPath, [entryFile('gauntlet/cli.js'), 'report', own], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect(again).toMatchObject({ status: 0, stdout: `${file}\n`, stderr: '' })
    expect(readFileSync(file, 'utf8')).toBe(written)
  })

  it('writes the page of a suite and those of its runs', async () => {
    const own = await runFolder('suite')
    rmSync(join(own, 'result.json'))
    const run = await runFolder('suite/trial-java')
    const suite: SuiteResult = {
      format: 1,
      startedAt: '2026-11-24T10:00:00.000Z',
      tookMs: 1,
      clusters: { started: 1, tookMs: 1 },
      entries: [entry(judged('PASS', true))],
    }
    writeFileSync(join(own, 'suite.json'), JSON.stringify(suite))
    expect(readFileSync(writeSuiteReport(own, suite), 'utf8')).not.toContain('href="trial-java')
    expect(readFileSync(rewriteReport(own), 'utf8')).toContain('href="trial-java/report.html"')
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('<title>PASS literal</title>')
  })

  it('refuses a folder that is none of a run, and a result that is cut off', async () => {
    expect(() => rewriteReport(join(folder, 'nothing'))).toThrow(OperatorError)
    const own = await runFolder('cut')
    writeFileSync(join(own, 'result.json'), '{ "verdict"')
    expect(() => rewriteReport(own)).toThrow(/is not JSON/)
  })
})
