// From the results of one command to its exit code.
import { exitCodes } from '../proxy/errors.ts'
import type { Result } from './run-events.ts'

/** 0 when all is as expected; else 1, or 2 when nothing worse than INCONCLUSIVE happened. */
export function exitCodeOf(results: readonly Result[]): number {
  const codes = results.map(({ exitCode }) => exitCode)
  if (codes.includes(exitCodes.fail)) return exitCodes.fail
  return Math.max(exitCodes.asExpected, ...codes)
}
