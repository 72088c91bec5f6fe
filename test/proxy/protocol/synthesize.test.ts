import { describe, expect, it } from 'vitest'
import {
  apiNamed,
  decodeResponse,
  defaultRequest,
  encodeResponse,
  type Message,
  ProtocolError,
} from '../../../proxy/protocol/codec.ts'
import { errorCodeNamed } from '../../../proxy/protocol/error-codes.ts'
import {
  carriesError,
  type ErrorPlaces,
  errorAnswer,
  errorCodesIn,
  plainAnswer,
  setErrors,
} from '../../../proxy/protocol/synthesize.ts'

const id = 'AAAAAAAAAAAAAAAAAAAAAQ'

function key(name: string): number {
  return apiNamed(name)?.key ?? -1
}

/** The answer as the client would read it. */
function answered(
  api: string,
  version: number,
  request: Message,
  error: string,
  partitions: ErrorPlaces = 'all',
): Message {
  const whole = { ...defaultRequest(key(api), version), ...request }
  const answer = errorAnswer(key(api), version, whole, errorCodeNamed(error), partitions)
  return decodeResponse(key(api), version, encodeResponse(key(api), version, answer))
}

const twoPartitions = [
  { index: 0, records: null },
  { index: 1, records: null },
]
const produceRequest = { topicData: [{ name: 'out', topicId: id, partitionData: twoPartitions }] }

