// Gets one published jar through Maven, once, into the user's cache, and refuses any other bytes than
// the pinned ones. Used by the generator and by the tests that ask Kafka's own classes.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const mavenTimeoutMs = 180_000

export interface PinnedJar {
  group: string
  artifact: string
  version: string
  sha256: string
}

const kafkaVersion = '4.4.0'

export const kafkaClients: PinnedJar = {
  group: 'org.apache.kafka',
  artifact: 'kafka-clients',
  version: kafkaVersion,
  sha256: '1ab07317eb6633241392449d329dbdc5d9251e6ffc4926860f42dd966e88bdf9',
}

export const kafkaTransactionCoordinator: PinnedJar = {
  group: 'org.apache.kafka',
  artifact: 'kafka-transaction-coordinator',
  version: kafkaVersion,
  sha256: '1d5324d59776d6b7f324cfdc87647b1e88f9823332201c0324e7ae9f210d915d',
}

export const kafkaGroupCoordinator: PinnedJar = {
  group: 'org.apache.kafka',
  artifact: 'kafka-group-coordinator',
  version: kafkaVersion,
  sha256: '3fc830ace54f6a13f9f536bc0564bf39a68797365a4c4b194bd7db4fb893b2bc',
}

/** Kafka's classes log through it; without it most of them do not even load. */
export const slf4jApi: PinnedJar = {
  group: 'org.slf4j',
  artifact: 'slf4j-api',
  version: '1.7.36',
  sha256: 'd3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0',
}

/** For the JSON converters of Kafka's message classes; only tests need it. */
export const jackson: PinnedJar[] = [
  {
    group: 'com.fasterxml.jackson.core',
    artifact: 'jackson-databind',
    version: '2.19.2',
    sha256: '0a1bd4e9b0d670e632d40ee8c625ad376233502f03c2f5889baea95d025b47a7',
  },
  {
    group: 'com.fasterxml.jackson.core',
    artifact: 'jackson-core',
    version: '2.19.2',
    sha256: 'aa77eaf29293a868c47372194f7c5287d77d9370b04ea25d3fffc1e4904b5880',
  },
  {
    group: 'com.fasterxml.jackson.core',
    artifact: 'jackson-annotations',
    version: '2.19.2',
    sha256: 'e516743a316dcf83c572ffc9cb6e8c5e8c134880c8c5155b02f7b34e9c5dc3cf',
  },
]

/** For the compressions of Kafka's record classes; only tests need them. */
export const compressors: PinnedJar[] = [
  {
    group: 'org.xerial.snappy',
    artifact: 'snappy-java',
    version: '1.1.10.7',
    sha256: '4c766cb3f855415ee734b2392949a0b6f12a60879334a74518deaf6270d32e36',
  },
  {
    group: 'at.yawk.lz4',
    artifact: 'lz4-java',
    version: '1.11.2',
    sha256: '8a7458657938e9b692224db83aac458c13abd7a59ab75c3d3b08bd2233a646a2',
  },
  {
    group: 'com.github.luben',
    artifact: 'zstd-jni',
    version: '1.5.7-17',
    sha256: 'c9043e2da8a16c13b6cd7661a5cb56685a573c3546ef4bd0ead67b0b67c2e107',
  },
]

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The path of the jar on this machine. KAFKA_CLIENTS_JAR names a copy of kafka-clients to use instead. */
export function jarPath(jar: PinnedJar): string {
  const given = process.env.KAFKA_CLIENTS_JAR
  const path =
    given !== undefined && jar.artifact === kafkaClients.artifact ? given : fetchedJarPath(jar)
  const sha256 = sha256Of(readFileSync(path))
  if (sha256 !== jar.sha256) {
    throw new Error(
      `${path} has sha256 ${sha256}, expected ${jar.sha256}: delete it and run again, or pin the new release on purpose`,
    )
  }
  return path
}

function fetchedJarPath(jar: PinnedJar): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const directory = join(cache, 'eos-gauntlet', 'schema-jars')
  const path = join(directory, `${jar.artifact}-${jar.version}.jar`)
  if (existsSync(path)) return path
  mkdirSync(directory, { recursive: true })
  const maven = spawnSync(
    'mvn',
    [
      '-q',
      '-B',
      'dependency:copy',
      `-Dartifact=${jar.group}:${jar.artifact}:${jar.version}`,
      `-DoutputDirectory=${directory}`,
      '-Dmdep.useBaseVersion=true',
    ],
    { encoding: 'utf8', timeout: mavenTimeoutMs, cwd: directory },
  )
  if (maven.status !== 0 || !existsSync(path)) {
    const cause = maven.error?.message ?? maven.stdout + maven.stderr
    throw new Error(`Maven did not bring ${jar.artifact} ${jar.version}: ${cause.trim()}`)
  }
  return path
}
