// From history to verdict: a clean run passes, each single change of it is found, and every guard can stop a PASS.
import { describe, expect, it } from 'vitest'
import { checkers } from '../../validators/checkers/all.ts'
import { historyOf } from '../../validators/history.ts'
import type { Expectation, HistoryLine, LogBatchLine } from '../../validators/history-line.ts'
import { resultOf } from '../../validators/result.ts'
import { judge } from '../../validators/verdict.ts'
import { cleanLines, expectPass, output, read } from './builders.ts'

const clean = () => historyOf(cleanLines())

function changed(change: (lines: HistoryLine[]) => HistoryLine[]) {
  return historyOf(change(cleanLines()))
}

/** The clean run with another batch at an offset of the output. */
function withBatch(baseOffset: number, change: (line: LogBatchLine) => HistoryLine[]) {
  return changed((lines) =>
    lines.flatMap((line) =>
      line.type === 'log-batch' && line.role === 'output' && line.baseOffset === baseOffset
        ? change(line)
        : [line],
    ),
  )
}

const kindsOf = (history: ReturnType<typeof clean>) =>
  judge(history).findings.map(({ kind }) => kind)

describe('the verdict', () => {
  it('is PASS for a clean run, and says how many records it accounts for', () => {
    const judgement = judge(clean())
    expect(judgement.reasons).toEqual([
      '6 records expected, 6 committed, every one accounted for, with 1 fault applied',
    ])
    expect(judgement).toMatchObject({
      verdict: 'PASS',
      asExpected: true,
      exitCode: 0,
      findings: [],
      records: { expected: 6, committed: 6, lost: 0, duplicated: 0, unexpected: 0 },
      transactions: { begun: 3, committed: 3, aborted: 0, unknown: 0, fenced: 0, hanging: 0 },
    })
  })

  it('is FAIL when one output record of a clean run is dropped', () => {
    const history = withBatch(3, (line) => [{ ...line, ids: ['in-2'], lastOffset: 3 }])
    expect(judge(history)).toMatchObject({ verdict: 'FAIL', exitCode: 1, records: { lost: 1 } })
    expect(kindsOf(history)).toContain('missing-output')
  })

  it('is FAIL when one whole batch is dropped: its commit was decided', () => {
    const history = withBatch(3, () => [])
    expect(kindsOf(history).sort()).toEqual([
      'inconsistent-offsets',
      'lost-write',
      'missing-output',
    ])
  })

  it('is FAIL when one output record of a clean run is doubled', () => {
    const history = withBatch(6, (line) => [{ ...line, ids: ['in-4', 'in-4'] }])
    expect(kindsOf(history)).toEqual(['missing-output', 'duplicate', 'inconsistent-offsets'])
  })

  it('is FAIL when two output records change places', () => {
    const history = withBatch(6, (line) => [{ ...line, ids: ['in-5', 'in-4'] }])
    expect(kindsOf(history)).toEqual(['reordered', 'inconsistent-offsets'])
  })

  it('is FAIL when one output batch of a clean run is aborted', () => {
    const history = withBatch(3, (line) => [{ ...line, state: 'aborted' }])
    expect(kindsOf(history)).toEqual(['lost-write', 'missing-output', 'aborted-read'])
  })

  it('is FAIL when an output has an id that nobody wrote', () => {
    const history = withBatch(6, (line) => [{ ...line, ids: ['in-4', 'stranger'] }])
    expect(kindsOf(history)).toContain('unexpected')
  })

  it('lets a kind pass that the plan allows, and tells the reason', () => {
    const history = withBatch(6, (line) => [{ ...line, ids: ['in-5', 'in-4'] }])
    const readAsThere = historyOf(
      [...history.lines()].map((line) =>
        line.type === 'read' && line.reader === 'final'
          ? { ...line, ids: ['in-0', 'in-1', 'in-2', 'in-3', 'in-5', 'in-4'] }
          : line,
      ),
    )
    const allow = [{ kind: 'reordered' as const, reason: 'works in parallel' }]
    const judgement = judge(readAsThere, { verdict: 'PASS', allow })
    expect(judgement).toMatchObject({ verdict: 'PASS', exitCode: 0, findings: [] })
    expect(judgement.allowed).toMatchObject([{ kind: 'reordered', allowed: 'works in parallel' }])
    expect(judgement.notes).toEqual([
      'reordered is allowed (works in parallel): 1 record out of order in output',
    ])
  })

  it('is INCONCLUSIVE when nothing was found and a guard speaks', () => {
    const history = changed((lines) => lines.filter(({ type }) => type !== 'drain'))
    expect(judge(history)).toMatchObject({
      verdict: 'INCONCLUSIVE',
      exitCode: 2,
      reasons: ['nobody waited until everything had come to rest'],
    })
  })

  it('is FAIL, not INCONCLUSIVE, when something was found and a guard speaks', () => {
    const history = changed((lines) =>
      lines
        .filter(({ type }) => type !== 'fault-applied')
        .map((line) =>
          line.type === 'log-batch' && line.role === 'output' && line.baseOffset === 6
            ? { ...line, ids: ['in-4', 'in-0'] }
            : line,
        ),
    )
    const judgement = judge(history)
    expect(judgement.verdict).toBe('FAIL')
    expect(judgement.reasons.at(-1)).toMatch(/agree|not the same|never there/)
  })

  it('is INCONCLUSIVE when a checker throws', () => {
    const broken = {
      ...checkers,
      duplicate: () => {
        throw new Error('a bug of ours')
      },
    }
    expect(judge(clean(), expectPass, broken)).toMatchObject({
      verdict: 'INCONCLUSIVE',
      reasons: ['checker duplicate threw: a bug of ours'],
    })
  })

  it('exits 0 for a FAIL with exactly the findings that the plan expects, else 1', () => {
    const reordered = withBatch(6, (line) => [{ ...line, ids: ['in-5', 'in-4'] }])
    const exit = (expected: Expectation) => judge(reordered, expected).exitCode
    expect(exit({ verdict: 'FAIL', allow: [] })).toBe(0)
    expect(
      exit({ verdict: 'FAIL', findings: ['reordered', 'inconsistent-offsets'], allow: [] }),
    ).toBe(0)
    expect(exit({ verdict: 'FAIL', findings: ['reordered'], allow: [] })).toBe(1)
    expect(exit({ verdict: 'FAIL', findings: ['duplicate'], allow: [] })).toBe(1)
    expect(judge(clean(), { verdict: 'FAIL', allow: [] }).exitCode).toBe(1)
    const inconclusive = changed((lines) => lines.filter(({ type }) => type !== 'drain'))
    expect(judge(inconclusive, { verdict: 'INCONCLUSIVE', allow: [] }).exitCode).toBe(0)
    expect(judge(inconclusive, { verdict: 'FAIL', allow: [] }).exitCode).toBe(2)
  })

  it('is the same, byte for byte, when the same history is judged again', () => {
    const lines = cleanLines().concat([
      output(20, ['in-0', 'other-9', null], { baseSequence: 40 }),
      read('concurrent', 3, ['in-9']),
    ])
    const text = () => {
      const history = historyOf(lines)
      return JSON.stringify(resultOf(history, judge(history)))
    }
    expect(text()).toBe(text())
    expect(JSON.parse(text()).findings.length).toBeGreaterThan(2)
  })

  it('notes a fault that was applied less often than planned', () => {
    const history = historyOf(
      cleanLines({ faults: [{ name: 'crash', kind: 'disconnect', times: 3 }] }),
    )
    expect(judge(history)).toMatchObject({
      verdict: 'PASS',
      notes: ['fault crash was applied 1 of 3 times'],
    })
  })
})