describe('errorAnswer', () => {
  it('answers every partition of a Produce, with no offset', () => {
    const answer = answered('Produce', 11, produceRequest, 'NOT_LEADER_OR_FOLLOWER')
    const partition = { errorCode: 6, baseOffset: -1n, logAppendTimeMs: -1n, errorMessage: null }
    expect(answer.responses).toMatchObject([
      {
        name: 'out',
        partitionResponses: [
          { ...partition, index: 0 },
          { ...partition, index: 1 },
        ],
      },
    ])
  })

  it('names topics by their ids where the version does', () => {
    const answer = answered('Produce', 13, produceRequest, 'UNKNOWN_TOPIC_ID')
    expect(answer.responses).toMatchObject([{ topicId: id, name: '' }])
  })

  it('says the error at the first or the named partitions only, if told so', () => {
    const codes = (partitions: ErrorPlaces, version = 11): unknown => {
      const [topic] = answered(
        'Produce',
        version,
        produceRequest,
        'NOT_ENOUGH_REPLICAS',
        partitions,
      ).responses as [Message]
      return (topic.partitionResponses as Message[]).map(({ errorCode }) => errorCode)
    }
    expect(codes('first')).toEqual([19, 0])
    expect(codes(['out-1'])).toEqual([0, 19])
    expect(codes([`${id}-1`], 13)).toEqual([0, 19])
    expect(codes(['other-0', 'out-0', 'out-1'])).toEqual([19, 19])
    expect(() => codes(['other-0'])).toThrow(ProtocolError)
  })

  it('says it once where an API carries it once, partitions or not', () => {
    for (const partitions of ['all', 'first', ['out-0']] as const) {
      const answer = answered('EndTxn', 5, {}, 'CONCURRENT_TRANSACTIONS', partitions)
      expect(answer).toEqual({
        throttleTimeMs: 0,
        errorCode: 51,
        producerId: -1n,
        producerEpoch: -1,
      })
    }
  })

  it('names no coordinator, at the top or for each key', () => {
    const nowhere = { nodeId: -1, host: '', port: -1, errorCode: 15 }
    expect(answered('FindCoordinator', 2, { key: 'k' }, 'COORDINATOR_NOT_AVAILABLE')).toMatchObject(
      nowhere,
    )
    const request = { keyType: 1, coordinatorKeys: ['a', 'b'] }
    expect(answered('FindCoordinator', 4, request, 'COORDINATOR_NOT_AVAILABLE')).toMatchObject({
      coordinators: [
        { key: 'a', ...nowhere },
        { key: 'b', ...nowhere },
      ],
    })
  })

  it('answers AddPartitionsToTxn by topic in old versions and by transaction in new ones', () => {
    const topics = [{ name: 'out', partitions: [0, 2] }]
    const resultsByPartition = [
      { partitionIndex: 0, partitionErrorCode: 48 },
      { partitionIndex: 2, partitionErrorCode: 48 },
    ]
    expect(
      answered('AddPartitionsToTxn', 3, { v3AndBelowTopics: topics }, 'INVALID_TXN_STATE'),
    ).toMatchObject({ resultsByTopicV3AndBelow: [{ name: 'out', resultsByPartition }] })
    const transactions = [{ transactionalId: 't', producerId: 1n, producerEpoch: 0, topics }]
    expect(answered('AddPartitionsToTxn', 5, { transactions }, 'INVALID_TXN_STATE')).toMatchObject({
      errorCode: 48,
      resultsByTransaction: [
        { transactionalId: 't', topicResults: [{ name: 'out', resultsByPartition }] },
      ],
    })
  })

  it('answers WriteTxnMarkers by producer id', () => {
    const topics = [{ name: 'out', partitionIndexes: [3] }]
    const markers = [{ producerId: 7n, producerEpoch: 0, topics }]
    expect(answered('WriteTxnMarkers', 1, { markers }, 'NOT_LEADER_OR_FOLLOWER')).toMatchObject({
      markers: [
        {
          producerId: 7n,
          topics: [{ name: 'out', partitions: [{ partitionIndex: 3, errorCode: 6 }] }],
        },
      ],
    })
  })

  it('answers OffsetFetch by group, topic and partition, without an offset', () => {
    const topics = [{ name: 'in', topicId: id, partitionIndexes: [1] }]
    const groups = [{ groupId: 'g', memberId: null, topics }]
    expect(answered('OffsetFetch', 9, { groups }, 'NOT_COORDINATOR')).toMatchObject({
      groups: [
        {
          groupId: 'g',
          errorCode: 16,
          topics: [
            {
              name: 'in',
              partitions: [{ partitionIndex: 1, committedOffset: -1n, errorCode: 16 }],
            },
          ],
        },
      ],
    })
  })

  it('says errors of a fetch session at the root, and those of partitions there', () => {
    const topics = [{ topic: 'in', partitions: [{ partition: 4 }] }]
    const request = { topics, forgottenTopicsData: [{ topic: 'old', partitions: [1] }] }
    expect(answered('Fetch', 12, request, 'FETCH_SESSION_ID_NOT_FOUND')).toMatchObject({
      errorCode: 70,
      responses: [],
    })
    const answer = answered('Fetch', 12, request, 'NOT_LEADER_OR_FOLLOWER')
    expect(answer).toMatchObject({
      errorCode: 0,
      responses: [
        {
          topic: 'in',
          partitions: [
            { partitionIndex: 4, errorCode: 6, highWatermark: -1n, records: Buffer.alloc(0) },
          ],
        },
      ],
    })
    expect(answer.responses).toHaveLength(1)
    // An incremental fetch may name no partition at all.
    expect(answered('Fetch', 12, {}, 'NOT_LEADER_OR_FOLLOWER').errorCode).toBe(6)
  })

  it('answers JoinGroup as a broker that refuses a member', () => {
    const answer = answered('JoinGroup', 7, { memberId: 'm' }, 'REBALANCE_IN_PROGRESS')
    expect(answer).toMatchObject({
      errorCode: 27,
      generationId: -1,
      protocolName: null,
      memberId: 'm',
      members: [],
    })
  })

  it('answers members and configuration resources one by one', () => {
    const members = [
      { memberId: 'a', groupInstanceId: 'i' },
      { memberId: 'b', groupInstanceId: null },
    ]
    expect(answered('LeaveGroup', 4, { members }, 'UNKNOWN_MEMBER_ID').members).toMatchObject([
      { memberId: 'a', groupInstanceId: 'i', errorCode: 25 },
      { memberId: 'b', groupInstanceId: null, errorCode: 25 },
    ])
    expect(answered('LeaveGroup', 4, { members }, 'UNKNOWN_MEMBER_ID').errorCode).toBe(0)
    const resources = [{ resourceType: 2, resourceName: 'out', configurationKeys: null }]
    expect(answered('DescribeConfigs', 4, { resources }, 'INVALID_REQUEST').results).toMatchObject([
      { resourceType: 2, resourceName: 'out', errorCode: 42 },
    ])
  })
})

