// The proof against an outsider: Kafka's own classes make messages of every API and version, and read the
// answers that we make. The list of APIs and versions is theirs too, so that none can be forgotten.
import { isDeepStrictEqual } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  allApis,
  apiOf,
  type Direction,
  decodeData,
  decodeRequest,
  decodeResponse,
  encodeData,
  encodeRequest,
  encodeResponse,
  type FieldValue,
  type Message,
} from '../../../proxy/protocol/codec.ts'
import { entitiesOf } from '../../../proxy/protocol/entities.ts'
import { errorCodeNamed } from '../../../proxy/protocol/error-codes.ts'
import { defaultStruct, layoutOf, type StructLayout } from '../../../proxy/protocol/layout.ts'
import { messageSchemas, versionRange } from '../../../proxy/protocol/schema.ts'
import { carriesError, errorAnswer, plainAnswer } from '../../../proxy/protocol/synthesize.ts'
import { structIn } from '../../../proxy/protocol/walk.ts'
import {
  type JavaDefaults,
  type JavaMessage,
  type JavaReading,
  javaMessages,
  javaReadings,
} from './java-oracle.ts'

const seed = 20_260_101
/** Fetch, ShareFetch, ShareAcknowledge: the root's error is about the session, not about partitions. */
const rootSaysSessionErrors = new Set([1, 78, 79])
/** Kafka's class counts the root's field here, which these versions do not have. */
const rootCountedThoughAbsent = new Set([
  'DescribeLogDirs v1',
  'DescribeLogDirs v2',
  'ElectLeaders v0',
])
/** APIs whose class does not count every place that its answers have. */
const countsFewer = new Set([
  'Metadata',
  'DescribeUserScramCredentials',
  'AssignReplicasToDirs',
  'ShareFetch',
])
const recordsNames = new Set(['records', 'unalignedRecords'])

let messages: JavaMessage[] = []
let defaults: JavaDefaults[] = []

beforeAll(() => {
  ;({ messages, defaults } = javaMessages(seed))
})

function schemaName({ className }: JavaMessage): string {
  return className.endsWith('HeaderData') ? className.replace(/Data$/, '') : className
}

function decode(message: JavaMessage, bytes = message.bytes): Message {
  const { kind, apiKey, version } = message
  if (kind === 'request') return decodeRequest(apiKey, version, bytes)
  if (kind === 'response') return decodeResponse(apiKey, version, bytes)
  return decodeData(schemaName(message), version, bytes)
}

function encode(message: JavaMessage, value: Message): Buffer {
  const { kind, apiKey, version } = message
  if (kind === 'request') return encodeRequest(apiKey, version, value)
  if (kind === 'response') return encodeResponse(apiKey, version, value)
  return encodeData(schemaName(message), version, value)
}

/** Where ours differs from Kafka's JSON; `fallback` is what a field means that the JSON leaves out. */
function difference(
  ours: FieldValue | undefined,
  theirs: FieldValue | undefined,
  fallback: FieldValue | undefined,
  path: string,
): string | undefined {
  const expected = theirs === undefined ? fallback : theirs
  if (Array.isArray(ours) && Array.isArray(expected)) {
    if (ours.length !== expected.length) return `${path}: ${ours.length} elements`
    return firstOf(ours.map((element, i) => difference(element, expected[i], {}, `${path}[${i}]`)))
  }
  if (Buffer.isBuffer(ours)) {
    return Buffer.isBuffer(expected) && ours.equals(expected) ? undefined : `${path}: other bytes`
  }
  if (ours !== null && typeof ours === 'object' && !Array.isArray(ours)) {
    if (expected === null || typeof expected !== 'object') return `${path}: a struct`
    const names = new Set([...Object.keys(ours), ...Object.keys(expected)])
    for (const name of ['unknownTaggedFields', ...recordsNames]) names.delete(name)
    return firstOf(
      [...names].map((name) =>
        difference(
          ours[name],
          (expected as Message)[name],
          defaultLike(ours[name]),
          `${path}.${name}`,
        ),
      ),
    )
  }
  return ours === expected ? undefined : `${path}: ${String(ours)} is not ${String(expected)}`
}

function firstOf(differences: (string | undefined)[]): string | undefined {
  return differences.find((one) => one !== undefined)
}

/**
 * A field that Kafka's JSON leaves out is absent in the version or a tagged one at its default. Both must be
 * at the default, which is for every such field one of these (the bytes prove the rest).
 */
