// One run, from plan to verdict: cluster and proxy up, topics, faults armed, instances, load; hurt, heal,
// drain, audit, judge; and everything down again, however it ends.
import { existsSync, statSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../proxy/errors.ts'
import type { ProxyEvent } from '../proxy/events.ts'
import { durationMs } from '../proxy/faults/vocabulary.ts'
import type { Plan } from '../proxy/plans/plan.ts'
import { type Runtime, systemRuntime } from '../proxy/runtime.ts'
import { auditCluster, startConcurrentReader } from '../validators/audit.ts'
import { type Sink, sinkPlace } from '../validators/audit-steps.ts'
import type { History } from '../validators/history.ts'
import { openHistoryWriter } from '../validators/history-file.ts'
import type { HistoryLine, Phase } from '../validators/history-line.ts'
import { isPostgresSinkEmpty } from '../validators/readers/postgres-sink.ts'
import { defaultIdSelector } from '../validators/selector.ts'
import { reapLeftovers } from './child-registry.ts'
import { type ClusterAdmin, openAdmin } from './clusters/admin.ts'
import { askTransactions } from './clusters/transaction-state.ts'
import { historyName, judgeWithHistory, writeResult } from './judge-history.ts'
import { writeRunReport } from './report-files.ts'
import { transactionLine } from './reports/transaction-line.ts'
import { startApplication } from './run-application.ts'
import type { Report, Result, RunOptions } from './run-events.ts'
import { groupOf, idPlaceOf, instanceNames, runLine, sinkName } from './run-line.ts'
import { raiseStage, type Stage, type StageParts } from './run-stage.ts'
import { prepareTopics } from './run-topics.ts'
import { type RunWatch, watchRun } from './run-watch.ts'
import { disagreements } from './tracker-agreement.ts'
import { type Generator, startGenerator } from './workloads/generator.ts'
import { loadWithFiles } from './workloads/load-file.ts'
import type { Instances } from './workloads/workload.ts'

/** How long copiers may take until each has committed once; other applications have a `start-grace`. */
const warmLimitMs = 60_000
/** What is left of an application that has ended will not come to rest: its open transactions might. */
const desertedDrainMs = 5_000
/** How long a group may take to settle before the load starts without it. */
const groupLimitMs = 60_000
/** After the records are written: how long a fault may still take to fire, as long as nothing moves. */
const faultPatienceMs = 30_000
/** How long an effect may take to heal beyond its time: brokers start again, on a busy machine. */
const healPatienceMs = 180_000
/** After the last heal: how long every instance may take to commit again. */
const recoveryPatienceMs = 90_000
/** Beyond the longest transaction timeout seen: how long everything may take to come to rest. */
const drainMarginMs = 30_000
const lookEveryMs = 50
const progressEveryMs = 500

interface Running {
  plan: Plan
  options: RunOptions
  report: Report
  runtime: Runtime
  signal: AbortSignal
  watch: RunWatch
  write: (line: HistoryLine) => void
  phase: (phase: Phase) => void
}

function throwIfInterrupted(signal: AbortSignal): void {
  if (!signal.aborted) return
  throw new OperatorError(
    'interrupted',
    'the run was interrupted',
    'Everything was healed and stopped.',
  )
}

/** Runs a piece of work as a phase that the terminal shows. */
async function inPhase<Value>(
  { report, runtime, signal }: Pick<Running, 'report' | 'runtime' | 'signal'>,
  phase: string,
  text: string,
  work: (say: (text: string) => void) => Promise<Value>,
): Promise<Value> {
  throwIfInterrupted(signal)
  const startedMs = runtime.nowMs()
  report({ type: 'phase-started', phase, text })
  let said = text
  try {
    const value = await work((better) => {
      said = better
    })
    report({ type: 'phase-done', phase, text: said, ms: runtime.nowMs() - startedMs })
    return value
  } catch (cause) {
    report({ type: 'phase-failed', phase, text: said, ms: runtime.nowMs() - startedMs })
    throw cause
  }
}

/** Rejects when the run is interrupted: what cannot be stopped in its middle is left behind. */
function unlessInterrupted<Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> {
  let stop = (): void => undefined
  const interrupted = new Promise<never>((_resolve, reject) => {
    stop = () => {
      try {
        throwIfInterrupted(signal)
      } catch (cause) {
        reject(cause as Error)
      }
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  // A suite has one signal for all its runs: nothing may stay on it.
  return Promise.race([work, interrupted]).finally(() => signal.removeEventListener('abort', stop))
}

/** Looks again and again until the condition holds (true) or the time is over (false). */
async function until(
  { runtime, signal }: Pick<Running, 'runtime' | 'signal'>,
  limitMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const endMs = runtime.nowMs() + limitMs
  for (;;) {
    throwIfInterrupted(signal)
    if (await holds()) return true
    if (runtime.nowMs() >= endMs) return false
    await new Promise<void>((resolve) => runtime.after(lookEveryMs, resolve))
  }
}

function recordsWanted({ load }: Plan): number {
  return load.reduce((sum, phase) => sum + (phase.kind === 'records' ? phase.records : 0), 0)
}

function cleanUp(steps: Array<() => Promise<unknown>>): Promise<unknown> {
  return steps.reduceRight<Promise<unknown>>(
    (before, step) => before.then(step, step),
    Promise.resolve(),
  )
}

/** Waits for what the plan wants to be there before the load; says and records it if it does not come. */
async function awaitStart(running: Running, admin: ClusterAdmin): Promise<void> {
  const { plan, report, runtime, write } = running
  if (plan.startWhen === undefined) return
  const { members } = plan.startWhen
  const isStable = async (): Promise<boolean> => {
    const group = await admin.groupState(groupOf(plan))
    return group.state === 'Stable' && group.members >= members
  }
  if (await until(running, groupLimitMs, isStable)) return
  const message = `the group was not stable with ${members} members after ${groupLimitMs / 1_000} s, and the load began without it`
  report({ type: 'problem', text: message })
  write({ type: 'guard', atMs: runtime.nowMs(), guard: 'start-when', message })
}

/** Somebody else starts the application, which may take a while. */
async function awaitConnected(
  running: Running,
  limitMs: number,
  say: (text: string) => void,
): Promise<void> {
  const { watch, report } = running
  await until(running, limitMs, () => watch.unconnected().length === 0)
  const missing = watch.unconnected()
  say(missing.length === 0 ? 'the application has connected' : 'the application is not there')
  if (missing.length === 0) return
  const text = `${missing.join(', ')} did not connect to the proxy within ${limitMs / 1_000} s`
  report({ type: 'problem', text })
  for (const name of missing) watch.seeGone(name)
}

/** Feeds and waits until the plan has happened: records written, faults fired and healed, everybody working. */
async function playOut(running: Running, stage: Stage, generator: Generator): Promise<void> {
  const { plan, watch, runtime, report, phase } = running
  const wanted = recordsWanted(plan)
  const limitMs = warmLimitOf(plan)
  await until(running, limitMs, () => watch.isWarm() || watch.isDeserted())
  if (watch.isWarm()) phase('warm')
  else if (watch.isDeserted()) report({ type: 'problem', text: 'nothing of the application runs' })
  else
    report({
      type: 'problem',
      text: `not warm after ${limitMs / 1_000} s: ${watch.idleSince(0).join(', ')} never committed`,
    })
  await stage.proxy.engine.markWarm()
  const warmAtMs = runtime.nowMs()
  // Time triggers still to come belong to the load, however few records it has.
  await until(
    running,
    Number.POSITIVE_INFINITY,
    () =>
      generator.sent() + generator.aborted() >= wanted || generator.done() || watch.isDeserted(),
  )
  if (plan.workload.kind === 'attach') {
    const endMs = warmAtMs + plan.workload.forMs
    await until(running, Math.max(0, endMs - runtime.nowMs()), () => false)
  }
  const loadedAtMs = runtime.nowMs()
  const clockMs = latestClockMs(plan)
  const isOver = (): boolean => watch.unfired().length === 0 && watch.unhealed().length === 0
  await until(running, Number.POSITIVE_INFINITY, () => {
    if (isOver() || watch.isDeserted()) return true
    const quietMs = runtime.nowMs() - Math.max(loadedAtMs, watch.faultsChangedAtMs())
    // What has fired will heal, however long a broker takes to come back on a busy machine.
    return quietMs > (watch.unhealed().length > 0 ? healPatienceMs : faultPatienceMs) + clockMs
  })
  for (const name of watch.unfired()) {
    report({ type: 'problem', text: `fault ${name} has not happened, and the load is over` })
  }
  for (const name of watch.unhealed()) {
    report({ type: 'problem', text: `fault ${name} has not healed` })
  }
  await stage.proxy.engine.stopClocks()
  const healedAtMs = watch.lastHealedAtMs()
  if (isOver()) phase('healed')
  const names = instanceNames(plan)
  const isWorking = (): boolean => watch.idleSince(healedAtMs).length === 0
  await until(running, recoveryPatienceMs, () => isWorking() || nobodyIsLeft(watch, names))
  for (const name of watch.idleSince(healedAtMs)) {
    report({ type: 'problem', text: `${name} has committed nothing after the last fault healed` })
  }
  await generator.finish()
  phase('load-finished')
}

/** Everybody has ended, or nobody has ever come. */
function nobodyIsLeft(watch: RunWatch, names: readonly string[]): boolean {
  return watch.isDeserted() || watch.unconnected().length === names.length
}

function warmLimitOf({ workload }: Plan): number {
  return workload.kind === 'copier' ? warmLimitMs : workload.startGraceMs
}

/** The longest that any fault of the plan waits by the clock. */
function latestClockMs({ faults }: Plan): number {
  return Math.max(
    0,
    ...faults.map(({ when, for: lasts }) =>
      [when.at, when.plus, lasts].reduce(
        (sum, text) => sum + (text === undefined ? 0 : durationMs(text)),
        typeof when.every === 'string' ? durationMs(when.every) : 0,
      ),
    ),
  )
}

function versionOf({ cluster }: Plan): string {
  switch (cluster.kind) {
    case 'embedded':
      return `${cluster.version}, ${cluster.brokers} brokers`
    case 'docker':
      return `in ${cluster.brokers} containers of ${cluster.image}`
    case 'external':
      return cluster.bootstrap.join(', ')
  }
}

/** Faults that have bitten or healed are worth a line on the terminal. */
function tellFaults(events: readonly ProxyEvent[], report: Report): void {
  for (const event of events) {
    switch (event.type) {
      case 'fault-applied':
        report({
          type: 'note',
          text: `${event.fault} applied (${event.firing.number}): ${event.firing.effect ?? ''}`,
        })
        break
      case 'fault-healed':
        report({ type: 'note', text: `${event.fault} healed (${event.firing.number})` })
        break
      case 'error':
        report({ type: 'problem', text: event.message })
        break
      default:
        break
    }
  }
}

/** Every step of every transaction, for `--verbose`. */
function tellTransactions(events: readonly ProxyEvent[], report: Report): void {
  for (const event of events) {
    const text = transactionLine(event)
    if (text !== undefined) report({ type: 'step', text })
  }
}

/** Where the tracker and the brokers tell different stories: the run's own account is not to be trusted then. */
async function compareWithCluster(running: Running, stage: Stage): Promise<void> {
  const { report, runtime, write } = running
  const missing = await trackerDisagreements(stage).catch((cause: unknown) => [
    `the tracker could not be compared with the cluster: ${cause instanceof Error ? cause.message : cause}`,
  ])
  for (const message of missing) {
    report({ type: 'problem', text: message })
    write({ type: 'guard', atMs: runtime.nowMs(), guard: 'tracker-agrees', message })
  }
}

async function trackerDisagreements({ cluster, proxy }: Stage): Promise<string[]> {
  const views = await proxy.engine.transactions()
  const said = await askTransactions(
    cluster.brokers,
    new Set(views.map(({ transactionalId }) => transactionalId)),
    new Set(views.flatMap(({ partitions }) => partitions)),
  )
  return disagreements(views, said)
}

/** Takes what an earlier run has left in the folder: its journals and logs would be read as this run's. */
async function clearFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const ours = /\.(ndjson|log)$|^(attach\.json|result\.json|junit\.xml|report\.html)$/
  for (const name of await readdir(folder)) {
    if (ours.test(name)) await rm(join(folder, name))
  }
}

/** Topics that the application owes something to: none beside a sink, unless the plan names one. */
function outputsOf({ topics, outputsJudged }: Plan): Plan['topics']['outputs'] {
  return outputsJudged ? topics.outputs : []
}

/** What an earlier run has left in a sink would be counted, and it is not ours to take away. */
async function refuseFilledSink(sink: Sink | undefined): Promise<void> {
  if (sink === undefined || (await isSinkEmpty(sink))) return
  throw new OperatorError(
    'cannot-do-here',
    `the sink ${sinkPlace(sink)} is not empty`,
    'Empty it, or name another one: what is in it would be counted.',
  )
}

async function isSinkEmpty(sink: Sink): Promise<boolean> {
  switch (sink.kind) {
    case 'file':
      return !existsSync(sink.path) || statSync(sink.path).size === 0
    case 'postgres':
      return isPostgresSinkEmpty(sink).catch((cause: Error) => {
        if (cause instanceof OperatorError) throw cause
        throw new OperatorError(
          'missing-prerequisite',
          `the sink ${sinkPlace(sink)} cannot be read: ${cause.message}`,
          'Start the database, or mend the address that the plan speaks of.',
        )
      })
  }
}

/** The verdict stands whether or not its page could be written. */
function writePage(folder: string, history: History, result: Result, report: Report): void {
  try {
    writeRunReport(folder, history, result)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    report({ type: 'problem', text: `report.html could not be written: ${why}` })
  }
}

/**
 * Runs a plan to its verdict, on a cluster of its own or on the stage that it is given. Rejects only when there
 * can be none: wrong plan, no cluster, interrupted.
 */
export async function runPlan(
  plan: Plan,
  options: RunOptions,
  report: Report,
  signal: AbortSignal,
  raise: (parts: StageParts) => Promise<Stage> = raiseStage,
): Promise<Result> {
  const runtime = systemRuntime(plan.seed)
  const { outDir } = options
  const load = await loadWithFiles(plan.load, plan.file)
  const sink: Sink | undefined = plan.sink && { name: sinkName, ...plan.sink }
  await refuseFilledSink(sink)
  await clearFolder(outDir)
  await reapLeftovers()
  report({ type: 'run', plan: plan.name, asks: plan.asks, seed: plan.seed, outDir })
  const history = openHistoryWriter(join(outDir, historyName))
  const write = (line: HistoryLine): void => void history.write(line)
  const phase = (name: Phase): void => write({ type: 'phase', atMs: runtime.nowMs(), phase: name })
  const names = instanceNames(plan)
  const watch = watchRun(names, plan.faults)
  const running: Running = { plan, options, report, runtime, signal, watch, write, phase }
  const instances: Instances = new Map()
  const closing: Array<() => Promise<unknown>> = []
  const startedMs = runtime.nowMs()

  /** Events of the proxy are kept back until the first line of the history can be written. */
  let early: ProxyEvent[] | undefined = []
  const onEvents = (events: ProxyEvent[]): void => {
    watch.see(events)
    tellFaults(events, report)
    if (options.verbose) tellTransactions(events, report)
    if (early !== undefined) early.push(...events)
    else for (const event of events) write(event)
  }

  try {
    const stage = await inPhase(running, 'cluster', `Kafka ${versionOf(plan)}`, async (say) => {
      const raised = await raise({
        plan,
        runtime,
        signal,
        logDirectory: outDir,
        onEvents,
        onBroker: (node, change) => write({ type: 'broker', atMs: runtime.nowMs(), node, change }),
        onLog: () => undefined,
        onNote: (text) => report({ type: 'note', text }),
        instances,
        onInstance(instance, change) {
          write({ type: 'instance', atMs: runtime.nowMs(), instance, change })
          watch.seeInstance(instance, change)
        },
      })
      const { cluster } = raised
      say(`Kafka ${cluster.version}, ${cluster.brokers.length} brokers (${cluster.kind})`)
      return raised
    })
    closing.push(() => stage.stop())
    write(runLine(plan, stage.cluster, names, startedMs))
    for (const event of early ?? []) write(event)
    early = undefined
    phase('cluster-up')

    const admin = openAdmin(stage.cluster.brokers)
    closing.push(async () => admin.close())
    const application = await inPhase(
      running,
      'application',
      `${names.length} instances`,
      async (say) => {
        const { input } = plan.topics
        const outputs = outputsOf(plan)
        const { kind } = plan.workload
        stage.created.push(...(await prepareTopics(admin, [input, ...outputs], kind)))
        const { engine } = stage.proxy
        await engine.discover()
        for (const fault of plan.faults) await engine.arm(fault, 'plan')
        const started = await startApplication({
          plan,
          stage,
          runtime,
          outDir,
          write,
          instances,
          onGone: watch.seeGone,
          tell: (type, text) => report({ type, text }),
        })
        phase('instances-started')
        closing.push(() => started.stop())
        if (plan.workload.kind === 'attach') {
          await awaitConnected(running, plan.workload.startGraceMs, say)
        } else say(`${names.join(', ')}, each behind its own proxy ports`)
        return started
      },
    )

    const { topics } = plan
    const id = idPlaceOf(plan)
    const outputTopics = outputsOf(plan).map(({ name }) => name)
    const bootstrap = [...stage.cluster.bootstrap]
    const { access } = stage.cluster
    const reader = await startConcurrentReader({
      bootstrap,
      access,
      topics: outputTopics,
      idSelector: id,
      onLine: write,
    })
    closing.push(() => reader.stop())
    await awaitStart(running, admin)
    const generator = startGenerator({
      bootstrap: stage.cluster.bootstrap,
      access,
      topic: topics.input.name,
      partitions: topics.input.partitions,
      runtime,
      onError: () => undefined,
      phases: load,
    })
    closing.push(() => generator.stop())
    phase('load-started')

    const progress = (): void =>
      report({
        type: 'progress',
        elapsedMs: runtime.nowMs() - startedMs,
        records: { sent: generator.sent(), read: reader.records() },
        transactions: watch.transactions(),
        faults: watch.faults().map(({ name, fired, applied, timesMax }) => ({
          name,
          fired,
          applied,
          times: Number.isFinite(timesMax) ? timesMax : 'unlimited',
        })),
      })
    const ticker = setInterval(progress, progressEveryMs)
    try {
      await inPhase(running, 'load', plan.asks === '' ? plan.name : plan.asks, async (say) => {
        await playOut(running, stage, generator)
        say(
          `${generator.sent()} records in, ${watch.transactions().committed} transactions committed`,
        )
      })
    } finally {
      clearInterval(ticker)
    }
    progress()
    phase('drain-started')
    await inPhase(running, 'audit', 'waiting until everything has come to rest', async (say) => {
      const timeouts = (await stage.proxy.engine.transactions()).map((view) => view.timeoutMs ?? 0)
      const auditing = auditCluster({
        bootstrap,
        access,
        inputTopics: [topics.input.name],
        outputTopics,
        ...(sink === undefined ? {} : { sinks: [sink] }),
        group: groupOf(plan),
        idSelector: id,
        ...(plan.expect.invariant === undefined
          ? {}
          : { valueSelector: plan.expect.invariant.sum }),
        inputIdSelector: defaultIdSelector,
        timeoutMs: nobodyIsLeft(watch, names)
          ? desertedDrainMs
          : (plan.expect.drainMs ?? Math.max(0, ...timeouts) + drainMarginMs),
        onLine: write,
        async onDrained() {
          await stage.proxy.engine.healAll()
          const faults = await stage.proxy.engine.status()
          write({ type: 'fault-status', atMs: runtime.nowMs(), faults })
          const clients = (await stage.proxy.engine.posture()).filter(
            ({ instance }) => instance !== undefined && names.includes(instance),
          )
          write({ type: 'posture-list', atMs: runtime.nowMs(), clients })
          await application.stop()
          phase('instances-stopped')
          await compareWithCluster(running, stage)
          await reader.stop()
        },
      })
      const summary = await unlessInterrupted(signal, auditing)
      phase('audited')
      const { committedRecords, tookMs } = summary
      say(`${committedRecords} committed records read twice in ${Math.round(tookMs)} ms`)
      for (const left of summary.left) report({ type: 'problem', text: left })
    })
    await stage.stop()
    await history.close()
    return await inPhase(running, 'verdict', 'judging', async (say) => {
      const { history: record, result } = judgeWithHistory(join(outDir, historyName))
      await writeResult(outDir, result)
      writePage(outDir, record, result, report)
      say('judged')
      report({ type: 'verdict', result, outDir })
      return result
    })
  } catch (cause) {
    throwIfInterrupted(signal)
    throw cause
  } finally {
    await cleanUp(closing)
    await history.close()
  }
}
