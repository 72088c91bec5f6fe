import { describe, expect, it } from 'vitest'
import {
  apiNamed,
  type Direction,
  defaultRequest,
  defaultResponse,
  type Message,
} from '../../../proxy/protocol/codec.ts'
import { type Entities, entitiesOf } from '../../../proxy/protocol/entities.ts'

const id = 'AAAAAAAAAAAAAAAAAAAAAQ'

function entities(direction: Direction, name: string, version: number, fields: Message): Entities {
  const key = apiNamed(name)?.key ?? -1
  const defaults =
    direction === 'request' ? defaultRequest(key, version) : defaultResponse(key, version)
  return entitiesOf(direction, key, version, { ...defaults, ...fields })
}

const nothing: Entities = {
  transactionalIds: [],
  groups: [],
  topics: [],
  producerIds: [],
  brokers: [],
}

describe('entitiesOf', () => {
  it('finds the transactional id, topics and partitions of Produce, by name and by id', () => {
    const partitionData = [
      { index: 3, records: null },
      { index: 5, records: null },
    ]
    const topicData = [{ name: 'out', topicId: id, partitionData }]
    const fields = { transactionalId: 'copier-0', topicData }
    expect(entities('request', 'Produce', 12, fields)).toEqual({
      ...nothing,
      transactionalIds: ['copier-0'],
      topics: [{ name: 'out', partitions: [3, 5] }],
    })
    expect(entities('request', 'Produce', 13, fields).topics).toEqual([
      { topicId: id, partitions: [3, 5] },
    ])
  })

  it('finds partitions that are plain numbers, below transactions', () => {
    const topics = [{ name: 'out', partitions: [0, 1] }]
    const transactions = [
      { transactionalId: 'a', producerId: 7n, producerEpoch: 0, verifyOnly: true, topics },
      { transactionalId: 'b', producerId: 8n, producerEpoch: 0, verifyOnly: true, topics },
    ]
    expect(entities('request', 'AddPartitionsToTxn', 5, { transactions })).toEqual({
      ...nothing,
      transactionalIds: ['a', 'b'],
      producerIds: [7, 8],
      topics: [
        { name: 'out', partitions: [0, 1] },
        { name: 'out', partitions: [0, 1] },
      ],
    })
  })

  it('finds producer ids and partitions of WriteTxnMarkers', () => {
    const markers = [
      {
        producerId: 7n,
        producerEpoch: 1,
        transactionResult: true,
        topics: [{ name: '__consumer_offsets', partitionIndexes: [4] }],
      },
    ]
    expect(entities('request', 'WriteTxnMarkers', 1, { markers })).toEqual({
      ...nothing,
      producerIds: [7],
      topics: [{ name: '__consumer_offsets', partitions: [4] }],
    })
  })

  it('takes the keys of FindCoordinator as groups or transactional ids by their type', () => {
    const find = (version: number, fields: Message): Entities =>
      entities('request', 'FindCoordinator', version, fields)
    expect(find(0, { key: 'g' }).groups).toEqual(['g'])
    expect(find(3, { key: 't', keyType: 1 }).transactionalIds).toEqual(['t'])
    expect(find(4, { keyType: 0, coordinatorKeys: ['g', 'h'] }).groups).toEqual(['g', 'h'])
    expect(find(6, { keyType: 2, coordinatorKeys: [`a:b:${id}:4`] }).groups).toEqual(['a:b'])
  })

  it('finds groups and topics of TxnOffsetCommit, once each', () => {
    const fields = {
      transactionalId: 't',
      groupId: 'g',
      producerId: 9n,
      topics: [{ name: 'in', partitions: [{ partitionIndex: 2 }] }],
    }
    expect(entities('request', 'TxnOffsetCommit', 4, fields)).toEqual({
      transactionalIds: ['t'],
      groups: ['g'],
      producerIds: [9],
      brokers: [],
      topics: [{ name: 'in', partitions: [2] }],
    })
  })

  it('leaves out what stands for nothing: -1, empty texts, topics that a Fetch forgets', () => {
    expect(entities('request', 'InitProducerId', 3, { producerId: -1n })).toEqual(nothing)
    const forgottenTopicsData = [{ topic: 'old', partitions: [1] }]
    expect(entities('request', 'Fetch', 12, { forgottenTopicsData })).toEqual(nothing)
    expect(entities('request', 'Heartbeat', 4, { groupId: '' })).toEqual(nothing)
  })

  it('finds topic names that are plain texts, and brokers', () => {
    expect(
      entities('request', 'ConsumerGroupHeartbeat', 0, {
        groupId: 'g',
        subscribedTopicNames: ['in'],
      }),
    ).toMatchObject({ groups: ['g'], topics: [{ name: 'in', partitions: [] }] })
    const topics = [
      {
        name: 'in',
        partitions: [{ partitionIndex: 0, leaderId: 2, replicaNodes: [2, 3], isrNodes: [2] }],
      },
    ]
    const answer = { brokers: [{ nodeId: 1, host: 'h', port: 1 }], controllerId: 1, topics }
    expect(entities('response', 'Metadata', 5, answer)).toMatchObject({
      brokers: [1, 2, 3],
      topics: [{ name: 'in', partitions: [0] }],
    })
  })
})
