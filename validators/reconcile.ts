// Reconciliation: every offset of an output up to the high watermark is exactly one of committed, aborted, control;
// and what the second reader was handed is exactly what is committed. Gives sentences, one per partition that fails.

import type { LogPartition } from './facts/log.ts'
import { emptySum, isSameSum } from './facts/reads.ts'
import { counted } from './finding.ts'
import { type History, isSink } from './history.ts'

/** Offsets that are nothing, or two things at once. */
export function unaccounted(history: History): string[] {
  const sentences: string[] = []
  for (const [key, partition] of history.log.partitions) {
    if (partition.role !== 'output' || partition.end === undefined) continue
    const { missing, double } = walk(partition)
    if (missing > 0) sentences.push(`${counted(missing, 'offset')} of ${key} hold nothing`)
    if (double > 0) sentences.push(`${counted(double, 'offset')} of ${key} were read twice`)
  }
  return sentences
}

function walk({ batches, markers, damage, end }: LogPartition): {
  missing: number
  double: number
} {
  const spans = [
    ...batches.map(({ baseOffset, lastOffset, records }) => ({
      first: baseOffset,
      last: lastOffset,
      holes: lastOffset - baseOffset + 1 - records,
    })),
    ...markers.map(({ offset }) => ({ first: offset, last: offset, holes: 0 })),
    ...damage.map(({ baseOffset, lastOffset }) => ({
      first: baseOffset,
      last: lastOffset,
      holes: 0,
    })),
  ].sort((a, b) => a.first - b.first)
  let next = end?.firstOffset ?? 0
  let missing = 0
  let double = 0
  for (const { first, last, holes } of spans) {
    // A batch may begin before the place where reading began.
    if (next > first && next !== end?.firstOffset) double += Math.min(next, last + 1) - first
    if (first > next) missing += first - next
    missing += holes
    next = Math.max(next, last + 1)
  }
  return { missing: missing + Math.max(0, (end?.highWatermark ?? 0) - next), double }
}

/** Partitions in which our own decoder and the second reader do not tell the same. */
export function disagreements(history: History): string[] {
  const sentences: string[] = []
  for (const [key, { role, topic, end }] of history.log.partitions) {
    const [one, other] = isSink(history, topic)
      ? ['the first reading', 'the second']
      : ['kafka-log', 'kafkajs was handed']
    // Behind an open transaction a read_committed reader sees less, and that is right.
    if (role !== 'output' || end === undefined || end.lastStable < end.highWatermark) continue
    const committed = history.reads.committed.get(key) ?? emptySum()
    const final = history.reads.final.get(key) ?? emptySum()
    if (isSameSum(committed, final)) continue
    sentences.push(
      committed.records === final.records
        ? `${key}: both readers count ${counted(committed.records, 'record')}, but not the same ones`
        : `${key}: ${one} counts ${counted(committed.records, 'committed record')}, ${other} ${final.records}`,
    )
  }
  return sentences
}
