// Many plans on as few clusters as they need: one after the other, or several at a time, each of them with a cluster
// of its own. A plan that comes to no verdict does not keep the others from theirs; only an interruption ends all.
import { basename, join } from 'node:path'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import type { ClusterPlan, Plan } from '../../proxy/plans/plan.ts'
import { type Runtime, systemRuntime } from '../../proxy/runtime.ts'
import { keepPlan } from '../plan-files.ts'
import { runPlan } from '../run.ts'
import type { Report, Result } from '../run-events.ts'
import { createDealer, groupByCluster, type PlanGroup } from './plan-groups.ts'
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

export interface SuiteOptions {
  outDir: string
  verbose: boolean
  /** Plans that run at the same time; one when nothing is said. */
  clustersAtOnce?: number
}

export async function runSuite(
  items: readonly SuitePlan[],
  options: SuiteOptions,
  hooks: SuiteHooks,
  signal: AbortSignal,
): Promise<{
  suite: SuiteResult
  /** Of the entries that were judged, in their order. */
  results: Result[]
}> {
  const { clustersAtOnce = 1 } = options
  const runtime = systemRuntime(0)
  const startedMs = runtime.nowMs()
  const suite: SuiteResult = {
    format: 1,
    startedAt: new Date().toISOString(),
    tookMs: 0,
    clusters: { started: 0, tookMs: 0, atOnce: clustersAtOnce },
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
  const dealer = createDealer(groupByCluster(runnable))
  let isOver = false

  async function runLane(): Promise<void> {
    let group: PlanGroup<SuitePlan> | undefined
    let clusters: GroupClusters | undefined
    try {
      while (!isOver) {
        const next = dealer.next(group)
        if (next === undefined) return
        if (signal.aborted) throw interrupted()
        if (clusters === undefined || next.group !== group) {
          await clusters?.stop()
          clusters = clustersOf(next.group.cluster, { ...options, runtime, signal, hooks, suite })
          group = next.group
        }
        const beganMs = runtime.nowMs()
        let result: Result | undefined
        let outcome: SuiteOutcome
        try {
          const warm = next.group.shared ? await clusters.ready() : undefined
          result = await runOne(next.item, warm, options, hooks, signal)
          outcome = judgedOutcome(result)
        } catch (cause) {
          if (signal.aborted) throw cause
          outcome = failedOutcome(cause)
        }
        await clusters.settle()
        if (result !== undefined) results.push(result)
        done(entryOf(next.item, runtime.nowMs() - beganMs, outcome))
      }
    } catch (cause) {
      isOver = true
      throw cause
    } finally {
      await clusters?.stop()
    }
  }

  const lanes = await Promise.allSettled(Array.from({ length: clustersAtOnce }, runLane))
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason
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

interface GroupClusters {
  ready(): Promise<WarmCluster>
  settle(): Promise<void>
  stop(): Promise<void>
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
): GroupClusters {
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
        note: hooks.note,
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
