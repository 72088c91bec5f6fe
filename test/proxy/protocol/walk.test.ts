import { describe, expect, it } from 'vitest'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Message,
} from '../../../proxy/protocol/codec.ts'
import { copyMessage, visitFields } from '../../../proxy/protocol/walk.ts'

const produce = 0
const metadata = 3
const findCoordinator = 10

function metadataAnswer(version: number): Message {
  const topics = ['a', 'b'].map((name) => ({
    name,
    errorCode: 3,
    partitions: [
      { partitionIndex: 0, replicaNodes: [1, 2] },
      { partitionIndex: 1, errorCode: 5 },
    ],
  }))
  const brokers = [{ nodeId: 1, host: 'h', port: 9092 }]
  const answer = { brokers, topics }
  return decodeResponse(metadata, version, encodeResponse(metadata, version, answer))
}

describe('visitFields', () => {
  it('visits every field of the version, outside before inside, with its path and entity type', () => {
    const seen: string[] = []
    visitFields('response', metadata, 1, metadataAnswer(1), (field) => {
      seen.push(`${field.path} ${field.type} ${field.entityType ?? '-'}`)
    })
    expect(seen.slice(0, 6)).toEqual([
      'brokers []MetadataResponseBroker -',
      'brokers[0].nodeId int32 brokerId',
      'brokers[0].host string -',
      'brokers[0].port int32 -',
      'brokers[0].rack string -',
      'controllerId int32 brokerId',
    ])
    expect(seen).toContain('topics[1].name string topicName')
    expect(seen).toContain('topics[1].partitions[0].replicaNodes []int32 brokerId')
    // Fields of later versions are in the object, at their defaults, and are not visited.
    expect(seen.some((line) => line.startsWith('clusterId'))).toBe(false)
  })

  it('lets the visitor change values where they are', () => {
    const answer = metadataAnswer(1)
    visitFields('response', metadata, 1, answer, ({ name, owner, value }) => {
      if (name === 'errorCode') owner.errorCode = (value as number) + 100
    })
    const again = decodeResponse(metadata, 1, encodeResponse(metadata, 1, answer))
    const codes: unknown[] = []
    visitFields('response', metadata, 1, again, ({ name, value, path }) => {
      if (name === 'errorCode') codes.push(`${path}=${value}`)
    })
    expect(codes).toEqual([
      'topics[0].errorCode=103',
      'topics[0].partitions[0].errorCode=100',
      'topics[0].partitions[1].errorCode=105',
      'topics[1].errorCode=103',
      'topics[1].partitions[0].errorCode=100',
      'topics[1].partitions[1].errorCode=105',
    ])
  })

  it('goes on through what the visitor put there, and passes over null', () => {
    const answer: Message = { topics: null, brokers: [] }
    const seen: string[] = []
    visitFields('response', metadata, 1, answer, ({ name, owner, path }) => {
      if (name === 'brokers') owner.brokers = [{ nodeId: 9, host: 'new', port: 1, rack: null }]
      seen.push(path)
    })
    expect(seen).toContain('brokers[0].host')
    expect(seen).toContain('topics')
    expect(seen.some((path) => path.startsWith('topics['))).toBe(false)
  })

  it('visits tagged fields only where the version has them', () => {
    const paths = (version: number): string[] => {
      const seen: string[] = []
      const answer = { responses: [], nodeEndpoints: [{ nodeId: 1, host: 'h', port: 2 }] }
      visitFields('response', produce, version, answer, ({ path }) => seen.push(path))
      return seen
    }
    expect(paths(10)).toContain('nodeEndpoints[0].host')
    expect(paths(9).some((path) => path.startsWith('nodeEndpoints'))).toBe(false)
  })
})

describe('copyMessage', () => {
  it('shares no struct and no array with the original, and copies no bytes', () => {
    const records = Buffer.from('records')
    const original = { topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] }
    const copy = copyMessage(original)
    expect(copy).toEqual(original)
    const [topic] = copy.topicData as [Message]
    const [partition] = topic.partitionData as [Message]
    expect(partition.records).toBe(records)
    partition.index = 5
    topic.name = 'other'
    expect(original.topicData[0]).toMatchObject({ name: 't', partitionData: [{ index: 0 }] })
  })
})

it('works on requests as well', () => {
  const body = encodeRequest(findCoordinator, 4, { keyType: 1, coordinatorKeys: ['a', 'b'] })
  const values: unknown[] = []
  const request = decodeRequest(findCoordinator, 4, body)
  visitFields('request', findCoordinator, 4, request, ({ path, value }) =>
    values.push([path, value]),
  )
  expect(values).toEqual([
    ['keyType', 1],
    ['coordinatorKeys', ['a', 'b']],
  ])
})
