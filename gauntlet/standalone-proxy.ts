// `gauntlet proxy`: the proxy alone, in front of somebody's cluster, with the faults of a plan armed and REST beside
// it. It runs until it is told to stop, heals first, lets what is under way get through, and then leaves.
import type { Control } from '../proxy/control/control.ts'
import type { PortRange } from '../proxy/control/run-ports.ts'
import type { RunView } from '../proxy/control/runs.ts'
import { OperatorError } from '../proxy/errors.ts'
import type { BrokerChange, ProxyEvent } from '../proxy/events.ts'
import type { FaultSpec } from '../proxy/faults/fault.ts'
import type { Reach } from '../proxy/faults/reach.ts'
import type { BrokerAccess, DoorTls } from '../proxy/flow/access.ts'
import type { Drained } from '../proxy/flow/drain.ts'
import type { SocketAddress } from '../proxy/flow/sockets.ts'
import type { Policy } from '../proxy/policies/policy.ts'
import { type Runtime, systemRuntime } from '../proxy/runtime.ts'
import { type RemoteEngine, startProxy } from '../proxy/start-proxy.ts'
import type { RunLine } from '../validators/history-line.ts'
import { dockerBrokers } from './clusters/docker-brokers.ts'
import { entryFile, packageVersion, pageFile } from './entry.ts'
import { createHost } from './host.ts'
import { openRotatingHistory, type RotatingHistory } from './rotating-history.ts'

/** Between two questions whether a broker answers yet. */
const askAgainMs = 500
/** Between two questions who the cluster's brokers are. */
const askBrokersEveryMs = 30_000

export interface RestOptions {
  listen: SocketAddress
  token: string | undefined
  hosts: readonly string[]
}

/** A door for everybody. */
export interface ListeningPlace extends SocketAddress {
  /** The host name that clients behind it are told. */
  advertisedHost: string
  /** Where something before us maps ports: what clients are told instead of the port that is listened on. */
  advertisedPorts?: Readonly<Record<number, number>>
}

/** A broker's inter-broker listener behind a port of ours, which that broker was told to advertise. */
export interface InterBrokerPort {
  node: number
  listen: SocketAddress
  target: SocketAddress
}

export interface StandaloneOptions {
  bootstrap: readonly SocketAddress[]
  /** Where clients bootstrap; runs get listeners of theirs at the place of the first. */
  doors: readonly [ListeningPlace, ...ListeningPlace[]]
  interBroker: readonly InterBrokerPort[]
  /** Containers of brokers whose processes may be hurt, by node id; empty: none. */
  containers: ReadonlyMap<number, string>
  /** Where listeners of runs go; absent: anywhere. */
  runPorts?: PortRange
  advertise: Readonly<Record<string, number>>
  topicAliases: Readonly<Record<string, string>>
  policies: readonly Policy[]
  /** How brokers are reached; absent: plainly. */
  access?: BrokerAccess
  /** TLS towards clients; absent: they come plainly. */
  door?: DoorTls
  faults: readonly FaultSpec[]
  seed: number
  /** Absent: no REST. */
  rest?: RestOptions
  /** How long to wait for a first broker to answer. */
  awaitClusterMs: number
  /** How long what is under way may take when it is told to stop. */
  drainMs: number
  /** Where histories are kept; absent: nowhere. */
  history?: { folder: string; fileBytes: number; filesMax: number }
  /** How far back the rolling verdict looks. */
  verdictWindowMs: number
  onEvents: (events: ProxyEvent[]) => void
  onProblem: (message: string) => void
}

/** Where a running proxy can be reached. */
export interface Listening {
  doors: SocketAddress[]
  rest?: SocketAddress
}

/** How it ended. */
export interface ProxyEnd {
  /** The runs that were conducted with it. */
  runs: RunView[]
  /** What had to be cut off. */
  drained: Drained
}

/** The first line of a history without a run: it can be read and judged like any other, and proves nothing alone. */
function headLine(options: StandaloneOptions, runtime: Runtime): RunLine {
  return {
    type: 'run',
    atMs: runtime.nowMs(),
    format: 1,
    plan: 'proxy',
    asks: 'What did the proxy see?',
    seed: options.seed,
    cluster: { kind: 'external', version: 'unknown', brokers: 0, features: {} },
    inputs: [],
    outputs: [],
    id: 'header:gauntlet-id',
    instances: [],
    proxied: true,
    faults: [],
    expect: { verdict: 'PASS', allow: [] },
  }
}

