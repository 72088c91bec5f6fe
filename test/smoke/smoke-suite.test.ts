// The smoke tag of the library, as a user runs it: every verdict as its plan expects, every planned fault applied,
// on as few clusters as the plans ask for.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { entryFile } from '../../gauntlet/entry.ts'
import { choosePlans } from '../../gauntlet/plan-selection.ts'
import type { SuiteResult } from '../../gauntlet/suite/suite-result.ts'

/** Four minutes on two quiet cores; a test of the whole project shares them. */
const limitMs = 600_000
const outDir = mkdtempSync(join(tmpdir(), 'gauntlet-smoke-'))
afterAll(() => rmSync(outDir, { recursive: true }))

function gauntlet(...args: string[]): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [entryFile('gauntlet/cli.js'), ...args])
    const said: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, said: Buffer.concat(said).toString() }))
  })
}

it(
  'gives every plan of the smoke tag the verdict that it states',
  async () => {
    const { code, said } = await gauntlet('suite', 'smoke', '--out', outDir)
    const suite = JSON.parse(readFileSync(join(outDir, 'suite.json'), 'utf8')) as SuiteResult
    const plans = choosePlans(['smoke']).map(({ name }) => name)
    expect(suite.entries.map(({ plan }) => plan).sort()).toEqual(plans.sort())
    expect(plans.length).toBeGreaterThanOrEqual(8)
    for (const { plan, outcome } of suite.entries) {
      expect(outcome, `${plan}\n${said}`).toMatchObject({ kind: 'judged', asExpected: true })
      const faults = outcome.kind === 'judged' ? outcome.faults : []
      for (const { name, applied } of faults) {
        expect(applied, `${name} of ${plan}`).toBeGreaterThan(0)
      }
    }
    expect(suite.clusters.started).toBeLessThan(plans.length)
    expect(readFileSync(join(outDir, 'junit.xml'), 'utf8')).toContain('name="baseline"')
    expect(code, said).toBe(0)
  },
  limitMs,
)
