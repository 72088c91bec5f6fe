// `gauntlet demo`: the same fault against a correct copier and a wrong one, so that a newcomer sees a PASS and
// a FAIL. Exit 0 when both are what they must be.
import { exitCodeOf } from '../exit-code.ts'
import { dataOutput } from '../reports/output.ts'
import { tableLines } from '../reports/terminal-verdict.ts'
import type { Result } from '../run-events.ts'
import { execute, runFolders } from './execute.ts'
import { againLine, type CommandContext, type RunFlags } from './flags.ts'
import { loadPlans, refusePlans } from './load-plans.ts'

const plan = 'coordinator-crash-in-commit'

/** What makes the correct copier of the plan a wrong one, and what must be found then. */
const wrongCopier = [
  'name=coordinator-crash-in-commit-wrong-copier',
  'asks=And if the application takes the silence for a failed commit, and sends its work again?',
  'workload.copier.mistake=redo-after-unknown-commit',
  'workload.copier.restart={ times: 5 }',
  'expect={ verdict: FAIL, findings: [duplicate] }',
]

export async function demoCommand(flags: RunFlags, context: CommandContext): Promise<number> {
  const output = flags.json ? dataOutput(context.output) : context.output
  const results: Result[] = []
  for (const set of [flags.set, [...wrongCopier, ...flags.set]]) {
    if (context.signal.aborted) break
    const own = { ...flags, set }
    const loaded = loadPlans([plan], own)
    if ('problems' in loaded) return refusePlans(loaded.problems, context.output)
    const [first] = loaded.plans
    if (first === undefined) throw new Error('one plan was asked for')
    const out = flags.out === undefined ? undefined : `${flags.out}/${first.plan.name}`
    const [outDir] = runFolders([first.plan.name], out)
    if (outDir === undefined) throw new Error('a folder for each run')
    const again = againLine(plan, first.plan.seed, own)
    const part = { output, signal: context.signal }
    results.push(await execute({ plan: first.plan, outDir, again }, flags, part))
  }
  if (!flags.quiet && !context.signal.aborted) {
    output.write(`${tableLines(results, output.colours).join('\n')}\n`)
    output.write(
      '  The same fault twice. Now yours: gauntlet plans, and README.md on `workload: command`.\n\n',
    )
  }
  if (flags.json) context.output.write(`${JSON.stringify(results, null, 2)}\n`)
  return exitCodeOf(results)
}
