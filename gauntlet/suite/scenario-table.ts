// docs/scenarios.md from the results of suites: every scenario with its question, and what each client's copier came
// to under it. Nothing in it is typed by hand; notes come from the plans.
import { counted, duration } from '../reports/words.ts'
import { isAsExpected, type SuiteEntry, type SuiteResult } from './suite-result.ts'
import { appliedText, expectedText, outcomeText, whyText } from './suite-table.ts'

/** Later suites take the place of earlier ones, plan by plan and client by client. */
function latest(suites: readonly SuiteResult[]): SuiteEntry[] {
  const entries = new Map<string, SuiteEntry>()
  const byTime = [...suites].sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1))
  for (const entry of byTime.flatMap((suite) => suite.entries)) {
    entries.set(`${entry.folder}/${entry.plan}/${entry.client}`, entry)
  }
  return [...entries.values()]
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function clientCell(entry: SuiteEntry | undefined): string {
  if (entry === undefined) return '-'
  const surprise = isAsExpected(entry) ? '' : ` **expected ${expectedText(entry)}**`
  return cell(`${outcomeText(entry)}${surprise}`)
}

function noteOf(entries: readonly SuiteEntry[]): string {
  return entries
    .flatMap((entry) => {
      if (!isAsExpected(entry)) return [`${entry.client}: ${whyText(entry)}`]
      if (entry.outcome.kind === 'not-for-client') {
        return [`${entry.client}: ${entry.outcome.because}`]
      }
      return entry.because === '' ? [] : [`${entry.client}: ${entry.because}`]
    })
    .map(cell)
    .join('; ')
}

export function scenarioTable(suites: readonly SuiteResult[]): string {
  const entries = latest(suites)
  const clients = [...new Set(entries.map(({ client }) => client))].sort()
  const folders = [...new Set(entries.map(({ folder }) => folder))].sort()
  const dates = suites.map(({ startedAt }) => startedAt.slice(0, 10)).sort()
  const wrong = entries.filter((entry) => !isAsExpected(entry)).length
  const tookMs = suites.reduce((sum, suite) => sum + suite.tookMs, 0)
  const rows = new Set(entries.map(({ folder, plan }) => `${folder}/${plan}`)).size
  const isComplete = entries.length === rows * clients.length
  const lines = [
    '# Scenarios',
    '',
    `Written by \`gauntlet suite --table\` from results of ${dates.at(-1) ?? 'no day'}: ${counted(entries.length, 'run')} in ${duration(tookMs)}, ${wrong === 0 ? 'each as its plan expects' : `${wrong} not as expected`}.${isComplete ? '' : ' A `-` stands for what has not been run.'}`,
  ]
  for (const folder of folders) {
    lines.push(
      '',
      `## ${folder === '' ? 'The top of the library' : folder}`,
      '',
      `| scenario | asks | ${clients.join(' | ')} | applied | time | note |`,
      `|---|---|${'---|'.repeat(clients.length)}---|---|---|`,
    )
    const here = entries.filter((entry) => entry.folder === folder)
    for (const plan of [...new Set(here.map((entry) => entry.plan))].sort()) {
      const runs = here.filter((entry) => entry.plan === plan)
      const perClient = clients.map((client) => runs.find((entry) => entry.client === client))
      const ran = runs.filter(({ tookMs: ms }) => ms > 0)
      lines.push(
        `| ${plan} | ${cell(runs[0]?.asks ?? '')} | ${perClient.map(clientCell).join(' | ')} | ${ran.map(appliedText).join(', ')} | ${ran.map((entry) => duration(entry.tookMs)).join(', ')} | ${noteOf(runs)} |`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}
