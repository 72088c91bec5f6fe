// A real Kafka cluster in containers: N nodes, each broker and controller in one, on published ports that were reserved
// before. Brokers find each other by the names of their network, or at the proxy where a plane lies behind it.
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import { openAdmin } from './admin.ts'
import { brokerSettings, checkReserved } from './broker-settings.ts'
import type { Address, BrokerPorts, BrokerState, Cluster, PlaneAddresses } from './cluster.ts'
import type { BrokerContainer } from './docker/broker-container.ts'
import type { BrokerNetwork } from './docker/engine.ts'
import { lastError } from './embedded.ts'
import { internalTopics } from './internal-topics.ts'
import { releasePorts } from './ports.ts'
import { askAliveBrokers } from './probe.ts'
import { kafkaUuid, propertiesText } from './storage.ts'

/** Images may have to be unpacked, and a busy machine starts three JVMs at once. */
const startLimitMs = 120_000
const probeEveryMs = 100
const stopGraceMs = 15_000
/** Between two looks whether a container has ended while we wait for it. */
const looksPerInspection = 10

/** Inside of every container. */
const inner = { client: 9092, controller: 9093, interBroker: 9094 } as const

export interface DockerSpec {
  image: string
  brokers: number
  features: Record<string, number>
  config: Record<string, string | number | boolean>
}

export interface DockerCluster extends Cluster {
  kind: 'docker'
  onBrokerExit(listener: (exit: { node: number; reason: string }) => void): void
  logFile(node: number): string
}

export interface DockerOptions {
  /** Reserved on this machine; given back by `stop()`. */
  ports: readonly BrokerPorts[]
  /** From `openNetwork`; stopped by `stop()`. */
  network: BrokerNetwork
  planes: PlaneAddresses
  logDirectory: string
  signal: AbortSignal
  runtime: Runtime
}

interface Node {
  ports: BrokerPorts
  container?: BrokerContainer
  state: BrokerState
  /** How often somebody asked for its end: tells a start that it came before. */
  endings: number
  /** Acts upon one container come one after the other. */
  lastAct: Promise<unknown>
}

/** What cannot be loaded is not installed, or asks for another Node. */
function missingPackage(cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException
  const isAbsent = code === 'ERR_MODULE_NOT_FOUND' && message.includes("'testcontainers'")
  return new OperatorError(
    'missing-prerequisite',
    isAbsent
      ? 'brokers in containers need the package testcontainers, which is not installed'
      : `the package testcontainers cannot be loaded (${message})`,
    isAbsent
      ? 'Install it beside eos-gauntlet: npm install testcontainers@11.14.0'
      : 'Install a version that runs on this Node: npm install testcontainers@11.14.0 runs on Node 20.',
  )
}

/** testcontainers is loaded here and nowhere else: who has no containers need not have it. */
export async function loadDocker() {
  try {
    const [engine, container] = await Promise.all([
      import('./docker/engine.ts'),
      import('./docker/broker-container.ts'),
    ])
    return { ...engine, ...container }
  } catch (cause) {
    throw missingPackage(cause)
  }
}

/** `apache/kafka:4.3.1` is 4.3.1. */
export function versionOfImage(image: string): string {
  return /:([^:/@]+)(@.*)?$/.exec(image)?.[1] ?? 'latest'
}

const aliasOf = (node: number): string => `kafka-${node}`
const at = ({ host, port }: Address): string => `${host}:${port}`

