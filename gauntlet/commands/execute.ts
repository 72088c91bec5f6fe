// One run on behalf of a command: its folder, the plan kept in it, its events on the terminal.
import { join } from 'node:path'
import type { Plan } from '../../proxy/plans/plan.ts'
import { packageVersion } from '../entry.ts'
import { keepPlan } from '../plan-files.ts'
import { createTerminal } from '../reports/terminal.ts'
import type { Result } from '../run-events.ts'
import { type CommandContext, type RunFlags, restToken } from './flags.ts'

export interface Execution {
  plan: Plan
  outDir: string
  /** The command that repeats this run. */
  again: string
}

export async function execute(
  { plan, outDir, again }: Execution,
  flags: Pick<RunFlags, 'quiet' | 'verbose' | 'proxy'>,
  { output, signal }: CommandContext,
): Promise<Result> {
  // Only who runs something waits for the parts that a run needs.
  const { runPlan } = await import('../run.ts')
  const rest = flags.proxy === undefined ? undefined : await restStages(flags.proxy)
  keepPlan(plan, outDir)
  const terminal = createTerminal(output, {
    quiet: flags.quiet,
    again,
    version: packageVersion(),
  })
  try {
    const settings = { outDir, verbose: flags.verbose }
    const result = await runPlan(plan, settings, terminal.report, signal, rest?.raise)
    await rest?.putVerdict(result)
    return result
  } finally {
    terminal.close()
  }
}

async function restStages(url: string) {
  const { createRestStages } = await import('../stage-by-rest.ts')
  return createRestStages({ url, token: restToken() })
}

/** `gauntlet-out/baseline-20261124-101500`, or the given folder; several runs get one folder each in it. */
export function runFolders(
  names: readonly string[],
  out: string | undefined,
  now: Date = new Date(),
): string[] {
  if (out !== undefined && names.length === 1) return [out]
  const time = now
    .toISOString()
    .slice(0, 19)
    .replaceAll('-', '')
    .replaceAll(':', '')
    .replace('T', '-')
  return names.map((name, index) => {
    const earlier = names.slice(0, index).filter((other) => other === name).length
    const own = earlier === 0 ? name : `${name}-${earlier + 1}`
    return out === undefined ? join('gauntlet-out', `${own}-${time}`) : join(out, own)
  })
}
