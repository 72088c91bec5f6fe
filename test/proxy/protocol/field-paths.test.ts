import { describe, expect, it } from 'vitest'
import {
  allApis,
  type Direction,
  decodeResponse,
  defaultRequest,
  defaultResponse,
  encodeRequest,
  encodeResponse,
  type Message,
  messageLayout,
} from '../../../proxy/protocol/codec.ts'
import { pathProblem, setAtPath } from '../../../proxy/protocol/field-paths.ts'
import type { FieldLayout, StructLayout, TypeLayout } from '../../../proxy/protocol/layout.ts'

const produce = 0
const metadata = 3
const endTxn = 26

function problem(path: string, value: unknown, versions = [12, 13], apiKey = metadata) {
  return pathProblem('response', apiKey, versions, path, value)?.message
}

const cluster = (): Message => ({
  ...defaultResponse(metadata, 12),
  brokers: [
    { nodeId: 1, host: 'a', port: 1, rack: null },
    { nodeId: 2, host: 'b', port: 2, rack: null },
  ],
  topics: [
    { name: 't', partitions: [{ partitionIndex: 0, leaderId: 1, isrNodes: [1, 2] }] },
    { name: 'u', partitions: [{ partitionIndex: 0, leaderId: 2, isrNodes: [2] }] },
  ],
})

describe('setAtPath', () => {
  it.each<[string, unknown, number, object]>([
    ['throttleTimeMs', 9, 1, { throttleTimeMs: 9 }],
    ['brokers.*.port', 7, 2, { brokers: [{ port: 7 }, { port: 7 }] }],
    ['brokers.1.port', 7, 1, { brokers: [{ port: 1 }, { port: 7 }] }],
    ['brokers.5.port', 7, 0, { brokers: [{ port: 1 }, { port: 2 }] }],
    [
      'topics.*.partitions.*.leaderId',
      3,
      2,
      { topics: [{ partitions: [{ leaderId: 3 }] }, { partitions: [{ leaderId: 3 }] }] },
    ],
    [
      'topics.0.partitions.0.isrNodes.*',
      4,
      2,
      { topics: [{ partitions: [{ isrNodes: [4, 4] }] }, {}] },
    ],
    ['topics.1.partitions', [], 1, { topics: [{}, { partitions: [] }] }],
    ['brokers', [{ nodeId: 5, host: 'c', port: 5 }], 1, { brokers: [{ nodeId: 5 }] }],
    ['brokers.*.rack', null, 2, { brokers: [{ rack: null }, { rack: null }] }],
  ])('%s = %j is set at %i places', (path, value, count, shows) => {
    const message = cluster()
    expect(setAtPath('response', metadata, 12, message, path, value)).toBe(count)
    expect(message).toMatchObject(shows)
    const bytes = encodeResponse(metadata, 12, message)
    expect(decodeResponse(metadata, 12, bytes)).toMatchObject(shows)
  })

  it('takes error codes by name, int64 as digits, bytes as base64', () => {
    const answer = defaultResponse(endTxn, 5)
    setAtPath('response', endTxn, 5, answer, 'errorCode', 'NOT_COORDINATOR')
    setAtPath('response', endTxn, 5, answer, 'producerId', '9007199254740993')
    expect(answer).toMatchObject({ errorCode: 16, producerId: 9007199254740993n })
    const request: Message = {
      ...defaultRequest(produce, 11),
      topicData: [{ name: 't', partitionData: [{ index: 0, records: null }] }],
    }
    setAtPath('request', produce, 11, request, 'topicData.*.partitionData.*.records', 'AAE=')
    expect(encodeRequest(produce, 11, request).includes(Buffer.from([0, 1]))).toBe(true)
    expect(request).toMatchObject({
      topicData: [{ partitionData: [{ records: Buffer.from([0, 1]) }] }],
    })
  })

  it('says so when the version at hand has no such field', () => {
    const old = defaultResponse(endTxn, 4)
    expect(() => setAtPath('response', endTxn, 4, old, 'producerEpoch', 1)).toThrow(
      'version 4 has no field producerEpoch',
    )
    expect(old).toEqual(defaultResponse(endTxn, 4))
  })
})

