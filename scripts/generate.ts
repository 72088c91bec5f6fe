// Writes proxy/protocol/generated/ from Kafka's published jars: the message schemas as bare facts, without
// their prose, and the error table. `--check` writes nothing and fails if the files would change.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  jarPath,
  kafkaClients,
  kafkaGroupCoordinator,
  kafkaTransactionCoordinator,
  type PinnedJar,
  slf4jApi,
} from './maven-jar.ts'
import { zipEntries } from './zip.ts'

/** What a schema file may say about a field; anything else stops the generator, so that no fact gets lost. */
interface SchemaField {
  name: string
  type: string
  versions?: string
  nullableVersions?: string
  taggedVersions?: string
  flexibleVersions?: string
  tag?: number
  default?: string | number | boolean | null
  entityType?: string
  mapKey?: boolean
  ignorable?: boolean
  zeroCopy?: boolean
  about?: string
  fields?: SchemaField[]
}

interface SchemaMessage {
  name: string
  type: string
  apiKey?: number
  validVersions: string
  flexibleVersions?: string
  latestVersionUnstable?: boolean
  listeners?: string[]
  fields?: SchemaField[]
  commonStructs?: { name: string; versions: string; fields: SchemaField[] }[]
}

const knownFieldKeys = new Set([
  ...['name', 'type', 'versions', 'nullableVersions', 'taggedVersions', 'flexibleVersions', 'tag'],
  ...['default', 'entityType', 'mapKey', 'ignorable', 'zeroCopy', 'about', 'fields'],
])

/** The records of the brokers' internal topics that tell what became of a transaction. */
const coordinatorRecords = new Set([
  ...['TransactionLogKey', 'TransactionLogValue', 'OffsetCommitKey', 'OffsetCommitValue'],
])

const root = packageRoot()
const generated = join(root, 'proxy', 'protocol', 'generated')

/** Up from here, whether this runs from dist/scripts or from scripts. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!isPackageRoot(directory)) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error('no package.json of eos-gauntlet above the generator')
    directory = parent
  }
  return directory
}

function isPackageRoot(directory: string): boolean {
  try {
    const text = readFileSync(join(directory, 'package.json'), 'utf8')
    return (JSON.parse(text) as { name?: string }).name === 'eos-gauntlet'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function messagesIn(jar: PinnedJar): SchemaMessage[] {
  const zip = readFileSync(jarPath(jar))
  const entries = zipEntries(zip, (name) => /^common\/message\/[^/]+\.json$/.test(name))
  return [...entries.values()].map((content) => {
    const lines = content.toString('utf8').split('\n')
    return JSON.parse(lines.filter((line) => !/^\s*\/\//.test(line)).join('\n')) as SchemaMessage
  })
}

function isServed(message: SchemaMessage): boolean {
  if (message.validVersions === 'none') return false
  return !message.type.startsWith('coordinator-') || coordinatorRecords.has(message.name)
}

/** `APIKeys` -> `aPIKeys`: the rule by which Kafka's JSON converters name a field. */
function jsonName(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1)
}

const integerTypes = new Set(['int8', 'int16', 'int32', 'int64', 'uint16', 'uint32'])

/** A default as the value that a decoded message holds; only a large int64 stays text. */
function defaultValue(field: SchemaField): string | number | boolean | null | undefined {
  const given = field.default
  if (given === undefined || given === null) return given
  if (given === 'null' && field.nullableVersions !== undefined) return null
  if (field.type === 'bool') return given === true || given === 'true'
  if (field.type === 'string') return given
  if (integerTypes.has(field.type)) {
    const value = BigInt(given)
    const safe = value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
    return safe ? Number(value) : value.toString()
  }
  throw new Error(`field ${field.name}: default ${given} of type ${field.type} is not understood`)
}

/** Leaves out what is undefined, so that each fact is there only where the schema states it. */
function facts(pairs: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(pairs).filter(([, value]) => value !== undefined))
}

function fieldFacts(field: SchemaField): Record<string, unknown> {
  for (const key of Object.keys(field)) {
    if (!knownFieldKeys.has(key)) throw new Error(`field ${field.name}: unknown property ${key}`)
  }
  return facts({
    name: jsonName(field.name),
    type: field.type,
    versions: field.versions ?? field.taggedVersions,
    nullable: field.nullableVersions,
    tagged: field.taggedVersions,
    tag: field.tag,
    flexible: field.flexibleVersions,
    default: defaultValue(field),
    entityType: field.entityType,
    mapKey: field.mapKey === true ? true : undefined,
    ignorable: field.ignorable === true ? true : undefined,
    fields: field.fields?.map(fieldFacts),
  })
}

function messageFacts(message: SchemaMessage): Record<string, unknown> {
  return facts({
    name: message.name,
    type: message.type,
    apiKey: message.apiKey,
    versions: message.validVersions,
    flexible: message.flexibleVersions ?? 'none',
    unstable: message.latestVersionUnstable === true ? true : undefined,
    listeners: message.listeners,
    structs: message.commonStructs?.map((struct) => ({
      name: struct.name,
      fields: struct.fields.map(fieldFacts),
    })),
    fields: message.fields?.map(fieldFacts) ?? [],
  })
}

/** One array element per line, so that the diff of a new release can be read. */
function json(head: Record<string, unknown>, listName: string, list: unknown[]): string {
  const headLines = Object.entries(head).map(
    ([k, v]) => `${JSON.stringify(k)}: ${JSON.stringify(v)}`,
  )
  const lines = list.map((element) => JSON.stringify(element))
  return `{\n${headLines.join(',\n')},\n${JSON.stringify(listName)}: [\n${lines.join(',\n')}\n]\n}\n`
}

function messagesFile(): string {
  const jars = [kafkaClients, kafkaTransactionCoordinator, kafkaGroupCoordinator]
  const sources = jars.map(({ artifact, version, sha256 }) => ({ artifact, version, sha256 }))
  const messages = jars.flatMap(messagesIn).filter(isServed)
  messages.sort(
    (a, b) =>
      (a.apiKey ?? -1) - (b.apiKey ?? -1) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  )
  return json({ sources }, 'messages', messages.map(messageFacts))
}

function errorCodesFile(): string {
  const jar = jarPath(kafkaClients)
  const classPath = [jar, jarPath(slf4jApi)].join(process.platform === 'win32' ? ';' : ':')
  const program = join(root, 'scripts', 'ErrorCodes.java')
  const java = spawnSync('java', ['-cp', classPath, program], { encoding: 'utf8' })
  if (java.status !== 0) {
    throw new Error(`Java could not list Kafka's errors: ${java.error?.message ?? java.stderr}`)
  }
  const errors = java.stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [code, name, retriable] = line.split(' ')
      return { code: Number(code), name, retriable: retriable === 'true' }
    })
  const { artifact, version, sha256 } = kafkaClients
  return json({ source: { artifact, version, sha256 } }, 'errors', errors)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function main(): void {
  const check = process.argv.includes('--check')
  const files = { 'messages.json': messagesFile(), 'error-codes.json': errorCodesFile() }
  mkdirSync(generated, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    const path = join(generated, name)
    const changed = textOf(path) !== text
    if (check && changed) {
      process.exitCode = 1
      console.error(`proxy/protocol/generated/${name} is out of date: run npm run generate`)
    } else if (!check && changed) {
      writeFileSync(path, text)
    }
    console.log(`${name}: ${text.length} bytes${changed ? ', changed' : ', up to date'}`)
  }
  console.log(`from kafka-clients ${kafkaClients.version}, sha256 ${kafkaClients.sha256}`)
}

main()
