// Entries of suites for tests, by what differs.
import type { SuiteEntry, SuiteOutcome } from '../../../gauntlet/suite/suite-result.ts'
import type { Verdict } from '../../../validators/history-line.ts'

export function judged(
  verdict: Verdict,
  asExpected: boolean,
  kinds: readonly string[] = [],
): SuiteOutcome {
  return {
    kind: 'judged',
    verdict,
    asExpected,
    reasons: [`it was ${verdict}`],
    findings: kinds.map((kind) => ({ kind, count: 2 })),
    faults: [{ name: 'crash', fired: 2, applied: 1 }],
  }
}

export function entry(outcome: SuiteOutcome, changes: Partial<SuiteEntry> = {}): SuiteEntry {
  return {
    plan: 'trial',
    run: 'trial-java',
    folder: 'mistakes',
    asks: 'Is it so?',
    client: 'java',
    expected: 'PASS',
    expectedFindings: [],
    because: '',
    seed: 1,
    tookMs: 12_000,
    outcome,
    ...changes,
  }
}