describe('pathProblem', () => {
  it('finds nothing wrong with what some version has', () => {
    expect(problem('brokers.*.port', 1)).toBeUndefined()
    expect(problem('errorCode', 1, [12, 13])).toBeUndefined()
    expect(problem('producerEpoch', 1, [0, 1, 2, 3, 4, 5], endTxn)).toBeUndefined()
  })

  it.each([
    ['nothing', 1, 'unknown field "nothing" of Metadata replies'],
    ['brokers.*.prot', 1, 'unknown field "prot" of Metadata replies within `brokers.*`'],
    ['brokers', 1, 'brokers must be a list'],
    ['brokers.port', 1, '`brokers` is a list: say `brokers.*`'],
    ['throttleTimeMs.x', 1, '`throttleTimeMs` has no fields'],
    ['brokers.*.port', 'high', 'must be a whole number (int32), not "high"'],
    ['brokers.*.port', 2 ** 40, 'must be between'],
    ['brokers.*.host', 1, 'must be text'],
    ['brokers.*.host', null, 'may not be null'],
    ['topics.*.isInternal', 'no', 'must be true or false'],
    ['topics.*.topicId', 'x', 'must be a uuid'],
    ['topics.*.partitions.*.isrNodes', ['x'], 'isrNodes[0] must be a whole number'],
    ['topics.*.errorCode', 'NO_SUCH', 'unknown error code "NO_SUCH"'],
    ['brokers.*', { nodeId: 1, prot: 2 }, 'there is no field brokers.*.prot'],
  ])('finds what is wrong with %s: %j', (path, value, message) => {
    expect(problem(path, value)).toContain(message)
  })

  it('offers the names of the place where the path went wrong', () => {
    const found = pathProblem('response', metadata, [0, 13], 'brokers.*.prot', 1)
    expect(found).toMatchObject({ given: 'prot', allowed: ['nodeId', 'host', 'port', 'rack'] })
  })
})

/** A path and a fitting value for every field of a message. */
function everyField(struct: StructLayout, prefix = '', depth = 0): [string, unknown][] {
  return struct.fields.flatMap((field): [string, unknown][] => {
    if (!field.present) return []
    const path = `${prefix}${field.name}`
    const own: [string, unknown] = [path, valueFor(field, field.type)]
    const inner = field.type.kind === 'array' ? field.type.element : field.type
    if (inner.kind !== 'struct' || depth > 6) return [own]
    const step = field.type.kind === 'array' ? `${path}.*.` : `${path}.`
    return [own, ...everyField(inner.struct, step, depth + 1)]
  })
}

function valueFor(field: FieldLayout, type: TypeLayout): unknown {
  if (type.kind === 'array') return []
  if (type.kind === 'struct') return field.nullable ? null : {}
  switch (type.primitive) {
    case 'bool':
      return true
    case 'string':
      return 'text'
    case 'uuid':
      return 'AAAAAAAAAAAAAAAAAAAAAQ'
    case 'bytes':
    case 'records':
      return 'AAE='
    default:
      return 1
  }
}

it('reaches every field of every message of every API and version', () => {
  const wrong: string[] = []
  let fields = 0
  for (const api of allApis()) {
    for (let version = api.minVersion; version <= api.maxVersion; version++) {
      for (const direction of ['request', 'response'] as Direction[]) {
        for (const [path, value] of everyField(messageLayout(direction, api.key, version))) {
          fields += 1
          const found = pathProblem(direction, api.key, [version], path, value)
          if (found !== undefined) wrong.push(`${api.name} v${version} ${path}: ${found.message}`)
        }
      }
    }
  }
  expect(wrong).toEqual([])
  expect(fields).toBeGreaterThan(5_000)
})