it('says of a LeaveGroup as a whole what is not about a member, and of no member then', () => {
  const members = [{ memberId: 'a', groupInstanceId: null }]
  expect(answered('LeaveGroup', 4, { members }, 'NOT_COORDINATOR')).toMatchObject({
    errorCode: 16,
    members: [],
  })
  expect(answered('LeaveGroup', 2, { memberId: 'a' }, 'UNKNOWN_MEMBER_ID').errorCode).toBe(25)
})

describe('setErrors', () => {
  const broker = (): Message => ({
    responses: [
      {
        name: 'out',
        partitionResponses: [
          { index: 0, errorCode: 0, baseOffset: 100n },
          { index: 1, errorCode: 0, baseOffset: 200n },
        ],
      },
    ],
    throttleTimeMs: 40,
  })

  it('overwrites the answer of a broker and keeps what the error does not concern', () => {
    const changed = setErrors(0, 11, broker(), 7, ['out-1'])
    expect(changed).toMatchObject({
      throttleTimeMs: 40,
      responses: [
        {
          partitionResponses: [
            { index: 0, errorCode: 0, baseOffset: 100n },
            { index: 1, errorCode: 7, baseOffset: -1n },
          ],
        },
      ],
    })
    expect(errorCodesIn(0, 11, changed)).toEqual([7])
  })

  it('can also take errors away', () => {
    const refused = setErrors(0, 11, broker(), 7, 'all')
    expect(errorCodesIn(0, 11, refused)).toEqual([7, 7])
    expect(errorCodesIn(0, 11, setErrors(0, 11, refused, 0, 'all'))).toEqual([])
  })
})

describe('plainAnswer', () => {
  it('answers heartbeats of both group protocols', () => {
    expect(plainAnswer(key('Heartbeat'), 4, { memberId: 'm' }, {})).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
    })
    const request = { groupId: 'g', memberId: 'm', memberEpoch: 5 }
    expect(plainAnswer(key('ConsumerGroupHeartbeat'), 1, request, {})).toMatchObject({
      errorCode: 0,
      memberId: 'm',
      memberEpoch: 5,
      heartbeatIntervalMs: 5_000,
      assignment: null,
    })
  })

  it('takes fields of the body, nested ones and bytes too', () => {
    const assignment = { topicPartitions: [{ topicId: id, partitions: [1] }] }
    const body = { memberEpoch: 9, assignment }
    const answer = plainAnswer(key('ConsumerGroupHeartbeat'), 1, {}, body)
    expect(answer).toMatchObject(body)
    const synced = plainAnswer(key('SyncGroup'), 5, {}, { assignment: 'AAE=' })
    expect(synced.assignment).toEqual(Buffer.from([0, 1]))
  })

  it('refuses a field that the answer does not have', () => {
    const heartbeat = key('Heartbeat')
    expect(() => plainAnswer(heartbeat, 4, {}, { errorcode: 3 })).toThrow('no field errorcode')
    expect(() => plainAnswer(heartbeat, 0, {}, { throttleTimeMs: 3 })).toThrow(ProtocolError)
    const nested = { assignment: { topicPartitions: [{ topic: 'x' }] } }
    expect(() => plainAnswer(key('ConsumerGroupHeartbeat'), 1, {}, nested)).toThrow(
      'assignment.topicPartitions[0].topic',
    )
  })
})

it('knows that every API can say an error', () => {
  expect(carriesError(key('Produce'), 3)).toBe(true)
  expect(carriesError(key('Metadata'), 0)).toBe(true)
  expect(() => carriesError(key('Produce'), 2)).toThrow(ProtocolError)
})
