// A real Kafka cluster made of JVMs of our own: N nodes, each broker and controller in one, on ports that
// were reserved before. A node counts as started when its own answer on the wire lists it as alive.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import { removeTemporaryFolder, temporaryFolder } from '../child-registry.ts'
import { type Child, type ChildExit, spawnChild } from '../children.ts'
import { findJava, type Java } from '../prerequisites.ts'
import { openAdmin } from './admin.ts'
import { writeLogging } from './broker-logging.ts'
import { brokerSettings, checkReserved, jvmFlags } from './broker-settings.ts'
import { classArchive } from './class-archive.ts'
import type {
  Broker,
  BrokerPorts,
  BrokerState,
  Cluster,
  ClusterSpec,
  PlaneAddresses,
} from './cluster.ts'
import { checkConfigNames } from './config-names.ts'
import { clientListenerSettings, createUsers, type EmbeddedSecurity } from './embedded-security.ts'
import { internalTopics } from './internal-topics.ts'
import { kafkaClasspath } from './jars.ts'
import { checkServerVersion } from './kafka-version.ts'
import { releasePorts, reservePorts } from './ports.ts'
import { askAliveBrokers } from './probe.ts'
import { formatStorage, propertiesText } from './storage.ts'

const host = '127.0.0.1'
/** A cold start on a busy machine; three brokers usually need five seconds. */
const startLimitMs = 90_000
const probeEveryMs = 50
/** A polite stop hands over leaderships first, which needs a controller that answers. */
const stopGraceMs = 15_000
/** How much of a broker's log is searched for the reason why it ended. */
const logTailBytes = 256 * 1024

export interface BrokerExit extends ChildExit {
  node: number
  /** The broker's own last error. */
  reason: string
}

export interface EmbeddedCluster extends Cluster {
  kind: 'embedded'
  /** Process id of a broker; undefined when it is stopped. */
  pid(node: number): number | undefined
  /** Called when a broker ends that nobody stopped. */
  onBrokerExit(listener: (exit: BrokerExit) => void): void
  /** Where each broker's own log is. */
  logFile(node: number): string
}

export interface EmbeddedOptions {
  /** From `planEmbeddedPorts`; given back by `stop()`. */
  ports: readonly BrokerPorts[]
  planes: PlaneAddresses
  /** Data and configuration; made here, removed by `stop()`. Left out: a temporary folder that even a kill of ours does not leave behind. */
  directory?: string
  /** Where the brokers' logs are kept; by default inside `directory`, and removed with it. */
  logDirectory?: string
  /** One line per phase of the start. */
  onLog?: (line: string) => void
  /** Gives up the start, and leaves nothing of it. After the start it does nothing. */
  signal?: AbortSignal
  runtime: Runtime
  /** Clients come with TLS and SASL. */
  security?: EmbeddedSecurity
}

/** Reserves the ports of a cluster, before anything that needs to know them starts. */
export async function planEmbeddedPorts(brokers: number): Promise<BrokerPorts[]> {
  const ports = await reservePorts(brokers * 3)
  return Array.from({ length: brokers }, (_, index) => ({
    node: index + 1,
    client: ports[index * 3]!,
    interBroker: ports[index * 3 + 1]!,
    controller: ports[index * 3 + 2]!,
  }))
}

function portNumbers(ports: readonly BrokerPorts[]): number[] {
  return ports.flatMap(({ client, interBroker, controller }) => [client, interBroker, controller])
}

interface Node {
  ports: BrokerPorts
  folder: string
  logFile: string
  child?: Child
  /** Whoever ends the child says so first, so that its exit is not taken for an accident. */
  expectedExit: boolean
  /** The process is being made. */
  launching?: Promise<Child>
  /** From the launch until the broker is alive. */
  starting?: Promise<void>
  /** From the signal until the process is reaped. */
  ending?: Promise<void>
  /** How often somebody asked for its end: tells a start that it came before. */
  endings: number
}

