import { describe, expect, it } from 'vitest'
import type { MessageSubject } from '../../../proxy/faults/message-view.ts'
import { recordIds } from '../../../proxy/faults/record-ids.ts'
import { retryIdentities } from '../../../proxy/faults/retry-identity.ts'
import type { Message } from '../../../proxy/protocol/codec.ts'
import { writeBatch } from '../../../proxy/protocol/record-batch.ts'

const nobody: MessageSubject = {
  transactionalIds: [],
  groups: [],
  transactions: [],
  producerIds: [],
  topicPartitions: [],
}

const inTransaction = (transaction: number): MessageSubject => ({
  ...nobody,
  transactions: [{ transactionalId: 't', transaction, phase: 'ending', entered: [] }],
})

function produce(batch: Parameters<typeof writeBatch>[0], timeoutMs = 1): Message {
  return {
    transactionalId: null,
    acks: -1,
    timeoutMs,
    topicData: [{ name: 'out', partitionData: [{ index: 2, records: writeBatch(batch) }] }],
  }
}

const idempotent = { producerId: 5, producerEpoch: 1, baseSequence: 30 }
const same = (one: string[], other: string[]): boolean => one.some((id) => other.includes(id))
const ofProduce = (message: Message): string[] => retryIdentities(0, 11, message, nobody)

describe('retryIdentities', () => {
  it('knows a batch by producer, epoch, sequence and partition, whatever is around it', () => {
    const first = ofProduce(produce({ records: [{ value: 'a' }], ...idempotent }))
    expect(first).toEqual(['batch out-2 5 1 30'])
    expect(same(first, ofProduce(produce({ records: [{ value: 'a' }], ...idempotent }, 99)))).toBe(
      true,
    )
    for (const other of [{ producerEpoch: 2 }, { baseSequence: 31 }, { producerId: 6 }]) {
      const next = ofProduce(produce({ records: [{ value: 'a' }], ...idempotent, ...other }))
      expect(same(first, next)).toBe(false)
    }
  })

  it('knows anything else by its bytes', () => {
    const first = ofProduce(produce({ records: [{ value: 'a' }] }))
    expect(same(first, ofProduce(produce({ records: [{ value: 'a' }] })))).toBe(true)
    expect(same(first, ofProduce(produce({ records: [{ value: 'b' }] })))).toBe(false)
  })

  it('tells the end of one transaction from that of the next, which V1 says in the same words', () => {
    const end = { transactionalId: 't', producerId: 5n, producerEpoch: 1, committed: true }
    const first = retryIdentities(26, 4, end, inTransaction(1))
    expect(same(first, retryIdentities(26, 4, { ...end }, inTransaction(1)))).toBe(true)
    expect(same(first, retryIdentities(26, 4, { ...end }, inTransaction(2)))).toBe(false)
  })
})

describe('recordIds', () => {
  const withId = (id: string) => ({ value: 'v', headers: [{ key: 'gauntlet-id', value: id }] })
  const fail = (cause: unknown): never => {
    throw cause
  }

  it('finds the ids in a Produce, compressed or not', () => {
    for (const compression of ['none', 'gzip', 'snappy', 'lz4'] as const) {
      const records = [withId('in-1'), { value: 'without' }, withId('in-2')]
      const request = produce({ records, compression })
      expect(recordIds(0, request, undefined, fail)).toEqual(['in-1', 'in-2'])
    }
  })

  it('finds them in the answer to a Fetch, but not in a batch that is cut off', () => {
    const whole = writeBatch({ records: [withId('in-1')] })
    const cut = writeBatch({ records: [withId('in-2')] }).subarray(0, 70)
    const reply = {
      responses: [
        { topic: 't', partitions: [{ partitionIndex: 0, records: Buffer.concat([whole, cut]) }] },
      ],
    }
    expect(recordIds(1, {}, reply, fail)).toEqual(['in-1'])
  })

  it('tells of records that cannot be opened', () => {
    const records = writeBatch({ records: [withId('in-1')] })
    records[records.length - 20] = 0xff
    const causes: unknown[] = []
    const request = {
      topicData: [
        { name: 't', partitionData: [{ index: 0, records: records.subarray(0, 61 + 20) }] },
      ],
    }
    records.writeInt32BE(61 + 20 - 12, 8)
    expect(recordIds(0, request, undefined, (cause) => causes.push(cause))).toEqual([])
    expect(causes).toHaveLength(1)
  })
})
