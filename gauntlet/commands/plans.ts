// `gauntlet plans`: the plans that come with the package, with the question that each asks.
import { exitCodes } from '../../proxy/errors.ts'
import { shippedPlans } from '../plan-files.ts'
import type { CommandContext } from './flags.ts'
import { loadPlans, refusePlans } from './load-plans.ts'

export function plansCommand(flags: { json: boolean }, { output }: CommandContext): number {
  const names = shippedPlans()
  const loaded = loadPlans(names, { seed: undefined, cluster: undefined, set: [] })
  if ('problems' in loaded) return refusePlans(loaded.problems, output)
  const entries = loaded.plans.map(({ given, plan }) => ({
    name: given,
    asks: plan.asks,
    expects: plan.expect.verdict,
    file: plan.file,
  }))
  if (flags.json) {
    output.write(`${JSON.stringify(entries, null, 2)}\n`)
    return exitCodes.asExpected
  }
  const { bold, dim } = output.colours
  for (const { name, asks, expects } of entries) {
    output.write(`${bold(name)}  ${dim(`expects ${expects}`)}\n  ${asks}\n`)
  }
  output.write(`\nRun one: gauntlet run ${names[0]}\n`)
  return exitCodes.asExpected
}
