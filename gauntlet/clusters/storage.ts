// Formatted storage for a node. Kafka's own tool writes it once per version and feature levels into the
// cache; each node then gets a copy with its own ids, so that no JVM is started for formatting later.
import { createHash, randomBytes } from 'node:crypto'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import { runTool } from '../children.ts'
import type { Java } from '../prerequisites.ts'
import { cachedDirectory } from './cache.ts'
import { kafkaClasspath, versionCache } from './jars.ts'

const formatLimitMs = 120_000
const dataName = 'data'
const identityName = 'meta.properties'

export interface Format {
  version: string
  features: Readonly<Record<string, number>>
  /** Lines of the broker configuration that the tool looks at as well. */
  config: Readonly<Record<string, string | number | boolean>>
}

/** Sixteen random bytes as Kafka writes them. */
export function kafkaUuid(): string {
  for (;;) {
    const text = randomBytes(16).toString('base64url')
    // Kafka's tools take a leading dash for an option.
    if (!text.startsWith('-')) return text
  }
}

export function propertiesText(
  values: Readonly<Record<string, string | number | boolean>>,
): string {
  return Object.entries(values)
    .map(
      ([name, value]) => `${name}=${String(value).replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n`,
    )
    .join('')
}

/** The tool's own words, without stack trace and logging notices. */
function complaint(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |SLF4J|\s*Bootstrap|Formatting)/.test(line))
  return (lines.at(-1) ?? 'no reason given').replace(/^Exception in thread "main" /, '')
}

async function writeTemplate(java: Java, format: Format, folder: string): Promise<void> {
  const properties = join(folder, 'server.properties')
  const levels = Object.entries(format.features).sort(([a], [b]) => (a < b ? -1 : 1))
  await writeFile(
    properties,
    propertiesText({
      ...format.config,
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': '1@127.0.0.1:1',
      listeners: 'CLIENT://127.0.0.1:2,CONTROLLER://127.0.0.1:1',
      'listener.security.protocol.map': 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'CLIENT',
      'log.dirs': join(folder, dataName),
    }),
  )
  const args = [
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    await kafkaClasspath(format.version),
    'kafka.tools.StorageTool',
    'format',
    '--cluster-id',
    kafkaUuid(),
    '--config',
    properties,
    ...levels.flatMap(([name, level]) => ['--feature', `${name}=${level}`]),
  ]
  const { code, stdout, stderr } = await runTool({
    name: 'format',
    command: java.java,
    args,
    limitMs: formatLimitMs,
  })
  if (code === 0) return
  const named = levels.map(([name, level]) => `${name} ${level}`).join(', ')
  throw new OperatorError(
    'cluster-unavailable',
    `Kafka ${format.version} could not format its storage: ${complaint(stdout + stderr)}`,
    levels.length > 0
      ? `Check that Kafka ${format.version} knows the feature levels of the plan (${named}) and its broker configuration.`
      : 'Check the broker configuration of the plan.',
  )
}

/** The folder that every node of such a cluster starts from. */
async function templateOf(java: Java, format: Format): Promise<string> {
  const key = createHash('sha256')
    .update(
      JSON.stringify([
        Object.entries(format.features).sort(),
        Object.entries(format.config).sort(),
      ]),
    )
    .digest('hex')
    .slice(0, 16)
  const folder = await cachedDirectory(
    join(versionCache(format.version), `storage-${key}`),
    (temporary) => writeTemplate(java, format, temporary),
  )
  return join(folder, dataName)
}

export interface NodeStorage {
  node: number
  /** The node's `log.dirs`, created here. */
  folder: string
}

/** Writes the storage of all nodes of a new cluster. */
export async function formatStorage(
  java: Java,
  format: Format,
  nodes: readonly NodeStorage[],
): Promise<void> {
  const template = await templateOf(java, format)
  const clusterId = kafkaUuid()
  for (const { node, folder } of nodes) {
    await mkdir(folder, { recursive: true })
    // Up to 4.3 a bootstrap snapshot, from 4.4 on the first snapshot of the metadata log: all of it is copied.
    await cp(template, folder, { recursive: true })
    await writeFile(
      join(folder, identityName),
      propertiesText({
        version: 1,
        'cluster.id': clusterId,
        'node.id': node,
        'directory.id': kafkaUuid(),
      }),
    )
  }
}
