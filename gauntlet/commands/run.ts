// `gauntlet run PLAN…`: one run after the other, a table when there were several, the exit code of them all.
import type { Reach } from '../../proxy/faults/reach.ts'
import { exitCodeOf } from '../exit-code.ts'
import type { GithubRun } from '../reports/github.ts'
import { dataOutput } from '../reports/output.ts'
import { tableLines } from '../reports/terminal-verdict.ts'
import type { Result } from '../run-events.ts'
import { execute, runFolders } from './execute.ts'
import { againLine, type CommandContext, type RunFlags, restToken, usageError } from './flags.ts'
import { planLines, tellGithub } from './github.ts'
import { loadPlans, refusePlans } from './load-plans.ts'

export async function runCommand(
  names: readonly string[],
  flags: RunFlags,
  context: CommandContext,
): Promise<number> {
  const loaded = loadPlans(names, ...(await aroundProxy(flags)))
  if ('problems' in loaded) return refusePlans(loaded.problems, context.output)
  const forPeople = flags.json ? dataOutput(context.output) : context.output
  const folders = runFolders(
    loaded.plans.map(({ plan }) => plan.name),
    flags.out,
  )
  const results: Result[] = []
  const told: GithubRun[] = []
  for (const [index, { given, plan }] of loaded.plans.entries()) {
    if (context.signal.aborted) break
    const outDir = folders[index]
    if (outDir === undefined) throw new Error('a folder for each run')
    const again = againLine(given, plan.seed, flags)
    const part = { output: forPeople, signal: context.signal }
    const tell = (outcome: GithubRun['outcome']): void =>
      void told.push({ plan: plan.name, outcome, lineOf: planLines(plan), again })
    try {
      const result = await execute({ plan, outDir, again }, flags, part)
      results.push(result)
      tell({ kind: 'judged', result })
    } catch (cause) {
      // What came to no verdict must not look like nothing on GitHub's page.
      tell({ kind: 'none', message: cause instanceof Error ? cause.message : String(cause) })
      if (flags.github && !context.signal.aborted) tellGithub(told, forPeople)
      throw cause
    }
  }
  if (flags.github) tellGithub(told, forPeople)
  if (results.length > 1 && !flags.quiet) {
    forPeople.write(`${tableLines(results, forPeople.colours).join('\n')}\n`)
  }
  if (flags.json) {
    const data = loaded.plans.length === 1 ? results[0] : results
    context.output.write(`${JSON.stringify(data, null, 2)}\n`)
  }
  return exitCodeOf(results)
}

/** Behind a running proxy there is one cluster, whatever the plans say. */
async function aroundProxy(flags: RunFlags): Promise<[RunFlags, Reach?]> {
  if (flags.proxy === undefined) return [flags]
  if (flags.cluster !== undefined && !flags.cluster.includes(':')) {
    throw usageError(
      `--cluster ${flags.cluster} cannot stand beside --proxy`,
      'The cluster is the one behind that proxy; --cluster HOST:PORT,… says where this machine reaches its brokers.',
    )
  }
  const { brokersBehind, reachOfProxy } = await import('../proxy-by-rest.ts')
  const proxy = { url: flags.proxy, token: restToken() }
  const reach = await reachOfProxy(proxy)
  const cluster = flags.cluster ?? (await brokersBehind(proxy)).join(',')
  return [{ ...flags, cluster }, reach]
}
