// `gauntlet validate PLAN…`: says whether plans are right, starts nothing.
import { exitCodes } from '../../proxy/errors.ts'
import { problemText } from '../../proxy/plans/problem.ts'
import { counted } from '../reports/words.ts'
import type { CommandContext, RunFlags } from './flags.ts'
import { loadPlans } from './load-plans.ts'

export function validateCommand(
  names: readonly string[],
  flags: RunFlags,
  { output }: CommandContext,
): number {
  const loaded = loadPlans(names, flags)
  if (flags.json) {
    const problems = 'problems' in loaded ? loaded.problems : []
    output.write(`${JSON.stringify({ valid: problems.length === 0, problems }, null, 2)}\n`)
  } else if ('problems' in loaded) {
    for (const problem of loaded.problems) output.writeError(`${problemText(problem)}\n`)
    output.writeError(`\n${counted(loaded.problems.length, 'problem')}\n`)
  } else if (!flags.quiet) {
    for (const { given, plan } of loaded.plans) {
      output.write(`${given}: a valid plan with ${counted(plan.faults.length, 'fault')}\n`)
    }
  }
  return 'problems' in loaded ? exitCodes.plan : exitCodes.asExpected
}
