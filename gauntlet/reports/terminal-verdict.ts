// The last lines of a run: the verdict, why, what was found, and how to have it again. And the table that
// ends several runs. Pure text; the verdict's word is always there, colour only underlines it.
import type { Verdict } from '../../validators/history-line.ts'
import type { Result } from '../run-events.ts'
import type { Output } from './output.ts'
import { problemLines } from './posture-table.ts'
import { count } from './words.ts'

/** Longer lists are in result.json. */
const idsShownMax = 5
const reasonsShownMax = 5

type Colours = Output['colours']

function painted(verdict: Verdict, colours: Colours): string {
  const word = ` ${verdict} `
  switch (verdict) {
    case 'PASS':
      return colours.bold(colours.green(word))
    case 'FAIL':
      return colours.bold(colours.red(word))
    case 'INCONCLUSIVE':
      return colours.bold(colours.yellow(word))
  }
}

/** The reason in one sentence. */
const reasonOf = (result: Result) => result.reasons[0] ?? 'no reason was given'

function expectation(result: Result): string {
  if (result.asExpected) {
    return result.expected === 'PASS' ? '' : '   (as the plan expects)'
  }
  const kinds = result.expectedFindings
  const wanted = kinds.length === 0 ? '' : ` with ${kinds.join(', ')}`
  return `   (the plan expects ${result.expected}${wanted})`
}

function findingLines(finding: Result['findings'][number]): string[] {
  const { kind, ids, count: number, causes, allowed, sentence } = finding
  const more = number > idsShownMax ? ', …' : ''
  const shown = ids.length === 0 ? '' : `   ${ids.slice(0, idsShownMax).join(', ')}${more}`
  return [
    `${kind} × ${count(number)}${shown}`,
    ...(causes.length === 0 ? [] : [`  touched by ${causes.join(', ')}`]),
    ...(allowed === undefined ? [] : [`  allowed: ${allowed}`, `  ${sentence}`]),
  ]
}

function faultLines(result: Result): string[] {
  return result.faults.map(({ name, kind, matched, fired, applied }) => {
    const title = name === kind ? name : `${name} (${kind})`
    return `${title}: matched ${count(matched)}, fired ${count(fired)}, applied ${count(applied)}`
  })
}

function notJudgedLines({ notJudged = [] }: Result): string[] {
  return notJudged.map(
    ({ kind, extent, why }) =>
      `${extent === 'not' ? 'not judged' : 'judged in part'}: ${kind} (${why})`,
  )
}

function postureOf({ posture = [] }: Result): string[] {
  const lines = problemLines(posture)
  const more = lines.length - reasonsShownMax
  return [
    ...lines.slice(0, reasonsShownMax),
    ...(more > 0 ? [`posture: ${count(more)} more in result.json`] : []),
  ]
}

export interface LastWords {
  result: Result
  /** Where the result was written, if it was. */
  outDir?: string
  /** The command that repeats the run; a history that is only judged has none. */
  again?: string
}

export function verdictLines({ result, outDir, again }: LastWords, colours: Colours): string[] {
  const { records, transactions } = result
  const pad = ' '.repeat(result.verdict.length + 3)
  const quiet = (text: string) => colours.dim(text)
  return [
    '',
    ` ${painted(result.verdict, colours)} ${reasonOf(result)}${expectation(result)}`,
    ...result.reasons.slice(1, reasonsShownMax).map((reason) => `${pad} ${reason}`),
    ...result.findings.flatMap(findingLines).map((line) => `${pad} ${line}`),
    ...result.notes.map((note) => quiet(`${pad} ${note}`)),
    quiet(
      `${pad} inputs ${count(records.expected)} · outputs ${count(records.committed)} · lost ${count(records.lost)} · doubled ${count(records.duplicated)} · unexpected ${count(records.unexpected)}`,
    ),
    quiet(
      `${pad} transactions: ${count(transactions.committed)} committed, ${count(transactions.aborted)} aborted, ${count(transactions.unknown)} unknown`,
    ),
    ...faultLines(result).map((line) => quiet(`${pad} ${line}`)),
    ...notJudgedLines(result).map((line) => quiet(`${pad} ${line}`)),
    ...postureOf(result).map((line) => `${pad} ${line}`),
    '',
    ...(outDir === undefined
      ? []
      : [`  report  ${outDir}/report.html`, `  result  ${outDir}/result.json`]),
    ...(again === undefined ? [] : [`  again   ${again}`]),
    ...(outDir === undefined && again === undefined ? [] : ['']),
  ]
}

/** One word for scripts that keep a log: `PASS baseline: reason`. */
export function quietLine(result: Result): string {
  return `${result.verdict} ${result.plan}: ${reasonOf(result)}${expectation(result)}`
}

/** Several runs side by side. */
export function tableLines(results: readonly Result[], colours: Colours): string[] {
  const header = ['plan', 'faults', 'lost', 'doubled', 'unexpected', 'verdict', '']
  const rows = results.map((result) => [
    result.plan,
    `${result.faults.filter(({ applied }) => applied > 0).length}/${result.faults.length}`,
    count(result.records.lost),
    count(result.records.duplicated),
    count(result.records.unexpected),
    result.verdict,
    result.asExpected ? 'as expected' : `expected ${result.expected}`,
  ])
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()
  return ['', colours.dim(line(header)), ...rows.map(line), '']
}
