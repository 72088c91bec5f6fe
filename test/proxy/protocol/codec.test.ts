import { describe, expect, it } from 'vitest'
import {
  allApis,
  apiNamed,
  apiOf,
  decodeData,
  decodeRequest,
  decodeResponse,
  defaultRequest,
  defaultResponse,
  encodeData,
  encodeRequest,
  encodeResponse,
  knows,
  type Message,
  ProtocolError,
} from '../../../proxy/protocol/codec.ts'

const produce = 0
const fetch = 1
const metadata = 3
const apiVersions = 18
const endTxn = 26

describe('the table of APIs', () => {
  it('finds an API by key and by name, with its versions', () => {
    expect(apiNamed('EndTxn')).toBe(apiOf(endTxn))
    expect(apiOf(endTxn)).toMatchObject({
      key: 26,
      name: 'EndTxn',
      minVersion: 0,
      maxVersion: 5,
      flexibleFrom: 3,
    })
    expect(apiNamed('SaslHandshake')?.flexibleFrom).toBe(Number.POSITIVE_INFINITY)
    expect(apiNamed('InitProducerId')?.maxVersionUnstable).toBe(true)
    expect(apiOf(4)).toBeUndefined()
    expect(apiNamed('EndTxnRequest')).toBeUndefined()
  })

  it('knows no version outside the range, and no impossible key or version', () => {
    expect(knows(produce, 3)).toBe(true)
    for (const [key, version] of [
      [produce, 2],
      [produce, 14],
      [4, 0],
      [-1, 0],
      [999, 0],
      // With 64 versions per API this would be EndTxn version 5.
      [endTxn - 1, 64 + 5],
      [endTxn + 1, -59],
    ] as const) {
      expect(knows(key, version)).toBe(false)
      expect(() => decodeRequest(key, version, Buffer.alloc(9))).toThrow(ProtocolError)
    }
  })
})

describe('codec', () => {
  it('reads back what it wrote for the defaults of every API and version', () => {
    let messages = 0
    for (const api of allApis()) {
      for (let version = api.minVersion; version <= api.maxVersion; version++) {
        const request = defaultRequest(api.key, version)
        expect(decodeRequest(api.key, version, encodeRequest(api.key, version, request))).toEqual(
          request,
        )
        const response = defaultResponse(api.key, version)
        expect(
          decodeResponse(api.key, version, encodeResponse(api.key, version, response)),
        ).toEqual(response)
        messages += 2
      }
    }
    expect(messages).toBeGreaterThan(600)
  })

  it('takes a field that is missing from the object as its default', () => {
    const bytes = encodeRequest(endTxn, 5, { transactionalId: 'copier-0' })
    expect(decodeRequest(endTxn, 5, bytes)).toEqual({
      transactionalId: 'copier-0',
      producerId: 0n,
      producerEpoch: 0,
      committed: false,
    })
  })

  it('hands bytes out as views of the frame, without copying', () => {
    const records = Buffer.from('records')
    const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
    const frame = encodeRequest(produce, 11, { acks: -1, timeoutMs: 1, topicData })
    const decoded = decodeRequest(produce, 11, frame)
    const [topic] = decoded.topicData as [Message]
    const [partition] = topic.partitionData as [Message]
    const view = partition.records as Buffer
    expect(view.toString()).toBe('records')
    expect(view.buffer).toBe(frame.buffer)
  })

  it('drops an ignorable value that the version cannot carry, and refuses any other', () => {
    // GroupInstanceId came with Heartbeat 3 and may not be lost; ThrottleTimeMs may.
    const heartbeat = { groupId: 'g', generationId: 1, memberId: 'm' }
    expect(() => encodeRequest(12, 2, { ...heartbeat, groupInstanceId: 'static' })).toThrow(
      'field groupInstanceId does not exist in version 2',
    )
    expect(encodeRequest(12, 2, { ...heartbeat, groupInstanceId: null })).toEqual(
      encodeRequest(12, 2, heartbeat),
    )
    expect(decodeResponse(12, 0, encodeResponse(12, 0, { throttleTimeMs: 50 }))).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
    })
  })

  it.each([
    ['a number too large', { producerEpoch: 40_000 }],
    ['a fraction', { producerEpoch: 1.5 }],
    ['an inexact int64', { producerId: 2 ** 60 }],
    ['an int64 too large', { producerId: 2n ** 63n }],
    ['a number for a text', { transactionalId: 7 }],
    ['null for a text', { transactionalId: null }],
    ['a text for a bool', { committed: 'yes' }],
    ['a text that is too long', { transactionalId: 'x'.repeat(40_000) }],
  ])('refuses %s and names the field', (_what, wrong) => {
    const [field] = Object.keys(wrong)
    const message = { transactionalId: 't', ...wrong } as Message
    expect(() => encodeRequest(endTxn, 5, message)).toThrow(`field ${field}`)
    expect(() => encodeRequest(endTxn, 5, message)).toThrow(ProtocolError)
  })

  it('says at which byte a damaged message went wrong', () => {
    const whole = encodeRequest(endTxn, 1, { transactionalId: 'copier-0' })
    const failure = (bytes: Buffer): ProtocolError => {
      try {
        decodeRequest(endTxn, 1, bytes)
      } catch (cause) {
        return cause as ProtocolError
      }
      throw new Error('it was decoded')
    }
    expect(failure(whole.subarray(0, -1))).toMatchObject({ position: whole.length - 1 })
    expect(failure(Buffer.concat([whole, Buffer.from([1])])).message).toContain('1 bytes too many')
    expect(failure(Buffer.from([0xff, 0xff])).message).toContain('null where the schema allows')
  })

  it('refuses an array count that the bytes cannot hold, before it makes room', () => {
    const huge = Buffer.alloc(6)
    huge.writeInt32BE(0x7fff_ffff, 0)
    expect(() => decodeRequest(metadata, 1, huge)).toThrow('an array of 2147483647 in too few')
  })
})

