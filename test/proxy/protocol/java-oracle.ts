// Runs Kafka's own classes (MessageOracle.java, BatchOracle.java, in the JDK's source launcher) and reads what
// they print.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FieldValue, Message } from '../../../proxy/protocol/codec.ts'
import {
  compressors,
  jackson,
  jarPath,
  kafkaClients,
  kafkaGroupCoordinator,
  kafkaTransactionCoordinator,
  slf4jApi,
} from '../../../scripts/maven-jar.ts'

const outputBytesMax = 256 * 1024 * 1024

export interface JavaMessage {
  kind: 'request' | 'response' | 'data'
  /** The Java class: `ProduceRequestData`. */
  className: string
  apiKey: number
  version: number
  variant: string
  bytes: Buffer
  /** As Kafka's JSON converter writes it: without tagged fields at their default; records are empty. */
  json: Message
  /** What `json` leaves out: every field of records, in order. */
  records: (Buffer | null)[]
}

/** A struct of Kafka's class when it is new; lists are empty, structs inside are `{}`. */
export interface JavaDefaults {
  className: string
  struct: string
  fields: Message
}

export function javaMessages(seed: number): { messages: JavaMessage[]; defaults: JavaDefaults[] } {
  const lines = runOracle('MessageOracle', ['messages', String(seed)], '')
  const isDefaults = (line: string): boolean => line.startsWith('defaults\t')
  return {
    messages: lines.filter((line) => !isDefaults(line)).map(messageOf),
    defaults: lines.filter(isDefaults).map((line) => {
      const [, className = '', struct = '', , , , json = ''] = line.split('\t')
      return { className, struct, fields: revived(JSON.parse(json)) as Message }
    }),
  }
}

function messageOf(line: string): JavaMessage {
  const [kind, className, apiKey, version, variant, bytes, json, records] = line.split('\t')
  return {
    kind: kind as JavaMessage['kind'],
    className: className ?? '',
    apiKey: Number(apiKey),
    version: Number(version),
    variant: variant ?? '',
    bytes: Buffer.from(bytes ?? '', 'base64'),
    json: revived(JSON.parse(json ?? '')) as Message,
    records: fieldsOfRecords(records ?? ''),
  }
}

/** `null;AA==;` */
function fieldsOfRecords(text: string): (Buffer | null)[] {
  const fields = text.split(';').slice(0, -1)
  return fields.map((field) => (field === 'null' ? null : Buffer.from(field, 'base64')))
}

export interface JavaReading {
  /** Bytes that Kafka's class did not read; -1 when it failed. */
  bytesLeft: number
  /** Error name -> how often, as AbstractResponse.errorCounts says. */
  errorCounts: Record<string, number>
  json: Message
  failure?: string
}

export function javaReadings(
  responses: { apiKey: number; version: number; body: Buffer }[],
): JavaReading[] {
  const input = responses.map(
    ({ apiKey, version, body }) => `${apiKey}\t${version}\t${body.toString('base64')}\n`,
  )
  return runOracle('MessageOracle', ['responses'], input.join('')).map((line) => {
    const [bytesLeft, errors, json] = line.split('\t')
    if (bytesLeft === '-1') {
      return { bytesLeft: -1, errorCounts: {}, json: {}, failure: errors ?? '' }
    }
    return {
      bytesLeft: Number(bytesLeft),
      errorCounts: JSON.parse(errors ?? ''),
      json: revived(JSON.parse(json ?? '')) as Message,
    }
  })
}

export interface JavaBatch {
  bytes: Buffer
  /** Header fields under the names of BatchHeader. */
  [field: string]: unknown
  records: JavaRecord[]
}

export interface JavaRecord {
  offset: number
  timestampMs: number
  /** base64 */
  key: string | null
  value: string | null
  headers: { key: string; value: string | null }[]
}

export function javaBatches(seed: number): JavaBatch[] {
  return runOracle('BatchOracle', ['write', String(seed)], '').map(batchOf)
}

/** What Kafka finds in our batches; throws when it finds one damaged. */
export function javaBatchReadings(batches: Buffer[]): JavaBatch[] {
  const input = batches.map((batch) => `${batch.toString('base64')}\n`).join('')
  return runOracle('BatchOracle', ['read'], input).map(batchOf)
}

function batchOf(line: string): JavaBatch {
  const [bytes, json] = line.split('\t')
  return { ...JSON.parse(json ?? ''), bytes: Buffer.from(bytes ?? '', 'base64') }
}

function runOracle(program: string, options: string[], input: string): string[] {
  const jars = [
    kafkaClients,
    kafkaTransactionCoordinator,
    kafkaGroupCoordinator,
    slf4jApi,
    ...jackson,
    ...compressors,
  ]
  const classPath = jars.map(jarPath).join(process.platform === 'win32' ? ';' : ':')
  const source = fileURLToPath(new URL(`./${program}.java`, import.meta.url))
  const java = spawnSync('java', ['-cp', classPath, source, ...options], {
    input,
    encoding: 'utf8',
    maxBuffer: outputBytesMax,
  })
  if (java.status !== 0) throw new Error(`${program} failed: ${java.error ?? java.stderr}`)
  return java.stdout.split('\n').filter((line) => line !== '')
}

/** The oracle writes an int64 as {"$long": "1"} and bytes as {"$bytes": "base64"}. */
function revived(value: unknown): FieldValue {
  if (Array.isArray(value)) return value.map(revived)
  if (value === null || typeof value !== 'object') return value as FieldValue
  const { $long, $bytes } = value as { $long?: string; $bytes?: string }
  if ($long !== undefined) return BigInt($long)
  if ($bytes !== undefined) return Buffer.from($bytes, 'base64')
  const entries = Object.entries(value).map(([name, inner]) => [name, revived(inner)])
  return Object.fromEntries(entries) as Message
}
