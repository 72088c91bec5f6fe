// The whole library, with both copiers, by the machinery of `gauntlet suite`: each verdict must be the one that its
// plan states. Leaves the suite's result in docs/results/ under its date, and docs/scenarios.md made of it.
// GAUNTLET_REPEAT sets how often in a row (default 1), GAUNTLET_PLANS folders, tags or plans instead of all.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { entryFile, packageRoot } from '../../gauntlet/entry.ts'
import { isAsExpected, type SuiteResult } from '../../gauntlet/suite/suite-result.ts'

const repeat = Number(process.env.GAUNTLET_REPEAT ?? 1)
const words = process.env.GAUNTLET_PLANS?.split(',') ?? []
const limitMs = 3_600_000
const results = join(packageRoot(), 'docs', 'results')

/** Its exit code; what it says is the test's own output, since it goes on for half an hour. */
function suite(...args: string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [entryFile('gauntlet/cli.js'), 'suite', ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('error', reject)
    child.on('close', resolve)
  })
}

const rounds = Array.from({ length: repeat }, (_, index) => index + 1)

it.each(rounds)(
  'gives each plan the verdict that it states (round %i)',
  async (round) => {
    const outDir = join(tmpdir(), 'gauntlet-library', String(round))
    const code = await suite(...words, '--client', 'java,kafkajs', '--out', outDir)
    const file = join(outDir, 'suite.json')
    expect(existsSync(file)).toBe(true)
    const { entries, startedAt } = JSON.parse(readFileSync(file, 'utf8')) as SuiteResult
    const time = startedAt.slice(0, 16).replaceAll(':', '').replace('T', '-')
    mkdirSync(results, { recursive: true })
    copyFileSync(file, join(results, `library-${time}.json`))
    // Only the whole library makes the table of all scenarios.
    if (words.length === 0) {
      await suite('--table', join(packageRoot(), 'docs', 'scenarios.md'), '--from', outDir)
    }
    const wrong = entries.filter((entry) => !isAsExpected(entry))
    expect(wrong.map(({ plan, client, outcome }) => ({ plan, client, outcome }))).toEqual([])
    expect(code).toBe(0)
  },
  limitMs,
)