describe('tagged fields', () => {
  it('keeps those that the schema does not know, byte for byte and in their place', () => {
    const unknown = [
      { tag: 1, bytes: Buffer.from([1, 2, 3]) },
      { tag: 70_000, bytes: Buffer.alloc(300, 7) },
    ]
    const answer = {
      responses: [],
      nodeEndpoints: [{ nodeId: 2, host: 'b', port: 9092, rack: null }],
      unknownTaggedFields: unknown,
    }
    const bytes = encodeResponse(produce, 11, answer)
    const decoded = decodeResponse(produce, 11, bytes)
    expect(decoded.unknownTaggedFields).toEqual(unknown)
    expect(decoded.nodeEndpoints).toEqual(answer.nodeEndpoints)
    expect(encodeResponse(produce, 11, decoded)).toEqual(bytes)
  })

  it('has no such field when there are none', () => {
    const bytes = encodeResponse(produce, 11, { responses: [] })
    expect('unknownTaggedFields' in decodeResponse(produce, 11, bytes)).toBe(false)
  })

  it('leaves a known tag at its default out', () => {
    const none = encodeRequest(fetch, 12, { clusterId: null })
    const some = encodeRequest(fetch, 12, { clusterId: 'c' })
    expect(some.length - none.length).toBe(1 + 1 + 2)
  })

  it('refuses unknown tags out of order, with a known number, or in a version without tags', () => {
    const bytes = Buffer.alloc(1)
    const encodeWith = (version: number, tags: number[]) => () =>
      encodeResponse(produce, version, {
        responses: [],
        unknownTaggedFields: tags.map((tag) => ({ tag, bytes })),
      })
    expect(encodeWith(11, [5, 4])).toThrow('unknownTaggedFields')
    expect(encodeWith(11, [5, 5])).toThrow('unknownTaggedFields')
    expect(encodeWith(11, [0])).toThrow('unknownTaggedFields')
    expect(encodeWith(8, [5])).toThrow('unknownTaggedFields')
    expect(encodeWith(11, [4, 5])).not.toThrow()
  })
})

describe('ApiVersions', () => {
  const refusal = {
    errorCode: 35,
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
  }

  it('reads an answer with error 35 in version 0, whatever version was asked for', () => {
    const bytes = encodeResponse(apiVersions, 0, refusal)
    for (const asked of [0, 3, 5, 99]) {
      expect(decodeResponse(apiVersions, asked, bytes)).toMatchObject(refusal)
    }
    expect(encodeResponse(apiVersions, 5, decodeResponse(apiVersions, 5, bytes))).toEqual(bytes)
  })

  it('reads every other answer in the version of its request', () => {
    const bytes = encodeResponse(apiVersions, 3, { finalizedFeaturesEpoch: 4n })
    expect(decodeResponse(apiVersions, 3, bytes).finalizedFeaturesEpoch).toBe(4n)
    expect(() => decodeResponse(apiVersions, 99, bytes)).toThrow(ProtocolError)
  })
})

describe('data', () => {
  it('reads and writes markers, assignments and the records of internal topics', () => {
    const marker = encodeData('EndTxnMarker', 0, { coordinatorEpoch: 3 })
    expect(marker.toString('hex')).toBe('00000003')
    const value = { producerId: 1n, producerEpoch: 2, transactionStatus: 1, nextProducerEpoch: 3 }
    const bytes = encodeData('TransactionLogValue', 1, value)
    expect(decodeData('TransactionLogValue', 1, bytes)).toMatchObject(value)
  })

  it('throws an ordinary error for a name that no schema has', () => {
    expect(() => decodeData('EndTxnMarkers', 0, Buffer.alloc(4))).toThrow('no schema is named')
    expect(() => decodeData('EndTxnMarker', 7, Buffer.alloc(4))).toThrow(ProtocolError)
  })
})
