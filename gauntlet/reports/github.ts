// What a run says to GitHub Actions: annotations at the plan's lines, the worst first, and a summary of the job in
// Markdown, verdict first. Pure text; `gauntlet/commands/github.ts` writes it.
import type { Result } from '../run-events.ts'
import { count, counted, duration } from './words.ts'

/** GitHub shows about ten of a kind per step and drops the others. */
export const annotationsMax = 10
/** GitHub refuses a step's summary above 1 MiB; some room is left for what stands in the file already. */
export const summaryBytesMax = 1_000_000
const messageCharsMax = 2_000
const findingsListedMax = 20

export interface PlanLine {
  /** As GitHub knows it: from the root of the checkout. */
  file: string
  line: number
  column: number
}

export interface GithubRun {
  plan: string
  outcome: { kind: 'judged'; result: Result } | { kind: 'none'; message: string }
  /** Where the plan speaks of a fault, or of what it expects; undefined for a plan outside of the checkout. */
  lineOf(fault: string | undefined): PlanLine | undefined
  /** The command that repeats it. */
  again: string
}

interface Remark {
  /** Smaller is worse. */
  rank: number
  title: string
  message: string
  at: PlanLine | undefined
}

const isSurprise = ({ outcome }: GithubRun): boolean =>
  outcome.kind === 'none' || !outcome.result.asExpected

/** `::error file=plan.yaml,line=5,col=3,title=…::…`, one line each; none when all is as expected. */
export function annotations(runs: readonly GithubRun[]): string[] {
  const remarks = runs.filter(isSurprise).flatMap(remarksOf)
  const worst = remarks.sort((a, b) => a.rank - b.rank)
  const shown = worst.slice(0, annotationsMax)
  const left = worst.length - shown.length
  return shown.map(({ title, message, at }, index) => {
    const more = left > 0 && index === shown.length - 1 ? ` (and ${left} more)` : ''
    const place =
      at === undefined ? '' : `file=${property(at.file)},line=${at.line},col=${at.column},`
    return `::error ${place}title=${property(title)}::${data(clipped(message) + more)}`
  })
}

