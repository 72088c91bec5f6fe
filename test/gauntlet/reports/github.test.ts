import { describe, expect, it } from 'vitest'
import {
  annotations,
  annotationsMax,
  type GithubRun,
  jobSummary,
} from '../../../gauntlet/reports/github.ts'
import type { Result } from '../../../gauntlet/run-events.ts'
import { resultOf } from '../result-builder.ts'

function judged(plan: string, part: Partial<Result> = {}): GithubRun {
  return {
    plan,
    outcome: { kind: 'judged', result: resultOf({ plan, ...part }) },
    lineOf: (fault) => ({
      file: `chaos/${plan}.yaml`,
      line: fault === 'crash' ? 12 : 30,
      column: 5,
    }),
    again: `gauntlet run ${plan}`,
  }
}

const finding = (kind: Result['findings'][number]['kind'], causes: string[] = []) => ({
  kind,
  summary: 'doubled',
  sentence: `2 records twice by ${kind}: 100% sure,\nreally`,
  ids: [],
  count: 2,
  proof: [],
  causes,
})

const failing = (plan: string, count = 1): GithubRun =>
  judged(plan, {
    verdict: 'FAIL',
    asExpected: false,
    reasons: ['duplicate: 2 | records <b>twice</b>'],
    findings: Array.from({ length: count }, () => finding('duplicate', ['crash#1 (exchange)'])),
  })

const unsure = judged('unsure', {
  verdict: 'INCONCLUSIVE',
  asExpected: false,
  reasons: ['fault crash never fired', 'not drained'],
  faults: [
    {
      name: 'crash',
      kind: 'disconnect',
      matched: 0,
      fired: 0,
      applied: 0,
      healed: 0,
      state: 'armed',
      firings: [],
    },
  ],
})

describe('annotations for GitHub', () => {
  it('are none when all is as expected, a FAIL that was expected included', () => {
    const expectedFail = judged('wrong', {
      verdict: 'FAIL',
      expected: 'FAIL',
      findings: [finding('duplicate')],
    })
    expect(annotations([judged('good'), expectedFail])).toEqual([])
  })

  it('put each finding at the fault that caused it, escaped as GitHub asks', () => {
    expect(annotations([failing('orders')])).toEqual([
      '::error file=chaos/orders.yaml,line=12,col=5,title=orders%3A FAIL%2C duplicate::2 records twice by duplicate: 100%25 sure,%0Areally',
    ])
  })

  it('name the worst first and no more than ten, with a count of the rest', () => {
    const none: GithubRun = {
      plan: 'no-cluster',
      outcome: { kind: 'none', message: 'no broker answers' },
      lineOf: () => undefined,
      again: 'gauntlet run no-cluster',
    }
    const lines = annotations([unsure, none, failing('orders', 9)])
    expect(lines).toHaveLength(annotationsMax)
    expect(lines.slice(0, 9).every((line) => line.includes('orders%3A FAIL'))).toBe(true)
    expect(lines[9]).toBe('::error title=no-cluster%3A no verdict::no broker answers (and 1 more)')
  })

  it('say what keeps a run from a verdict, at the fault that did nothing', () => {
    expect(annotations([unsure])).toEqual([
      '::error file=chaos/unsure.yaml,line=12,col=5,title=unsure%3A INCONCLUSIVE::fault crash never fired; not drained',
    ])
  })
})

describe('the job summary', () => {
  it('says the verdict first', () => {
    expect(jobSummary([judged('good')])).toMatch(/^## ✅ PASS: good\n/)
    expect(jobSummary([failing('orders')])).toMatch(/^## ❌ FAIL: orders\n/)
    expect(jobSummary([unsure])).toMatch(/^## ⚠️ INCONCLUSIVE: unsure\n/)
    expect(jobSummary([judged('good'), failing('orders')])).toMatch(
      /^## ❌ 1 of 2 plans not as expected\n/,
    )
  })

  it('lists what is not as expected before the rest, and lets nothing be markup', () => {
    const text = jobSummary([judged('good'), failing('orders')])
    expect(text.indexOf('| orders |')).toBeLessThan(text.indexOf('| good |'))
    expect(text).toContain('duplicate: 2 \\| records &lt;b&gt;twice&lt;/b&gt; |')
    expect(text).toContain('<details open><summary>orders</summary>')
    expect(text).toContain('touched by crash#1 (exchange)')
    expect(text).toContain('gauntlet run orders')
  })

  it('is cut to the room that there is, between two pieces, and says so', () => {
    const many = Array.from({ length: 3_000 }, (_, index) => failing(`orders-${index}`))
    const text = jobSummary(many)
    expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024)
    expect(text).toContain('Cut here')
    expect((text.match(/<details/g) ?? []).length).toBe((text.match(/<\/details>/g) ?? []).length)
    expect(Buffer.byteLength(jobSummary(many, 500))).toBeLessThanOrEqual(500)
    expect(jobSummary(many, -1)).toBe('')
  })
})
