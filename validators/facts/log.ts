// What lies in the logs: every batch with its state, every marker, and how often each id is committed. Ids
// themselves are not kept, only counted; a checker that needs their names goes through the lines again.
import type {
  HistoryLine,
  LogBatchLine,
  LogDamageLine,
  LogMarkerLine,
  LogRole,
  PartitionEndLine,
} from '../history-line.ts'
import { createTally, noSlot, type Tally } from '../identity.ts'
import { type BatchIdentity, identityKey } from './wire.ts'

/** A batch without its ids. */
export interface LogBatch {
  role: LogRole
  topic: string
  partition: number
  baseOffset: number
  lastOffset: number
  records: number
  producerId: number
  producerEpoch: number
  baseSequence: number
  transactional: boolean
  state: LogBatchLine['state']
  timestampMs: number
}

export interface LogPartition {
  role: LogRole
  topic: string
  partition: number
  /** By offset. */
  batches: LogBatch[]
  markers: LogMarkerLine[]
  damage: LogDamageLine[]
  /** Absent when the reader never reached the partition's end. */
  end: PartitionEndLine | undefined
}

/** How often each id lies in one topic. */
export interface TopicCount {
  committed: Tally
  /** Ids of aborted and of open transactions. */
  uncommitted: Tally
  committedRecords: number
  withoutId: number
}

export interface LogFacts {
  /** By `topic-partition`. */
  partitions: ReadonlyMap<string, LogPartition>
  /** All inputs together: an id is expected once, whichever input topic it came by. */
  input: TopicCount
  outputs: ReadonlyMap<string, TopicCount>
  /** Committed outputs without a number where the plan's invariant wants one. */
  withoutValue: number
  /** The batch that holds this offset. */
  batchAt(topicPartition: string, offset: number): LogBatch | undefined
  /** The batch with this identity; undefined for producer id -1. */
  batchOf(identity: BatchIdentity): LogBatch | undefined
  /** The marker that ended the transaction of this batch. */
  markerOf(batch: LogBatch): LogMarkerLine | undefined
}

export function topicPartition({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}-${partition}`
}

export interface LogCollector {
  /** With the slots of the line's ids, where it has any. */
  take(line: HistoryLine, slots: Float64Array): void
  finish(): LogFacts
}

const emptyCount = (bitsPerId: 2 | 8): TopicCount => ({
  committed: createTally(bitsPerId),
  uncommitted: createTally(),
  committedRecords: 0,
  withoutId: 0,
})

export function collectLog(bitsPerId: (topic: string) => 2 | 8): LogCollector {
  const partitions = new Map<string, LogPartition>()
  const input = emptyCount(2)
  const outputs = new Map<string, TopicCount>()
  let withoutValue = 0

  function partitionOf(line: { role: LogRole; topic: string; partition: number }): LogPartition {
    const key = topicPartition(line)
    let partition = partitions.get(key)
    if (partition === undefined) {
      const { role, topic } = line
      partition = {
        role,
        topic,
        partition: line.partition,
        batches: [],
        markers: [],
        damage: [],
        end: undefined,
      }
      partitions.set(key, partition)
    }
    return partition
  }

  function countOf(line: LogBatchLine): TopicCount {
    if (line.role === 'input') return input
    let count = outputs.get(line.topic)
    if (count === undefined) {
      count = emptyCount(bitsPerId(line.topic))
      outputs.set(line.topic, count)
    }
    return count
  }

  function takeBatch(line: LogBatchLine, slots: Float64Array): void {
    const { role, topic, partition, baseOffset, lastOffset, ids, state } = line
    const { producerId, producerEpoch, baseSequence, transactional, timestampMs } = line
    partitionOf(line).batches.push({
      role,
      topic,
      partition,
      baseOffset,
      lastOffset,
      records: ids.length,
      producerId,
      producerEpoch,
      baseSequence,
      transactional,
      state,
      timestampMs,
    })
    if (role === 'output' && state === 'committed') {
      withoutValue +=
        line.values === undefined
          ? ids.length
          : line.values.reduce<number>((sum, value) => sum + (value === null ? 1 : 0), 0)
    }
    const count = countOf(line)
    const tally = state === 'committed' ? count.committed : count.uncommitted
    if (state === 'committed') count.committedRecords += ids.length
    for (let index = 0; index < ids.length; index++) {
      const slot = slots[index] ?? noSlot
      if (slot !== noSlot) tally.add(slot)
      else if (state === 'committed') count.withoutId++
    }
  }

  return {
    take(line, slots) {
      switch (line.type) {
        case 'log-batch':
          return takeBatch(line, slots)
        case 'log-marker':
          partitionOf(line).markers.push(line)
          return
        case 'log-damage':
          partitionOf(line).damage.push(line)
          return
        case 'partition-end':
          partitionOf(line).end = line
          return
      }
    },
    finish() {
      for (const { batches, markers } of partitions.values()) {
        batches.sort((a, b) => a.baseOffset - b.baseOffset)
        markers.sort((a, b) => a.offset - b.offset)
      }
      const sorted = new Map([...partitions].sort(([a], [b]) => (a < b ? -1 : 1)))
      let identities: Map<string, LogBatch> | undefined
      return {
        partitions: sorted,
        input,
        outputs,
        withoutValue,
        batchAt(key, offset) {
          const batches = sorted.get(key)?.batches ?? []
          const found = batches[lastAtMost(batches, offset, (batch) => batch.baseOffset)]
          return found !== undefined && offset <= found.lastOffset ? found : undefined
        },
        batchOf(identity) {
          if (identity.producerId < 0) return undefined
          if (identities === undefined) {
            identities = new Map()
            for (const { batches } of sorted.values()) {
              for (const batch of batches) identities.set(identityKey(batch), batch)
            }
          }
          return identities.get(identityKey(identity))
        },
        markerOf(batch) {
          if (!batch.transactional) return undefined
          const markers = sorted.get(topicPartition(batch))?.markers ?? []
          const before = lastAtMost(markers, batch.lastOffset, (marker) => marker.offset)
          for (let index = before + 1; index < markers.length; index++) {
            if (markers[index]?.producerId === batch.producerId) return markers[index]
          }
          return undefined
        },
      }
    },
  }
}

/** Index of the last item whose number is at most the given one; -1 when there is none. */
function lastAtMost<Item>(
  items: readonly Item[],
  limit: number,
  numberOf: (item: Item) => number,
): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = items[middle]
    if (item !== undefined && numberOf(item) <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}
