// From results to the exit code of the command line, and whether a result is what its plan expects.
import { exitCodes } from '../proxy/errors.ts'
import type { Result } from './run-events.ts'

/** Findings that count against the run: those that the plan does not allow. */
function failingKinds(result: Result): Set<string> {
  const failing = result.findings.filter(({ allowed }) => allowed === undefined)
  return new Set(failing.map(({ kind }) => kind))
}

/** The verdict is the expected one; and where the plan names findings, exactly those kinds were found. */
export function isAsExpected(result: Result): boolean {
  if (result.verdict !== result.expected) return false
  if (result.verdict !== 'FAIL' || result.expectedFindings.length === 0) return true
  const found = failingKinds(result)
  return (
    found.size === result.expectedFindings.length &&
    result.expectedFindings.every((kind) => found.has(kind))
  )
}

/** 0 when all is as expected; else 1, or 2 when nothing worse than INCONCLUSIVE happened. */
export function exitCodeOf(results: readonly Result[]): number {
  const surprises = results.filter((result) => !isAsExpected(result))
  if (surprises.length === 0) return exitCodes.asExpected
  const onlyInconclusive = surprises.every(({ verdict }) => verdict === 'INCONCLUSIVE')
  return onlyInconclusive ? exitCodes.inconclusive : exitCodes.fail
}
