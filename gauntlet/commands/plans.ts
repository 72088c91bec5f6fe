// `gauntlet plans [FOLDER|TAG…]`: the plans that come with the package, by folder, with the question of each.
import { exitCodes } from '../../proxy/errors.ts'
import { choosePlans } from '../plan-selection.ts'
import type { CommandContext } from './flags.ts'
import { loadPlans, refusePlans } from './load-plans.ts'

export function plansCommand(
  words: readonly string[],
  flags: { json: boolean },
  { output }: CommandContext,
): number {
  const places = choosePlans(words)
  const loaded = loadPlans(
    places.map(({ file }) => file),
    { seed: undefined, cluster: undefined, set: [] },
  )
  if ('problems' in loaded) return refusePlans(loaded.problems, output)
  const entries = loaded.plans.map(({ plan }, index) => ({
    name: places[index]?.name ?? plan.name,
    folder: places[index]?.folder ?? '',
    tags: plan.tags,
    asks: plan.asks,
    expects: plan.expect.verdict,
    file: plan.file,
  }))
  if (flags.json) {
    output.write(`${JSON.stringify(entries, null, 2)}\n`)
    return exitCodes.asExpected
  }
  const { bold, dim } = output.colours
  let folder = ''
  for (const entry of entries) {
    if (entry.folder !== folder) {
      folder = entry.folder
      output.write(`\n${bold(`${folder}/`)}\n`)
    }
    const tags = entry.tags.length === 0 ? '' : `, ${entry.tags.join(', ')}`
    output.write(
      `${bold(entry.name)}  ${dim(`expects ${entry.expects}${tags}`)}\n  ${entry.asks}\n`,
    )
  }
  output.write(`\nRun one: gauntlet run ${entries[0]?.name}\n`)
  return exitCodes.asExpected
}
