// Bytes <-> values for every message of every API and version that the schemas know. A message is a plain
// object with the field names of Kafka's JSON form. Readers and writers are compiled on first use.
import { type Cursor, cursorOver, ProtocolError, readInt16, written } from './bytes.ts'
import { compileReader, compileWriter, type Reader, type Writer } from './compile.ts'
import { defaultStruct, layoutOf, type StructLayout } from './layout.ts'
import {
  includesVersion,
  isNoVersion,
  type MessageSchema,
  messageSchemas,
  versionRange,
} from './schema.ts'

export { ProtocolError, type UnknownTag } from './bytes.ts'

/** int64 is a bigint, bytes and records a view of the frame, a uuid 22 base64url characters. */
export type FieldValue = number | bigint | string | boolean | Buffer | null | Message | FieldValue[]

export interface Message {
  [field: string]: FieldValue
}

export type Direction = 'request' | 'response'

export interface ApiInfo {
  key: number
  /** As in Kafka's schemas, without Request or Response: `EndTxn`. */
  name: string
  minVersion: number
  maxVersion: number
  /** The first version with compact forms and tagged fields; Infinity where there is none. */
  flexibleFrom: number
  /** Brokers offer the highest version only when they are told to. */
  maxVersionUnstable: boolean
  /** Which listeners serve it: broker, controller. */
  listeners: readonly string[]
}

const apiVersionsKey = 18
const unsupportedVersion = 35

const schemas = {
  request: new Map<number, MessageSchema>(),
  response: new Map<number, MessageSchema>(),
}
const dataSchemas = new Map<string, MessageSchema>()
for (const schema of messageSchemas) {
  if (schema.type === 'request' || schema.type === 'response') {
    schemas[schema.type].set(schema.apiKey ?? -1, schema)
  } else {
    dataSchemas.set(schema.name, schema)
  }
}

const apis: ApiInfo[] = [...schemas.request.values()].map((request) => {
  const versions = versionRange(request.versions)
  return {
    key: request.apiKey ?? -1,
    name: request.name.replace(/Request$/, ''),
    minVersion: versions.lowest,
    maxVersion: versions.highest,
    flexibleFrom: isNoVersion(request.flexible)
      ? Number.POSITIVE_INFINITY
      : versionRange(request.flexible).lowest,
    maxVersionUnstable: request.unstable === true,
    listeners: request.listeners ?? [],
  }
})
const apisByKey: (ApiInfo | undefined)[] = []
const apisByName = new Map<string, ApiInfo>()
for (const api of apis) {
  apisByKey[api.key] = api
  apisByName.set(api.name, api)
}

export function allApis(): readonly ApiInfo[] {
  return apis
}

export function apiOf(key: number): ApiInfo | undefined {
  return apisByKey[key]
}

export function apiNamed(name: string): ApiInfo | undefined {
  return apisByName.get(name)
}

/** Whether messages of this API and version can be decoded. */
export function knows(apiKey: number, version: number): boolean {
  const api = apisByKey[apiKey]
  return api !== undefined && version >= api.minVersion && version <= api.maxVersion
}

/** The layout of a message in a version, for the walk and the skipper. */
export function messageLayout(direction: Direction, apiKey: number, version: number): StructLayout {
  const schema = schemas[direction].get(apiKey)
  if (schema === undefined || !knows(apiKey, version)) {
    const name = apisByKey[apiKey]?.name ?? `API ${apiKey}`
    throw new ProtocolError(`${name} version ${version} is not known`, 0)
  }
  return layoutOf(schema, version)
}

// Versions are small numbers: key and version make one index into a sparse array.
const versionsPerApiMax = 64

/** Makes a thing per (direction, API, version) when it is first wanted, and keeps it. */
export function perMessage<Thing>(
  make: (layout: StructLayout) => Thing,
): (direction: Direction, apiKey: number, version: number) => Thing {
  const kept: Record<Direction, (Thing | undefined)[]> = { request: [], response: [] }
  return (direction, apiKey, version) => {
    const things = kept[direction]
    // An impossible key or version must not find the place of another one.
    const index = version < versionsPerApiMax ? apiKey * versionsPerApiMax + version : -1
    const known = version < 0 ? undefined : things[index]
    if (known !== undefined) return known
    const made = make(messageLayout(direction, apiKey, version))
    things[index] = made
    return made
  }
}

const readerOf = perMessage<Reader>(compileReader)
const writerOf = perMessage<Writer>(compileWriter)

function decode(reader: Reader, body: Buffer): Message {
  const cursor = cursorOver(body)
  const message = reader(cursor) as Message
  checkEnd(cursor)
  return message
}

function checkEnd(cursor: Cursor): void {
  if (cursor.position !== cursor.end) {
    throw new ProtocolError(`${cursor.end - cursor.position} bytes too many`, cursor.position)
  }
}

function encode(writer: Writer, message: Message): Buffer {
  return written((output) => writer(output, message))
}

export function decodeRequest(apiKey: number, version: number, body: Buffer): Message {
  return decode(readerOf('request', apiKey, version), body)
}

export function encodeRequest(apiKey: number, version: number, message: Message): Buffer {
  return encode(writerOf('request', apiKey, version), message)
}

export function decodeResponse(apiKey: number, version: number, body: Buffer): Message {
  return decode(readerOf('response', apiKey, responseVersion(apiKey, version, body)), body)
}

/** An ApiVersions answer with error 35 is written in version 0, as a broker would. */
export function encodeResponse(apiKey: number, version: number, message: Message): Buffer {
  const refused = apiKey === apiVersionsKey && message.errorCode === unsupportedVersion
  return encode(writerOf('response', apiKey, refused ? 0 : version), message)
}

/**
 * The version in which an answer is laid out: that of its request, except that a broker that does not know
 * the version of an ApiVersions request answers error 35 in version 0.
 */
export function responseVersion(
  apiKey: number,
  version: number,
  frame: Buffer,
  bodyOffset = 0,
): number {
  if (apiKey !== apiVersionsKey) return version
  return readInt16(cursorOver(frame, bodyOffset)) === unsupportedVersion ? 0 : version
}

export function defaultRequest(apiKey: number, version: number): Message {
  return defaultStruct(messageLayout('request', apiKey, version))
}

export function defaultResponse(apiKey: number, version: number): Message {
  return defaultStruct(messageLayout('response', apiKey, version))
}

// Data that is no request or response: markers, assignments, the records of internal topics.

interface DataCodec {
  read: Reader
  write: Writer
}

const dataCodecs = new Map<string, DataCodec>()

function dataCodec(name: string, version: number): DataCodec {
  const index = `${name}/${version}`
  const known = dataCodecs.get(index)
  if (known !== undefined) return known
  const schema = dataSchemas.get(name)
  if (schema === undefined) throw new Error(`no schema is named ${name}`)
  if (!includesVersion(schema.versions, version)) {
    throw new ProtocolError(`${name} version ${version} is not known`, 0)
  }
  const layout = layoutOf(schema, version)
  const codec = { read: compileReader(layout), write: compileWriter(layout) }
  dataCodecs.set(index, codec)
  return codec
}

/** `bytes` is what follows the int16 version that such data has in front. */
export function decodeData(name: string, version: number, bytes: Buffer): Message {
  return decode(dataCodec(name, version).read, bytes)
}

export function encodeData(name: string, version: number, message: Message): Buffer {
  return encode(dataCodec(name, version).write, message)
}
