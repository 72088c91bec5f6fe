// Correct copiers under random plans: not one of them may be a FAIL, since each would be a false alarm of ours, or a
// mistake in a client library that somebody has to look at. GAUNTLET_RANDOM_PLANS sets how many (default 50),
// GAUNTLET_RANDOM_SEED where the seeds begin (default 1). Leaves a table in docs/results/ under its date.
import { mkdirSync, writeFileSync } from 'node:fs'
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
    const copier = copiers[index % copiers.length]
    if (copier === undefined) throw new Error('there are no copiers')
    return randomPlan(firstSeed + index, copier)
  })
}

function verdictOf({ outcome }: SuiteEntry): string {
  return outcome.kind === 'judged' ? outcome.verdict : 'no verdict'
}

function table(entries: readonly SuiteEntry[], random: readonly RandomPlan[]): string {
  const numberOf = (verdict: string) => entries.filter((entry) => verdictOf(entry) === verdict)
  const counts = ['PASS', 'INCONCLUSIVE', 'FAIL', 'no verdict']
    .map((verdict) => `${numberOf(verdict).length} ${verdict}`)
    .join(', ')
  const rows = entries.map((entry) => {
    const { kinds, copier } = random.find(({ name }) => name === entry.plan) ?? {}
    const why = verdictOf(entry) === 'PASS' ? '' : whyText(entry).replaceAll('|', '\\|')
    const seconds = Math.round(entry.tookMs / 1_000)
    return `| ${entry.seed} | ${copier} | ${kinds?.join(', ')} | ${verdictOf(entry)} | ${seconds} s | ${why} |`
  })
  return `# Correct copiers under random plans

${entries.length} plans, seeds from ${firstSeed}: ${counts}.

Command: \`GAUNTLET_RANDOM_PLANS=${count} GAUNTLET_RANDOM_SEED=${firstSeed} npm run test:long -- random-plans\`. What was
not asked (a fault that never fired, a broker that came back too late) is INCONCLUSIVE; a FAIL would be a false alarm.

| seed | copier | faults | verdict | time | why not PASS |
|---|---|---|---|---|---|
${rows.join('\n')}
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
    writeFileSync(join(results, `random-plans-${date}.md`), table(suite.entries, random))
    const wrong = suite.entries.filter((entry) => verdictOf(entry) === 'FAIL')
    console.log(`${suite.entries.length} random plans, ${wrong.length} false alarms`)
    expect(wrong.map(({ plan, outcome }) => ({ plan, outcome }))).toEqual([])
    // Something must have been asked: most of them come to a verdict.
    expect(suite.entries.filter((entry) => verdictOf(entry) === 'PASS').length).toBeGreaterThan(
      count / 2,
    )
  },
  limitMs,
)
