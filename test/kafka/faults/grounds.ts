// Where faults are tried: a cluster of three real brokers for a file of tests, and for each test a proxy of its
// own in front of it, with fresh rules and counters. What the proxy reports can be waited for, so that no test
// sleeps.
import { type ClusterAdmin, openAdmin } from '../../../gauntlet/clusters/admin.ts'
import type {
  BrokerPorts,
  ClusterSpec,
  PlaneAddresses,
} from '../../../gauntlet/clusters/cluster.ts'
import {
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../../gauntlet/clusters/embedded.ts'
import type { Host } from '../../../proxy/effects/host.ts'
import { createEngine, type Engine, type EngineOptions } from '../../../proxy/engine.ts'
import type { FaultStatus, Firing, Plane, ProxyEvent } from '../../../proxy/events.ts'
import type { FaultSpec } from '../../../proxy/faults/fault.ts'
import { type BrokerClient, connectBroker } from '../../../proxy/flow/broker-client.ts'
import type { SocketAddress } from '../../../proxy/flow/sockets.ts'
import type { Message } from '../../../proxy/protocol/codec.ts'
import { initCompression } from '../../../proxy/protocol/compression.ts'
import { systemRuntime } from '../../../proxy/runtime.ts'
import { type LogEntry, type Place, readLog } from './raw.ts'

export const loopback = '127.0.0.1'
const answerLimitMs = 15_000
const eventLimitMs = 30_000
export const runtime = systemRuntime(11)

type EventType = ProxyEvent['type']
type EventOf<Type extends EventType> = Extract<ProxyEvent, { type: Type }>

export interface TestProxy {
  engine: Engine
  events: ProxyEvent[]
  /** The first event of this type that fits, past or to come. */
  event<Type extends EventType>(
    type: Type,
    fits?: (event: EventOf<Type>) => boolean,
  ): Promise<EventOf<Type>>
  /** A client of ours through the proxy: to a broker's port, or to the bootstrap port without a node. */
  through(
    node: number | undefined,
    options?: { clientId?: string; door?: string; limitMs?: number },
  ): Promise<BrokerClient>
  /** Where an instance (or everybody) bootstraps; opened when it is first asked for. */
  bootstrap(door?: string): Promise<string>
  /** Ports of the proxy by node id, as its own Metadata answers tell. */
  ports(door?: string): Promise<Map<number, SocketAddress>>
  arm(spec: Omit<FaultSpec, 'name'> & { name?: string }): void
  status(name?: string): FaultStatus
  firing(name?: string): Firing
  errors(): string[]
}

export interface Grounds {
  cluster: EmbeddedCluster
  admin: ClusterAdmin
  ports: readonly BrokerPorts[]
  host: Host
  /** A client of ours past the proxy. */
  direct(node: number): Promise<BrokerClient>
  leader(place: Place): Promise<number>
  log(place: Place): Promise<LogEntry[]>
  values(place: Place): Promise<string[]>
  /** A new proxy in front of the cluster; the one before is stopped. */
  proxy(options?: Partial<EngineOptions>): Promise<TestProxy>
  /** A topic that no other test uses; by default one partition led by each broker. */
  topic(leaders?: readonly number[]): Promise<string>
  close(): Promise<void>
}

/** Looks again and again; for what has no event. The test's own limit is the last word. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + eventLimitMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not in time: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** What a promise came to, as a word: `answered`, or how its connection ended. */
export async function outcome(work: Promise<unknown>): Promise<'answered' | 'closed'> {
  try {
    await work
    return 'answered'
  } catch (cause) {
    if (/within \d+ ms/.test(String(cause))) throw cause
    return 'closed'
  }
}

/** True when the work is not done before other work is. */
export async function outlasts(work: Promise<unknown>, other: Promise<unknown>): Promise<boolean> {
  return Promise.race([work.then(() => false), other.then(() => true)])
}

export interface ProxyParts {
  bootstrap: readonly SocketAddress[]
  nodes: ReadonlyMap<number, SocketAddress>
  host: Host | undefined
  options?: Partial<EngineOptions>
  clients: Set<BrokerClient>
}

/** An engine with its events at hand. */
export function openProxy({ bootstrap, nodes, host, options, clients }: ProxyParts): TestProxy {
  const events: ProxyEvent[] = []
  const watchers = new Set<(event: ProxyEvent) => void>()
  const engine = createEngine(
    {
      bootstrap,
      listenHost: loopback,
      advertisedHost: loopback,
      advertise: {},
      topicAliases: {},
      journalAllProduce: false,
      ...options,
    },
    {
      runtime,
      host,
      listener(event) {
        events.push(event)
        for (const watcher of [...watchers]) watcher(event)
      },
    },
  )
  for (const [node, address] of nodes) engine.noteBroker(node, address)
  const doors = new Map<string | undefined, Promise<SocketAddress>>()
  const door = (name: string | undefined): Promise<SocketAddress> => {
    const opened = doors.get(name) ?? engine.openDoor(name, 0)
    doors.set(name, opened)
    return opened
  }
  const ports = new Map<string | undefined, Map<number, SocketAddress>>()

  async function connect(address: SocketAddress, clientId: string, limitMs: number) {
    const client = await connectBroker(address, { clientId, timeoutMs: limitMs })
    clients.add(client)
    return client
  }

  async function portsOf(name: string | undefined): Promise<Map<number, SocketAddress>> {
    const known = ports.get(name)
    if (known !== undefined) return known
    const client = await connect(await door(name), 'port-finder', answerLimitMs)
    const reply = await client.request('Metadata', { topics: [] })
    client.close()
    const found = new Map(
      (reply.brokers as Message[]).map((broker) => [
        broker.nodeId as number,
        { host: broker.host as string, port: broker.port as number },
      ]),
    )
    ports.set(name, found)
    return found
  }

  const status = (name = 'fault'): FaultStatus => {
    const found = engine.status().find((one) => one.name === name)
    if (found === undefined) throw new Error(`no fault is called ${name}`)
    return found
  }

  return {
    engine,
    events,
    event(type, fits = () => true) {
      type Wanted = EventOf<typeof type>
      const isIt = (event: ProxyEvent): event is Wanted =>
        event.type === type && fits(event as Wanted)
      const past = events.find(isIt)
      if (past !== undefined) return Promise.resolve(past)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no ${type} that fits within ${eventLimitMs} ms`)),
          eventLimitMs,
        )
        const watcher = (event: ProxyEvent): void => {
          if (!isIt(event)) return
          clearTimeout(timer)
          watchers.delete(watcher)
          resolve(event)
        }
        watchers.add(watcher)
      })
    },
    async through(node, { clientId = 'tester', door: name, limitMs = answerLimitMs } = {}) {
      const address = node === undefined ? await door(name) : (await portsOf(name)).get(node)
      if (address === undefined) throw new Error(`the proxy has no port for broker ${node}`)
      return connect(address, clientId, limitMs)
    },
    async bootstrap(name) {
      const { host: name_, port } = await door(name)
      return `${name_}:${port}`
    },
    ports: portsOf,
    arm: (spec) => engine.arm({ name: 'fault', ...spec }),
    status,
    firing(name) {
      const [found] = status(name).firings
      if (found === undefined) throw new Error('it has not fired')
      return found
    },
    errors: () =>
      events.flatMap((event) =>
        event.type === 'error' ? [`${event.code}: ${event.message}`] : [],
      ),
  }
}

/** A host without an application and without commands. */
export const noClients: Pick<
  Host,
  'killClient' | 'startClient' | 'pauseClient' | 'resumeClient' | 'runHook'
> = {
  killClient: async () => undefined,
  startClient: async () => undefined,
  pauseClient: async () => undefined,
  resumeClient: async () => undefined,
  runHook: () => Promise.reject(new Error('there is nobody to run it')),
}

export function hostOf(cluster: () => EmbeddedCluster | undefined): Host {
  const up = (): EmbeddedCluster => {
    const found = cluster()
    if (found === undefined) throw new Error('the cluster is not up')
    return found
  }
  return {
    can: ['kill-broker', 'pause-broker'],
    killBroker: (node) => up().kill(node),
    stopBroker: (node) => up().stopBroker(node),
    startBroker: (node) => up().start(node),
    pauseBroker: (node) => up().pause(node),
    resumeBroker: (node) => up().resume(node),
    ...noClients,
  }
}

export interface GroundsOptions {
  features?: ClusterSpec['features']
  config?: ClusterSpec['config']
  /** Puts planes behind a proxy before the brokers start; the proxy outlives the tests' own ones. */
  planes?: (ports: readonly BrokerPorts[]) => Promise<PlaneAddresses>
}

export async function raiseGrounds(options: GroundsOptions = {}): Promise<Grounds> {
  await initCompression()
  const ports = await planEmbeddedPorts(3)
  const planes = (await options.planes?.(ports)) ?? {}
  const cluster = await startEmbedded(
    {
      version: '4.3.1',
      brokers: 3,
      features: options.features ?? {},
      config: options.config ?? {},
    },
    { ports, planes, runtime },
  )
  const admin = openAdmin(cluster.brokers)
  const host = hostOf(() => cluster)
  const directs = new Map<number, Promise<BrokerClient>>()
  const clients = new Set<BrokerClient>()
  let current: TestProxy | undefined
  let topics = 0

  async function direct(node: number): Promise<BrokerClient> {
    const kept = await directs.get(node)?.catch(() => undefined)
    if (kept?.open === true) return kept
    const address = cluster.brokers.find((broker) => broker.node === node)?.address
    if (address === undefined) throw new Error(`there is no broker ${node}`)
    const fresh = connectBroker(address, { clientId: 'past-the-proxy', timeoutMs: answerLimitMs })
    directs.set(node, fresh)
    return fresh
  }
  async function leader({ topic, partition }: Place): Promise<number> {
    const node = await admin.leaderOf(topic, partition)
    if (node === undefined) throw new Error(`nobody leads ${topic}-${partition}`)
    return node
  }
  const log = async (place: Place): Promise<LogEntry[]> =>
    readLog(await direct(await leader(place)), place)
  async function stopProxy(): Promise<void> {
    for (const client of clients) client.close()
    clients.clear()
    await current?.engine.healAll()
    await current?.engine.stop()
    current = undefined
  }

  return {
    cluster,
    admin,
    ports,
    host,
    direct,
    leader,
    log,
    values: async (place) => (await log(place)).map(({ value }) => value),
    async proxy(given) {
      await stopProxy()
      const nodes = new Map(cluster.brokers.map(({ node, address }) => [node, address]))
      const proxy = openProxy({
        bootstrap: [...nodes.values()],
        nodes,
        host,
        clients,
        ...(given === undefined ? {} : { options: given }),
      })
      await proxy.engine.discover()
      current = proxy
      return proxy
    },
    async topic(leaders = [1, 2, 3]) {
      const name = `topic-${++topics}`
      await admin.createTopics([{ name, partitions: leaders.length, leaders }])
      return name
    },
    async close() {
      await stopProxy()
      for (const client of directs.values()) {
        client.then(
          (open) => open.close(),
          () => undefined,
        )
      }
      admin.close()
      await cluster.stop()
    },
  }
}

/** The planes of a proxy, for clusters whose own traffic goes through it. */
export async function putPlanesBehind(
  engine: Engine,
  ports: readonly BrokerPorts[],
  wanted: ReadonlyArray<Exclude<Plane, 'client'>>,
): Promise<PlaneAddresses> {
  const planes: PlaneAddresses = {}
  for (const plane of wanted) {
    const addresses = new Map<number, SocketAddress>()
    for (const { node, interBroker, controller } of ports) {
      const port = plane === 'controller' ? controller : interBroker
      addresses.set(node, await engine.openPlane(plane, node, { host: loopback, port }))
    }
    planes[plane] = addresses
  }
  return planes
}
