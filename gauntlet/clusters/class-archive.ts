// A class data archive of a broker: the classes that its start needs, ready to be mapped into memory. Made
// once per Kafka version and Java by starting and stopping one small broker; takes a third of the
// start's CPU time and 50 MB of each broker's resident memory away. Without one, brokers start all the same.
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { removeTemporaryFolder, temporaryFolder } from '../child-registry.ts'
import { spawnChild } from '../children.ts'
import type { Java } from '../prerequisites.ts'
import { writeLogging } from './broker-logging.ts'
import { brokerSettings, jvmFlags } from './broker-settings.ts'
import { cachedDirectory, exists } from './cache.ts'
import type { BrokerPorts } from './cluster.ts'
import { versionCache } from './jars.ts'
import { releasePorts, reservePorts } from './ports.ts'
import { askAliveBrokers } from './probe.ts'
import { formatStorage, propertiesText } from './storage.ts'

const startLimitMs = 60_000
const probeEveryMs = 100
/** The archive is written while the JVM ends. */
const stopGraceMs = 60_000
const archiveName = 'broker.jsa'

export interface ArchiveOptions {
  version: string
  java: Java
  classpath: string
  onLog: (line: string) => void
}

/** The archive's file; undefined, and said so, if this Java could not make one. */
export async function classArchive(options: ArchiveOptions): Promise<string | undefined> {
  const { version, java, classpath } = options
  // It fits one Java, one class path and one collector only.
  const key = createHash('sha256')
    .update(JSON.stringify([java.java, java.build, classpath, jvmFlags]))
    .digest('hex')
    .slice(0, 16)
  try {
    const folder = await cachedDirectory(
      join(versionCache(version), `classes-${key}`),
      async (temporary) => {
        options.onLog('preparing brokers for a quick start (once per Kafka version and Java)')
        await train(options, join(temporary, archiveName))
      },
    )
    const file = join(folder, archiveName)
    return (await exists(file)) ? file : undefined
  } catch (error) {
    options.onLog(`brokers start without a class archive: ${(error as Error).message}`)
    return undefined
  }
}

async function train(options: ArchiveOptions, archive: string): Promise<void> {
  const { version, java, classpath } = options
  const folder = await temporaryFolder('classes')
  const numbers = await reservePorts(3)
  try {
    const [client, interBroker, controller] = numbers as [number, number, number]
    const ports: BrokerPorts = { node: 1, client, interBroker, controller }
    const data = join(folder, 'data')
    const spec = { version, brokers: 1, features: {}, config: {} }
    const settings = brokerSettings({
      spec,
      ports,
      allPorts: [ports],
      planes: {},
      dataFolder: data,
    })
    await mkdir(data)
    const logging = await writeLogging(version, folder)
    await writeFile(join(folder, 'server.properties'), propertiesText(settings))
    await formatStorage(java, spec, [{ node: 1, folder: data }])
    const broker = await spawnChild({
      name: 'class-archive',
      command: java.java,
      args: [
        ...jvmFlags,
        `-XX:ArchiveClassesAtExit=${archive}`,
        logging,
        '-cp',
        classpath,
        'kafka.Kafka',
        join(folder, 'server.properties'),
      ],
      cwd: folder,
      env: { JAVA_TOOL_OPTIONS: undefined, KAFKA_OPTS: undefined },
      output: { file: join(folder, 'broker.log') },
    })
    const limitMs = performance.now() + startLimitMs
    while (broker.isRunning() && performance.now() < limitMs) {
      const alive = await askAliveBrokers({ host: '127.0.0.1', port: client })
      if (alive !== undefined && alive.length > 0) break
      await new Promise((resolve) => setTimeout(resolve, probeEveryMs))
    }
    await broker.stop(stopGraceMs)
    // A Java that cannot archive has said so in its log; the empty entry keeps us from asking again.
    if (!(await exists(archive))) options.onLog('this Java makes no class archive')
  } finally {
    await releasePorts(numbers)
    await removeTemporaryFolder(folder)
  }
}