function remarksOf({ plan, outcome, lineOf }: GithubRun): Remark[] {
  if (outcome.kind === 'none') {
    const at = lineOf(undefined)
    return [{ rank: 2, title: `${plan}: no verdict`, message: outcome.message, at }]
  }
  const { verdict, expected, findings, reasons, faults } = outcome.result
  const title = `${plan}: ${verdict}`
  const failing = findings.filter(({ allowed }) => allowed === undefined)
  if (verdict === 'FAIL') {
    return failing.map(({ kind, sentence, causes }) => ({
      rank: 0,
      title: `${title}, ${kind}`,
      message: sentence,
      at: lineOf(causes[0]?.replace(/#.*$/, '')),
    }))
  }
  if (verdict === 'PASS') {
    const message = `passed, and ${expected} was expected: ${reasons[0] ?? ''}`
    return [{ rank: 1, title, message, at: lineOf(undefined) }]
  }
  const idle = faults.find(({ applied }) => applied === 0)?.name
  return [{ rank: 3, title, message: reasons.join('; '), at: lineOf(idle) }]
}

/** Markdown for `$GITHUB_STEP_SUMMARY`, no longer than there is room. */
export function jobSummary(runs: readonly GithubRun[], roomBytes = summaryBytesMax): string {
  const wrong = runs.filter(isSurprise)
  const [only] = runs
  const headline =
    runs.length === 1 && only !== undefined
      ? `${signOf(only)} ${verdictOf(only)}: ${only.plan}`
      : wrong.length === 0
        ? `✅ ${counted(runs.length, 'plan')}, all as expected`
        : `❌ ${wrong.length} of ${counted(runs.length, 'plan')} not as expected`
  const sorted = [...wrong, ...runs.filter((one) => !isSurprise(one))]
  const pieces = [
    `## ${inline(headline)}\n\n`,
    '| | plan | verdict | expected | faults applied | lost | doubled | why |\n|---|---|---|---|---|---|---|---|\n',
    ...sorted.map(tableRow),
    '\n',
    ...sorted.map(details),
  ]
  return fitted(pieces, roomBytes)
}

/** Whole pieces as long as they fit, and a word about those that do not. */
function fitted(pieces: readonly string[], roomBytes: number): string {
  const note = '\n_Cut here: GitHub takes no longer summary. The reports of the runs have all._\n'
  let room = roomBytes - Buffer.byteLength(note)
  const kept: string[] = []
  for (const piece of pieces) {
    const bytes = Buffer.byteLength(piece)
    if (bytes > room) return room < 0 ? '' : `${kept.join('')}${note}`
    room -= bytes
    kept.push(piece)
  }
  return kept.join('')
}

function signOf(run: GithubRun): string {
  if (!isSurprise(run)) return '✅'
  return run.outcome.kind === 'judged' && run.outcome.result.verdict !== 'INCONCLUSIVE' ? '❌' : '⚠️'
}

const verdictOf = ({ outcome }: GithubRun): string =>
  outcome.kind === 'judged' ? outcome.result.verdict : 'no verdict'

function whyOf({ outcome }: GithubRun): string {
  return outcome.kind === 'none'
    ? (outcome.message.split('\n')[0] ?? '')
    : (outcome.result.reasons[0] ?? '')
}

function tableRow(run: GithubRun): string {
  const { outcome, plan } = run
  const cells =
    outcome.kind === 'none'
      ? ['', '', '', '']
      : [
          outcome.result.expected,
          `${outcome.result.faults.filter(({ applied }) => applied > 0).length}/${outcome.result.faults.length}`,
          count(outcome.result.records.lost),
          count(outcome.result.records.duplicated),
        ]
  const all = [signOf(run), plan, verdictOf(run), ...cells, clipped(whyOf(run))]
  return `| ${all.map(inline).join(' | ')} |\n`
}

function details(run: GithubRun): string {
  const { outcome, plan, again } = run
  const title = `<details${isSurprise(run) ? ' open' : ''}><summary>${inline(plan)}</summary>\n\n`
  const repeat = `\nAgain: <code>${inline(again)}</code>\n\n</details>\n\n`
  if (outcome.kind === 'none') return `${title}${inline(outcome.message)}\n${repeat}`
  const { findings, reasons, faults, transactions, timings } = outcome.result
  const lines = [
    ...reasons.slice(0, findingsListedMax).map((reason) => `- ${inline(clipped(reason))}`),
    ...findings
      .slice(0, findingsListedMax)
      .filter(({ causes }) => causes.length > 0)
      .map(({ kind, causes }) => `- ${inline(`${kind}: touched by ${causes.join(', ')}`)}`),
    ...faults
      .slice(0, findingsListedMax)
      .map(
        ({ name, matched, fired, applied }) =>
          `- ${inline(
            `fault ${name}: matched ${count(matched)}, fired ${count(fired)}, applied ${count(applied)}`,
          )}`,
      ),
    `- transactions: ${count(transactions.committed)} committed, ${count(transactions.aborted)} aborted, ${count(transactions.unknown)} unknown; ${duration(timings.whole ?? 0)} in all`,
  ]
  return `${title}${lines.join('\n')}\n${repeat}`
}

function clipped(text: string): string {
  return text.length <= messageCharsMax ? text : `${text.slice(0, messageCharsMax)}…`
}

/** Of a workflow command, the part after `::`. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** Of a workflow command, the value of a property. */
function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

/** One line of Markdown without HTML, links and columns of its own; names between backticks stay what they are. */
function inline(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('[', '\\[')
    .replaceAll('|', '\\|')
    .replaceAll('\r', ' ')
    .replaceAll('\n', ' ')
}
