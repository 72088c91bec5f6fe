// The stage of a run: brokers and the proxy in front of them, wired plane by plane. The proxy listens first,
// because brokers of a proxied plane must be told its ports before they start.
import type { Host } from '../proxy/effects/host.ts'
import type { BrokerChange, Plane, ProxyEvent } from '../proxy/events.ts'
import { planesOf } from '../proxy/faults/planes.ts'
import type { BrokerAccess } from '../proxy/flow/access.ts'
import type { DoorPlace } from '../proxy/flow/links.ts'
import type { SocketAddress } from '../proxy/flow/sockets.ts'
import { type DockerPlan, type Plan, topicAliases } from '../proxy/plans/plan.ts'
import type { Runtime } from '../proxy/runtime.ts'
import { type ProxyThread, startProxy } from '../proxy/start-proxy.ts'
import { clusterAtHand } from './clusters/brokers-at-hand.ts'
import type { Address, BrokerPorts, Cluster, PlaneAddresses } from './clusters/cluster.ts'
import { type Door, readAccess, readDoor } from './clusters/credentials.ts'
import { type DockerCluster, loadDocker, startDocker } from './clusters/docker.ts'
import { type EmbeddedCluster, planEmbeddedPorts, startEmbedded } from './clusters/embedded.ts'
import { prepareSecurity } from './clusters/embedded-security.ts'
import { externalCluster } from './clusters/external.ts'
import { entryFile } from './entry.ts'
import { createHooks, type Hooks } from './hooks.ts'
import { createHost, type HostParts } from './host.ts'
import type { InstanceChange, Instances } from './workloads/workload.ts'

const loopback = '127.0.0.1'

export interface Stage {
  cluster: Cluster
  proxy: ProxyThread
  /** TLS between the application and the proxy, where there is any. */
  door?: Door
  /** Topics that the run has made on it; whoever keeps the cluster deletes them. */
  created: string[]
  /** Takes down what belongs to the run: the proxy first, then brokers unless they stay. Safe to call twice. */
  stop(): Promise<void>
}

/** What a stage must know of a plan; whoever has no plan says it by itself. */
export type StagePlan = Pick<
  Plan,
  'cluster' | 'seed' | 'advertise' | 'doorTls' | 'faults' | 'topics'
> &
  Partial<Pick<Plan, 'policies'>>

export interface StageParts<Wanted extends StagePlan = Plan> {
  plan: Wanted
  /** To be behind the proxy beside those that the plan's faults speak of. */
  planes?: readonly Plane[]
  runtime: Runtime
  /** Ends a start that is under way. */
  signal: AbortSignal
  logDirectory: string
  onEvents: (events: ProxyEvent[]) => void
  onBroker: (node: number, change: BrokerChange) => void
  onLog: (line: string) => void
  /** Something that whoever waits should know. */
  onNote: (text: string) => void
  /** The application's processes, where they are ours; they come later than the proxy. */
  instances?: Instances
  onInstance: (instance: string, change: InstanceChange) => void
}

interface Front {
  proxy: ProxyThread
  door: Door | undefined
}

async function startFront(
  { plan, runtime, onEvents }: StageParts<StagePlan>,
  bootstrap: readonly SocketAddress[],
  host: Host | undefined,
  access: BrokerAccess | undefined,
): Promise<Front> {
  const { doorTls } = plan
  const door =
    doorTls === undefined
      ? undefined
      : await readDoor(doorTls, [loopback, 'localhost'], runtime.nowMs())
  const proxy = await startProxy({
    workerFile: entryFile('proxy/worker.js'),
    seed: plan.seed,
    host,
    onEvents,
    options: {
      bootstrap,
      listenHost: loopback,
      advertisedHost: loopback,
      advertise: plan.advertise,
      policies: plan.policies ?? [],
      topicAliases: topicAliases(plan),
      journalAllProduce: true,
      ...(access === undefined ? {} : { access }),
      ...(door === undefined ? {} : { door: door.tls }),
    },
  })
  return { proxy, door }
}

/** The application's processes as the proxy may ask for them; nothing where they are not ours. */
function clientsOf({ instances, onInstance }: StageParts<StagePlan>): Pick<HostParts, 'clients'> {
  return instances === undefined ? {} : { clients: { instances, told: onInstance } }
}

/** Makes the brokers known, and opens a port for each on every plane that lies behind the proxy. */
async function putBehind(
  { engine }: ProxyThread,
  { plan, planes: asked = [] }: StageParts<StagePlan>,
  ports: readonly BrokerPorts[],
  brokerHost: string,
  place?: DoorPlace,
): Promise<PlaneAddresses> {
  const planes = new Set([...planesOf(plan.faults), ...asked])
  const behind: Partial<Record<Exclude<Plane, 'client'>, Map<number, Address>>> = {}
  for (const { node, client, interBroker, controller } of ports) {
    await engine.noteBroker(node, { host: brokerHost, port: client })
    for (const [plane, port] of [
      ['inter-broker', interBroker],
      ['controller', controller],
    ] as const) {
      if (!planes.has(plane)) continue
      const address = await engine.openPlane(plane, node, { host: brokerHost, port }, place)
      const addresses = behind[plane] ?? new Map<number, Address>()
      behind[plane] = addresses.set(node, address)
    }
  }
  return behind
}

