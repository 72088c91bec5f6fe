// The messages of the bench: a Produce request of an exact size with one valid batch, and a broker's answer.
import { encodeRequest, encodeResponse } from '../proxy/protocol/codec.ts'
import { requestFrame, responseFrame } from '../proxy/protocol/frame.ts'
import { writeBatch } from '../proxy/protocol/record-batch.ts'

const produceKey = 0
/** The last version of transaction protocol V1, which most clients speak. */
const produceVersion = 11
const clientId = 'bench-producer'
const topic = 'orders'
const transactionalId = 'bench-0'
const producerId = 4_711

/** A batch of one record without key or headers. */
function batchOf(valueBytes: number, transactional: boolean): Buffer {
  return writeBatch({
    producerId,
    producerEpoch: 0,
    baseSequence: 0,
    transactional,
    records: [{ value: Buffer.alloc(valueBytes, 'x') }],
  })
}

function requestWith(valueBytes: number, transactional: boolean): Buffer {
  return requestFrame(
    { apiKey: produceKey, apiVersion: produceVersion, correlationId: 0, clientId },
    encodeRequest(produceKey, produceVersion, {
      transactionalId: transactional ? transactionalId : null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [
        {
          name: topic,
          partitionData: [{ index: 0, records: batchOf(valueBytes, transactional) }],
        },
      ],
    }),
  )
}

/** A whole frame of exactly so many bytes. Its batch has always the same sequence, which a peer does not mind. */
export function produceRequest(frameBytes: number, transactional: boolean): Buffer {
  let valueBytes = frameBytes
  // Lengths are written in as few bytes as they need, so the right length is found by trying.
  for (;;) {
    const frame = requestWith(valueBytes, transactional)
    if (frame.length === frameBytes) return frame
    if (valueBytes < 1) throw new Error(`no Produce request has ${frameBytes} bytes`)
    valueBytes += frame.length > frameBytes ? frameBytes - frame.length : 1
  }
}

/** What a broker answers to it: appended at offset 0. */
export function produceAnswer(): Buffer {
  return responseFrame(
    produceKey,
    produceVersion,
    0,
    encodeResponse(produceKey, produceVersion, {
      responses: [
        {
          name: topic,
          partitionResponses: [
            {
              index: 0,
              errorCode: 0,
              baseOffset: 0n,
              logAppendTimeMs: -1n,
              logStartOffset: 0n,
              recordErrors: [],
              errorMessage: null,
              currentLeader: { leaderId: -1, leaderEpoch: -1 },
            },
          ],
        },
      ],
      throttleTimeMs: 0,
      nodeEndpoints: [],
    }),
  )
}
