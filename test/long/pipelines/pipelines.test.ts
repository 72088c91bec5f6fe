// Whole runs of applications that are no copiers: legs of transfers with an invariant, a file and a database as
// sinks. Each kind of application once as it should be, and once with the mistake that must be found.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EmbeddedCluster } from '../../../gauntlet/clusters/embedded.ts'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { runPlan } from '../../../gauntlet/run.ts'
import type { Result } from '../../../gauntlet/run-events.ts'
import { readPlan } from '../../../proxy/plans/read-plan.ts'
import { startPlainCluster } from '../../kafka/plain-cluster.ts'
import { type Database, startDatabase } from './database.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-pipelines-'))
const environment = 'GAUNTLET_TEST_PIPELINE'
let cluster: EmbeddedCluster
let database: Database

beforeAll(async () => {
  cluster = await startPlainCluster(1)
  database = await startDatabase()
})

afterAll(async () => {
  delete process.env[environment]
  await cluster.stop()
  await database.stop()
  rmSync(folder, { recursive: true })
})

async function ran(
  name: string,
  program: string,
  env: Record<string, string>,
  rest: string,
): Promise<Result> {
  const text = `
name: ${name}
seed: 3
cluster: { external: { bootstrap: ${JSON.stringify(cluster.bootstrap)} } }
workload:
  command:
    run: node ${join(packageRoot(), 'test', 'long', 'pipelines', program)}
    instances: 1
    env: ${JSON.stringify(env)}
${rest}`
  const read = readPlan(text, `${name}.yaml`)
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  const outDir = join(folder, name)
  const never = new AbortController().signal
  return runPlan(read.plan, { outDir, verbose: false }, () => undefined, never)
}

const topics = (name: string, output = '') =>
  `topics: { input: { name: ${name}-in, partitions: 2 }${output} }`

/** Killed when its rows are written, and its offsets are not yet committed. */
const crash = `
load: { records: 300, rate: 150/s }
faults:
  - name: crash
    when: { request: OffsetCommit, nth: 6 }
    inject: { client-crash: { restart-after: 500ms } }`

const kindsOf = ({ findings }: Result) => findings.map(({ kind }) => kind)

describe('a business invariant', () => {
  const transfers = (mode: string) =>
    ran(
      `transfers-${mode}`,
      'transfers.mjs',
      { MODE: mode },
      `${topics(`transfers-${mode}`, `, output: { name: transfers-${mode}-out, partitions: 2 }`)}
load: { records: 200, rate: 100/s, value: '{"amount": \${amount}}' }
contract: { fan-out: 2 }
faults:
  - name: slow
    when: { reply: EndTxn, committed: true, nth: 5 }
    inject: { delay: { by: 300ms, of: reply } }
expect: { invariant: { sum: "json:$.amount", equals: 0, at: every-read } }
`,
    )

  it('holds at every read while both legs of a transfer are one transaction', async () => {
    const result = await transfers('whole')
    expect(result.reasons).toEqual([expect.stringContaining('every one accounted for')])
    expect(result.verdict).toBe('PASS')
    expect(result.records.committed).toBe(2 * result.records.expected)
  })

  it('is broken, in the eyes of a reader, by legs in two transactions, though it holds at the end', async () => {
    const result = await transfers('in-two')
    expect(kindsOf(result)).toEqual(['invariant'])
    const [finding] = result.findings
    expect(finding?.summary).toContain('is not 0: 0 at the end, broken at')
    expect(finding?.proof[0]?.shows).toContain('every transaction seen being whole')
  })
})

describe('a file as the sink of an application that is killed', () => {
  const toFile = (mode: string) => {
    const path = join(folder, `${mode}.ndjson`)
    const sink = `sink: { file: { path: ${path}, id: "json:$.id" } }`
    const name = `file-${mode}`
    return ran(name, 'to-file.mjs', { MODE: mode, SINK: path }, `${topics(name)}\n${sink}${crash}`)
  }

  it('is a PASS where it looks first what it has written', async () => {
    const result = await toFile('once')
    expect(result.reasons).toEqual([expect.stringContaining('with 1 fault applied')])
    expect(result).toMatchObject({ verdict: 'PASS', records: { lost: 0, duplicated: 0 } })
    expect(result.records.committed).toBe(result.records.expected)
  })

  it('has rows twice where it does not', async () => {
    const result = await toFile('naive')
    expect(kindsOf(result)).toEqual(['duplicate'])
    const [finding] = result.findings
    expect(finding?.count).toBe(result.records.duplicated)
    const lines = readFileSync(join(folder, 'naive.ndjson'), 'utf8').split('\n').length - 1
    expect(lines).toBe(result.records.committed)
  })
})

describe('a table of PostgreSQL as the sink of an application that is killed', () => {
  const toTable = async (mode: string) => {
    const address = await database.create(mode)
    process.env[environment] = address
    const sink = `sink: { postgres: { url-env: ${environment}, table: payments, id: "column:id" } }`
    const name = `table-${mode}`
    const env = { MODE: mode, DATABASE: address }
    return ran(name, 'to-postgres.mjs', env, `${topics(name)}\n${sink}${crash}`)
  }

  it.each(['transactional', 'upsert'])('is a PASS where it is %s', async (mode) => {
    const result = await toTable(mode)
    expect(result.reasons).toEqual([expect.stringContaining('with 1 fault applied')])
    expect(result).toMatchObject({ verdict: 'PASS', records: { lost: 0, duplicated: 0 } })
    expect(result.records.committed).toBe(result.records.expected)
  })

  it('has rows twice where it is naive, and the password stands nowhere in the result', async () => {
    const result = await toTable('naive')
    expect(kindsOf(result)).toEqual(['duplicate'])
    const rows = await database.query(process.env[environment] ?? '', 'SELECT 1 FROM payments')
    expect(rows).toHaveLength(result.records.committed)
    const history = join(folder, 'table-naive', 'history.ndjson')
    expect(existsSync(history)).toBe(true)
    expect(readFileSync(history, 'utf8')).not.toContain('secret')
    expect(JSON.stringify(result)).not.toContain('secret')
  })

  it('is refused while it holds rows, and INCONCLUSIVE when it cannot be read at the end', async () => {
    await expect(
      ran(
        'table-filled',
        'to-postgres.mjs',
        { MODE: 'naive', DATABASE: process.env[environment] ?? '' },
        `${topics('filled')}
load: { records: 10, rate: 100/s }
sink: { postgres: { url-env: ${environment}, table: payments, id: "column:id" } }`,
      ),
    ).rejects.toMatchObject({ code: 'cannot-do-here' })
    // A table that nobody ever makes is empty before the run, and cannot be read after it.
    const address = await database.create('other')
    process.env[environment] = address
    const result = await ran(
      'table-missing',
      'to-postgres.mjs',
      { MODE: 'naive', DATABASE: address },
      `${topics('missing')}
load: { records: 20, rate: 100/s }
sink: { postgres: { url-env: ${environment}, table: nowhere, id: "column:id" } }`,
    )
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons.join('; ')).toContain('nowhere')
  })
})
