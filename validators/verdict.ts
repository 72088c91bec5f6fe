// From a history to a verdict: PASS < INCONCLUSIVE < FAIL. FAIL when a checker found something that the plan does not
// allow; INCONCLUSIVE when nothing was found but a guard says that nothing could have been; PASS otherwise.
import { exitCodes } from '../proxy/errors.ts'
import { attribute } from './attribute.ts'
import { type Checker, checkers } from './checkers/all.ts'
import {
  countRecords,
  countTransactions,
  type RecordCounts,
  type TransactionCounts,
} from './counts.ts'
import type { AttributedFinding, Finding } from './finding.ts'
import { counted } from './finding.ts'
import { askGuards, type GuardResult } from './guards.ts'
import type { History } from './history.ts'
import { type AnomalyKind, anomalyKinds, type Expectation, type Verdict } from './history-line.ts'
import { type Liveness, liveness } from './liveness.ts'

export interface AllowedFinding extends AttributedFinding {
  /** Why the plan allows it. */
  allowed: string
}

export interface Judgement {
  verdict: Verdict
  expected: Verdict
  expectedFindings: AnomalyKind[]
  /** The verdict, and with FAIL the kinds found, are what the plan expects. */
  asExpected: boolean
  exitCode: number
  /** Sentences, the most important first. */
  reasons: string[]
  /** Worth knowing, and no reason for anything. */
  notes: string[]
  /** Findings that the plan does not allow. */
  findings: AttributedFinding[]
  allowed: AllowedFinding[]
  guards: GuardResult[]
  records: RecordCounts
  transactions: TransactionCounts
  liveness: Liveness
}

/** Worth knowing about an application, and no record is wrong because of it. */
const reportedOnly: ReadonlyArray<readonly [AnomalyKind, string]> = [
  ['wrong-error-class', 'reported, never failing'],
]

/** Judges a run by what its plan expects, or by another expectation. */
export function judge(
  history: History,
  expectation: Expectation = history.run.expect,
  applied: Readonly<Record<string, Checker>> = checkers,
): Judgement {
  const { found, failures } = ask(history, applied)
  const attributed = found.map((finding) => attribute(history, finding))
  const reasonFor = new Map<AnomalyKind, string>([
    ...reportedOnly,
    ...expectation.allow.map(({ kind, reason }) => [kind, reason] as const),
  ])
  const findings = attributed.filter(({ kind }) => !reasonFor.has(kind))
  const allowed = attributed.flatMap((finding) => {
    const reason = reasonFor.get(finding.kind)
    return reason === undefined ? [] : [{ ...finding, allowed: reason }]
  })
  const guardResults = [...askGuards(history), checkersWorked(failures)]
  const missing = guardResults.flatMap((guard) => guard.missing)
  const verdict: Verdict =
    findings.length > 0 ? 'FAIL' : missing.length > 0 ? 'INCONCLUSIVE' : 'PASS'
  const expectedFindings = expectation.findings ?? []
  const asExpected =
    verdict === expectation.verdict &&
    (verdict !== 'FAIL' || isSameKinds(expectedFindings, findings))
  const records = countRecords(history, attributed)
  const reasons = [
    ...findings.map(({ kind, sentence }) => `${kind}: ${sentence}`),
    ...missing,
    ...(verdict === 'PASS' ? [passSentence(history, records)] : []),
  ]
  return {
    verdict,
    expected: expectation.verdict,
    expectedFindings,
    asExpected,
    exitCode: exitCodeOf(verdict, asExpected),
    reasons,
    notes: notesOf(history, allowed),
    findings,
    allowed,
    guards: guardResults,
    records,
    transactions: countTransactions(history),
    liveness: liveness(history),
  }
}

function ask(
  history: History,
  applied: Readonly<Record<string, Checker>>,
): { found: Finding[]; failures: string[] } {
  const found: Finding[] = []
  const failures: string[] = []
  for (const [name, check] of Object.entries(applied)) {
    try {
      found.push(...check(history))
    } catch (cause) {
      failures.push(`checker ${name} threw: ${(cause as Error).message}`)
    }
  }
  return { found, failures }
}

function checkersWorked(failures: string[]): GuardResult {
  return { name: 'checkers-worked', ensures: 'every checker did its work', missing: failures }
}

/** Without kinds in the plan any FAIL will do; with kinds exactly these. */
function isSameKinds(expected: readonly AnomalyKind[], findings: readonly Finding[]): boolean {
  if (expected.length === 0) return true
  const found = new Set(findings.map(({ kind }) => kind))
  return anomalyKinds.every((kind) => found.has(kind) === expected.includes(kind))
}

function exitCodeOf(verdict: Verdict, asExpected: boolean): number {
  if (asExpected) return exitCodes.asExpected
  return verdict === 'INCONCLUSIVE' ? exitCodes.inconclusive : exitCodes.fail
}

function passSentence(history: History, { expected, committed }: RecordCounts): string {
  const faults = history.timeline.faults.filter(({ applied }) => applied > 0).length
  const hurt = faults === 0 ? '' : `, with ${counted(faults, 'fault')} applied`
  return `${counted(expected, 'record')} expected, ${committed} committed, every one accounted for${hurt}`
}

function notesOf(history: History, allowed: readonly AllowedFinding[]): string[] {
  const fewer = history.timeline.faults.flatMap(({ name, times, applied }) =>
    typeof times === 'number' && applied > 0 && applied < times
      ? [`fault ${name} was applied ${applied} of ${times} times`]
      : [],
  )
  const inputs = history.log.input.committed.repeated
  const repeated = inputs === 0 ? [] : [`${counted(inputs, 'id')} came more than once by the input`]
  return [
    ...allowed.map(
      ({ kind, summary, allowed: reason }) => `${kind} is allowed (${reason}): ${summary}`,
    ),
    ...fewer,
    ...repeated,
  ]
}
