// Many plans, one after the other, on as few clusters as they need. A plan that comes to no verdict does not keep the
// others from theirs; only an interruption ends all.
import { basename, join } from 'node:path'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import type { ClusterPlan, Plan } from '../../proxy/plans/plan.ts'
import { type Runtime, systemRuntime } from '../../proxy/runtime.ts'
import { keepPlan } from '../plan-files.ts'
import { runPlan } from '../run.ts'
import type { Report, Result } from '../run-events.ts'
import { groupByCluster } from './plan-groups.ts'
import {
  clientOf,
  judgedOutcome,
  type SuiteEntry,
  type SuiteOutcome,
  type SuiteResult,
} from './suite-result.ts'
import { startWarmCluster, type WarmCluster } from './warm-cluster.ts'

export interface SuitePlan {
  plan: Plan
  /** Of the library; empty at its top. */
  folder: string
  /** The run's own folder. */
  outDir: string
  /** Set: the plan is not run, for this reason. */
  notForClient?: string
}

export interface SuiteHooks {
  /** How a run's own events are shown. */
  reportOf(item: SuitePlan): { report: Report; close(): void }
  /** A plan is over; `suite` is all that has come of the suite so far. */
  onEntry(entry: SuiteEntry, suite: SuiteResult): void
  /** About clusters: started, mended, given up. */
  note(text: string): void
}

export async function runSuite(
  items: readonly SuitePlan[],
  options: { outDir: string; verbose: boolean },
  hooks: SuiteHooks,
  signal: AbortSignal,
): Promise<{
  suite: SuiteResult
  /** Of the entries that were judged, in their order. */
  results: Result[]
}> {
  const runtime = systemRuntime(0)
  const startedMs = runtime.nowMs()
  const suite: SuiteResult = {
    format: 1,
    startedAt: new Date().toISOString(),
    tookMs: 0,
    clusters: { started: 0, tookMs: 0 },
    entries: [],
  }
  const results: Result[] = []
  const done = (entry: SuiteEntry): void => {
    suite.entries.push(entry)
    suite.tookMs = Math.round(runtime.nowMs() - startedMs)
    hooks.onEntry(entry, suite)
  }
  for (const item of items) {
    if (item.notForClient === undefined) continue
    done(entryOf(item, 0, { kind: 'not-for-client', because: item.notForClient }))
  }

  const runnable = items.filter(({ notForClient }) => notForClient === undefined)
  for (const group of groupByCluster(runnable)) {
    const clusters = clustersOf(group.cluster, { ...options, runtime, signal, hooks, suite })
    try {
      for (const item of group.items) {
        if (signal.aborted) throw interrupted()
        const beganMs = runtime.nowMs()
        let outcome: SuiteOutcome
        try {
          const warm = group.shared ? await clusters.ready() : undefined
          const result = await runOne(item, warm, options, hooks, signal)
          results.push(result)
          outcome = judgedOutcome(result)
        } catch (cause) {
          if (signal.aborted) throw cause
          outcome = failedOutcome(cause)
        }
        await clusters.settle()
        done(entryOf(item, runtime.nowMs() - beganMs, outcome))
      }
    } finally {
      await clusters.stop()
    }
  }
  suite.tookMs = Math.round(runtime.nowMs() - startedMs)
  return { suite, results }
}

function interrupted(): OperatorError {
  return new OperatorError(
    'interrupted',
    'the suite was interrupted',
    'Everything was healed and stopped.',
  )
}

function failedOutcome(cause: unknown): SuiteOutcome {
  return {
    kind: 'failed',
    message: cause instanceof Error ? cause.message : String(cause),
    exitCode: cause instanceof OperatorError ? cause.exitCode : exitCodes.bug,
  }
}

function entryOf(
  { plan, folder, outDir }: SuitePlan,
  tookMs: number,
  outcome: SuiteOutcome,
): SuiteEntry {
  return {
    plan: plan.name,
    run: basename(outDir),
    folder,
    asks: plan.asks,
    client: clientOf(plan),
    expected: plan.expect.verdict,
    expectedFindings: [...plan.expect.findings],
    because: plan.expect.because,
    seed: plan.seed,
    tookMs: Math.round(tookMs),
    outcome,
  }
}

async function runOne(
  item: SuitePlan,
  warm: WarmCluster | undefined,
  { verbose }: { verbose: boolean },
  hooks: SuiteHooks,
  signal: AbortSignal,
): Promise<Result> {
  const { plan, outDir } = item
  keepPlan(plan, outDir)
  const shown = hooks.reportOf(item)
  try {
    const raise = warm === undefined ? undefined : warm.stage
    return await runPlan(plan, { outDir, verbose }, shown.report, signal, raise)
  } finally {
    shown.close()
  }
}

/** The clusters of one group, one after the other: what cannot be mended is replaced. */
function clustersOf(
  wanted: ClusterPlan,
  parts: {
    outDir: string
    runtime: Runtime
    signal: AbortSignal
    hooks: SuiteHooks
    suite: SuiteResult
  },
) {
  const { runtime, signal, hooks, suite } = parts
  let warm: WarmCluster | undefined
  return {
    async ready(): Promise<WarmCluster> {
      if (warm !== undefined) return warm
      const beganMs = runtime.nowMs()
      const number = ++suite.clusters.started
      warm = await startWarmCluster(wanted, {
        logDirectory: join(parts.outDir, 'clusters', String(number)),
        runtime,
        signal,
      })
      suite.clusters.tookMs += Math.round(runtime.nowMs() - beganMs)
      return warm
    },
    async settle(): Promise<void> {
      if (warm === undefined || signal.aborted) return
      const problems = await warm.settle(signal).catch((cause: Error) => [cause.message])
      if (problems.length === 0 || signal.aborted) return
      hooks.note(`a new cluster for the next plan: ${problems.join('; ')}`)
      const broken = warm
      warm = undefined
      await broken.stop()
    },
    async stop(): Promise<void> {
      await warm?.stop()
    },
  }
}
