import { describe, expect, it } from 'vitest'
import {
  embeddable,
  embeddedBytesMax,
  runReport,
} from '../../../../gauntlet/reports/html/run-report.ts'
import type { Firing } from '../../../../proxy/events.ts'
import { type History, historyOf } from '../../../../validators/history.ts'
import type { HistoryLine } from '../../../../validators/history-line.ts'
import { type RunResult, resultOf } from '../../../../validators/result.ts'
import { judge } from '../../../../validators/verdict.ts'
import { cleanLines, ended, fault, run, send } from '../../../validators/builders.ts'
import { flawsOf } from './well-formed.ts'

const planText = 'name: literal\nfaults:\n  - name: crash\n'
const commands = [{ does: 'Again:', line: 'gauntlet replay out/literal' }]

function judged(lines: HistoryLine[]): { history: History; result: RunResult } {
  const history = historyOf(lines)
  return { history, result: resultOf(history, judge(history)) }
}

function pageFor(lines: HistoryLine[], change: (result: RunResult) => RunResult = (one) => one) {
  const { history, result } = judged(lines)
  return runReport({ result: change(result), history, planText, commands })
}

const doubled = (lines: HistoryLine[]) =>
  lines.map((line) =>
    line.type === 'log-batch' && line.role === 'output' && line.baseOffset === 3
      ? { ...line, ids: ['in-0', 'in-3'] }
      : line,
  )