async function awaitCluster(
  engine: RemoteEngine,
  options: StandaloneOptions,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<void> {
  const endMs = runtime.nowMs() + options.awaitClusterMs
  for (;;) {
    try {
      await engine.discover()
      return
    } catch (cause) {
      if (signal.aborted) return
      if (runtime.nowMs() < endMs) {
        await new Promise<void>((resolve) => runtime.after(askAgainMs, resolve))
        continue
      }
      const tried = options.bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')
      throw new OperatorError(
        'cluster-unavailable',
        `no broker answered at ${tried} (${cause instanceof Error ? cause.message : cause})`,
        'Check the addresses given with --bootstrap, that the cluster runs, and whether it asks for TLS or SASL; --await-cluster 2m waits for it.',
      )
    }
  }
}

/** What faults may hurt in front of this cluster. */
export function reachOf({
  interBroker,
  containers,
}: Pick<StandaloneOptions, 'interBroker' | 'containers'>): Reach {
  return {
    planes: interBroker.length === 0 ? ['client'] : ['client', 'inter-broker'],
    can: containers.size === 0 ? [] : ['kill-broker', 'pause-broker'],
  }
}

/** Brokers reach each other through these, so they are open before any broker has to be there. */
async function openInterBroker(
  engine: RemoteEngine,
  ports: readonly InterBrokerPort[],
): Promise<void> {
  for (const { node, listen, target } of ports) {
    const place = { listenHost: listen.host }
    const opened = engine.openPlane('inter-broker', node, target, place, listen.port)
    await opened.catch((cause: unknown) => {
      throw new OperatorError(
        'address-in-use',
        `cannot listen for brokers on ${listen.host}:${listen.port} (${cause instanceof Error ? cause.message : cause})`,
        'Give another address with --inter-broker-listen; each broker takes the port that is its node id further.',
      )
    })
  }
}

async function openDoors(
  engine: RemoteEngine,
  places: readonly ListeningPlace[],
): Promise<SocketAddress[]> {
  const opened: SocketAddress[] = []
  for (const { host, port, advertisedHost, advertisedPorts = {} } of places) {
    const place = { listenHost: host, advertisedHost, advertisedPorts }
    const door = engine.openDoor(undefined, port, place).catch((cause: unknown) => {
      throw new OperatorError(
        'address-in-use',
        `cannot listen on ${host}:${port} (${cause instanceof Error ? cause.message : cause})`,
        'Give another address with --listen; brokers take the ports right behind it.',
      )
    })
    opened.push(await door)
  }
  return opened
}

async function drainUnlessHurried(
  engine: RemoteEngine,
  limitMs: number,
  hurry: AbortSignal | undefined,
): Promise<Drained> {
  const drained = engine.drain(limitMs)
  if (hurry === undefined) return drained
  const hurried = new Promise<Drained>((resolve) => {
    const leave = async (): Promise<void> => {
      const { connections, transactions } = await engine.counters()
      const { begun, producing, offsets, ending } = transactions.phases
      resolve({
        connections: connections.client,
        transactions: begun + producing + offsets + ending,
      })
    }
    if (hurry.aborted) void leave()
    else hurry.addEventListener('abort', () => void leave(), { once: true })
  })
  return Promise.race([drained, hurried])
}

/** Starts it, tells where it can be reached, and resolves when the first signal has ended it. `hurry`: the second. */
export async function runProxy(
  options: StandaloneOptions,
  signal: AbortSignal,
  listening: (where: Listening) => void,
  hurry?: AbortSignal,
): Promise<ProxyEnd> {
  const runtime = systemRuntime(options.seed)
  let control: Control | undefined
  const history: RotatingHistory | undefined =
    options.history === undefined
      ? undefined
      : openRotatingHistory({
          ...options.history,
          nowMs: runtime.nowMs,
          head: () => headLine(options, runtime),
          onProblem: options.onProblem,
        })
  let running: RemoteEngine | undefined
  const tell = (events: ProxyEvent[]): void => {
    control?.see(events)
    history?.write(events)
    options.onEvents(events)
  }
  const told = (node: number, change: BrokerChange): void =>
    tell([{ type: 'broker', atMs: runtime.nowMs(), node, change }])
  const { containers, access } = options
  const processes =
    containers.size === 0
      ? undefined
      : await dockerBrokers({
          containers,
          access,
          runtime,
          async addressOf(node) {
            const brokers = (await running?.brokers()) ?? []
            return brokers.find((broker) => broker.node === node)?.address
          },
        })
  const proxy = await startProxy({
    workerFile: entryFile('proxy/worker.js'),
    seed: options.seed,
    host: processes && createHost({ brokers: { cluster: () => processes, told } }),
    onEvents: tell,
    options: {
      bootstrap: options.bootstrap,
      listenHost: options.doors[0].host,
      advertisedHost: options.doors[0].advertisedHost,
      advertise: options.advertise,
      topicAliases: options.topicAliases,
      journalAllProduce: false,
      policies: options.policies,
      askBrokersEveryMs,
      ...(options.access === undefined ? {} : { access: options.access }),
      ...(options.door === undefined ? {} : { door: options.door }),
    },
  })
  const { engine } = proxy
  running = engine
  try {
    await openInterBroker(engine, options.interBroker)
    for (const fault of options.faults) await engine.arm(fault, 'plan')
    if (options.rest !== undefined) {
      const { startControl } = await import('../proxy/control/control.ts')
      control = await startControl({
        ...options.rest,
        engine,
        runtime,
        terminatesTls: options.door !== undefined,
        faults: options.faults,
        verdictWindowMs: options.verdictWindowMs,
        reach: reachOf(options),
        runListeners: {
          host: options.doors[0].host,
          ...(options.runPorts === undefined ? {} : { ports: options.runPorts }),
        },
        pageFile: pageFile(),
        version: packageVersion(),
        onProblem: options.onProblem,
      })
    }
    await awaitCluster(engine, options, runtime, signal)
    const doors = await openDoors(engine, options.doors)
    await engine.markWarm()
    listening({ doors, ...(control === undefined ? {} : { rest: control.address }) })
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([stopped, proxy.ended])
    control?.leave()
    await engine.healAll()
    const drained = await drainUnlessHurried(engine, options.drainMs, hurry)
    await control?.close()
    await engine.stop()
    return { runs: control?.runs() ?? [], drained }
  } finally {
    await control?.close()
    await proxy.terminate()
    await history?.close()
  }
}