function defaultLike(ours: FieldValue | undefined): FieldValue | undefined {
  const defaults: unknown[] = [0, 0n, -1, -1n, '', null, false, true, 'AAAAAAAAAAAAAAAAAAAAAA']
  const highest: unknown[] = [1, 3, 16, 60_000, 2_000, -2, -(2 ** 31), 2 ** 31 - 1, 2n ** 63n - 1n]
  if ([...defaults, ...highest].includes(ours)) return ours
  if (Array.isArray(ours)) return []
  return Buffer.isBuffer(ours) ? Buffer.alloc(0) : {}
}

/** Every field of records in the message, in the order of the schema. */
function recordsIn(value: FieldValue): (Buffer | null)[] {
  if (Array.isArray(value)) return value.flatMap(recordsIn)
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    recordsNames.has(name) ? [inner as Buffer | null] : recordsIn(inner),
  )
}

/** Kafka's JSON with the records that it leaves out. */
function withRecords(value: FieldValue, records: (Buffer | null)[]): FieldValue {
  if (Array.isArray(value)) return value.map((element) => withRecords(element, records))
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
  const entries = Object.entries(value).map(([name, inner]) =>
    recordsNames.has(name)
      ? [name, records.shift() as FieldValue]
      : [name, withRecords(inner, records)],
  )
  return Object.fromEntries(entries)
}

/** Every struct of every message, once, under the names of Kafka's classes. */
function structsOfAllMessages(): { className: string; struct: string; layout: StructLayout }[] {
  const classNames = new Set(defaults.map(({ className }) => className))
  return messageSchemas.flatMap((schema) => {
    const className = [`${schema.name}Data`, schema.name].find((name) => classNames.has(name))
    // The oracle leaves out the records of the controllers' own log.
    if (className === undefined) return []
    const root = layoutOf(schema, versionRange(schema.versions).highest)
    const found = new Map<string, StructLayout>([[className, root]])
    const visit = (struct: StructLayout): void => {
      for (const field of struct.fields) {
        const inner = structIn(field.type)
        if (inner === undefined || found.has(inner.name)) continue
        found.set(inner.name, inner)
        visit(inner)
      }
    }
    visit(root)
    return [...found].map(([struct, layout]) => ({ className, struct, layout }))
  })
}

describe('codec against the classes of kafka-clients 4.4.0', () => {
  it('knows exactly the APIs and versions that Kafka has', () => {
    const theirs = new Set(
      messages
        .filter(({ kind }) => kind !== 'data')
        .map(({ kind, apiKey, version }) => `${kind} ${apiKey} ${version}`),
    )
    const ours = new Set<string>()
    for (const api of allApis()) {
      for (let version = api.minVersion; version <= api.maxVersion; version++) {
        ours.add(`request ${api.key} ${version}`)
        ours.add(`response ${api.key} ${version}`)
      }
    }
    expect([...ours].sort()).toEqual([...theirs].sort())
  })

  it('decodes to the JSON and encodes to the bytes that Kafka writes, for every message', () => {
    const mismatches: string[] = []
    let checks = 0
    const mismatch = (message: JavaMessage, what: string): void => {
      const { className, version, variant } = message
      mismatches.push(`${className} v${version} ${variant}: ${what}`)
    }
    for (const message of messages) {
      try {
        const decoded = decode(message)
        const different = difference(decoded, message.json, undefined, '')
        if (different !== undefined) mismatch(message, `decoded ${different}`)
        if (recordsIn(decoded).toString() !== message.records.toString()) {
          mismatch(message, 'decoded other records')
        }
        if (!encode(message, decoded).equals(message.bytes)) mismatch(message, 're-encoded')
        checks += 2
        // JSON knows no unknown tags, so there is nothing to encode them from.
        if (message.variant === 'unknown-tags') continue
        const fromJson = withRecords(message.json, [...message.records]) as Message
        if (!encode(message, fromJson).equals(message.bytes)) mismatch(message, 'encoded from JSON')
        checks += 1
      } catch (cause) {
        mismatch(message, String(cause))
      }
    }
    const count = (one: (message: JavaMessage) => string): number => new Set(messages.map(one)).size
    console.log(
      `seed ${seed}: ${messages.length} messages, ${checks} checks, ` +
        `${count(({ apiKey }) => String(apiKey)) - 1} APIs, ` +
        `${count(({ className, version }) => `${className} ${version}`)} layouts, ` +
        `${mismatches.length} mismatches`,
    )
    expect(mismatches).toEqual([])
    expect(messages.length).toBeGreaterThan(3_000)
  })

  it('has the defaults of Kafka for every field of every struct, of whatever version', () => {
    const theirs = new Map(
      defaults.map(({ className, struct, fields }) => [`${className} ${struct}`, fields]),
    )
    const wrong: string[] = []
    let fields = 0
    for (const { className, struct, layout } of structsOfAllMessages()) {
      const expected = theirs.get(`${className} ${struct}`)
      const ours = defaultStruct(layout)
      if (expected === undefined) wrong.push(`${className} ${struct}: Kafka has no such struct`)
      const names = new Set([...Object.keys(ours), ...Object.keys(expected ?? {})])
      for (const name of names) {
        // Kafka's classes hold null for all records, also where they could not write it.
        const field = layout.fields.find((candidate) => candidate.name === name)
        if (field?.typeName === 'records' && !field.nullable) continue
        fields++
        const own = ours[name]
        const isStruct = own !== null && typeof own === 'object' && !Array.isArray(own)
        const shown = isStruct && !Buffer.isBuffer(own) ? {} : own
        if (!isDeepStrictEqual(shown, expected?.[name]))
          wrong.push(`${className} ${struct}.${name}`)
      }
    }
    console.log(`${fields} defaults, ${wrong.length} wrong`)
    expect(wrong).toEqual([])
    expect(fields).toBeGreaterThan(1_500)
  })

  it('keeps unknown tagged fields of every flexible message', () => {
    const flexible = messages.filter(({ variant }) => variant === 'unknown-tags')
    const kept = flexible.filter((message) => decode(message).unknownTaggedFields !== undefined)
    const expected = flexible.filter(({ kind, apiKey, version }) => {
      const api = apiOf(apiKey)
      return kind !== 'data' && api !== undefined && version >= api.flexibleFrom
    })
    expect(kept.length).toBeGreaterThanOrEqual(expected.length)
    expect(expected.length).toBeGreaterThan(300)
  })
})

