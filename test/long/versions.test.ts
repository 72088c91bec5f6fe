// Every release of Kafka that can be started here, with both protocols of transactions: a baseline, and the crash of
// a coordinator in the middle of a commit. GAUNTLET_KAFKA names other releases, separated by commas.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { runPlan } from '../../gauntlet/run.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'

const releases = (process.env.GAUNTLET_KAFKA ?? '4.0.0,4.1.1,4.2.0,4.3.1,4.4.0').split(',')
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

const cases = releases.flatMap((release) =>
  [1, 2].flatMap((level) =>
    (Object.keys(faults) as (keyof typeof faults)[]).map((what) => ({ release, level, what })),
  ),
)

afterAll(() => rmSync(folder, { recursive: true }))

it.each(cases)(
  'Kafka $release, transactions V$level, $what: PASS',
  async ({ release, level, what }) => {
    const name = `${what}-${release}-v${level}`
    const text = `
name: ${name}
seed: 7
cluster: { embedded: { brokers: 3, version: ${release}, features: { transaction.version: ${level} } } }
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
    expect(result.verdict, JSON.stringify(result.reasons)).toBe('PASS')
    expect(result.cluster.version).toBe(release)
    expect(result.cluster.features['transaction.version']).toBe(level)
    if (what !== 'baseline') expect(result.faults[0]).toMatchObject({ fired: 1, applied: 1 })
  },
  limitMs,
)
