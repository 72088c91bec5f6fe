import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import type { Output } from '../../../gauntlet/reports/output.ts'
import { createTerminal } from '../../../gauntlet/reports/terminal.ts'
import { tableLines } from '../../../gauntlet/reports/terminal-verdict.ts'
import type { Result, RunEvent, RunProgress } from '../../../gauntlet/run-events.ts'
import { passReason, resultOf } from '../result-builder.ts'

const eraseLine = '\r\u001b[2K'

function shown(
  events: readonly RunEvent[],
  { isLive = false, quiet = false, columns = 100 } = {},
): { out: string; err: string } {
  let out = ''
  let err = ''
  const output: Output = {
    write: (text) => {
      out += text
    },
    writeError: (text) => {
      err += text
    },
    isLive,
    columns: () => columns,
    colours: pc.createColors(false),
  }
  const again = 'gauntlet run trial --seed 7'
  const terminal = createTerminal(output, { quiet, again, version: '0.0.0' })
  for (const event of events) terminal.report(event)
  terminal.close()
  return { out, err }
}

function progressAt(elapsedMs: number, part: Partial<RunProgress> = {}): RunEvent {
  return {
    type: 'progress',
    elapsedMs,
    records: { sent: 1200, read: 1150 },
    transactions: { committed: 24, aborted: 0, unknown: 0 },
    faults: [{ name: 'crash', fired: 1, applied: 1, times: 1 }],
    ...part,
  }
}

const started: RunEvent[] = [
  { type: 'run', plan: 'trial', asks: 'Is it so?', seed: 7, outDir: 'out' },
  { type: 'phase-started', phase: 'cluster', text: 'Starting Kafka' },
  { type: 'phase-done', phase: 'cluster', text: 'Kafka 4.3.1, 3 brokers', ms: 6210 },
]
const verdict = (part = {}): RunEvent => ({
  type: 'verdict',
  result: resultOf(part),
  outDir: 'gauntlet-out/trial',
})

describe('without a terminal', () => {
  it('a run is one line per phase, the verdict, its reason, and the command that repeats it', () => {
    expect(shown([...started, verdict()]).out).toBe(`
  trial   seed 7   eos-gauntlet 0.0.0
  Is it so?

  ✔ Kafka 4.3.1, 3 brokers  6.2 s

  PASS  ${passReason}
        inputs 3,120 · outputs 3,120 · lost 0 · doubled 0 · unexpected 0
        transactions: 61 committed, 1 aborted, 0 unknown

  report  gauntlet-out/trial/report.html
  result  gauntlet-out/trial/result.json
  again   gauntlet run trial --seed 7

`)
  })

  it('a step of a transaction is a line, and none when only the verdict is wanted', () => {
    const step: RunEvent = { type: 'step', text: 'copier-0  ending  EndTxn(commit)' }
    expect(shown([step]).out).toBe('    copier-0  ending  EndTxn(commit)\n')
    expect(shown([step], { quiet: true })).toEqual({ out: '', err: '' })
  })

  it('progress is a line every five seconds and nothing is ever drawn over', () => {
    const events = [1_000, 5_500, 6_000, 9_000, 11_000].map((ms) => progressAt(ms))
    const { out } = shown(events)
    expect(out).toBe(
      ['00:05', '00:11']
        .map(
          (time) =>
            `    ${time} · 1,200 sent · 1,150 read · transactions 24 committed · crash 1/1\n`,
        )
        .join(''),
    )
  })
})

describe('on a terminal', () => {
  it('the line of the phase that lasts is drawn over and cut to the width', () => {
    const { out } = shown(
      [
        { type: 'phase-started', phase: 'load', text: 'Load' },
        progressAt(1_000),
        { type: 'note', text: 'crash applied' },
      ],
      { isLive: true, columns: 30 },
    )
    const lines = out
      .replaceAll(eraseLine, '\n')
      .split('\n')
      .filter((line) => line !== '')
    expect(lines[0]).toBe('  ⠋ Load')
    expect(lines[1]).toBe('    crash applied')
    expect(lines[2]).toMatch(/^ {2}. 00:01 · 1,200 sent/)
    expect(lines[2]).toHaveLength(29)
    expect(out.endsWith(eraseLine)).toBe(true)
  })
})

const duplicate: Result['findings'][number] = {
  kind: 'duplicate',
  summary: '2 records are in the output twice',
  sentence: '2 records twice: transaction 3 of copier-0 was committed',
  ids: ['p0-1', 'p0-2'],
  count: 2,
  proof: [],
  causes: ['crash#1 (transaction)'],
}

describe('the verdict', () => {
  it('says what was found, what touched it, and that the plan expects it', () => {
    const { out } = shown([
      verdict({
        verdict: 'FAIL',
        expected: 'FAIL',
        expectedFindings: ['duplicate'],
        reasons: ['2 records are in the output twice.'],
        findings: [duplicate],
        faults: [
          {
            name: 'crash',
            kind: 'coordinator-crash',
            matched: 21,
            fired: 1,
            applied: 1,
            healed: 1,
            state: 'spent',
            firings: [],
          },
        ],
      }),
    ])
    expect(out).toContain('  FAIL  2 records are in the output twice.   (as the plan expects)\n')
    expect(out).toContain('        duplicate × 2   p0-1, p0-2\n')
    expect(out).toContain('          touched by crash#1 (transaction)\n')
    expect(out).toContain('crash (coordinator-crash): matched 21, fired 1, applied 1\n')
  })

  it('says when the plan expects another one', () => {
    const { out } = shown([
      verdict({ expected: 'FAIL', expectedFindings: ['duplicate'], asExpected: false }),
    ])
    expect(out).toContain('(the plan expects FAIL with duplicate)')
  })

  it('names every reason why nothing can be said', () => {
    const reasons = ['fault crash was never applied', 'the output was not drained']
    const { out } = shown([verdict({ verdict: 'INCONCLUSIVE', reasons })])
    expect(out).toContain('  INCONCLUSIVE  fault crash was never applied')
    expect(out).toContain('the output was not drained')
  })

  it('comes last, even if a phase ends after it', () => {
    const judged: RunEvent = { type: 'phase-done', phase: 'judge', text: 'judged', ms: 5 }
    const { out } = shown([verdict(), judged])
    expect(out.indexOf('judged')).toBeLessThan(out.indexOf('PASS'))
  })

  it('is all that a quiet run says, problems on the other stream', () => {
    const problem: RunEvent = { type: 'problem', text: 'the proxy stood still' }
    const { out, err } = shown([...started, progressAt(9_000), problem, verdict()], { quiet: true })
    expect(out).toBe(`PASS trial: ${passReason}\n`)
    expect(err).toBe('! the proxy stood still\n')
  })
})

it('shows several runs as a table', () => {
  const results = [
    resultOf(),
    resultOf({
      plan: 'other',
      verdict: 'FAIL',
      asExpected: false,
      records: { expected: 9, committed: 11, lost: 0, duplicated: 2, unexpected: 0 },
    }),
  ]
  expect(tableLines(results, pc.createColors(false)).join('\n')).toBe(
    `
  plan   faults  lost  doubled  unexpected  verdict
  trial  0/0     0     0        0           PASS     as expected
  other  0/0     0     2        0           FAIL     expected PASS
`,
  )
})
