// A suite in columns for the terminal: what each plan came to, what it was to come to, and how long it took.
import type { Output } from '../reports/output.ts'
import { duration } from '../reports/words.ts'
import { isAsExpected, type SuiteEntry } from './suite-result.ts'

type Colours = Output['colours']

/** `PASS`, `FAIL (duplicate)`, `left out`, `no verdict` */
export function outcomeText({ outcome }: SuiteEntry): string {
  switch (outcome.kind) {
    case 'judged': {
      const kinds = outcome.findings.map(({ kind }) => kind).join(', ')
      return kinds === '' ? outcome.verdict : `${outcome.verdict} (${kinds})`
    }
    case 'not-for-client':
      return 'left out'
    case 'failed':
      return 'no verdict'
  }
}

export function expectedText({ expected, expectedFindings }: SuiteEntry): string {
  return expectedFindings.length === 0 ? expected : `${expected} (${expectedFindings.join(', ')})`
}

/** Applied of fired over all faults: `2/2`; `-` where nothing was planned or run. */
export function appliedText({ outcome }: SuiteEntry): string {
  if (outcome.kind !== 'judged' || outcome.faults.length === 0) return '-'
  const sum = (key: 'fired' | 'applied') =>
    outcome.faults.reduce((total, fault) => total + fault[key], 0)
  return `${sum('applied')}/${sum('fired')}`
}

/** One sentence for an entry that is not as it should be. */
export function whyText({ outcome }: SuiteEntry): string {
  switch (outcome.kind) {
    case 'judged':
      return outcome.reasons[0] ?? ''
    case 'not-for-client':
      return outcome.because
    case 'failed':
      return outcome.message.split('\n')[0] ?? ''
  }
}

/** One line as soon as a plan is over. */
export function entryLine(entry: SuiteEntry, colours: Colours): string {
  const good = isAsExpected(entry)
  const mark = good ? colours.green('✔') : colours.red('✖')
  const detail = good ? '' : `   expected ${expectedText(entry)}: ${whyText(entry)}`
  const time = entry.tookMs === 0 ? '' : `  ${colours.dim(duration(entry.tookMs))}`
  return `  ${mark} ${entry.plan}  ${colours.dim(entry.client)}  ${outcomeText(entry)}${time}${detail}`
}

export function suiteTable(entries: readonly SuiteEntry[], colours: Colours): string[] {
  const header = ['plan', 'client', 'verdict', 'expected', 'applied', 'time', '']
  const rows = entries.map((entry) => [
    entry.folder === '' ? entry.plan : `${entry.folder}/${entry.plan}`,
    entry.client,
    outcomeText(entry),
    expectedText(entry),
    appliedText(entry),
    entry.tookMs === 0 ? '-' : duration(entry.tookMs),
    isAsExpected(entry) ? '' : '<- not as expected',
  ])
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()
  return ['', colours.dim(line(header)), ...rows.map(line), '']
}