/** The line of a broker's log that says why it ended. */
export function lastError(log: string): string | undefined {
  const lines = log.split('\n').map((line) => line.trim())
  const failures = lines.filter((line) =>
    /( (ERROR|FATAL) |^Caused by: |Exception: |^Error: |^Error occurred|^Exception in thread)/.test(
      line,
    ),
  )
  // The first cause of the last failure tells more than what followed from it.
  const last = failures.findLast((line) => !line.startsWith('Caused by: '))
  const cause = failures.at(-1)
  const chosen = cause?.startsWith('Caused by: ') === true ? cause : last
  return chosen?.replace(/^(Caused by: |[0-9-]+ [0-9:,]+ (ERROR|FATAL) )/, '').slice(0, 500)
}

function stoppedWhileStarting(node: Node): OperatorError {
  return new OperatorError(
    'cluster-unavailable',
    `Broker ${node.ports.node} was stopped while it was starting.`,
    'Start it again.',
  )
}

async function reasonOf(node: Node): Promise<string> {
  try {
    const log = await readFile(node.logFile)
    return (
      lastError(log.subarray(Math.max(0, log.length - logTailBytes)).toString('utf8')) ??
      'its log gives no reason'
    )
  } catch {
    return 'it wrote no log'
  }
}

/** Starts a cluster; resolves when every broker counts all of them as alive. Leaves nothing if it fails. */
export async function startEmbedded(
  spec: ClusterSpec,
  options: EmbeddedOptions,
): Promise<EmbeddedCluster> {
  const { ports, signal } = options
  if (ports.length !== spec.brokers) throw new Error('ports were planned for another cluster')
  let cluster: EmbeddedParts | undefined
  let abort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(interrupted())
    signal?.addEventListener('abort', abort)
    if (signal?.aborted === true) abort()
  })
  try {
    const work = raise(spec, options, (made) => {
      cluster = made
    })
    return await Promise.race([work, aborted])
  } catch (error) {
    if (cluster === undefined) await releasePorts(portNumbers(ports))
    else await cluster.face.stop()
    throw error
  } finally {
    if (abort !== undefined) signal?.removeEventListener('abort', abort)
  }
}

function interrupted(): OperatorError {
  return new OperatorError(
    'interrupted',
    'The start of the cluster was interrupted.',
    'Everything was stopped again.',
  )
}

/** All steps of a start; tells of the cluster as soon as there is something to stop. */
async function raise(
  spec: ClusterSpec,
  options: EmbeddedOptions,
  made: (cluster: EmbeddedParts) => void,
): Promise<EmbeddedCluster> {
  const { runtime, signal, onLog = () => undefined } = options
  checkReserved(spec.config)
  checkServerVersion(spec.version)
  const java = await findJava()
  onLog(`Kafka ${spec.version} on Java ${java.version}`)
  const classpath = await kafkaClasspath(spec.version)
  await checkConfigNames(java, spec.version, spec.config)
  const archive = await classArchive({ version: spec.version, java, classpath, onLog })
  const directory = options.directory ?? (await temporaryFolder('cluster'))
  // Nobody waits for us any more: nothing may be started that nobody would stop.
  if (signal?.aborted === true) throw interrupted()
  const cluster = embedded({ spec, options, java, classpath, archive, directory })
  made(cluster)
  await cluster.prepare()
  const startedMs = runtime.nowMs()
  await cluster.startAll()
  await cluster.finish()
  onLog(`${spec.brokers} brokers after ${Math.round(runtime.nowMs() - startedMs)} ms`)
  return cluster.face
}

interface Parts {
  spec: ClusterSpec
  options: EmbeddedOptions
  java: Java
  classpath: string
  archive: string | undefined
  directory: string
}

type EmbeddedParts = ReturnType<typeof embedded>

