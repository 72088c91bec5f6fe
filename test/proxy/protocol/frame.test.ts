import { describe, expect, it } from 'vitest'
import { encodeRequest, ProtocolError } from '../../../proxy/protocol/codec.ts'
import {
  frameBytesMax,
  readRequestHeader,
  requestFrame,
  responseBodyOffset,
  responseFrame,
} from '../../../proxy/protocol/frame.ts'

const produce = 0
const saslHandshake = 17
const apiVersions = 18
const endTxn = 26
const body = Buffer.from('body')

function withoutSize(frame: Buffer): Buffer {
  expect(frame.readInt32BE(0)).toBe(frame.length - 4)
  return frame.subarray(4)
}

describe('request frames', () => {
  it.each([
    ['before flexible versions', endTxn, 2, []],
    ['in flexible versions', endTxn, 3, []],
    ['with tagged fields in the header', endTxn, 5, [{ tag: 9, bytes: Buffer.from([1, 2]) }]],
    ['of an API that is never flexible', saslHandshake, 1, []],
    ['of an ApiVersions version that we do not know', apiVersions, 99, []],
  ])('%s: the header is read as it was written', (_what, apiKey, apiVersion, taggedFields) => {
    for (const clientId of ['producer-1', '', null]) {
      const header = { apiKey, apiVersion, correlationId: -5, clientId, taggedFields }
      const frame = withoutSize(requestFrame(header, body))
      const read = readRequestHeader(frame)
      expect(read).toMatchObject(header)
      expect(frame.subarray(read.bodyOffset)).toEqual(body)
    }
  })

  it('keeps the client id in its old form, and adds one byte for tags in flexible versions', () => {
    const header = { apiKey: endTxn, correlationId: 1, clientId: 'c' }
    const old = requestFrame({ ...header, apiVersion: 2 }, body)
    const flexible = requestFrame({ ...header, apiVersion: 3 }, body)
    expect(old.subarray(4).toString('hex')).toBe('001a000200000001000163626f6479')
    expect(flexible.length).toBe(old.length + 1)
  })

  it('reads what it can of an unknown API', () => {
    const frame = withoutSize(
      requestFrame({ apiKey: 999, apiVersion: 3, correlationId: 7, clientId: 'x' }, body),
    )
    expect(readRequestHeader(frame)).toMatchObject({
      apiKey: 999,
      correlationId: 7,
      bodyOffset: 11,
    })
  })

  it('throws a ProtocolError for a header that is cut off', () => {
    const frame = withoutSize(
      requestFrame({ apiKey: endTxn, apiVersion: 3, correlationId: 7, clientId: 'x' }, body),
    )
    const headerBytes = readRequestHeader(frame).bodyOffset
    for (let length = 0; length < headerBytes; length++) {
      expect(() => readRequestHeader(frame.subarray(0, length))).toThrow(ProtocolError)
    }
  })
})

describe('response frames', () => {
  it.each([
    ['before flexible versions', endTxn, 2, 4],
    ['in flexible versions', endTxn, 3, 5],
    ['of ApiVersions, always without tags', apiVersions, 4, 4],
    ['of an unknown API', 999, 3, 4],
  ])('%s: the body starts after the right header', (_what, apiKey, apiVersion, offset) => {
    const frame = withoutSize(responseFrame(apiKey, apiVersion, 77, body))
    expect(frame.readInt32BE(0)).toBe(77)
    expect(responseBodyOffset(apiKey, apiVersion, frame)).toBe(offset)
    expect(frame.subarray(offset)).toEqual(body)
  })

  it('skips tagged fields of the header', () => {
    const frame = Buffer.from([0, 0, 0, 1, 2, 0, 1, 0xaa, 3, 2, 0xbb, 0xcc, 0x55])
    expect(responseBodyOffset(produce, 9, frame)).toBe(12)
    expect(() => responseBodyOffset(produce, 9, frame.subarray(0, 11))).toThrow(ProtocolError)
  })

  it('refuses a frame beyond the limit', () => {
    const large = Buffer.alloc(frameBytesMax)
    expect(() => responseFrame(produce, 3, 1, large)).toThrow('at most 104857600')
  })
})

it('makes the very frame that a broker expects', () => {
  const request = encodeRequest(endTxn, 1, {
    transactionalId: 'tx',
    producerId: 5,
    producerEpoch: 1,
    committed: true,
  })
  const frame = requestFrame(
    { apiKey: endTxn, apiVersion: 1, correlationId: 2, clientId: 'cl' },
    request,
  )
  expect(frame.toString('hex')).toBe(
    [
      '0000001b',
      '001a',
      '0001',
      '00000002',
      '0002636c',
      '00027478',
      '0000000000000005',
      '0001',
      '01',
    ].join(''),
  )
})
