// What the read_committed readers were handed, as sums that do not depend on order: two sets of records are equal
// when their counts and sums are. The lines are gone through again only where they differ.
import type { HistoryLine, ReadLine } from '../history-line.ts'
import type { IdSpace, Slot } from '../identity.ts'
import { topicPartition } from './log.ts'

export interface RecordSum {
  records: number
  sum: number
}

/** Slot of a record without an id. */
const noId: Slot = -1

export function emptySum(): RecordSum {
  return { records: 0, sum: 0 }
}

/** Adds a record at an offset; the sum wraps at 2^32. */
export function addRecord(sum: RecordSum, offset: number, slot: Slot): void {
  let mixed = Math.imul(offset ^ 0x9e3779b9, 0x85ebca6b)
  mixed ^= Math.imul((slot % 2 ** 32) ^ (mixed >>> 15), 0xc2b2ae35)
  mixed ^= Math.imul(Math.floor(slot / 2 ** 32) ^ (mixed >>> 13), 0x27d4eb2f)
  sum.records++
  sum.sum = (sum.sum + ((mixed ^ (mixed >>> 16)) >>> 0)) >>> 0
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
  take(line: HistoryLine): void
  finish(): ReadFacts
}

export function collectReads(space: IdSpace): ReadCollector {
  const committed = new Map<string, RecordSum>()
  const final = new Map<string, RecordSum>()
  let concurrentRecords = 0
  const sumOf = (sums: Map<string, RecordSum>, key: string): RecordSum => {
    const sum = sums.get(key) ?? emptySum()
    sums.set(key, sum)
    return sum
  }
  return {
    take(line) {
      if (line.type === 'log-batch' && line.role === 'output' && line.state === 'committed') {
        const sum = sumOf(committed, topicPartition(line))
        for (const { offset, id } of recordsOf(line)) {
          addRecord(sum, offset, id === null ? noId : space.slot(id))
        }
      }
      if (line.type !== 'read') return
      if (line.reader === 'concurrent') {
        concurrentRecords += line.ids.length
        return
      }
      const sum = sumOf(final, topicPartition(line))
      for (const { offset, id } of recordsRead(line)) {
        addRecord(sum, offset, id === null ? noId : space.slot(id))
      }
    },
    finish: () => ({ committed, final, concurrentRecords }),
  }
}
