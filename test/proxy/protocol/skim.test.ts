import { describe, expect, it } from 'vitest'
import { encodeResponse, ProtocolError } from '../../../proxy/protocol/codec.ts'
import { responseBodyOffset, responseFrame } from '../../../proxy/protocol/frame.ts'
import { hasRootTag } from '../../../proxy/protocol/skim.ts'

const produce = 0
const fetch = 1
const nodeEndpoints = [{ nodeId: 1, host: 'h', port: 1, rack: 'r' }]

function fetchAnswer(extra: object, recordBytes = 1_000): Buffer {
  const partition = (partitionIndex: number) => ({
    partitionIndex,
    records: Buffer.alloc(recordBytes, 0xff),
    abortedTransactions: partitionIndex === 0 ? null : [{ producerId: 1n, firstOffset: 2n }],
    // A tag inside a partition must not be taken for one of the root.
    currentLeader: { leaderId: 3, leaderEpoch: 4 },
    unknownTaggedFields: [{ tag: 40, bytes: Buffer.from('x') }],
  })
  return encodeResponse(fetch, 17, {
    responses: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions: [0, 1, 2].map(partition) }],
    ...extra,
  })
}

describe('hasRootTag', () => {
  it('finds the tag at the root of Fetch and Produce answers, and only there', () => {
    expect(hasRootTag(fetch, 17, fetchAnswer({ nodeEndpoints }), 0, 0)).toBe(true)
    expect(hasRootTag(fetch, 17, fetchAnswer({}), 0, 0)).toBe(false)
    const produced = { responses: [{ name: 't', partitionResponses: [{ index: 0 }] }] }
    const bytes = encodeResponse(produce, 10, { ...produced, nodeEndpoints })
    expect(hasRootTag(produce, 10, bytes, 0, 0)).toBe(true)
    expect(hasRootTag(produce, 10, encodeResponse(produce, 10, produced), 0, 0)).toBe(false)
  })

  it('finds a later tag behind others, and starts where it is told', () => {
    const unknownTaggedFields = [{ tag: 6, bytes: Buffer.alloc(200) }]
    const body = fetchAnswer({ nodeEndpoints, unknownTaggedFields })
    const frame = responseFrame(fetch, 17, 9, body).subarray(4)
    const offset = responseBodyOffset(fetch, 17, frame)
    expect([0, 1, 6, 7, 40].map((tag) => hasRootTag(fetch, 17, frame, offset, tag))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ])
  })

  it('finds nothing in versions that have no tags', () => {
    const bytes = encodeResponse(produce, 8, { responses: [] })
    expect(hasRootTag(produce, 8, bytes, 0, 0)).toBe(false)
  })

  it('throws a ProtocolError for an answer that is cut off anywhere', () => {
    const bytes = fetchAnswer({}, 20)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => hasRootTag(fetch, 17, bytes.subarray(0, length), 0, 0)).toThrow(ProtocolError)
    }
  })
})
