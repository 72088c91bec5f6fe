// What `import … from 'eos-gauntlet'` gives: a cluster and the proxy in front of it, started and driven by a program,
// most often by a test suite. docs/library.md tells it from the user's side.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../proxy/errors.ts'
import type { FaultStatus, Plane } from '../proxy/events.ts'
import type { FaultSpec } from '../proxy/faults/fault.ts'
import type { PlanDocument } from '../proxy/plans/plan-schema.ts'
import { problemMessage } from '../proxy/plans/problem.ts'
import { readSessionPlan } from '../proxy/plans/read-plan.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import type { TransactionView } from '../proxy/transactions/tracker.ts'
import type { RunResult } from '../validators/result.ts'
import { reapLeftovers, removeTemporaryFolder, temporaryFolder } from './child-registry.ts'
import { openAdmin, type TopicWish } from './clusters/admin.ts'
import { randomSeed } from './commands/flags.ts'
import { type Fault, type InjectedFault, injectedFault } from './library/injected-fault.ts'
import { type RunWish, runHere } from './library/run-here.ts'
import { openSessionHistory } from './library/session-history.ts'
import { sessionVerdict, type VerdictWish } from './library/session-verdict.ts'
import { raiseStage, type Stage } from './run-stage.ts'

export type { FaultStatus, Firing } from '../proxy/events.ts'
export type { TransactionView } from '../proxy/transactions/tracker.ts'
export type { Contract } from '../validators/history-line.ts'
export type { ResultFinding, RunResult } from '../validators/result.ts'
export type { Fault, InjectedFault, WaitOptions } from './library/injected-fault.ts'
export type { RunWish } from './library/run-here.ts'
export type { VerdictWish } from './library/session-verdict.ts'

/** What the listener is called that `bootstrapServers` leads to. */
const applicationName = 'application'

export interface GauntletOptions {
  /** Brokers that run already: `host:port`, several with commas. Short for `cluster: { external: { bootstrap: […] } }`. */
  bootstrap?: string | readonly string[]
  /** In a plan's words: `{ embedded: { brokers: 3, version: '4.3.1' } }` (the default), `{ docker: … }`, or `{ external: … }` with TLS, SASL and a map of addresses. */
  cluster?: NonNullable<PlanDocument['cluster']>
  /** TLS towards the application, in a plan's words. */
  proxy?: NonNullable<PlanDocument['proxy']>
  /** Feature levels that clients are told, such as `{ 'transaction.version': 1 }`. */
  advertise?: Readonly<Record<string, number>>
  /** Names by which faults may call topics: `input`, `output`. */
  topics?: NonNullable<PlanDocument['topics']>
  /** Traffic between brokers that faults shall be able to hurt; only in front of brokers that are started here. */
  planes?: ReadonlyArray<Exclude<Plane, 'client'>>
  /** Every random choice derives from it. */
  seed?: number
  /** Where histories, results, reports and broker logs are kept; by default they go with `stop()`. */
  outDir?: string
  /** Gives up the start. */
  signal?: AbortSignal
}

