// Plans one after the other on one cluster: what one of them has broken or left behind must not reach the next.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runSuite, type SuitePlan } from '../../gauntlet/suite/run-suite.ts'
import type { SuiteEntry, SuiteResult } from '../../gauntlet/suite/suite-result.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { openHistory } from '../../validators/history.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-suite-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const kafkajsCopier =
  'workload: { copier: { client: kafkajs, instances: 1, transaction-size: 20 } }'
function item(name: string, rest: string): SuitePlan {
  const read = readPlan(
    `name: ${name}\nseed: 3\nload: { records: 300, rate: 150/s }\n${rest}\n`,
    `${name}.yaml`,
  )
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  return { plan: read.plan, folder: '', outDir: join(folder, name) }
}

function hooks(
  notes: string[],
  onEntry: (entry: SuiteEntry, suite: SuiteResult) => void = () => undefined,
) {
  return {
    reportOf: () => ({ report: () => undefined, close: () => undefined }),
    onEntry,
    note: (text: string) => void notes.push(text),
  }
}

const options = { outDir: folder, verbose: false }

describe('a suite', () => {
  it('mends what a plan has broken, forgets what it has written, and goes on with the same cluster', async () => {
    const notes: string[] = []
    const killsAndStays = `${kafkajsCopier}
faults:
  - name: killed
    when: { reply: EndTxn, committed: true, error: NONE, nth: 4 }
    inject: { coordinator-crash: { how: process } }
    for: 3s`
    const items = [
      item('broken', killsAndStays),
      item('after', `${kafkajsCopier}\nstart-when: { group: stable }`),
    ]
    const never = new AbortController().signal
    const { suite, results } = await runSuite(items, options, hooks(notes), never)
    const said = suite.entries.map(({ plan, outcome }) => [
      plan,
      outcome.kind === 'judged' ? outcome.verdict : outcome,
    ])
    expect(said).toEqual([
      ['broken', 'PASS'],
      ['after', 'PASS'],
    ])
    expect(results.every(({ asExpected }) => asExpected)).toBe(true)
    expect(results[0]?.faults).toMatchObject([{ name: 'killed', applied: 1 }])
    expect(suite.clusters.started, notes.join('\n')).toBe(1)
    // Fresh topics: the first offset of the second plan's input is the first of its log.
    const { log } = openHistory(join(folder, 'after', 'history.ndjson'))
    expect(log.partitions.get('input-0')?.end?.firstOffset).toBe(0)
    expect(results[1]?.records.unexpected).toBe(0)
  }, 600_000)

  it('goes on after a plan that comes to no verdict, and ends when it is interrupted', async () => {
    const stop = new AbortController()
    const entries: SuiteEntry[] = []
    const running = runSuite(
      [
        item('no-program', 'workload: { command: { run: exit 3, instances: 1, ready: never } }'),
        item('well', kafkajsCopier),
        item('never-begun', kafkajsCopier),
      ],
      options,
      hooks([], (entry, suite) => {
        entries.push(entry)
        // What an interrupted suite leaves behind.
        expect(suite.entries).toEqual(entries)
        if (entry.plan === 'well') stop.abort()
      }),
      stop.signal,
    )
    await expect(running).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 })
    expect(entries.map(({ plan, outcome }) => [plan, outcome.kind])).toEqual([
      ['no-program', 'failed'],
      ['well', 'judged'],
    ])
    expect(entries[0]?.outcome).toMatchObject({ exitCode: 69 })
  }, 300_000)
})
