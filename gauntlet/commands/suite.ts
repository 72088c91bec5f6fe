// `gauntlet suite [FOLDER|TAG…]`: many plans on as few clusters as possible, one table, one exit code.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import type { Plan } from '../../proxy/plans/plan.ts'
import { junitOf, type WithoutVerdict } from '../../validators/junit.ts'
import { packageVersion } from '../entry.ts'
import type { PlanPlace } from '../plan-files.ts'
import { choosePlans } from '../plan-selection.ts'
import { suiteName, writeSuiteReport } from '../report-files.ts'
import type { GithubRun } from '../reports/github.ts'
import { dataOutput } from '../reports/output.ts'
import { createTerminal } from '../reports/terminal.ts'
import { counted, duration } from '../reports/words.ts'
import type { Result } from '../run-events.ts'
import type { SuitePlan } from '../suite/run-suite.ts'
import { scenarioTable } from '../suite/scenario-table.ts'
import { clientOf, isAsExpected, type SuiteResult, suiteExitCode } from '../suite/suite-result.ts'
import { entryLine, suiteTable } from '../suite/suite-table.ts'
import { runFolders } from './execute.ts'
import {
  againLine,
  type CommandContext,
  type RawOptions,
  type RunFlags,
  text,
  texts,
  usageError,
} from './flags.ts'
import { planLines, tellGithub } from './github.ts'
import { loadPlans, refusePlans } from './load-plans.ts'

const clients = ['java', 'kafkajs'] as const
type Client = (typeof clients)[number]
/** Three brokers each: more than this and a machine has better things to do than to hurt them. */
const clustersAtOnceMax = 8

export interface SuiteFlags extends RunFlags {
  /** Client libraries to run each copier with; empty: as each plan says. */
  clients: readonly Client[]
  /** Plans that run at the same time. */
  clustersAtOnce: number
  /** Where the Markdown table goes. */
  table: string | undefined
  /** Folders of earlier suites, or copies of their results: the table is made of them, and nothing is run. */
  from: readonly string[]
}

export function suiteFlags(options: RawOptions, flags: RunFlags): SuiteFlags {
  const given = options.client === undefined ? [] : text('--client', options.client).split(',')
  for (const client of given) {
    if ((clients as readonly string[]).includes(client)) continue
    throw usageError(`--client ${client} is no client`, 'Use java, kafkajs, or java,kafkajs.')
  }
  return {
    ...flags,
    clients: given as Client[],
    clustersAtOnce: clustersAtOnce(options.clusters),
    table: options.table === undefined ? undefined : text('--table', options.table),
    from: texts(options.from),
  }
}

function clustersAtOnce(given: unknown): number {
  if (given === undefined) return 1
  if (typeof given === 'number' && Number.isInteger(given)) {
    if (given >= 1 && given <= clustersAtOnceMax) return given
  }
  throw usageError(
    `--clusters ${String(given)} is no number of clusters`,
    `Use a whole number from 1 to ${clustersAtOnceMax}.`,
  )
}

export async function suiteCommand(
  words: readonly string[],
  flags: SuiteFlags,
  context: CommandContext,
): Promise<number> {
  if (flags.from.length > 0) {
    if (flags.table === undefined) throw usageError('--from needs --table', 'Say --table FILE.md.')
    writeTable(flags.table, readSuites(flags.from))
    return exitCodes.asExpected
  }
  const places = choosePlans(words)
  const outDir = runFolders(['suite'], flags.out)[0] ?? 'suite'
  const read = readAll(places, flags, outDir)
  if ('exitCode' in read) return read.exitCode(context)
  const output = flags.json ? dataOutput(context.output) : context.output
  const { colours } = output
  mkdirSync(outDir, { recursive: true })
  // Only who runs something waits for the parts that a run needs.
  const { runSuite } = await import('../suite/run-suite.ts')
  const { suite, results } = await runSuite(
    read.items,
    { outDir, verbose: flags.verbose, clustersAtOnce: flags.clustersAtOnce },
    {
      reportOf({ plan }) {
        if (!flags.verbose) return { report: () => undefined, close: () => undefined }
        const again = againLine(plan.file, plan.seed, flags)
        return createTerminal(output, { quiet: flags.quiet, again, version: packageVersion() })
      },
      onEntry(entry, suite) {
        // After every plan, so that a suite that is interrupted has not run for nothing.
        keepSuite(suite, outDir)
        if (!flags.quiet || !isAsExpected(entry)) output.write(`${entryLine(entry, colours)}\n`)
      },
      note: (note) => output.write(`  ${colours.yellow('!')} ${note}\n`),
    },
    context.signal,
  )
  keepSuite(suite, outDir)
  writeFileSync(join(outDir, 'junit.xml'), junitOf(results, withoutVerdict(suite)))
  const page = writeSuiteReport(outDir, suite)
  if (flags.table !== undefined) writeTable(flags.table, [suite])
  if (flags.github) tellGithub(githubRuns(read.items, suite, results, flags), output)
  if (!flags.quiet) output.write(`${suiteTable(suite.entries, colours).join('\n')}\n`)
  output.write(`${lastLine(suite, page)}\n`)
  if (flags.json) context.output.write(`${JSON.stringify(suite, null, 2)}\n`)
  return suiteExitCode(suite)
}

