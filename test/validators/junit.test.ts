import { describe, expect, it } from 'vitest'
import { guards } from '../../validators/guards.ts'
import { historyOf } from '../../validators/history.ts'
import { anomalyKinds, type Expectation, type HistoryLine } from '../../validators/history-line.ts'
import { junitOf } from '../../validators/junit.ts'
import { resultOf } from '../../validators/result.ts'
import { judge } from '../../validators/verdict.ts'
import { cleanLines } from './builders.ts'

function xml(change: (lines: HistoryLine[]) => HistoryLine[], expected?: Expectation): string {
  const history = historyOf(change(cleanLines()))
  return junitOf([resultOf(history, judge(history, expected))])
}

const count = (text: string, what: RegExp) => [...text.matchAll(what)].length
const doubled = (lines: HistoryLine[]) =>
  lines.map((line) =>
    line.type === 'log-batch' && line.role === 'output' && line.baseOffset === 6
      ? { ...line, ids: ['in-4', 'in-5', 'in-5'], lastOffset: 8 }
      : line,
  )

describe('junit.xml', () => {
  it('has a test case for the verdict, each anomaly, each fault and each guard, all green in a clean run', () => {
    const text = xml((lines) => lines)
    expect(count(text, /<testcase /g)).toBe(1 + anomalyKinds.length + 1 + guards.length + 1)
    expect(count(text, /<(failure|error|skipped)/g)).toBe(0)
    expect(text).toContain('name="no duplicate"')
    expect(text).toContain('name="crash was applied"')
  })

  it('shows a finding as a failure of its kind and of the verdict', () => {
    const text = xml(doubled)
    expect(text).toMatch(/<failure message="FAIL: duplicate: [^"]+" type="FAIL"/)
    expect(text).toMatch(/<failure message="1 record twice: [^"]+" type="duplicate"/)
  })

  it('is green where the plan expects the finding', () => {
    const text = xml(doubled, { verdict: 'FAIL', findings: ['duplicate'], allow: [] })
    expect(text).toContain('name="finds duplicate"')
    expect(count(text, /<failure/g)).toBe(0)
    const missed = xml((lines) => lines, { verdict: 'FAIL', findings: ['duplicate'], allow: [] })
    expect(missed).toContain('duplicate was expected and not found')
  })

  it('is green where the plan expects that nothing can be said', () => {
    const text = xml((lines) => lines.filter(({ type }) => type !== 'drain'), {
      verdict: 'INCONCLUSIVE',
      allow: [],
    })
    expect(count(text, /<(failure|error)/g)).toBe(0)
  })

  it('shows what cannot be judged as an error, never as skipped', () => {
    const text = xml((lines) => lines.filter(({ type }) => type !== 'drain'))
    expect(count(text, /<error message="[^"]*" type="inconclusive"/g)).toBe(2)
    expect(text).toContain('errors="2" skipped="0"')
    expect(text).not.toContain('<skipped')
  })

  it('has an error for a plan that came to no verdict', () => {
    const history = historyOf(cleanLines())
    const text = junitOf(
      [resultOf(history, judge(history))],
      [{ plan: 'orders', message: 'no cluster <at all>' }],
    )
    expect(text).toContain('errors="1" skipped="0"')
    expect(text).toContain('<testcase classname="orders.verdict" name="comes to a verdict">')
    expect(text).toMatch(/<error message="no cluster &lt;at all>?(&gt;)?" type="no-verdict"/)
  })
})
