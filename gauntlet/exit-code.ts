// From the results of one command to its exit code.
import { exitCodes } from '../proxy/errors.ts'
import type { Result } from './run-events.ts'

/** 0 when all is as expected; else 1, or 2 when nothing worse than INCONCLUSIVE happened. */
export function exitCodeOf(results: readonly Pick<Result, 'asExpected' | 'verdict'>[]): number {
  const surprises = results.filter(({ asExpected }) => !asExpected)
  if (surprises.length === 0) return exitCodes.asExpected
  const onlyInconclusive = surprises.every(({ verdict }) => verdict === 'INCONCLUSIVE')
  return onlyInconclusive ? exitCodes.inconclusive : exitCodes.fail
}
