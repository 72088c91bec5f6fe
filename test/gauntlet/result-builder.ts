// Results for tests, a quiet PASS unless told otherwise.
import type { Result } from '../../gauntlet/run-events.ts'

export function resultOf(part: Partial<Result> = {}): Result {
  return {
    verdict: 'PASS',
    expected: 'PASS',
    expectedFindings: [],
    reasons: [],
    plan: 'trial',
    asks: '',
    seed: 7,
    cluster: { kind: 'embedded', version: '4.3.1', brokers: 3, features: {} },
    records: { expected: 3120, committed: 3120, lost: 0, duplicated: 0, unexpected: 0 },
    transactions: { begun: 62, committed: 61, aborted: 1, unknown: 0, fenced: 0, hanging: 0 },
    faults: [],
    findings: [],
    recovery: {},
    timings: {},
    ...part,
  }
}

export function findingOf(kind: string, allowed?: string): Result['findings'][number] {
  return {
    kind,
    ids: ['p0-1', 'p0-2'],
    count: 2,
    proof: {},
    causes: ['crash #1'],
    ...(allowed === undefined ? {} : { allowed }),
  }
}
