// Results for tests, a quiet PASS unless told otherwise.
import type { Result } from '../../gauntlet/run-events.ts'

export const passReason = '3120 records expected, 3120 committed, every one accounted for'

export function resultOf(part: Partial<Result> = {}): Result {
  return {
    verdict: 'PASS',
    expected: 'PASS',
    expectedFindings: [],
    asExpected: true,
    reasons: [passReason],
    notes: [],
    findings: [],
    guards: [],
    records: { expected: 3120, committed: 3120, lost: 0, duplicated: 0, unexpected: 0 },
    transactions: { begun: 62, committed: 61, aborted: 1, unknown: 0, fenced: 0, hanging: 0 },
    recovery: {},
    plan: 'trial',
    asks: '',
    seed: 7,
    cluster: { kind: 'embedded', version: '4.3.1', brokers: 3, features: {} },
    faults: [],
    timings: {},
    ...part,
  }
}
