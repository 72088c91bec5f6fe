import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { type ReadResult, readPlan } from '../../../proxy/plans/read-plan.ts'

const shipped = [
  'late-messages/late-commit',
  'network-partition',
  'mistakes/mistake-read-uncommitted',
].map((name) => readFileSync(join(packageRoot(), 'chaos-plans', `${name}.yaml`), 'utf8'))

/** Whatever was read: a plan, or problems that each lie within the text and say something. */
function expectAnswer(result: ReadResult): void {
  if ('plan' in result) return
  expect(result.problems.length).toBeGreaterThan(0)
  for (const { line, column, length, message, sourceLine } of result.problems) {
    expect(line).toBeGreaterThanOrEqual(1)
    expect(column).toBeGreaterThanOrEqual(1)
    expect(column - 1).toBeLessThanOrEqual(sourceLine.length)
    expect(length).toBeGreaterThanOrEqual(1)
    expect(message).not.toBe('')
  }
}

describe('any text is read to a plan or to problems with places, never to a throw', () => {
  it('when it holds any values at all', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expectAnswer(readPlan(stringify(value), 'any.yaml'))
      }),
      { numRuns: 200 },
    )
  })

  it('when the right keys hold the wrong values', () => {
    const keys = ['name', 'cluster', 'topics', 'workload', 'load', 'contract', 'faults', 'expect']
    const inner = ['copier', 'embedded', 'when', 'inject', 'on', 'records', 'output', 'delay']
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('EndTxn', '5s', 'java', 7, true, null, '10%'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...inner), tie('value'), { maxKeys: 3 }),
      ),
    })).value
    const plan = fc.dictionary(fc.constantFrom(...keys), value)
    fc.assert(
      fc.property(plan, (data) => expectAnswer(readPlan(stringify(data), 'any.yaml'))),
      { numRuns: 300 },
    )
  })

  it('when a right plan was cut and patched anywhere', () => {
    const edits = fc.tuple(
      fc.constantFrom(...shipped),
      fc.nat(2_000),
      fc.nat(30),
      fc.string({ maxLength: 8 }),
    )
    fc.assert(
      fc.property(edits, ([text, at, cut, patch]) => {
        expectAnswer(readPlan(text.slice(0, at) + patch + text.slice(at + cut), 'any.yaml'))
      }),
      { numRuns: 300 },
    )
  })

  it('when any flag changes it', () => {
    const path = fc.array(
      fc.constantFrom('faults', 'late-commit', 'when', 'load', 'records', '0', 'x', ''),
      { minLength: 1, maxLength: 4 },
    )
    fc.assert(
      fc.property(path, fc.string({ maxLength: 12 }), (words, value) => {
        const set = [`${words.join('.')}=${value}`]
        expectAnswer(readPlan(shipped[0] ?? '', 'any.yaml', { set }))
      }),
      { numRuns: 300 },
    )
  })
})
