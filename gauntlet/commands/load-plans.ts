// Reads the plans of a command line, all of them before anything starts: a wrong one starts nothing.
import { exitCodes } from '../../proxy/errors.ts'
import type { Reach } from '../../proxy/faults/reach.ts'
import type { Plan } from '../../proxy/plans/plan.ts'
import { type PlanProblem, problemText } from '../../proxy/plans/problem.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { readPlanFile } from '../plan-files.ts'
import type { Output } from '../reports/output.ts'
import { counted } from '../reports/words.ts'
import { type RunFlags, randomSeed } from './flags.ts'

export interface LoadedPlan {
  /** As it was named on the command line. */
  given: string
  plan: Plan
}

export function loadPlans(
  names: readonly string[],
  flags: Pick<RunFlags, 'seed' | 'cluster' | 'set'>,
  /** Of the cluster, where a running proxy says it. */
  reach?: Reach,
): { plans: LoadedPlan[] } | { problems: PlanProblem[] } {
  const set = flags.seed === undefined ? flags.set : [...flags.set, `seed=${flags.seed}`]
  const problems: PlanProblem[] = []
  const plans: LoadedPlan[] = []
  for (const given of names) {
    const { file, text } = readPlanFile(given)
    const result = readPlan(text, file, {
      set,
      seedDefault: randomSeed(),
      ...(reach === undefined ? {} : { reach }),
      ...(flags.cluster === undefined ? {} : { cluster: flags.cluster }),
    })
    if ('plan' in result) plans.push({ given, plan: result.plan })
    else problems.push(...result.problems)
  }
  return problems.length > 0 ? { problems } : { plans }
}

/** Shows what is wrong; gives the exit code for it. */
export function refusePlans(problems: readonly PlanProblem[], output: Output): number {
  for (const problem of problems) output.writeError(`${problemText(problem)}\n`)
  output.writeError(`\n${counted(problems.length, 'problem')}; nothing was started.\n`)
  return exitCodes.plan
}