export interface Gauntlet {
  /** Where the application under test bootstraps. */
  readonly bootstrapServers: string
  /** The brokers' own addresses: for what a test itself writes and reads, which must not be hurt. */
  readonly directBootstrapServers: string
  /** The authority that clients must trust, as PEM; only with `proxy: { tls: 'generated' }`. */
  readonly ca: string | undefined
  /** The proxy's address for one instance of several, so that faults can tell them apart: `when: { instance: 'app-1' }`. */
  bootstrapServersOf(instance: string): Promise<string>
  /** Resolves when every partition has a leader. */
  createTopics(topics: readonly TopicWish[]): Promise<void>
  /** Arms a fault: the same JSON as an entry of a plan's `faults`. */
  inject(fault: Fault): Promise<InjectedFault>
  /** What has become of every fault so far. */
  faults(): Promise<FaultStatus[]>
  /** Every transaction seen, as the proxy follows them. */
  transactions(): Promise<TransactionView[]>
  /** Heals and disarms everything. */
  heal(): Promise<void>
  /**
   * Heals everything, waits until all has come to rest, counts every record, and judges all since the verdict before.
   * It does not throw when the verdict is FAIL: look at it.
   */
  verdict(wish: VerdictWish): Promise<RunResult>
  /** Runs a whole plan on this cluster, with a proxy and an application of its own. */
  run(plan: string | object, wish?: RunWish): Promise<RunResult>
  /** Takes down everything that was started. Safe to call twice. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The options in a plan's words, and as its text. */
function documentOf(options: GauntletOptions, faults: readonly unknown[]): string {
  const { bootstrap, cluster, proxy, advertise, topics, seed } = options
  if (bootstrap !== undefined && cluster !== undefined) {
    throw new OperatorError(
      'wrong-arguments',
      '`bootstrap` and `cluster` name two clusters',
      'Give one of them; `cluster: { external: { bootstrap: […], tls: … } }` says more about brokers that run already.',
    )
  }
  const addresses = typeof bootstrap === 'string' ? bootstrap.split(',') : bootstrap
  return JSON.stringify({
    cluster: addresses === undefined ? cluster : { external: { bootstrap: addresses } },
    proxy,
    advertise,
    topics,
    seed,
    faults,
  })
}

function readOptions(options: GauntletOptions, faults: readonly unknown[], seedDefault: number) {
  const what = faults.length === 0 ? 'the options' : 'the fault'
  const read = readSessionPlan(documentOf(options, faults), what, { seedDefault })
  if ('plan' in read) return read.plan
  const problems = read.problems.map(
    (problem) => `${problem.path === '' ? what : problem.path}: ${problemMessage(problem)}`,
  )
  throw new OperatorError(
    faults.length === 0 ? 'wrong-arguments' : 'wrong-fault',
    problems.join('; '),
    'The words are those of plans: docs/plan-language.md has them.',
  )
}

/**
 * Starts the proxy in front of a cluster: one of its own on this machine (embedded, unless `cluster` says otherwise),
 * or the brokers named with `bootstrap`. Resolves when an application can work through it.
 *
 * ```ts
 * await using gauntlet = await startGauntlet()
 * const lost = await gauntlet.inject({
 *   when: { reply: 'EndTxn', committed: true, error: 'NONE' },
 *   inject: { drop: { side: 'reply' } },
 * })
 * await runMyApplication(gauntlet.bootstrapServers)
 * await lost.applied()
 * const { verdict } = await gauntlet.verdict({ input: 'orders', output: 'payments', group: 'payer' })
 * ```
 */
export async function startGauntlet(options: GauntletOptions = {}): Promise<Gauntlet> {
  const seed = options.seed ?? randomSeed()
  const plan = readOptions(options, [], seed)
  const written =
    plan.cluster.kind === 'external'
      ? (JSON.parse(documentOf(options, [])) as { cluster: unknown }).cluster
      : (options.cluster ?? { embedded: {} })
  const runtime = systemRuntime(seed)
  const stopping = new AbortController()
  const signal =
    options.signal === undefined
      ? stopping.signal
      : AbortSignal.any([stopping.signal, options.signal])
  await reapLeftovers()
  const folder = options.outDir ?? (await temporaryFolder('session'))
  await mkdir(folder, { recursive: true })
  const history = openSessionHistory(folder)
  const doors = new Map<string, string>()
  /** Armed now, and since the last verdict. */
  const armed = new Map<string, FaultSpec>()
  let planned: FaultSpec[] = []
  let stage: Stage | undefined
  let runs = 0
  let verdicts = 0

  async function takeDown(): Promise<void> {
    stopping.abort()
    await stage?.proxy.engine.healAll().catch(() => {
      // A proxy that has died heals nothing more, and its brokers go down with it.
    })
    await stage?.stop()
    await history.close()
    if (options.outDir === undefined) await removeTemporaryFolder(folder)
  }

  async function openDoor(raised: Stage, instance: string): Promise<string> {
    const known = doors.get(instance)
    if (known !== undefined) return known
    const { host, port } = await raised.proxy.engine.openDoor(instance, 0)
    const address = `${host}:${port}`
    doors.set(instance, address)
    return address
  }

  try {
    const raised = await raiseStage({
      plan,
      runtime,
      signal,
      logDirectory: folder,
      ...(options.planes === undefined ? {} : { planes: options.planes }),
      onEvents(events) {
        for (const event of events) history.write(event)
      },
      onBroker: (node, change) =>
        history.write({ type: 'broker', atMs: runtime.nowMs(), node, change }),
      onLog: () => undefined,
      onNote: (text) => void process.stderr.write(`eos-gauntlet: ${text}\n`),
      onInstance: () => undefined,
    })
    stage = raised
    const { engine } = raised.proxy
    await engine.discover()
    const bootstrapServers = await openDoor(raised, applicationName)
    await engine.markWarm()

    const named = (fault: Fault): string => fault.name ?? freeName(Object.keys(fault.inject)[0])
    const freeName = (kind = 'fault'): string => {
      const taken = new Set([...armed.keys(), ...planned.map(({ name }) => name)])
      let name = kind
      for (let number = 2; taken.has(name); number++) name = `${kind}-${number}`
      return name
    }
    const driver = {
      async status(name: string) {
        return (await engine.status()).findLast((status) => status.name === name)
      },
      fire: engine.fire,
      release: engine.release,
      heal: engine.heal,
      async disarm(name: string) {
        if (armed.delete(name)) await engine.disarm(name)
      },
    }

    let stopped: Promise<void> | undefined
    const stop = (): Promise<void> => {
      stopped ??= takeDown()
      return stopped
    }

    return {
      bootstrapServers,
      directBootstrapServers: raised.cluster.bootstrap.join(','),
      ca: raised.door?.ca,
      bootstrapServersOf: (instance) => openDoor(raised, instance),
      async createTopics(topics) {
        const admin = openAdmin(raised.cluster.brokers)
        try {
          await admin.createTopics(topics)
        } finally {
          admin.close()
        }
      },
      async inject(fault) {
        const name = named(fault)
        if (planned.some((one) => one.name === name)) {
          throw new OperatorError(
            'wrong-fault',
            `a fault called "${name}" was injected already since the last verdict`,
            'Give this one another name: what became of each must stay apart.',
          )
        }
        const { faults } = readOptions(options, [...armed.values(), { ...fault, name }], seed)
        const spec = faults.at(-1)
        if (spec === undefined) throw new Error('one fault went in and none came out')
        await engine.arm(spec, 'plan')
        armed.set(name, spec)
        planned.push(spec)
        return injectedFault(name, driver, runtime)
      },
      faults: () => engine.status(),
      transactions: () => engine.transactions(),
      async heal() {
        armed.clear()
        await engine.healAll()
        await engine.markCold()
        await engine.markWarm()
      },
      async verdict(wish) {
        verdicts += 1
        const judged = planned
        planned = []
        armed.clear()
        const result = await sessionVerdict(wish, {
          cluster: raised.cluster,
          engine,
          runtime,
          seed,
          history,
          planned: judged.map(({ name, inject, times }) => ({
            name,
            kind: Object.keys(inject)[0] ?? '',
            ...(times === undefined ? {} : { times }),
          })),
          folder: join(folder, `${wish.name ?? 'verdict'}-${verdicts}`),
        })
        // Healing everything stops the clocks of faults; those that come later have theirs.
        await engine.markCold()
        await engine.markWarm()
        return result
      },
      run(given, wish = {}) {
        runs += 1
        const outDir = join(folder, `run-${runs}`)
        return runHere(given, wish, { cluster: raised.cluster, written, outDir, signal })
      },
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (cause) {
    await takeDown()
    throw cause
  }
}
