// The whole library, with each copier by the machinery of `gauntlet suite`: each verdict must be the one that its plan
// states. Leaves each suite's result in docs/results/ under its date, time and client, and docs/scenarios.md made of
// them. GAUNTLET_REPEAT sets how often in a row (default 1), GAUNTLET_CLIENTS which copiers (default both),
// GAUNTLET_CLUSTERS how many plans at the same time (default 1), and GAUNTLET_PLANS folders, tags or plans instead of all.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { entryFile, packageRoot } from '../../gauntlet/entry.ts'
import { isAsExpected, type SuiteResult } from '../../gauntlet/suite/suite-result.ts'

const listOf = (text: string | undefined): string[] => text?.split(',') ?? []
const repeat = Number(process.env.GAUNTLET_REPEAT ?? 1)
const clients = listOf(process.env.GAUNTLET_CLIENTS ?? 'java,kafkajs')
const words = listOf(process.env.GAUNTLET_PLANS)
const clusters = process.env.GAUNTLET_CLUSTERS ?? '1'
const limitMs = 3_600_000
const results = join(packageRoot(), 'docs', 'results')
/** Folders of the suites that came to their end. */
const done: string[] = []
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-library-'))
})

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

const passes = Array.from({ length: repeat }, (_, index) => index + 1).flatMap((round) =>
  clients.map((client) => ({ round, client })),
)

it.each(passes)(
  'gives each plan the verdict that it states (round $round, $client)',
  async ({ round, client }) => {
    const outDir = join(folder, `${round}-${client}`)
    const code = await suite(...words, '--client', client, '--clusters', clusters, '--out', outDir)
    const file = join(outDir, 'suite.json')
    expect(existsSync(file)).toBe(true)
    const { entries, startedAt } = JSON.parse(readFileSync(file, 'utf8')) as SuiteResult
    const time = startedAt.slice(0, 16).replaceAll(':', '').replace('T', '-')
    mkdirSync(results, { recursive: true })
    copyFileSync(file, join(results, `library-${time}-${client}.json`))
    done.push(outDir)
    const wrong = entries.filter((entry) => !isAsExpected(entry))
    expect(wrong.map(({ plan, outcome }) => ({ plan, outcome }))).toEqual([])
    expect(entries.length).toBeGreaterThan(0)
    expect(code).toBe(0)
  },
  limitMs,
)

afterAll(async () => {
  // Only the whole library makes the table of all scenarios.
  if (words.length > 0 || done.length < passes.length) return
  const from = done.flatMap((outDir) => ['--from', outDir])
  await suite('--table', join(packageRoot(), 'docs', 'scenarios.md'), ...from)
})