/** Where Kafka's JSON says an error, in its order: the path of each with the code there. */
function errorsSaid(json: FieldValue, path = ''): { path: string; code: number }[] {
  if (json === null || typeof json !== 'object' || Buffer.isBuffer(json)) return []
  return Object.entries(json).flatMap(([name, value]) => {
    const isError = /errorCode$/i.test(name) && name !== 'topicConfigErrorCode'
    const place = path === '' ? name : `${path}.${name}`
    return isError ? [{ path: place, code: value as number }] : errorsSaid(value, place)
  })
}

interface Asked {
  name: string
  apiKey: number
  version: number
  request: Message
}

/** Answers made to one request of every API and version that can carry an error, as Kafka's classes read them. */
function readBack(
  answerTo: (asked: Asked) => Message | undefined,
): (Asked & { reading: JavaReading; errors: { path: string; code: number }[] })[] {
  const made = messages.flatMap((message) => {
    const { kind, variant, apiKey, version } = message
    if (kind !== 'request' || variant !== 'full' || !carriesError(apiKey, version)) return []
    const name = `${apiOf(apiKey)?.name} v${version}`
    const asked: Asked = { name, apiKey, version, request: decode(message) }
    const answer = answerTo(asked)
    return answer === undefined
      ? []
      : [{ asked, apiKey, version, body: encodeResponse(apiKey, version, answer) }]
  })
  const readings = javaReadings(made)
  return made.map(({ asked }, index) => {
    const reading = readings[index]
    if (reading === undefined) throw new Error(`no reading of ${asked.name}`)
    return { ...asked, reading, errors: errorsSaid(reading.json) }
  })
}

