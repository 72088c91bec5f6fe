// kafkajs as the judge of the answers that we make: its own decoders read an error and a success of every API and
// version that it speaks, and find the error, or none.
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
}

const load = createRequire(import.meta.url)
const requestsFolder = join(dirname(load.resolve('kafkajs/package.json')), 'src/protocol/requests')
const code = errorCodeNamed('NOT_CONTROLLER')

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
    const reader = typeof found === 'function' ? found({ topics: [] }) : found
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

async function reads(
  { key }: ApiInfo,
  version: number,
  reader: Reader,
  answer: Message,
): Promise<number[]> {
  const frame = responseFrame(key, version, 1, encodeResponse(key, version, answer))
  // It reads from behind the size and the correlation id on.
  return codesIn(await reader.decode(frame.subarray(8)))
}

describe('kafkajs', () => {
  it('reads the errors that we make, for every API and version that it speaks', async () => {
    const wrong: string[] = []
    for (const { api, version, reader } of spoken) {
      if (!carriesError(api.key, version)) continue
      const answer = errorAnswer(api.key, version, requestOf(api, version), code, 'all')
      try {
        const found = await reads(api, version, reader, answer)
        if (!found.includes(code)) wrong.push(`${api.name} v${version}: ${found}`)
      } catch (cause) {
        wrong.push(`${api.name} v${version}: ${cause}`)
      }
    }
    expect(wrong).toEqual([])
    expect(new Set(spoken.map(({ api }) => api.name)).size).toBeGreaterThan(20)
  })

  it('reads the successes that we make, and finds no error in them', async () => {
    const wrong: string[] = []
    for (const { api, version, reader } of spoken) {
      const answer = plainAnswer(api.key, version, requestOf(api, version), {})
      try {
        const found = await reads(api, version, reader, answer)
        if (found.some((one) => one !== 0)) wrong.push(`${api.name} v${version}: ${found}`)
      } catch (cause) {
        wrong.push(`${api.name} v${version}: ${cause}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
