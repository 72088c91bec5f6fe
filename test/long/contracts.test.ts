// The contracts beside one-per-input, with a small application of its own on a real cluster. Its client may hand it a
// batch twice, which it answers for by the positions that it keeps; after a commit that failed it does nothing more.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runSuite, type SuitePlan } from '../../gauntlet/suite/run-suite.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-contracts-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const fanOut = (copies: number) => `
workload:
  command:
    run: node ${join(packageRoot(), 'test', 'long', 'fan-out.mjs')}
    instances: 1
    env: { COPIES: ${copies} }`

function item(name: string, rest: string): SuitePlan {
  const head = `name: ${name}\nseed: 3\nload: { records: 300, rate: 150/s }`
  const read = readPlan(`${head}\n${rest}\n`, `${name}.yaml`)
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  return { plan: read.plan, folder: '', outDir: join(folder, name) }
}

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
    const said = results.map(({ plan, verdict, findings }) => [
      plan,
      verdict,
      ...findings.map(({ kind }) => kind),
    ])
    expect(said).toEqual([
      ['doubled', 'PASS'],
      ['one-too-few', 'FAIL', 'missing-output'],
      ['some-lost', 'PASS'],
    ])
    expect(results[0]?.records.committed).toBe(2 * (results[0]?.records.expected ?? 0))
  }, 600_000)
})
