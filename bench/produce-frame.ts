// The messages of the bench: a Produce request of an exact size with one valid batch, and a broker's answer.
import { crc32c } from '@node-rs/crc32'
import { encodeRequest, encodeResponse } from '../proxy/protocol/codec.ts'
import { requestFrame, responseFrame } from '../proxy/protocol/frame.ts'

const produceKey = 0
/** The last version of transaction protocol V1, which most clients speak. */
const produceVersion = 11
const clientId = 'bench-producer'
const topic = 'orders'
const transactionalId = 'bench-0'
const producerId = 4_711n
const transactionalBit = 0x10
const batchHeaderBytes = 61
const crcAt = 17
const crcCoversFrom = 21

function zigzag(value: number): number[] {
  let left = value * 2
  const bytes: number[] = []
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80)
    left = Math.floor(left / 0x80)
  }
  return [...bytes, left]
}

/** A batch of one record without key or headers. */
function batchOf(valueBytes: number, transactional: boolean): Buffer {
  const inner = [0, 0, 0, 1, ...zigzag(valueBytes)]
  const record = Buffer.concat([
    Buffer.from([...zigzag(inner.length + valueBytes + 1), ...inner]),
    Buffer.alloc(valueBytes, 'x'),
    Buffer.from([0]),
  ])
  const batch = Buffer.concat([Buffer.alloc(batchHeaderBytes), record])
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeInt16BE(transactional ? transactionalBit : 0, crcCoversFrom)
  batch.writeBigInt64BE(1_700_000_000_000n, 27)
  batch.writeBigInt64BE(1_700_000_000_000n, 35)
  batch.writeBigInt64BE(producerId, 43)
  batch.writeInt32BE(1, 57)
  batch.writeUInt32BE(crc32c(batch.subarray(crcCoversFrom)), crcAt)
  return batch
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