function embedded({ spec, options, java, classpath, archive, directory }: Parts) {
  const { runtime } = options
  const nodes = new Map<number, Node>(
    options.ports.map((ports) => {
      const folder = join(directory, `broker-${ports.node}`)
      const logFile = join(options.logDirectory ?? folder, `broker-${ports.node}.log`)
      return [ports.node, { ports, folder, logFile, expectedExit: false, endings: 0 }]
    }),
  )
  const exitListeners: ((exit: BrokerExit) => void)[] = []
  let stopping: Promise<void> | undefined

  const nodeOf = (node: number): Node => {
    const found = nodes.get(node)
    if (found === undefined) throw new Error(`there is no broker ${node}`)
    return found
  }
  /** Where it is asked whether it is alive: plainly, whatever clients have to come with. */
  const askedAddress = ({ ports }: Node) => ({
    host,
    port: options.security === undefined ? ports.client : ports.interBroker,
  })
  const pause = () => new Promise<void>((resolve) => runtime.after(probeEveryMs, resolve))

  const settingsOf = (ports: BrokerPorts) =>
    brokerSettings({
      spec,
      ports,
      allPorts: options.ports,
      planes: options.planes,
      dataFolder: join(nodeOf(ports.node).folder, 'data'),
      ...(options.security === undefined
        ? {}
        : { clientListener: clientListenerSettings(options.security) }),
    })

  /** The JVM's option for how it logs; written with the folders. */
  let logging = ''
  let preparing: Promise<void> | undefined
  const prepare = () => {
    preparing ??= writeFolders()
    return preparing
  }

  async function writeFolders(): Promise<void> {
    await mkdir(directory, { recursive: true })
    if (options.logDirectory !== undefined) await mkdir(options.logDirectory, { recursive: true })
    logging = await writeLogging(spec.version, directory)
    for (const node of nodes.values()) {
      await mkdir(node.folder, { recursive: true })
      const text = propertiesText(settingsOf(node.ports))
      await writeFile(join(node.folder, 'server.properties'), text)
    }
    const forTheTool = Object.entries(spec.config).filter(([name]) => name.startsWith('unstable.'))
    await formatStorage(
      java,
      { version: spec.version, features: spec.features, config: Object.fromEntries(forTheTool) },
      [...nodes.values()].map((node) => ({
        node: node.ports.node,
        folder: join(node.folder, 'data'),
      })),
    )
  }

  /** What can only be done, or learnt, once all brokers run. */
  async function finish(): Promise<void> {
    const { security } = options
    const [any] = nodes.values()
    if (security !== undefined && any !== undefined) {
      await createUsers({ host, port: any.ports.interBroker }, security)
    }
    const admin = openAdmin(face.brokers)
    try {
      Object.assign(face.features, await admin.features())
      const [first] = options.ports
      if (first !== undefined) await admin.createTopics(internalTopics(settingsOf(first)))
    } finally {
      admin.close()
    }
  }

  async function launch(node: Node): Promise<Child> {
    const child = await spawnChild({
      name: `broker-${node.ports.node}`,
      command: java.java,
      args: [
        ...jvmFlags,
        ...(archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`]),
        logging,
        '-cp',
        classpath,
        'kafka.Kafka',
        join(node.folder, 'server.properties'),
      ],
      cwd: node.folder,
      // One heap of C memory instead of one per thread: a third less resident memory.
      env: { MALLOC_ARENA_MAX: '1', JAVA_TOOL_OPTIONS: undefined, KAFKA_OPTS: undefined },
      output: { file: node.logFile },
    })
    node.child = child
    void child.exited.then(async (exit) => {
      const expected = node.expectedExit
      if (node.child === child) delete node.child
      if (expected || node.starting !== undefined) return
      const reason = await reasonOf(node)
      for (const listener of exitListeners) listener({ ...exit, node: node.ports.node, reason })
    })
    return child
  }

  /** Waits until the broker lists all of `wanted` as alive; fails at once when its process ends. */
  async function untilAlive(node: Node, child: Child, wanted: readonly number[]): Promise<void> {
    const name = `Broker ${node.ports.node}`
    const limitMs = runtime.nowMs() + startLimitMs
    for (;;) {
      if (!child.isRunning()) {
        if (node.expectedExit) throw stoppedWhileStarting(node)
        throw new OperatorError(
          'cluster-unavailable',
          `${name} did not start: ${await reasonOf(node)}`,
          'Check the broker configuration of the plan; the full reason is in the broker log.',
        )
      }
      const alive = await askAliveBrokers(askedAddress(node))
      if (alive !== undefined && wanted.every((each) => alive.includes(each))) return
      if (runtime.nowMs() > limitMs) {
        throw new OperatorError(
          'cluster-unavailable',
          `${name} was not ready after ${startLimitMs / 1_000} s: ${await reasonOf(node)}`,
          'Give the machine more time, or start fewer brokers.',
        )
      }
      await pause()
    }
  }

  async function startAll(): Promise<void> {
    const all = [...nodes.keys()]
    // A failure of one ends the waiting for the others.
    await Promise.all([...nodes.values()].map((node) => startNode(node, all, node.endings)))
  }

  /** Launches a broker unless it was ended since `endings`; resolves when it lists all of `wanted` as alive. */
  function startNode(node: Node, wanted: readonly number[], endings: number): Promise<void> {
    node.starting ??= (async () => {
      try {
        await node.ending
        if (node.endings !== endings || stopping !== undefined) throw stoppedWhileStarting(node)
        node.expectedExit = false
        node.launching = launch(node)
        const child = await node.launching
        delete node.launching
        await untilAlive(node, child, wanted)
      } finally {
        delete node.launching
        delete node.starting
      }
    })()
    return node.starting
  }

  /** Ends a broker's process, also one that is just being made. */
  function end(node: Node, how: (child: Child) => Promise<unknown>): Promise<void> {
    node.expectedExit = true
    node.endings++
    const ending = (async () => {
      const child = node.child ?? (await node.launching?.catch(() => undefined))
      if (child !== undefined) await how(child)
    })()
    node.ending = ending
    return ending
  }

  const isUp = (node: Node) => node.child?.isRunning() === true

  const face: EmbeddedCluster = {
    kind: 'embedded',
    version: spec.version,
    features: { ...spec.features },
    brokers: options.ports.map(
      ({ node, client }): Broker => ({
        node,
        address: { host, port: client },
        access: options.security?.access,
      }),
    ),
    bootstrap: options.ports.map(({ client }) => `${host}:${client}`),
    access: options.security?.access,
    can: { kill: true, pause: true },
    pid: (node) => nodeOf(node).child?.pid,
    onBrokerExit: (listener) => exitListeners.push(listener),
    logFile: (node) => nodeOf(node).logFile,
    state(node): BrokerState {
      const { child } = nodeOf(node)
      if (child === undefined || !child.isRunning()) return 'stopped'
      return child.isPaused() ? 'paused' : 'running'
    },
    kill: (node) => end(nodeOf(node), (child) => child.kill()),
    async pause(node) {
      await nodeOf(node).child?.pause()
    },
    async resume(node) {
      await nodeOf(node).child?.resume()
    },
    async start(node) {
      const found = nodeOf(node)
      const { endings } = found
      // A start that was cut short still has to notice.
      if (found.expectedExit) await found.starting?.catch(() => undefined)
      if (stopping !== undefined) throw stoppedWhileStarting(found)
      if (found.starting === undefined && isUp(found) && !found.expectedExit) return
      await startNode(found, [node], endings)
    },
    stopBroker: (node) => end(nodeOf(node), (child) => child.stop(stopGraceMs)),
    stop() {
      stopping ??= (async () => {
        // What is still being written would come back after the removal.
        await preparing?.catch(() => undefined)
        // The data goes with it, so nobody needs to hand over anything: a kill is the quickest end.
        await Promise.all(
          [...nodes.values()].map(async (node) => {
            await end(node, (child) => child.kill())
            await node.starting?.catch(() => undefined)
          }),
        )
        if (options.directory === undefined) await removeTemporaryFolder(directory)
        else await rm(directory, { recursive: true, force: true, maxRetries: 3 })
        await releasePorts(portNumbers(options.ports))
      })()
      return stopping
    },
  }
  return { face, prepare, startAll, finish }
}
