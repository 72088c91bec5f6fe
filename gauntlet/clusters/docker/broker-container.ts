// One broker as a container: created by testcontainers, which cleans up after us even if we are killed, and hurt through
// the engine. Every promise settles when the engine says that the effect is there.
import { createWriteStream, type WriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { GenericContainer, StartupCheckStrategy } from 'testcontainers'
import { OperatorError } from '../../../proxy/errors.ts'
import type { BrokerNetwork } from './engine.ts'

const configFile = '/tmp/gauntlet/server.properties'
/** In the container's own layer: it outlives a kill, and goes with the container. */
export const dataFolder = '/tmp/gauntlet-data'

const jvmOptions =
  '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true'

export interface BrokerOrder {
  node: number
  image: string
  alias: string
  /** `server.properties` */
  settings: string
  clusterId: string
  features: Readonly<Record<string, number>>
  /** By the port inside of the container. */
  published: ReadonlyMap<number, number>
  /** Where its log is kept. */
  logFile: string
}

export interface BrokerContainer {
  /** Undefined while it runs. */
  exitCode(): Promise<number | undefined>
  /** Resolves when it runs no more. */
  ended(): Promise<void>
  /** Resolves when it has ended. */
  kill(): Promise<void>
  stop(graceMs: number): Promise<void>
  pause(): Promise<void>
  resume(): Promise<void>
  /** On its old ports and data. */
  start(): Promise<void>
  remove(): Promise<void>
}

/** Whether a broker is ready is asked on the wire, as of any other. */
class AtOnce extends StartupCheckStrategy {
  override async checkStartupState(): Promise<'SUCCESS'> {
    return 'SUCCESS'
  }
}

/** Storage is formatted at the first start, by the image's own tool; then the script becomes the broker. */
function script({ clusterId, features }: BrokerOrder): string {
  const levels = Object.entries(features).map(([name, level]) => ` --feature ${name}=${level}`)
  return [
    `[ -f ${dataFolder}/meta.properties ] ||`,
    `  /opt/kafka/bin/kafka-storage.sh format --cluster-id ${clusterId} --config ${configFile}${levels.join('')}`,
    `exec /opt/kafka/bin/kafka-server-start.sh ${configFile}`,
  ].join('\n')
}

/** Tells of the container as soon as there is one: what fails after that still has a log. */
class Broker extends GenericContainer {
  readonly #created: (id: string) => void

  constructor(image: string, created: (id: string) => void) {
    super(image)
    this.#created = created
  }

  protected override async containerCreated(id: string): Promise<void> {
    this.#created(id)
  }
}

function keepLog(from: Readable, file: WriteStream): void {
  from.on('data', (text: string) => file.write(text))
  // The stream ends with its container; what it has said until then is kept.
  from.on('error', () => undefined)
}

const statusOf = (cause: unknown): number | undefined =>
  (cause as { statusCode?: number } | undefined)?.statusCode

export async function createBroker(
  order: BrokerOrder,
  network: BrokerNetwork,
): Promise<BrokerContainer> {
  const { container: engine } = network.client
  const log = createWriteStream(order.logFile)
  let id: string | undefined
  const wanted = new Broker(order.image, (made) => {
    id = made
  })
    .withNetworkMode(network.name)
    .withNetworkAliases(order.alias)
    .withExtraHosts(network.extraHosts)
    .withExposedPorts(...[...order.published].map(([container, host]) => ({ container, host })))
    .withCopyContentToContainer([{ content: order.settings, target: configFile, mode: 0o644 }])
    .withEnvironment({
      KAFKA_HEAP_OPTS: '-Xmx256m',
      KAFKA_JVM_PERFORMANCE_OPTS: jvmOptions,
      // Without this the start script writes a log of the garbage collector, too.
      EXTRA_ARGS: ' ',
    })
    .withEntrypoint(['bash', '-ec', script(order)])
    .withCommand([])
    .withWaitStrategy(new AtOnce())
    .withLogConsumer((stream) => keepLog(stream, log))
  try {
    await wanted.start()
  } catch (cause) {
    if (id !== undefined)
      await engine
        .getById(id)
        .remove({ force: true, v: true })
        .catch(() => undefined)
    log.end()
    throw new OperatorError(
      'cluster-unavailable',
      `the container of broker ${order.node} (${order.image}) could not be started: ${(cause as Error).message}`,
      `Check that the engine can have the image: docker pull ${order.image}`,
    )
  }
  if (id === undefined) throw new Error('a started container has no id')
  const container = engine.getById(id)

  const ended = async (): Promise<void> => void (await container.wait())
  return {
    async exitCode() {
      const { State } = await container.inspect()
      return State.Running ? undefined : State.ExitCode
    },
    ended,
    async kill() {
      try {
        await container.kill({ signal: 'SIGKILL' })
      } catch (cause) {
        // It has ended by itself.
        if (statusOf(cause) !== 409) throw cause
      }
      await ended()
    },
    async stop(graceMs) {
      try {
        await container.stop({ t: Math.ceil(graceMs / 1_000) })
      } catch (cause) {
        // 304: it has ended already.
        if (statusOf(cause) !== 304) throw cause
      }
    },
    pause: async () => void (await container.pause()),
    resume: async () => void (await container.unpause()),
    async start() {
      const sinceSeconds = Math.floor(Date.now() / 1_000)
      await container.start()
      keepLog(await engine.logs(container, { since: sinceSeconds }), log)
    },
    async remove() {
      await container.remove({ force: true, v: true }).catch((cause: unknown) => {
        // 404: somebody else has removed it.
        if (statusOf(cause) !== 404) throw cause
      })
      await new Promise<void>((resolve) => log.end(resolve))
    },
  }
}
