// What the read_committed readers were handed, as sums that do not depend on order: two sets of records are equal
// when their counts and sums are. The lines are gone through again only where they differ.
import type { HistoryLine, ReadLine } from '../history-line.ts'
import { noSlot, type Slot } from '../identity.ts'
import { topicPartition } from './log.ts'

export interface RecordSum {
  records: number
  sum: number
}

export function emptySum(): RecordSum {
  return { records: 0, sum: 0 }
}

export function isSameSum(one: RecordSum, other: RecordSum): boolean {
  return one.records === other.records && one.sum === other.sum
}

/** Adds a record at an offset; the sum wraps at 2^32. */
export function addRecord(sum: RecordSum, offset: number, slot: Slot): void {
  let mixed = Math.imul(offset ^ 0x9e3779b9, 0x85ebca6b)
  mixed = Math.imul((slot >>> 0) ^ mixed ^ (mixed >>> 15), 0xc2b2ae35)
  mixed = Math.imul(Math.floor(slot / 2 ** 32) ^ mixed ^ (mixed >>> 13), 0x27d4eb2f)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x2c1b3c6d)
  sum.records++
  sum.sum = (sum.sum + ((mixed ^ (mixed >>> 15)) >>> 0)) >>> 0
}

/** Adds what a read line handed out; `slots` as they belong to its ids. */
export function addRead(sum: RecordSum, line: ReadLine, slots: Float64Array): void {
  let index = 0
  for (const [first, count] of line.offsets) {
    for (let offset = first; offset < first + count; offset++) {
      addRecord(sum, offset, slots[index++] ?? noSlot)
    }
  }
}

/** Adds the records of a batch up to an offset. */
export function addBatch(
  sum: RecordSum,
  line: { baseOffset: number; ids: { length: number }; offsets?: number[] },
  slots: Float64Array,
  upTo = Number.POSITIVE_INFINITY,
): void {
  for (let index = 0; index < line.ids.length; index++) {
    const offset = line.offsets?.[index] ?? line.baseOffset + index
    if (offset <= upTo) addRecord(sum, offset, slots[index] ?? noSlot)
  }
}

/** Offsets and ids of a read line, one by one. */
export function* recordsRead(line: ReadLine): Generator<{ offset: number; id: string | null }> {
  let index = 0
  for (const [first, count] of line.offsets) {
    for (let offset = first; offset < first + count; offset++) {
      yield { offset, id: line.ids[index++] ?? null }
    }
  }
}

/** Offsets and ids of a batch in the log, one by one. */
export function* recordsOf(line: {
  baseOffset: number
  ids: ReadonlyArray<string | null>
  offsets?: number[]
}): Generator<{ offset: number; id: string | null }> {
  for (let index = 0; index < line.ids.length; index++) {
    yield { offset: line.offsets?.[index] ?? line.baseOffset + index, id: line.ids[index] ?? null }
  }
}

export interface ReadFacts {
  /** What the log says is committed, and what the final reader was handed, by `topic-partition`. */
  committed: ReadonlyMap<string, RecordSum>
  final: ReadonlyMap<string, RecordSum>
  concurrentRecords: number
}

export interface ReadCollector {
  /** With the slots of the line's ids, where it has any. */
  take(line: HistoryLine, slots: Float64Array): void
  finish(): ReadFacts
}

export function collectReads(): ReadCollector {
  const committed = new Map<string, RecordSum>()
  const final = new Map<string, RecordSum>()
  let concurrentRecords = 0
  const sumOf = (sums: Map<string, RecordSum>, key: string): RecordSum => {
    const sum = sums.get(key) ?? emptySum()
    sums.set(key, sum)
    return sum
  }
  return {
    take(line, slots) {
      if (line.type === 'log-batch' && line.role === 'output' && line.state === 'committed') {
        addBatch(sumOf(committed, topicPartition(line)), line, slots)
      }
      if (line.type !== 'read') return
      if (line.reader === 'concurrent') concurrentRecords += line.ids.length
      else addRead(sumOf(final, topicPartition(line)), line, slots)
    },
    finish: () => ({ committed, final, concurrentRecords }),
  }
}