/** As for a broker of ours on this machine, except for where it listens and how it is called. */
function settingsOf(ports: BrokerPorts, spec: DockerSpec, options: DockerOptions, data: string) {
  const { ports: allPorts, planes, network } = options
  const { node, client } = ports
  const internal = planes['inter-broker']?.get(node) ?? {
    host: aliasOf(node),
    port: inner.interBroker,
  }
  const controllerOf = (one: number): Address =>
    planes.controller?.get(one) ?? { host: aliasOf(one), port: inner.controller }
  const version = versionOfImage(spec.image)
  return {
    ...brokerSettings({
      spec: { ...spec, version },
      ports,
      allPorts,
      planes,
      dataFolder: data,
    }),
    'controller.quorum.voters': allPorts
      .map((each) => `${each.node}@${at(controllerOf(each.node))}`)
      .join(','),
    listeners: [
      `CLIENT://0.0.0.0:${inner.client}`,
      `INTERNAL://0.0.0.0:${inner.interBroker}`,
      `CONTROLLER://0.0.0.0:${inner.controller}`,
    ].join(','),
    'advertised.listeners': [
      `CLIENT://${network.publishedHost}:${client}`,
      `INTERNAL://${at(internal)}`,
      `CONTROLLER://${at(controllerOf(node))}`,
    ].join(','),
  }
}

