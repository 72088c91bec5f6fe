import { beforeAll, describe, expect, it } from 'vitest'
import { compressionNames, initCompression } from '../../../proxy/protocol/compression.ts'
import { breakBatch, damageRecord } from '../../../proxy/protocol/damage.ts'
import {
  type BatchHeader,
  hasValidCrc,
  type RecordToWrite,
  readBatches,
  readRecords,
  writeBatch,
} from '../../../proxy/protocol/record-batch.ts'
import { javaBatchReadings } from './java-oracle.ts'

beforeAll(initCompression)

const withId = (id: string): RecordToWrite => ({
  value: `value of ${id}`,
  headers: [
    { key: 'gauntlet-id', value: id },
    { key: 'other', value: 'kept' },
  ],
})

function batchOf(records: RecordToWrite[], compression: (typeof compressionNames)[number]) {
  const bytes = writeBatch({
    records,
    compression,
    producerId: 7,
    producerEpoch: 1,
    baseSequence: 3,
  })
  return readBatches(bytes)[0] as BatchHeader
}

const texts = (batch: BatchHeader): string[] =>
  readRecords(batch).map(({ value }) => value?.toString('latin1') ?? '')

describe.each(compressionNames)('a batch compressed by %s', (compression) => {
  const batch = (): BatchHeader => batchOf([withId('a-1'), withId('a-2')], compression)

  it('is broken by one byte, and its checksum tells', () => {
    const before = batch()
    const [broken] = readBatches(breakBatch(before))
    if (broken === undefined) throw new Error('a batch')
    expect(hasValidCrc(broken)).toBe(false)
    expect(broken.crc).toBe(before.crc)
    expect(hasValidCrc(before)).toBe(true)
    const changed = [...broken.bytes].filter((byte, at) => byte !== before.bytes[at])
    expect(changed).toHaveLength(1)
  })

  it('is damaged in the record that is meant, with a right checksum', () => {
    const isMeant = (record: { value: Buffer | null }) =>
      record.value?.toString() === 'value of a-2'
    const bytes = damageRecord(batch(), isMeant, 'gauntlet-id')
    const [damaged] = readBatches(bytes ?? Buffer.alloc(0))
    if (damaged === undefined || bytes === undefined) throw new Error('a batch')
    expect(hasValidCrc(damaged)).toBe(true)
    const { compression: same, producerId, baseSequence, recordCount, lastOffsetDelta } = damaged
    expect({ same, producerId, baseSequence, recordCount, lastOffsetDelta }).toEqual({
      same: compression,
      producerId: 7,
      baseSequence: 3,
      recordCount: 2,
      lastOffsetDelta: 1,
    })
    expect(texts(damaged)[0]).toBe('value of a-1')
    expect(texts(damaged)[1]).toBe('value \xeff a-2')
    const headers = readRecords(damaged).map(({ headers }) =>
      headers.map(({ value }) => value?.toString('latin1')),
    )
    expect(headers).toEqual([
      ['a-1', 'kept'],
      ['a\xad2', 'kept'],
    ])
  })

  it('is left alone when no record is meant, or none has anything to damage', () => {
    expect(damageRecord(batch(), () => false, 'gauntlet-id')).toBeUndefined()
    const empty = batchOf([{ value: null }, { value: '' }], compression)
    expect(damageRecord(empty, () => true, 'gauntlet-id')).toBeUndefined()
  })
})

it('what is damaged with a right checksum is a batch like any other to Kafka', () => {
  const damaged = compressionNames.map((compression) =>
    damageRecord(batchOf([withId('a-1')], compression), () => true, 'gauntlet-id'),
  )
  const read = javaBatchReadings(damaged.map((bytes) => bytes ?? Buffer.alloc(0)))
  const values = read.map(({ records }) =>
    records.map(({ value }) => Buffer.from(value ?? '', 'base64').toString('latin1')),
  )
  expect(values).toEqual(compressionNames.map(() => ['value \xeff a-1']))
})
