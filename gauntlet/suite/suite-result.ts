// What a suite leaves behind in suite.json: one entry per plan and client, drawn from the runs' results. And its exit
// code.
import { exitCodes } from '../../proxy/errors.ts'
import type { Plan } from '../../proxy/plans/plan.ts'
import type { Verdict } from '../../validators/history-line.ts'
import type { Result } from '../run-events.ts'

export type SuiteOutcome =
  | {
      kind: 'judged'
      verdict: Verdict
      asExpected: boolean
      reasons: string[]
      findings: { kind: string; count: number }[]
      faults: { name: string; fired: number; applied: number }[]
    }
  /** The question cannot be put to this client. */
  | { kind: 'not-for-client'; because: string }
  /** There was no verdict: no cluster, a program that did not start. */
  | { kind: 'failed'; message: string; exitCode: number }

export interface SuiteEntry {
  plan: string
  /** The folder of its run, within the suite's. */
  run: string
  folder: string
  asks: string
  /** The copier's client library; `command` for a program of the user's. */
  client: string
  expected: Verdict
  expectedFindings: string[]
  /** Why this client owes something else than the others. */
  because: string
  seed: number
  /** From the topics' creation to the verdict, and until the cluster was ready for the next plan. */
  tookMs: number
  outcome: SuiteOutcome
}

export interface SuiteResult {
  format: 1
  startedAt: string
  tookMs: number
  /** Those that plans shared: how many were started, and the time that this took. */
  clusters: {
    started: number
    tookMs: number
    /** Plans that ran at the same time; missing in older results, where it was one. */
    atOnce?: number
  }
  entries: SuiteEntry[]
}

/** How many of a run's reasons are kept. */
const reasonsKeptMax = 3

export function clientOf({ workload }: Plan): string {
  return workload.kind === 'copier' ? workload.client : workload.kind
}

export function judgedOutcome(result: Result): SuiteOutcome {
  return {
    kind: 'judged',
    verdict: result.verdict,
    asExpected: result.asExpected,
    reasons: result.reasons.slice(0, reasonsKeptMax),
    findings: result.findings
      .filter(({ allowed }) => allowed === undefined)
      .map(({ kind, count }) => ({ kind, count })),
    faults: result.faults.map(({ name, fired, applied }) => ({ name, fired, applied })),
  }
}

/** What was planned has happened: as expected, or rightly left out. */
export function isAsExpected({ outcome }: SuiteEntry): boolean {
  return outcome.kind === 'not-for-client' || (outcome.kind === 'judged' && outcome.asExpected)
}

/** 0 when all is as expected; else 1, or what kept plans from a verdict, or 2 when nothing worse than that happened. */
export function suiteExitCode({ entries }: Pick<SuiteResult, 'entries'>): number {
  const surprises = entries.filter((entry) => !isAsExpected(entry)).map(({ outcome }) => outcome)
  if (surprises.length === 0) return exitCodes.asExpected
  const isWrong = surprises.some(
    (outcome) => outcome.kind === 'judged' && outcome.verdict !== 'INCONCLUSIVE',
  )
  if (isWrong) return exitCodes.fail
  const codes = surprises.flatMap((outcome) =>
    outcome.kind === 'failed' ? [outcome.exitCode] : [],
  )
  return codes.length > 0 ? Math.max(...codes) : exitCodes.inconclusive
}