/** Starts a cluster; resolves when every broker counts all of them as alive. Leaves nothing if it fails. */
export async function startDocker(
  spec: DockerSpec,
  options: DockerOptions,
): Promise<DockerCluster> {
  const { ports, network, logDirectory, runtime, signal } = options
  checkReserved(spec.config)
  const { createBroker, dataFolder } = await loadDocker()
  await mkdir(logDirectory, { recursive: true })
  const clusterId = kafkaUuid()
  const nodes = new Map<number, Node>(
    ports.map((one) => [
      one.node,
      { ports: one, state: 'stopped', endings: 0, lastAct: Promise.resolve() },
    ]),
  )
  const exitListeners: ((exit: { node: number; reason: string }) => void)[] = []
  const features: Record<string, number> = { ...spec.features }
  let stopping: Promise<void> | undefined

  const nodeOf = (node: number): Node => {
    const found = nodes.get(node)
    if (found === undefined) throw new Error(`there is no broker ${node}`)
    return found
  }
  const addressOf = (node: Node): Address => ({
    host: network.publishedHost,
    port: node.ports.client,
  })
  const logFile = (node: number): string => join(logDirectory, `broker-${node}.log`)

  function act<Value>(node: Node, work: () => Promise<Value>): Promise<Value> {
    const done = node.lastAct.then(work, work)
    node.lastAct = done.catch(() => undefined)
    return done
  }

  async function reasonOf(node: Node): Promise<string> {
    const text = await readFile(logFile(node.ports.node), 'utf8').catch(() => '')
    return lastError(text) ?? 'its log gives no reason'
  }

  function unavailable(message: string): OperatorError {
    return new OperatorError(
      'cluster-unavailable',
      message,
      'Check image and broker configuration of the plan; the full reason is in the broker’s log.',
    )
  }

  async function untilAlive(node: Node, wanted: readonly number[], endings: number): Promise<void> {
    const name = `Broker ${node.ports.node}`
    const endMs = runtime.nowMs() + startLimitMs
    for (let look = 1; ; look++) {
      if (signal.aborted && stopping === undefined && node.endings === 0) throw interrupted()
      if (node.endings !== endings) {
        throw unavailable(`${name} was stopped while it was starting.`)
      }
      const alive = await askAliveBrokers(addressOf(node))
      if (alive !== undefined && wanted.every((each) => alive.includes(each))) return
      if (look % looksPerInspection === 0) {
        const code = await node.container?.exitCode()
        if (code !== undefined) {
          throw unavailable(`${name} did not start (exit code ${code}): ${await reasonOf(node)}`)
        }
      }
      if (runtime.nowMs() > endMs) {
        throw unavailable(
          `${name} was not ready after ${startLimitMs / 1_000} s: ${await reasonOf(node)}`,
        )
      }
      await new Promise<void>((resolve) => runtime.after(probeEveryMs, resolve))
    }
  }

  /** Tells of an end that nobody asked for. */
  function watch(node: Node, endings: number): void {
    const { container } = node
    void container?.ended().then(
      async () => {
        if (node.endings !== endings || stopping !== undefined) return
        node.state = 'stopped'
        const reason = await reasonOf(node)
        for (const listener of exitListeners) listener({ node: node.ports.node, reason })
      },
      () => {
        // The container was removed, or the engine has gone: whoever needs the broker notices.
      },
    )
  }

  async function create(node: Node): Promise<void> {
    const { ports: own } = node
    const settings = settingsOf(own, spec, options, dataFolder)
    node.container = await createBroker(
      {
        node: own.node,
        image: spec.image,
        alias: aliasOf(own.node),
        settings: propertiesText(settings),
        clusterId,
        features: spec.features,
        published: new Map([
          [inner.client, own.client],
          [inner.interBroker, own.interBroker],
          [inner.controller, own.controller],
        ]),
        logFile: logFile(own.node),
      },
      network,
    )
    node.state = 'running'
    watch(node, node.endings)
  }

  async function end(node: Node, how: (container: BrokerContainer) => Promise<void>) {
    node.endings += 1
    await act(node, async () => {
      const { container } = node
      if (container === undefined || node.state === 'stopped') return
      // The engine stops nothing that is frozen.
      if (node.state === 'paused') await container.resume()
      await how(container)
      node.state = 'stopped'
    })
  }

  async function takeDown(): Promise<void> {
    await Promise.all(
      [...nodes.values()].map((node) => {
        node.endings += 1
        return act(node, async () => node.container?.remove())
      }),
    )
    await network.stop()
    await releasePorts(
      ports.flatMap(({ client, interBroker, controller }) => [client, interBroker, controller]),
    )
  }

  const cluster: DockerCluster = {
    kind: 'docker',
    version: versionOfImage(spec.image),
    features,
    brokers: [...nodes.values()].map((node) => ({
      node: node.ports.node,
      address: addressOf(node),
    })),
    bootstrap: [...nodes.values()].map((node) => at(addressOf(node))),
    can: { kill: true, pause: true },
    onBrokerExit: (listener) => exitListeners.push(listener),
    logFile,
    state: (node) => nodeOf(node).state,
    kill: (node) => end(nodeOf(node), (container) => container.kill()),
    stopBroker: (node) => end(nodeOf(node), (container) => container.stop(stopGraceMs)),
    async pause(node) {
      const found = nodeOf(node)
      await act(found, async () => {
        if (found.state !== 'running') return
        await found.container?.pause()
        found.state = 'paused'
      })
    },
    async resume(node) {
      const found = nodeOf(node)
      await act(found, async () => {
        if (found.state !== 'paused') return
        await found.container?.resume()
        found.state = 'running'
      })
    },
    async start(node) {
      const found = nodeOf(node)
      const { endings } = found
      await act(found, async () => {
        if (found.state !== 'stopped' || found.endings !== endings) return
        if (stopping !== undefined)
          throw unavailable(`Broker ${node} was stopped with its cluster.`)
        await found.container?.start()
        found.state = 'running'
        watch(found, endings)
      })
      await untilAlive(found, [node], endings)
    },
    stop() {
      stopping ??= takeDown()
      return stopping
    },
  }

  try {
    const all = [...nodes.keys()]
    await Promise.all(
      [...nodes.values()].map(async (node) => {
        await act(node, () => create(node))
        await untilAlive(node, all, node.endings)
      }),
    )
    const admin = openAdmin(cluster.brokers)
    try {
      Object.assign(features, await admin.features())
      const [first] = ports
      if (first !== undefined) {
        await admin.createTopics(internalTopics(settingsOf(first, spec, options, dataFolder)))
      }
    } finally {
      admin.close()
    }
    return cluster
  } catch (cause) {
    await cluster.stop()
    throw signal.aborted ? interrupted() : cause
  }
}

function interrupted(): OperatorError {
  return new OperatorError(
    'interrupted',
    'The start of the cluster was interrupted.',
    'Everything was stopped again.',
  )
}
