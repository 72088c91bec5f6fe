// `gauntlet replay DIR`: a run again from its folder, with the plan and the seed that it had.

import { readPlan } from '../../proxy/plans/read-plan.ts'
import { exitCodeOf } from '../exit-code.ts'
import { readRunFolder } from '../plan-files.ts'
import { dataOutput } from '../reports/output.ts'
import { execute, runFolders } from './execute.ts'
import { type CommandContext, quoted, type RunFlags } from './flags.ts'
import { refusePlans } from './load-plans.ts'

/** The plan of an earlier run, overrides and all, with the seed that its result names. */
export function readRunAgain(folder: string): ReturnType<typeof readPlan> {
  const kept = readRunFolder(folder)
  return readPlan(kept.plan.text, kept.plan.file, { set: [`seed=${kept.seed}`] })
}

export async function replayCommand(
  folder: string,
  flags: RunFlags,
  context: CommandContext,
): Promise<number> {
  const read = readRunAgain(folder)
  if ('problems' in read) return refusePlans(read.problems, context.output)
  const [outDir] = runFolders([read.plan.name], flags.out)
  if (outDir === undefined) throw new Error('a folder for each run')
  const output = flags.json ? dataOutput(context.output) : context.output
  const again = `gauntlet replay ${quoted(folder)}`
  const part = { output, signal: context.signal }
  const result = await execute({ plan: read.plan, outDir, again }, flags, part)
  if (flags.json) context.output.write(`${JSON.stringify(result, null, 2)}\n`)
  return exitCodeOf([result])
}
