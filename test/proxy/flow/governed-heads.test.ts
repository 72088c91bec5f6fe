// What the first bytes of a Produce and of a Fetch tell, against requests that our own codec has written.
import { describe, expect, it } from 'vitest'
import { readFirstTopic, readIsolation } from '../../../proxy/flow/governed-heads.ts'
import { apiNamed, encodeRequest } from '../../../proxy/protocol/codec.ts'
import { isFlexible, requestFrame } from '../../../proxy/protocol/frame.ts'

const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
const versionsOf = (api: string): number[] => {
  const known = apiNamed(api)
  if (known === undefined) throw new Error(`no ${api}`)
  const { minVersion, maxVersion } = known
  return Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index)
}

function fetchFrame(version: number, isolationLevel: number, clientId: string | null): Buffer {
  const header = { apiKey: 1, apiVersion: version, correlationId: 1, clientId }
  return requestFrame(
    header,
    encodeRequest(1, version, {
      replicaId: -1,
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 0x01010101,
      isolationLevel,
    }),
  )
}

function produceFrame(version: number, names: readonly string[]): Buffer {
  const header = { apiKey: 0, apiVersion: version, correlationId: 1, clientId: 'app' }
  return requestFrame(
    header,
    encodeRequest(0, version, {
      transactionalId: 'tx',
      acks: -1,
      timeoutMs: 100,
      topicData: names.map((name) => ({
        ...(version >= 13 ? { topicId } : { name }),
        partitionData: [{ index: 0, records: Buffer.alloc(3) }],
      })),
    }),
  )
}

/** Where the topics begin: behind the header, the transactional id, acks and the timeout. */
const topicsAt = (version: number): number =>
  14 + 'app'.length + (isFlexible(0, version) ? 1 + 1 : 2) + 'tx'.length + 2 + 4

describe('the isolation of a Fetch', () => {
  it.each(versionsOf('Fetch'))('is read in version %i', (version) => {
    for (const clientId of ['app', '', null]) {
      for (const isolation of [0, 1]) {
        const frame = fetchFrame(version, isolation, clientId)
        expect(readIsolation(frame, 0, frame.length, version)).toBe(isolation)
      }
    }
  })

  it('asks for more bytes as long as it has not come', () => {
    const frame = fetchFrame(12, 1, 'app')
    const needed = Array.from({ length: frame.length }, (_, length) => length).filter(
      (length) => length >= 17 && readIsolation(frame, 0, length, 12) >= 0,
    )
    expect(readIsolation(frame, 0, 17, 12)).toBeLessThan(0)
    expect(needed[0]).toBe(14 + 3 + 1 + 16 + 1)
  })
})

describe('the first topic of a Produce', () => {
  it.each(versionsOf('Produce'))('is read in version %i', (version) => {
    const frame = produceFrame(version, ['orders'])
    expect(readFirstTopic(frame, 0, frame.length, version, topicsAt(version))).toEqual({
      isOnly: true,
      ...(version >= 13 ? { topicId } : { name: 'orders' }),
    })
  })

  it('is not told where there are several', () => {
    const frame = produceFrame(9, ['orders', 'payments'])
    expect(readFirstTopic(frame, 0, frame.length, 9, topicsAt(9))).toEqual({ isOnly: false })
  })

  it.each([7, 9, 13])(
    'asks for more bytes as long as it has not come, in version %i',
    (version) => {
      const frame = produceFrame(version, ['orders'])
      const at = topicsAt(version)
      const told = Array.from({ length: frame.length - at }, (_, more) =>
        readFirstTopic(frame, 0, at + more, version, at),
      )
      const first = told.findIndex((one) => typeof one !== 'number')
      expect(first).toBe({ 7: 4 + 2 + 6, 9: 1 + 1 + 6, 13: 1 + 16 }[version as 7 | 9 | 13])
      expect(told.slice(first).every((one) => typeof one !== 'number')).toBe(true)
    },
  )
})