describe('answers that we make, read by the classes of kafka-clients 4.4.0', () => {
  const errorName = 'NOT_COORDINATOR'
  const code = errorCodeNamed(errorName)

  /** What Kafka counts beside the error; its classes look at the root also where the version has none. */
  const countedBeside = (name: string, apiKey: number): Record<string, number> =>
    rootSaysSessionErrors.has(apiKey) || rootCountedThoughAbsent.has(name) ? { NONE: 1 } : {}

  it('say the error in every place where that API carries one', () => {
    const answers = readBack(({ apiKey, version, request }) =>
      errorAnswer(apiKey, version, request, code, 'all'),
    )
    const wrong: string[] = []
    for (const { name, apiKey, version, request, reading, errors } of answers) {
      if (reading.bytesLeft !== 0) wrong.push(`${name}: ${reading.failure ?? 'bytes left'}`)
      const { [errorName]: counted = 0, ...others } = reading.errorCounts
      if (counted === 0 || !isDeepStrictEqual(others, countedBeside(name, apiKey))) {
        wrong.push(`${name}: errorCounts is ${JSON.stringify(reading.errorCounts)}`)
      }
      const places = errors.filter(
        ({ path }) => path !== 'errorCode' || !rootSaysSessionErrors.has(apiKey),
      )
      const without = places.filter((place) => place.code !== code).map(({ path }) => path)
      if (without.length > 0) wrong.push(`${name}: no error at ${without}`)
      if (counted !== places.length && !countsFewer.has(apiOf(apiKey)?.name ?? '')) {
        wrong.push(`${name}: Kafka counts ${counted} of ${places.length} places`)
      }
      const due = topicPartitions('request', apiKey, version, request)
      const answered = topicPartitions('response', apiKey, version, reading.json)
      if (answered.length > 0 && answered.join() !== due.join()) {
        wrong.push(`${name}: asked ${due}, answered ${answered}`)
      }
    }
    const apis = new Set(answers.map(({ apiKey }) => apiKey)).size
    console.log(
      `${answers.length} error answers of ${apis} APIs read by Kafka, ${wrong.length} wrong`,
    )
    expect(wrong).toEqual([])
    expect(apis).toBe(
      allApis().filter(({ key, maxVersion }) => carriesError(key, maxVersion)).length,
    )
  })

  it.each(['first', 'named'] as const)(
    'say it at the %s partition and at no other place, where there are partitions',
    (which) => {
      const partitionOf = (asked: Asked): string | undefined => {
        const { apiKey, version, request } = asked
        const answer = errorAnswer(apiKey, version, request, code, 'all')
        return topicPartitions('response', apiKey, version, answer, 'as they come').at(
          which === 'first' ? 0 : -1,
        )
      }
      const answers = readBack((asked) => {
        const meant = partitionOf(asked)
        if (meant === undefined) return undefined
        const { apiKey, version, request } = asked
        return errorAnswer(apiKey, version, request, code, which === 'first' ? 'first' : [meant])
      })
      const wrong: string[] = []
      for (const { name, reading, errors } of answers) {
        if (reading.bytesLeft !== 0) wrong.push(`${name}: ${reading.failure ?? 'bytes left'}`)
        // A partition of ShareFetch has two places: for what it fetches and for what it acknowledges.
        const said = errors.filter((place) => place.code !== 0)
        const partitions = new Set(said.map(({ path }) => path.slice(0, path.lastIndexOf('.'))))
        if (partitions.size !== 1 || said.some((place) => place.code !== code)) {
          wrong.push(`${name}: ${said.map(({ path }) => path)} of ${errors.length}`)
        }
        if (reading.errorCounts[errorName] !== 1 && name !== 'AssignReplicasToDirs v0') {
          wrong.push(`${name}: errorCounts is ${JSON.stringify(reading.errorCounts)}`)
        }
      }
      const apis = new Set(answers.map(({ apiKey }) => apiKey)).size
      console.log(`${which} partition: ${answers.length} answers of ${apis} APIs`)
      expect(wrong).toEqual([])
      expect(apis).toBeGreaterThan(15)
    },
  )

  it('are successes in every place when no error is asked for', () => {
    const answers = readBack(({ apiKey, version, request }) =>
      plainAnswer(apiKey, version, request, {}),
    )
    const wrong = answers.flatMap(({ name, reading, errors }) => {
      if (reading.bytesLeft !== 0) return [`${name}: ${reading.failure ?? 'bytes left'}`]
      const said = errors.filter((place) => place.code !== 0).map(({ path }) => path)
      const counted = Object.keys(reading.errorCounts).filter((one) => one !== 'NONE')
      return said.length + counted.length === 0 ? [] : [`${name}: ${said} ${counted}`]
    })
    expect(wrong).toEqual([])
    expect(answers.length).toBeGreaterThan(300)
  })
})

function topicPartitions(
  direction: Direction,
  apiKey: number,
  version: number,
  message: Message,
  order: 'sorted' | 'as they come' = 'sorted',
): string[] {
  const { topics } = entitiesOf(direction, apiKey, version, message)
  const names = topics.flatMap(({ name, topicId, partitions }) =>
    partitions.map((p) => `${name ?? topicId}-${p}`),
  )
  return order === 'sorted' ? names.sort() : names
}
