// kafkajs as the judge of the answers that we make: its own decoders read an error and a success of every API and
// version that it speaks, find the error, or none, and raise it as the error that it is, or nothing.
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type ApiInfo,
  allApis,
  defaultRequest,
  encodeResponse,
  type Message,
} from '../../../proxy/protocol/codec.ts'
import { errorCodeNamed } from '../../../proxy/protocol/error-codes.ts'
import { responseFrame } from '../../../proxy/protocol/frame.ts'
import { carriesError, errorAnswer, plainAnswer } from '../../../proxy/protocol/synthesize.ts'

interface Reader {
  decode(bytes: Buffer): Promise<unknown>
  parse(decoded: unknown): Promise<unknown>
}

/** What kafkajs makes of an answer. */
interface Read {
  codes: number[]
  /** Type of the error that it raises, if it does. */
  raised: string | undefined
}

const load = createRequire(import.meta.url)
const { KafkaJSProtocolError } = load('kafkajs/src/errors.js') as {
  KafkaJSProtocolError: new () => Error
}
const requestsFolder = join(dirname(load.resolve('kafkajs/package.json')), 'src/protocol/requests')
const errorName = 'NOT_CONTROLLER'
const code = errorCodeNamed(errorName)
/** Answers whose errors kafkajs hands on, for its caller to look at. */
const raisedByTheCaller = ['DeleteGroups']

/** kafkajs names its folders after the APIs. */
function readersOf(api: ApiInfo): { version: number; reader: Reader }[] {
  const folder = join(requestsFolder, api.name[0]?.toLowerCase() + api.name.slice(1))
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const version = /^v([0-9]+)$/.exec(name)?.[1]
    if (version === undefined) return []
    const number = Number(version)
    if (number < api.minVersion || number > api.maxVersion) return []
    const found = load(join(folder, name, 'response.js')) as Reader | ((asked: object) => Reader)
    // One reader wants to know what was asked, to name it in its error.
    const topics = [{ topic: 't', partitions: [{ partition: 0, offset: '0' }] }]
    const reader = typeof found === 'function' ? found({ topics }) : found
    return [{ version: number, reader }]
  })
}

const spoken = allApis().flatMap((api) =>
  readersOf(api).map(({ version, reader }) => ({ api, version, reader })),
)

/** Names something wherever a request names things, so that the answer has places for errors. */
function requestOf({ key, name }: ApiInfo, version: number): Message {
  const partitions = [{ partitionIndex: 0, partition: 0, index: 0, records: null }]
  const topics = [{ name: 't', topic: 't', partitions, partitionIndexes: [0] }]
  const special: Record<string, Message> = {
    Produce: { topicData: [{ name: 't', partitionData: partitions }] },
    FindCoordinator: { key: 'k' },
    DeleteGroups: { groupsNames: ['g'] },
    DescribeGroups: { groups: ['g'] },
    CreateTopics: { topics: [{ name: 't', assignments: [], configs: [] }] },
    DeleteTopics: { topicNames: ['t'] },
    AddPartitionsToTxn: { v3AndBelowTopics: [{ name: 't', partitions: [0] }] },
    CreatePartitions: { topics: [{ name: 't', count: 2, assignments: null }] },
    DescribeConfigs: {
      resources: [{ resourceType: 2, resourceName: 't', configurationKeys: null }],
    },
    AlterConfigs: { resources: [{ resourceType: 2, resourceName: 't', configs: [] }] },
    CreateAcls: { creations: [{ resourceName: 't', principal: 'p', host: 'h' }] },
    DeleteAcls: { filters: [{}] },
    AlterPartitionReassignments: {
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, replicas: [1] }] }],
    },
    LeaveGroup: { members: [{ memberId: 'm', groupInstanceId: null }] },
  }
  return { ...defaultRequest(key, version), topics, ...special[name] }
}

/** Every error code that kafkajs finds in an answer, as its decoder says. */
function codesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'number' && /rrorCode$/.test(name) ? [inner] : codesIn(inner),
  )
}

async function read(
  { key }: ApiInfo,
  version: number,
  reader: Reader,
  answer: Message,
): Promise<Read> {
  const frame = responseFrame(key, version, 1, encodeResponse(key, version, answer))
  // It reads from behind the size and the correlation id on.
  const decoded = await reader.decode(frame.subarray(8))
  const codes = codesIn(decoded)
  try {
    await reader.parse(decoded)
    return { codes, raised: undefined }
  } catch (cause) {
    const error = firstOf(cause)
    if (!(error instanceof KafkaJSProtocolError)) throw cause
    const { type, code: raisedCode } = error as unknown as KafkajsError
    return { codes, raised: raisedCode === code ? type : `${type} (${raisedCode})` }
  }
}

interface KafkajsError {
  type: string
  code: number
  /** Of one that stands for several. */
  errors?: unknown[]
  partitions?: { error: unknown }[]
}

/** The error itself, or the first of those that it gathers. */
function firstOf(cause: unknown): unknown {
  const { errors, partitions } = cause as KafkajsError
  return errors?.[0] ?? partitions?.[0]?.error ?? cause
}

describe('kafkajs', () => {
  it('reads and raises the errors that we make, for every API and version that it speaks', async () => {
    const wrong: string[] = []
    const handedOn = new Set<string>()
    for (const { api, version, reader } of spoken) {
      if (!carriesError(api.key, version)) continue
      const answer = errorAnswer(api.key, version, requestOf(api, version), code, 'all')
      try {
        const { codes, raised } = await read(api, version, reader, answer)
        if (!codes.includes(code)) wrong.push(`${api.name} v${version}: ${codes}`)
        if (raised === undefined) handedOn.add(api.name)
        else if (raised !== errorName) wrong.push(`${api.name} v${version} raises ${raised}`)
      } catch (cause) {
        wrong.push(`${api.name} v${version}: ${cause}`)
      }
    }
    expect(wrong).toEqual([])
    expect([...handedOn]).toEqual(raisedByTheCaller)
    expect(new Set(spoken.map(({ api }) => api.name)).size).toBeGreaterThan(20)
  })

  it('reads the successes that we make, and finds and raises no error in them', async () => {
    const wrong: string[] = []
    for (const { api, version, reader } of spoken) {
      const answer = plainAnswer(api.key, version, requestOf(api, version), {})
      try {
        const { codes, raised } = await read(api, version, reader, answer)
        if (codes.some((one) => one !== 0)) wrong.push(`${api.name} v${version}: ${codes}`)
        if (raised !== undefined) wrong.push(`${api.name} v${version} raises ${raised}`)
      } catch (cause) {
        wrong.push(`${api.name} v${version}: ${cause}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