function lastLine({ entries, clusters, tookMs }: SuiteResult, page: string): string {
  const wrong = entries.filter((entry) => !isAsExpected(entry)).length
  const verdict = wrong === 0 ? 'all as expected' : `${wrong} not as expected`
  return `  ${counted(entries.length, 'run')}, ${verdict}, in ${duration(tookMs)} on ${counted(clusters.started, 'shared cluster')}   ${page}`
}

/** Those that were left out on purpose are nothing to speak of. */
function githubRuns(
  items: readonly SuitePlan[],
  { entries }: SuiteResult,
  results: readonly Result[],
  flags: SuiteFlags,
): GithubRun[] {
  const judged = [...results]
  return entries.flatMap(({ plan: name, run, client, outcome }): GithubRun[] => {
    const item = items.find(({ outDir }) => basename(outDir) === run)
    if (outcome.kind === 'not-for-client' || item === undefined) return []
    const { plan } = item
    const common = {
      plan: `${name} (${client})`,
      lineOf: planLines(plan),
      again: againLine(plan.file, plan.seed, flags),
    }
    if (outcome.kind === 'failed') {
      return [{ ...common, outcome: { kind: 'none', message: outcome.message } }]
    }
    const result = judged.shift()
    return result === undefined ? [] : [{ ...common, outcome: { kind: 'judged', result } }]
  })
}

/** Plans that came to no verdict, and what kept them from it. */
function withoutVerdict({ entries }: SuiteResult): WithoutVerdict[] {
  return entries.flatMap(({ plan, outcome }) =>
    outcome.kind === 'failed' ? [{ plan, message: outcome.message }] : [],
  )
}

function keepSuite(suite: SuiteResult, outDir: string): void {
  writeFileSync(join(outDir, suiteName), `${JSON.stringify(suite, null, 2)}\n`)
}

function writeTable(file: string, suites: readonly SuiteResult[]): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, scenarioTable(suites))
}

/** What earlier suites have left, each in a folder of its own, or a copy of its result alone. */
function readSuites(places: readonly string[]): SuiteResult[] {
  return places.map((place) => {
    const isResult = place.endsWith('.json')
    const file = isResult ? place : join(place, suiteName)
    if (!existsSync(file)) {
      throw new OperatorError(
        'file-not-found',
        isResult ? `there is no ${file}` : `${place} is no folder of a suite: there is no ${file}`,
        'Give the folders that `gauntlet suite` named at its end, or copies of their suite.json.',
      )
    }
    return JSON.parse(readFileSync(file, 'utf8')) as SuiteResult
  })
}

/** The plans for every client that was asked for, each with a folder of its own; or why nothing can start. */
function readAll(
  places: readonly PlanPlace[],
  flags: SuiteFlags,
  outDir: string,
): { items: SuitePlan[] } | { exitCode: (context: CommandContext) => number } {
  const written = loadPlans(
    places.map(({ file }) => file),
    flags,
  )
  if ('problems' in written) {
    return { exitCode: ({ output }) => refusePlans(written.problems, output) }
  }
  const items: SuitePlan[] = []
  const wanted: (Client | undefined)[] =
    flags.clients.length === 0 ? [undefined] : [...flags.clients]
  for (const [index, { given, plan }] of written.plans.entries()) {
    const folder = places[index]?.folder ?? ''
    for (const client of plan.workload.kind === 'copier' ? wanted : [undefined]) {
      const own = withClient(plan, given, client, flags)
      if ('problems' in own) {
        return { exitCode: ({ output }) => refusePlans(own.problems, output) }
      }
      const runFolder = `${basename(given).replace(/\.yaml$/, '')}-${clientOf(own.plan)}`
      items.push({ ...own, folder, outDir: join(outDir, runFolder) })
    }
  }
  return { items }
}

function withClient(plan: Plan, file: string, client: Client | undefined, flags: SuiteFlags) {
  if (client === undefined || clientOf(plan) === client) return { plan }
  const notForClient = plan.notFor[client]
  if (notForClient !== undefined && plan.workload.kind === 'copier') {
    return { plan: { ...plan, workload: { ...plan.workload, client } }, notForClient }
  }
  const set = [...flags.set, `workload.copier.client=${client}`]
  const loaded = loadPlans([file], { ...flags, set, seed: plan.seed })
  if ('problems' in loaded) return loaded
  const [first] = loaded.plans
  if (first === undefined) throw new Error('one plan was asked for')
  return { plan: first.plan }
}