/** What a reader sees: no script, no style, no tags. */
const textOf = (page: string) =>
  page
    .replace(/<(script|style)\b[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')

const embedded = (page: string): RunResult => {
  const match = /<script type="application\/json" id="result">([\s\S]*?)<\/script>/.exec(page)
  return JSON.parse(match?.[1] ?? '') as RunResult
}

describe('the page of a run', () => {
  it('says the verdict and its reason first, then the numbers', () => {
    const page = pageFor(cleanLines())
    expect(page).toContain('<title>PASS literal</title>')
    const text = textOf(page)
    expect(text).toMatch(/✓ PASS 6 records expected, 6 committed, every one accounted for/)
    expect(text.indexOf('PASS 6 records')).toBeLessThan(text.indexOf('inputs 6'))
    expect(text).toContain('inputs 6 outputs 6 lost 0 doubled 0')
    expect(text).toContain('Nothing was found.')
    expect(text).toMatch(/checks? held/)
  })

  it('is well-formed whether it passes, fails or cannot be judged', () => {
    for (const lines of [
      cleanLines(),
      doubled(cleanLines()),
      cleanLines().filter(({ type }) => type !== 'drain'),
      [run()],
    ]) {
      expect(flawsOf(pageFor(lines))).toEqual([])
    }
  })

  it('names each finding with its sentence, the faults that touched it and the messages concerned', () => {
    const { result } = judged(doubled(cleanLines()))
    const page = pageFor(doubled(cleanLines()))
    const text = textOf(page)
    const [finding] = result.findings.filter(({ kind }) => kind === 'duplicate')
    expect(finding?.sentence).toMatch(/^1 record twice/)
    expect(text).toContain(finding?.sentence.replaceAll('`', ' ').replace(/\s+/g, ' ').slice(0, 60))
    expect(text).toContain(`▼ ${finding?.causes[0]}`)
    const sequence = /<svg class="sequence"[\s\S]*?<\/svg>/.exec(page)?.[0] ?? ''
    for (const words of ['copier-0', 'broker 1', 'Produce output-0 (2 records)', 'crash#1 fired']) {
      expect(sequence).toContain(words)
    }
    expect(sequence).toContain('class="fault-block"')
    expect(text).toContain('transaction 1 of copier-0')
  })

  it('draws the same messages once, for the first of the findings that they explain', () => {
    const page = pageFor(doubled(cleanLines()), (one) => ({
      ...one,
      findings: one.findings.flatMap((finding) => [finding, { ...finding, kind: 'aborted-read' }]),
    }))
    const once = pageFor(doubled(cleanLines()))
    const drawings = (text: string) => text.match(/<svg class="sequence"/g)?.length
    expect(drawings(once)).toBeGreaterThan(0)
    expect(drawings(page)).toBe(drawings(once))
    expect(textOf(page)).toMatch(/message by message: as drawn under duplicate above/)
    expect(flawsOf(page)).toEqual([])
  })

  it('says what is missing when the run cannot be judged', () => {
    const text = textOf(pageFor(cleanLines().filter(({ type }) => type !== 'drain')))
    expect(text).toMatch(/\? INCONCLUSIVE/)
    expect(text).toMatch(/checks? of \d+ did not hold, so finding nothing would prove nothing/)
    expect(text).toContain('Nothing was found, and that proves nothing')
  })

  it('tells of each fault how often it matched, fired and was applied, and what the broker answered', () => {
    const lines = [
      ...cleanLines(),
      fault('applied', { firedAtMs: 1_900, effect: 'closed it', brokerAnswer: 'NOT_COORDINATOR' }),
    ]
    const text = textOf(pageFor(lines))
    expect(text).toContain('fault kind matched fired applied healed state')
    expect(text).toMatch(/crash disconnect 1 1 1 1/)
    expect(text).toContain('closed it')
    expect(text).toContain('NOT_COORDINATOR')
  })

  it('holds the plan, the commands that repeat it, and the whole result', () => {
    const { history, result } = judged(cleanLines())
    const page = runReport({ result, history, planText, commands })
    expect(page).toContain('name: literal\nfaults:')
    expect(page).toContain('gauntlet replay out/literal')
    expect(page).toContain('data-of="command-0"')
    expect(embedded(page)).toEqual(JSON.parse(JSON.stringify(result)))
  })

  it('asks nothing of anybody: no address outside, and a policy that would forbid it', () => {
    const page = pageFor(doubled(cleanLines()))
    expect(page).not.toMatch(/(src|href|url)\s*[=(]\s*["']?(https?:)?\/\//)
    expect(page).toMatch(/content="default-src &#39;none&#39;/)
    expect(page).not.toMatch(/@import|<link|<img|<iframe/)
  })

  it('runs nothing that a name, an id, an effect or a plan smuggles in', () => {
    const evil = `</script><script>alert(1)</script><img src=x onerror="alert(2)">'"\u2028`
    const lines = [
      ...doubled(cleanLines({ plan: evil, asks: evil })).map((line) =>
        line.type === 'log-batch'
          ? { ...line, ids: line.ids.map((id) => (id === null ? null : `${id}${evil}`)) }
          : line,
      ),
      fault('applied', { firedAtMs: 1_900, effect: evil, targets: [evil], brokerAnswer: evil }),
      send(9, { topic: evil }),
      ended(9, 'commit', { transactionalId: evil }),
    ]
    const { history, result } = judged(lines)
    expect(result.verdict).toBe('FAIL')
    const page = runReport({
      result,
      history,
      planText: evil,
      commands: [{ does: evil, line: evil }],
    })
    expect(flawsOf(page)).toEqual([])
    expect(page.match(/<script/g)).toHaveLength(2)
    expect(page).not.toContain('<img')
    expect(embedded(page).plan).toBe(evil)
  })

  it('cuts an embedded result that is too long, and counts what it left out', () => {
    const firings = Array.from(
      { length: 5_000 },
      (_, index): Firing => ({
        number: index + 1,
        firedAtMs: 2_000,
        effect:
          'closed 3 connections to broker 2, which nobody had expected to be this long a text',
      }),
    )
    const { result } = judged(cleanLines())
    const [one] = result.faults
    if (one === undefined) throw new Error('the clean run has a fault')
    const long = { ...result, faults: [{ ...one, firings }] }
    expect(JSON.stringify(long).length).toBeGreaterThan(embeddedBytesMax)
    const cut = embeddable(long)
    expect(JSON.stringify(cut).length).toBeLessThan(embeddedBytesMax)
    expect(cut).toMatchObject({ verdict: 'PASS', faults: [{ firingsLeftOut: 4_980 }] })
    expect(embeddable(result)).toBe(result)
  })
})

describe('the page of a long run', () => {
  const count = 100_000
  const ids = 8

  /** Transactions of several producers, one in a hundred aborted, a few never answered. */
  function* manyLines(): Generator<HistoryLine> {
    yield run({ faults: [{ name: 'crash', kind: 'disconnect' }], instances: ['copier-0'] })
    for (let index = 0; index < count; index++) {
      const transactionalId = `copier-${index % ids}`
      const transaction = Math.floor(index / ids) + 1
      const atMs = 1_000 + index * 10
      const part = { transactionalId, producerId: index % ids, atMs }
      yield ended(transaction, 'commit', { ...part, phase: 'begun', outcome: undefined as never })
      if (index % 5_000 === 77) {
        yield ended(transaction, 'commit', { ...part, phase: 'ending', outcome: 'unknown' })
      } else {
        const asked = index % 100 === 3 ? 'abort' : 'commit'
        yield ended(transaction, asked, { ...part, atMs: atMs + 60 })
      }
    }
  }

  it('stays under 2 MB with 100,000 transactions, sums them up and says so', () => {
    const { history, result } = judged([...manyLines()])
    expect(result.transactions.begun).toBe(count)
    const page = runReport({ result, history, planText, commands })
    expect(Buffer.byteLength(page)).toBeLessThan(2_000_000)
    expect(flawsOf(page)).toEqual([])
    const text = textOf(page)
    expect(text).toContain('Summed up: 100,000 transactions are more than the 2,000')
    expect(text).toContain('Above them stand the first 20 that a finding names')
    expect(text).toContain('820 aborted or unanswered ones are in the cells only')
    // All cells together stand for every transaction.
    const cells = [...page.matchAll(/<title>copier-\d: ([^\n<]+)\n/g)]
    const inCells = cells
      .map(([, words = '']) => words)
      .filter((words) => !words.startsWith('transaction'))
      .flatMap((words) => [...words.matchAll(/[\d,]*\d/g)])
      .map(([digits]) => Number(digits.replaceAll(',', '')))
    expect(inCells.reduce((sum, value) => sum + value, 0)).toBe(count)
  }, 60_000)

  it('gives the ids beyond thirty one lane, and says so', () => {
    const lines: HistoryLine[] = [run()]
    for (let index = 0; index < 300; index++) {
      lines.push(
        ended(1, 'commit', {
          transactionalId: `app-${index}`,
          phase: 'begun',
          atMs: 1_000 + index,
        }),
        ended(1, 'commit', { transactionalId: `app-${index}`, atMs: 1_900 + index }),
      )
    }
    const text = textOf(pageFor(lines))
    expect(text).toContain('271 transactional ids share the last lane')
    expect(text).toContain('271 other ids')
  })
})
