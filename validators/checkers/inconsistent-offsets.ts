// `inconsistent-offsets`: one place of the log held different records at different times or for different readers.
// Compares every record that a reader was handed, during the faults or at the end, with the record that the raw log
// holds at that offset. A reader that was handed something where the log holds nothing (it was cut back) counts too.
// Must not conclude anything from records that a reader was not handed, nor below the place where the log was read.
import { place, recordProof } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import {
  addBatch,
  addRead,
  emptySum,
  isSameSum,
  type RecordSum,
  recordsOf,
  recordsRead,
} from '../facts/reads.ts'
import { counted, type Finding, gather } from '../finding.ts'
import { type History, topicWasRead } from '../history.ts'
import { noSlot, type Slot } from '../identity.ts'

const nothing: Slot = -2

export function inconsistentOffsets(history: History): Finding[] {
  const suspects = partitionsThatDiffer(history)
  if (suspects.size === 0) return []
  const slots = new Map<string, { first: number; slots: Float64Array }>()
  for (const [key, { end }] of history.log.partitions) {
    if (!suspects.has(key) || end === undefined) continue
    const size = Math.max(0, end.highWatermark - end.firstOffset)
    slots.set(key, { first: end.firstOffset, slots: new Float64Array(size).fill(nothing) })
  }
  const slotOf = (id: string | null): Slot => (id === null ? noSlot : history.slot(id))
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'output') continue
    const held = slots.get(topicPartition(line))
    if (held === undefined) continue
    for (const { offset, id } of recordsOf(line)) held.slots[offset - held.first] = slotOf(id)
  }
  return history.run.outputs.flatMap(({ topic }) => {
    if (!topicWasRead(history, topic)) return []
    const gathered = gather()
    for (const line of history.lines('read')) {
      if (line.type !== 'read' || line.topic !== topic) continue
      const key = topicPartition(line)
      const held = slots.get(key)
      if (held === undefined) continue
      for (const { offset, id } of recordsRead(line)) {
        if (offset < held.first) continue
        const inLog = held.slots[offset - held.first] ?? nothing
        if (inLog === slotOf(id)) continue
        if (!gathered.add(id)) continue
        const shows = `handed to the ${line.reader} reader, while the log holds ${inLog === nothing ? 'no record' : 'another record'} there`
        const batch = history.log.batchAt(key, offset)
        const seen = { ...(id === null ? {} : { id }), atMs: line.atMs }
        gathered.prove(
          batch === undefined
            ? { shows, place: place(line, offset), ...seen }
            : { ...recordProof(history, batch, { offset, id }, shows), ...seen },
        )
      }
    }
    if (gathered.count === 0) return []
    return [
      gathered.finding(
        'inconsistent-offsets',
        `${counted(gathered.count, 'record')} that a reader saw in ${topic} where the log holds another or none`,
      ),
    ]
  })
}

/**
 * Cheap, and enough where all is well: whatever a reader was handed of a partition is, up to the last of it, the same
 * set of records as the committed ones. Only where it is not, every record is looked at.
 */
function partitionsThatDiffer(history: History): ReadonlySet<string> {
  const { committed, final } = history.reads
  const suspects = new Set<string>()
  for (const [key, sum] of final) {
    if (!isSameSum(sum, committed.get(key) ?? emptySum())) suspects.add(key)
  }
  const handed = new Map<string, { read: RecordSum; inLog: RecordSum; last: number }>()
  if (history.reads.concurrentRecords > 0) {
    for (const line of history.lines('read')) {
      if (line.type !== 'read' || line.reader !== 'concurrent') continue
      const key = topicPartition(line)
      const known = handed.get(key) ?? { read: emptySum(), inLog: emptySum(), last: -1 }
      handed.set(key, known)
      addRead(known.read, line, history.slots(line.ids))
      for (const [first, count] of line.offsets)
        known.last = Math.max(known.last, first + count - 1)
    }
    for (const line of history.lines('log-batch')) {
      if (line.type !== 'log-batch' || line.state !== 'committed') continue
      const known = handed.get(topicPartition(line))
      if (known === undefined || line.baseOffset > known.last) continue
      addBatch(known.inLog, line, history.slots(line.ids), known.last)
    }
  }
  for (const [key, { read, inLog }] of handed) if (!isSameSum(read, inLog)) suspects.add(key)
  for (const [key, { role }] of history.log.partitions) if (role !== 'output') suspects.delete(key)
  return suspects
}
