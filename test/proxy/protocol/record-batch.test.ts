import { beforeAll, describe, expect, it } from 'vitest'
import { compressionNames, initCompression } from '../../../proxy/protocol/compression.ts'
import {
  type BatchHeader,
  hasValidCrc,
  lastSequence,
  readBatches,
  readMarker,
  readRecords,
  restoreCrc,
  writeBatch,
  writeMarker,
} from '../../../proxy/protocol/record-batch.ts'
import { type JavaBatch, javaBatches, javaBatchReadings } from './java-oracle.ts'

const seed = 7
let theirs: JavaBatch[] = []

beforeAll(async () => {
  await initCompression()
  theirs = javaBatches(seed)
})

function only(records: Buffer): BatchHeader {
  const batches = readBatches(records)
  expect(batches).toHaveLength(1)
  return batches[0] as BatchHeader
}

/** Ours in the words of the oracle. */
function described(batch: BatchHeader): Record<string, unknown> {
  const base64 = (bytes: Buffer | null): string | null => bytes?.toString('base64') ?? null
  return {
    sizeBytes: batch.sizeBytes,
    baseOffset: batch.baseOffset,
    lastOffset: batch.baseOffset + batch.lastOffsetDelta,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    crc: batch.crc,
    compression: batch.compression,
    timestampType: batch.timestampType,
    transactional: batch.transactional,
    control: batch.control,
    maxTimestampMs: batch.maxTimestampMs,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    lastSequence: lastSequence(batch),
    recordCount: batch.recordCount,
    records: readRecords(batch).map((record) => ({
      offset: record.offset,
      timestampMs: record.timestampMs,
      key: base64(record.key),
      value: base64(record.value),
      headers: record.headers.map(({ key, value }) => ({ key, value: base64(value) })),
    })),
  }
}

function withoutBytes({ bytes: _bytes, ...rest }: JavaBatch): Record<string, unknown> {
  return rest
}

describe('batches that Kafka writes', () => {
  it('reads headers, records and checksums of every compression as Kafka does', () => {
    const compressions = new Set(theirs.map(({ compression }) => compression))
    expect([...compressions].sort()).toEqual([...compressionNames].sort())
    for (const batch of theirs) {
      const ours = only(batch.bytes)
      expect(described(ours)).toEqual(withoutBytes(batch))
      expect(hasValidCrc(ours)).toBe(true)
      expect(ours.truncated).toBe(false)
    }
    console.log(`seed ${seed}: ${theirs.length} batches of Kafka read`)
  })

  it('tells a commit marker from an abort marker, with the coordinator epoch', () => {
    const markers = theirs.filter(({ control }) => control === true)
    expect(markers.map(({ bytes }) => readMarker(only(bytes)))).toEqual([
      { committed: false, coordinatorEpoch: 31 },
      { committed: true, coordinatorEpoch: 31 },
    ])
  })
})

describe('batches that we write', () => {
  it('are valid to Kafka and mean the same, in every compression', () => {
    const batches = compressionNames.map((compression) =>
      writeBatch({
        compression,
        records: [
          { key: 'k', value: 'v', headers: [{ key: 'gauntlet-id', value: 'in-3' }] },
          { key: null, value: null, timestampMs: 1_760_000_000_123 },
          { value: 'x'.repeat(100_000), headers: [{ key: 'none', value: null }] },
        ],
        baseOffset: 6_000_000_000,
        baseTimestampMs: 1_760_000_000_000,
        producerId: 42,
        producerEpoch: 7,
        baseSequence: 2_147_483_646,
        transactional: true,
      }),
    )
    batches.push(
      writeMarker({ committed: true, coordinatorEpoch: 5, producerId: 42, producerEpoch: 8 }),
    )
    const readings = javaBatchReadings(batches)
    expect(readings).toHaveLength(compressionNames.length + 1)
    readings.forEach((reading, index) => {
      expect(described(only(batches[index] as Buffer))).toEqual(withoutBytes(reading))
    })
    // The sequence wraps to 0 after 2^31 - 1.
    expect(readings[0]?.lastSequence).toBe(0)
    expect(readings[0]?.records).toHaveLength(3)
  })

  it('notices a changed byte by the checksum, and no more after it is restored', () => {
    const batch = writeBatch({ records: [{ value: 'paid: 10' }] })
    batch[batch.length - 2] = '9'.charCodeAt(0)
    expect(hasValidCrc(only(batch))).toBe(false)
    restoreCrc(batch)
    expect(hasValidCrc(only(batch))).toBe(true)
  })

  it('leaves the checksum right when only the offset changes', () => {
    const batch = writeBatch({ records: [{ value: 'v' }] })
    batch.writeBigInt64BE(99n, 0)
    expect(hasValidCrc(only(batch))).toBe(true)
    expect(readRecords(only(batch))[0]?.offset).toBe(99)
  })
})

describe('readBatches', () => {
  const one = writeBatch({ records: [{ value: 'one' }] })
  const two = writeBatch({ records: [{ value: 'two' }], baseOffset: 1 })

  it('reports a last batch that was cut off, and refuses to read its records', () => {
    const batches = readBatches(Buffer.concat([one, two]).subarray(0, -1))
    expect(batches.map(({ truncated }) => truncated)).toEqual([false, true])
    const cut = batches[1] as BatchHeader
    expect(cut.baseOffset).toBe(1)
    expect(hasValidCrc(cut)).toBe(false)
    expect(() => readRecords(cut)).toThrow('cut off')
  })

  it('leaves out a rest that is too short for a header', () => {
    expect(readBatches(Buffer.concat([one, two.subarray(0, 60)]))).toHaveLength(1)
    expect(readBatches(Buffer.alloc(0))).toEqual([])
  })

  it('refuses a length that would not move on, and an old format', () => {
    const stuck = Buffer.from(one)
    stuck.writeInt32BE(-12, 8)
    expect(() => readBatches(stuck)).toThrow('a batch of 0 bytes')
    const old = Buffer.from(one)
    old.writeInt8(1, 16)
    expect(() => readBatches(old)).toThrow('magic 1')
  })
})
