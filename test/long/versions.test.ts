// Every release of Kafka that can be started here, with both protocols of transactions: a baseline, and the crash of
// a coordinator in the middle of a commit. GAUNTLET_KAFKA names other releases, separated by commas. Leaves its results
// in docs/results/ under its date; runs of one day add up.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runPlan } from '../../gauntlet/run.ts'
import type { Result } from '../../gauntlet/run-events.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'

const defaults = '3.9.1,4.0.1,4.1.1,4.2.0,4.3.1,4.4.0'
const releases = (process.env.GAUNTLET_KAFKA ?? defaults).split(',')
const folder = mkdtempSync(join(tmpdir(), 'gauntlet-versions-'))
const limitMs = 600_000

const faults = {
  baseline: '',
  'coordinator-crash': `
faults:
  - name: crash
    when: { reply: EndTxn, committed: true, error: NONE, nth: 5 }
    inject: { coordinator-crash: { how: process } }
    for: 3s`,
} as const

/** Brokers before 4.0 have no V2, and no feature that could name V1. */
const levelsOf = (release: string): readonly (1 | 2)[] => (release.startsWith('3.') ? [1] : [1, 2])

const cases = releases.flatMap((release) =>
  levelsOf(release).flatMap((level) =>
    (Object.keys(faults) as (keyof typeof faults)[]).map((what) => ({ release, level, what })),
  ),
)

interface Row {
  release: string
  protocol: string
  what: string
  verdict: string
  expected: number
  committed: number
  transactions: number
  applied: number
}
const rows: Row[] = []

function note(
  one: (typeof cases)[number],
  { verdict, records, transactions, faults }: Result,
): void {
  rows.push({
    release: one.release,
    protocol: `V${one.level}`,
    what: one.what,
    verdict,
    expected: records.expected,
    committed: records.committed,
    transactions: transactions.committed,
    applied: faults.reduce((sum, { applied }) => sum + applied, 0),
  })
}

afterAll(() => {
  rmSync(folder, { recursive: true })
  const results = join(packageRoot(), 'docs/results')
  const file = join(results, `versions-${new Date().toISOString().slice(0, 10)}.json`)
  const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Row[]) : []
  const kept = earlier.filter(({ release }) => !releases.includes(release))
  const all = [...kept, ...rows].sort((a, b) => a.release.localeCompare(b.release))
  mkdirSync(results, { recursive: true })
  writeFileSync(file, `${JSON.stringify(all, undefined, 1)}\n`)
})

it.each(cases)(
  'Kafka $release, transactions V$level, $what: PASS',
  async (one) => {
    const { release, level, what } = one
    const name = `${what}-${release}-v${level}`
    const features = release.startsWith('3.') ? '' : `, features: { transaction.version: ${level} }`
    const text = `
name: ${name}
seed: 7
cluster: { embedded: { brokers: 3, version: ${release}${features} } }
workload: { copier: { client: java, instances: 2, transaction-size: 50 } }
load: { records: 600, rate: 200/s }
start-when: { group: stable }
${faults[what]}
`
    const read = readPlan(text, `${name}.yaml`)
    if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
    const outDir = join(folder, name)
    const signal = new AbortController().signal
    const result = await runPlan(read.plan, { outDir, verbose: false }, () => undefined, signal)
    note(one, result)
    expect(result.verdict, JSON.stringify(result.reasons)).toBe('PASS')
    expect(result.cluster.version).toBe(release)
    // Where no feature says so, it is V1.
    expect(result.cluster.features['transaction.version'] ?? 1).toBe(level)
    if (what !== 'baseline') expect(result.faults[0]).toMatchObject({ fired: 1, applied: 1 })
  },
  limitMs,
)
