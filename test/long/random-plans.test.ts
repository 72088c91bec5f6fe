// Correct copiers under random plans: not one of them may be a FAIL, since each would be a false alarm of ours, or a
// mistake in a client library that somebody has to look at. GAUNTLET_RANDOM_PLANS sets how many (default 50),
// GAUNTLET_RANDOM_SEED where the seeds begin (default 1). Leaves a table in docs/results/ under its date; what other
// seeds came to on the same day stays in it, so that fifty plans can be run a few at a time.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runSuite } from '../../gauntlet/suite/run-suite.ts'
import type { SuiteEntry } from '../../gauntlet/suite/suite-result.ts'
import { whyText } from '../../gauntlet/suite/suite-table.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { copiers, type RandomPlan, randomPlan } from './random-plan.ts'

const count = Number(process.env.GAUNTLET_RANDOM_PLANS ?? 50)
const firstSeed = Number(process.env.GAUNTLET_RANDOM_SEED ?? 1)
const limitMs = 3 * 3_600_000

function plans(): RandomPlan[] {
  return Array.from({ length: count }, (_, index) => {
    const seed = firstSeed + index
    const copier = copiers[(seed - 1) % copiers.length]
    if (copier === undefined) throw new Error('there are no copiers')
    return randomPlan(seed, copier)
  })
}

function verdictOf({ outcome }: SuiteEntry): string {
  return outcome.kind === 'judged' ? outcome.verdict : 'no verdict'
}

const verdicts = ['PASS', 'INCONCLUSIVE', 'FAIL', 'no verdict'] as const
const rowPattern = /^\| ([0-9]+) \| [^|]+ \| [^|]+ \| ([^|]+) \|/

/** Rows of a table that was written earlier, by seed. */
function rowsOf(written: string): Map<number, string> {
  const rows = written.split('\n').flatMap((line): Array<[number, string]> => {
    const seed = rowPattern.exec(line)?.[1]
    return seed === undefined ? [] : [[Number(seed), line]]
  })
  return new Map(rows)
}

function table(
  earlier: string,
  entries: readonly SuiteEntry[],
  random: readonly RandomPlan[],
): string {
  const rows = rowsOf(earlier)
  for (const entry of entries) {
    const { kinds, copier } = random.find(({ name }) => name === entry.plan) ?? {}
    const why = verdictOf(entry) === 'PASS' ? '' : whyText(entry).replaceAll('|', '\\|')
    const seconds = Math.round(entry.tookMs / 1_000)
    const seed = entry.seed ?? 0
    rows.set(
      seed,
      `| ${seed} | ${copier} | ${kinds?.join(', ')} | ${verdictOf(entry)} | ${seconds} s | ${why} |`,
    )
  }
  const lines = [...rows].sort(([a], [b]) => a - b).map(([, line]) => line)
  const counts = verdicts
    .map((verdict) => {
      const number = lines.filter((line) => rowPattern.exec(line)?.[2] === verdict).length
      return `${number} ${verdict}`
    })
    .join(', ')
  return `# Correct copiers under random plans

${lines.length} plans: ${counts}.

Command: \`GAUNTLET_RANDOM_PLANS=COUNT GAUNTLET_RANDOM_SEED=FIRST npm run test:long -- random-plans\`, as often as it
takes. What was not asked (a fault that never fired, a broker that came back too late) is INCONCLUSIVE; a FAIL would be a
false alarm.

| seed | copier | faults | verdict | time | why not PASS |
|---|---|---|---|---|---|
${lines.join('\n')}
`
}

it(
  'raise no false alarm',
  async () => {
    const outDir = join(tmpdir(), 'gauntlet-random-plans')
    const random = plans()
    const items = random.map(({ name, text }) => {
      const read = readPlan(text, `${name}.yaml`)
      if (!('plan' in read)) throw new Error(`${text}\n${JSON.stringify(read.problems)}`)
      return { plan: read.plan, folder: '', outDir: join(outDir, name) }
    })
    const { suite } = await runSuite(
      items,
      { outDir, verbose: false },
      {
        reportOf: () => ({ report: () => undefined, close: () => undefined }),
        onEntry: (entry) => console.log(`${entry.plan}: ${verdictOf(entry)} ${whyText(entry)}`),
        note: (text) => console.log(text),
      },
      new AbortController().signal,
    )
    const results = join(packageRoot(), 'docs', 'results')
    mkdirSync(results, { recursive: true })
    const date = suite.startedAt.slice(0, 10)
    const file = join(results, `random-plans-${date}.md`)
    const earlier = existsSync(file) ? readFileSync(file, 'utf8') : ''
    writeFileSync(file, table(earlier, suite.entries, random))
    const wrong = suite.entries.filter((entry) => verdictOf(entry) === 'FAIL')
    console.log(`${suite.entries.length} random plans, ${wrong.length} false alarms`)
    expect(wrong.map(({ plan, outcome }) => ({ plan, outcome }))).toEqual([])
    // Something must have been asked: of a large number most come to a verdict.
    expect(suite.entries.filter((entry) => verdictOf(entry) === 'PASS').length).toBeGreaterThan(
      count / 4,
    )
  },
  limitMs,
)
