// The contracts beside one-per-input, with a small application of its own on a real cluster; and what becomes of that
// application where it trusts its client more than it may.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runSuite, type SuitePlan } from '../../gauntlet/suite/run-suite.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-contracts-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const fanOut = (copies: number, env: Record<string, string> = {}) => `
workload:
  command:
    run: node ${join(packageRoot(), 'test', 'long', 'fan-out.mjs')}
    instances: 1
    env: ${JSON.stringify({ COPIES: String(copies), ...env })}`

/** The group rebalances while a transaction is decided, and its offsets are not marked yet. */
const rebalanceBeforeMarkers = `
topics: { input: { partitions: 1 }, output: { partitions: 1 } }
faults:
  - name: late-marker
    when: { request: WriteTxnMarkers, committed: true, topic: __consumer_offsets, only: true, nth: 4 }
    inject: { delay: { by: 3s } }
  - name: evicted
    when: { fault: late-marker, is: applied }
    inject: { rebalance: { how: evict } }`

function item(name: string, rest: string): SuitePlan {
  const head = `name: ${name}\nseed: 3\nload: { records: 300, rate: 150/s }`
  const read = readPlan(`${head}\n${rest}\n`, `${name}.yaml`)
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  return { plan: read.plan, folder: '', outDir: join(folder, name) }
}

async function judged(items: SuitePlan[]) {
  const { results } = await runSuite(
    items,
    { outDir: folder, verbose: false },
    {
      reportOf: () => ({ report: () => undefined, close: () => undefined }),
      onEntry: () => undefined,
      note: () => undefined,
    },
    new AbortController().signal,
  )
  return results
}

const saidOf = (results: Awaited<ReturnType<typeof judged>>) =>
  results.map(({ plan, verdict, findings }) => [plan, verdict, ...findings.map(({ kind }) => kind)])

describe('a contract', () => {
  it('of a fixed fan-out, or of at most once, is what the outputs are judged by', async () => {
    const items = [
      item('doubled', `${fanOut(2)}\ncontract: { fan-out: 2 }`),
      item(
        'one-too-few',
        `${fanOut(1)}\ncontract: { fan-out: 2 }\nexpect: { verdict: FAIL, findings: [missing-output] }`,
      ),
      item('some-lost', `${fanOut(0)}\ncontract: at-most-once`),
    ]
    const results = await judged(items)
    expect(saidOf(results)).toEqual([
      ['doubled', 'PASS'],
      ['one-too-few', 'FAIL', 'missing-output'],
      ['some-lost', 'PASS'],
    ])
    expect(results[0]?.records.committed).toBe(2 * (results[0]?.records.expected ?? 0))
  }, 600_000)

  it('of once each is broken by kafkajs after a rebalance, and kept by an application that knows its position', async () => {
    const items = [
      item('position-kept', `${fanOut(1)}${rebalanceBeforeMarkers}`),
      item(
        'position-forgotten',
        `${fanOut(1, { POSITIONS: 'forgotten' })}${rebalanceBeforeMarkers}
expect: { verdict: FAIL, findings: [duplicate] }`,
      ),
    ]
    const results = await judged(items)
    expect(saidOf(results)).toEqual([
      ['position-kept', 'PASS'],
      ['position-forgotten', 'FAIL', 'duplicate'],
    ])
  }, 600_000)
})
