import { describe, expect, it } from 'vitest'
import { loads } from '../../bench/figures.ts'
import { produceAnswer, produceRequest } from '../../bench/produce-frame.ts'
import { decodeRequest, decodeResponse, type Message } from '../../proxy/protocol/codec.ts'
import { readRequestHeader, responseBodyOffset } from '../../proxy/protocol/frame.ts'
import { hasValidCrc, readBatches } from '../../proxy/protocol/record-batch.ts'

const produce = 0

describe('the messages of the bench', () => {
  it.each(loads)(
    'are Produce requests of exactly the size of $name, with a valid batch',
    (load) => {
      for (const transactional of [false, true]) {
        const frame = produceRequest(load.frameBytes, transactional)
        expect(frame.length).toBe(load.frameBytes)
        expect(frame.readInt32BE(0)).toBe(load.frameBytes - 4)
        const body = frame.subarray(4)
        const header = readRequestHeader(body)
        expect(header.apiKey).toBe(produce)
        const request = decodeRequest(
          produce,
          header.apiVersion,
          body.subarray(header.bodyOffset),
        ) as Message & { topicData: [{ partitionData: [{ records: Buffer }] }] }
        expect(request.acks).toBe(-1)
        expect(request.transactionalId !== null).toBe(transactional)
        const [batch] = readBatches(request.topicData[0].partitionData[0].records)
        expect(batch?.transactional).toBe(transactional)
        expect(batch !== undefined && hasValidCrc(batch)).toBe(true)
      }
    },
  )

  it('are answered without an error', () => {
    const body = produceAnswer().subarray(4)
    const reply = decodeResponse(produce, 11, body.subarray(responseBodyOffset(produce, 11, body)))
    expect(reply.responses).toMatchObject([{ partitionResponses: [{ index: 0, errorCode: 0 }] }])
  })
})