async function embeddedStage(
  parts: StageParts<StagePlan>,
  wanted: Extract<Plan['cluster'], { kind: 'embedded' }>,
): Promise<Stage> {
  const ports = await planEmbeddedPorts(wanted.brokers)
  let cluster: EmbeddedCluster | undefined
  const bootstrap = ports.map(({ client }) => ({ host: loopback, port: client }))
  const hooks = createHooks({ folder: parts.logDirectory })
  const brokers = { cluster: () => cluster, told: parts.onBroker }
  const prepared = wanted.isSecured ? await prepareSecurity(parts.runtime.nowMs()) : undefined
  const front = await startFront(
    parts,
    bootstrap,
    createHost({ brokers, ...clientsOf(parts), hooks }),
    prepared?.access,
  )
  const { proxy } = front
  try {
    const behind = await putBehind(proxy, parts, ports, loopback)
    const started = await startEmbedded(
      {
        version: wanted.version,
        brokers: wanted.brokers,
        features: wanted.features,
        config: wanted.config,
      },
      {
        ...(prepared === undefined ? {} : { security: prepared }),
        ports,
        planes: behind,
        logDirectory: parts.logDirectory,
        onLog: parts.onLog,
        signal: parts.signal,
        runtime: parts.runtime,
      },
    )
    cluster = started
    started.onBrokerExit(({ node }) => parts.onBroker(node, 'exited'))
    return stageOf(started, front, hooks, () => started.stop())
  } catch (cause) {
    await proxy.terminate()
    throw cause
  }
}

async function dockerStage(parts: StageParts<StagePlan>, wanted: DockerPlan): Promise<Stage> {
  const { openNetwork } = await loadDocker()
  const ports = await planEmbeddedPorts(wanted.brokers)
  const network = await openNetwork()
  let cluster: DockerCluster | undefined
  const { publishedHost } = network
  const bootstrap = ports.map(({ client }) => ({ host: publishedHost, port: client }))
  const hooks = createHooks({ folder: parts.logDirectory })
  const brokers = { cluster: () => cluster, told: parts.onBroker }
  const host = createHost({ brokers, ...clientsOf(parts), hooks })
  const front = await startFront(parts, bootstrap, host, undefined)
  const { proxy } = front
  try {
    const planes = await putBehind(proxy, parts, ports, publishedHost, network.proxyPlace)
    const { logDirectory, signal, runtime } = parts
    const { kind: _kind, ...spec } = wanted
    const started = await startDocker(spec, {
      ports,
      network,
      planes,
      logDirectory,
      signal,
      runtime,
    })
    cluster = started
    started.onBrokerExit(({ node }) => parts.onBroker(node, 'exited'))
    return stageOf(started, front, hooks, () => started.stop())
  } catch (cause) {
    await proxy.terminate()
    throw cause
  }
}

async function externalStage(
  parts: StageParts<StagePlan>,
  wanted: Extract<Plan['cluster'], { kind: 'external' }>,
): Promise<Stage> {
  const access = readAccess(wanted)
  const cluster = await externalCluster(wanted.bootstrap, access)
  const bootstrap = cluster.brokers.map(({ address }) => address)
  const hooks = createHooks({ folder: parts.logDirectory })
  const host = createHost({ ...clientsOf(parts), hooks })
  const front = await startFront(parts, bootstrap, host, access)
  const { engine } = front.proxy
  for (const { node, address } of cluster.brokers) await engine.noteBroker(node, address)
  return stageOf(cluster, front, hooks, () => cluster.stop())
}

/** The proxy in front of a cluster that runs already and stays; only its client plane can be seen. */
export async function stageOn(parts: StageParts<StagePlan>, cluster: Cluster): Promise<Stage> {
  const hooks = createHooks({ folder: parts.logDirectory })
  const brokers = cluster.can.kill ? { cluster: () => cluster, told: parts.onBroker } : undefined
  const host = createHost({
    ...clientsOf(parts),
    hooks,
    ...(brokers === undefined ? {} : { brokers }),
  })
  const bootstrap = cluster.brokers.map(({ address }) => address)
  const front = await startFront(parts, bootstrap, host, cluster.access)
  const { proxy } = front
  try {
    for (const { node, address } of cluster.brokers) await proxy.engine.noteBroker(node, address)
  } catch (cause) {
    await proxy.terminate()
    throw cause
  }
  return stageOf(cluster, front, hooks, async () => undefined)
}

function stageOf(
  cluster: Cluster,
  { proxy, door }: Front,
  hooks: Hooks,
  stopCluster: () => Promise<void>,
): Stage {
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await proxy.engine.stop().catch(() => undefined)
    await hooks.stop()
    await proxy.terminate()
    await stopCluster()
  }
  return {
    cluster,
    proxy,
    ...(door === undefined ? {} : { door }),
    created: [],
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
}

export async function raiseStage(parts: StageParts<StagePlan>): Promise<Stage> {
  const cluster = await clusterAtHand(parts.plan.cluster, parts.onNote)
  switch (cluster.kind) {
    case 'embedded':
      return embeddedStage(parts, cluster)
    case 'docker':
      return dockerStage(parts, cluster)
    case 'external':
      return externalStage(parts, cluster)
  }
}
