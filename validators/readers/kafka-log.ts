// Reads the raw log of a partition with our own decoder: every batch, control batches included, from the start to
// the high watermark. Which batches are committed, aborted or still open follows from the markers alone: a marker
// of a producer id decides all its transactional batches since its last one. Checksums are checked. Lines come in
// the order of offsets; a batch waits for its marker, and those behind it wait with it.
import type { AnswerMemory } from '../../proxy/flow/broker-client.ts'
import type { FieldValue, Message } from '../../proxy/protocol/codec.ts'
import { initCompression } from '../../proxy/protocol/compression.ts'
import {
  type BatchHeader,
  eachRecord,
  hasValidCrc,
  readBatches,
  readMarker,
} from '../../proxy/protocol/record-batch.ts'
import type {
  LogBatchLine,
  LogDamageLine,
  LogMarkerLine,
  LogRole,
  PartitionEndLine,
} from '../history-line.ts'
import type { PlacedIdSelector } from '../selector.ts'
import { type ClusterClient, checkCode } from './cluster-client.ts'

export type LogLine = LogBatchLine | LogMarkerLine | LogDamageLine | PartitionEndLine
/** Where lines go; a promise holds the reader back. */
export type LineSink = (line: LogLine) => void | Promise<void>

export interface LogReaderOptions {
  cluster: ClusterClient
  role: LogRole
  topic: string
  partition: number
  /** Reading begins here, or at the log's start if that is later. */
  firstOffset?: number
  select: PlacedIdSelector
  /** Where the number of the plan's invariant lies; only for outputs. */
  selectValue?: PlacedIdSelector
  nowMs: () => number
  sink: LineSink
}

/** Taken per question; one larger batch still comes whole. Of each partition two answers are held at most. */
const fetchBytesMax = 2 * 1024 * 1024
const fetchWaitMs = 500
/** Topic names instead of topic ids, and every broker from 3.0 on has it. */
const fetchVersion = 12
const listOffsetsVersion = 7
const earliest = -2n
const latest = -1n
/** Answers without a batch below the high watermark in a row, after which something is wrong with the log. */
const emptyAnswersMax = 20

export type Isolation = 'read_uncommitted' | 'read_committed'

const isolationLevel = (isolation: Isolation): number => (isolation === 'read_committed' ? 1 : 0)

export interface At {
  topic: string
  partition: number
}

async function offsetAt(
  cluster: ClusterClient,
  at: At,
  timestamp: bigint,
  isolation: Isolation,
): Promise<number> {
  const answer = await cluster.askLeader(
    at,
    {
      api: 'ListOffsets',
      version: listOffsetsVersion,
      message: {
        replicaId: -1,
        isolationLevel: isolationLevel(isolation),
        topics: [
          {
            name: at.topic,
            partitions: [{ partitionIndex: at.partition, currentLeaderEpoch: -1, timestamp }],
          },
        ],
      },
    },
    (message) => checkCode('ListOffsets', only(only(message.topics).partitions).errorCode),
  )
  return Number(only(only(answer.topics).partitions).offset)
}

/** The one element of a list that was asked for one thing. */
function only(list: FieldValue | undefined): Message {
  const [first] = (list ?? []) as Message[]
  if (first === undefined) throw new Error('an answer without the partition that was asked for')
  return first
}

/** Start and both ends of a partition's log. */
export async function logBounds(
  cluster: ClusterClient,
  at: At,
): Promise<{ start: number; highWatermark: number; lastStable: number }> {
  const [start, lastStable, highWatermark] = await Promise.all([
    offsetAt(cluster, at, earliest, 'read_uncommitted'),
    offsetAt(cluster, at, latest, 'read_committed'),
    offsetAt(cluster, at, latest, 'read_uncommitted'),
  ])
  return { start, highWatermark, lastStable }
}

/**
 * Memory for one answer after the other. Megabytes of it made anew for each would cost more in collections than all
 * decoding; ids are texts of their own, so nothing of an answer is left when its lines are made.
 */
function answerMemory(): AnswerMemory {
  let held = Buffer.alloc(0)
  return (bytes) => {
    if (held.length < bytes) held = Buffer.allocUnsafeSlow(bytes)
    return held.subarray(0, bytes)
  }
}

async function fetchFrom(
  cluster: ClusterClient,
  at: At,
  offset: number,
  memory: AnswerMemory,
): Promise<Message> {
  const answer = await cluster.askLeader(
    at,
    {
      api: 'Fetch',
      version: fetchVersion,
      memory,
      message: {
        replicaId: -1,
        maxWaitMs: fetchWaitMs,
        minBytes: 1,
        maxBytes: fetchBytesMax,
        isolationLevel: isolationLevel('read_uncommitted'),
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            topic: at.topic,
            partitions: [
              {
                partition: at.partition,
                currentLeaderEpoch: -1,
                fetchOffset: BigInt(offset),
                lastFetchedEpoch: -1,
                logStartOffset: -1n,
                partitionMaxBytes: fetchBytesMax,
              },
            ],
          },
        ],
        forgottenTopicsData: [],
        rackId: '',
      },
    },
    (message) => {
      checkCode('Fetch', message.errorCode)
      checkCode('Fetch', only(only(message.responses).partitions).errorCode)
    },
  )
  return only(only(answer.responses).partitions)
}

/** Reads one partition to the high watermark that it has now. */
export async function readLog(options: LogReaderOptions): Promise<PartitionEndLine> {
  const { cluster, role, topic, partition, nowMs, sink } = options
  await initCompression()
  const bounds = await logBounds(cluster, options)
  const firstOffset = Math.max(options.firstOffset ?? 0, bounds.start)
  const states = decideStates(sink)
  let offset = firstOffset
  let empty = 0
  // By turns: one answer is decoded while the next one comes.
  let [mine, next] = [answerMemory(), answerMemory()]
  const askOn = (): Promise<Message> | undefined => {
    if (offset >= bounds.highWatermark) return undefined
    ;[mine, next] = [next, mine]
    return fetchFrom(cluster, options, offset, mine)
  }
  let asked = askOn()
  while (asked !== undefined) {
    const { records } = await asked
    const batches = (records instanceof Buffer ? readBatches(records) : []).filter(
      (batch) =>
        !batch.truncated && lastOf(batch) >= offset && batch.baseOffset < bounds.highWatermark,
    )
    empty = batches.length === 0 ? empty + 1 : 0
    if (empty >= emptyAnswersMax) {
      throw new Error(
        `no batch at offset ${offset} of ${topic}-${partition}, below its high watermark`,
      )
    }
    for (const batch of batches) offset = Math.max(offset, lastOf(batch) + 1)
    // The broker gets the next piece ready while this one is decoded.
    asked = askOn()
    // A failure is told at the top of the next round; until then nobody waits for it.
    asked?.catch(() => undefined)
    for (const batch of batches) await states.take(lineOf(batch, options))
  }
  await states.finish()
  const end: PartitionEndLine = {
    type: 'partition-end',
    atMs: nowMs(),
    role,
    topic,
    partition,
    firstOffset,
    highWatermark: bounds.highWatermark,
    lastStable: bounds.lastStable,
  }
  await sink(end)
  return end
}

function lastOf(batch: BatchHeader): number {
  return batch.baseOffset + batch.lastOffsetDelta
}

type Undecided = LogBatchLine | LogMarkerLine | LogDamageLine

/** Turns a batch into its line; a transactional one is `open` until its marker is seen. */
function lineOf(batch: BatchHeader, options: LogReaderOptions): Undecided {
  const { role, topic, partition, select, selectValue, nowMs } = options
  const at = { atMs: nowMs(), role, topic, partition }
  const { baseOffset, producerId, producerEpoch, baseSequence, transactional } = batch
  const lastOffset = lastOf(batch)
  const damaged = (problem: string): LogDamageLine => ({
    type: 'log-damage',
    ...at,
    baseOffset,
    lastOffset,
    problem,
  })
  if (!hasValidCrc(batch)) return damaged('its checksum is wrong')
  try {
    if (batch.control) {
      const marker = readMarker(batch)
      if (marker === undefined) return damaged('a control record that ends no transaction')
      return {
        type: 'log-marker',
        ...at,
        offset: baseOffset,
        producerId,
        producerEpoch,
        result: marker.committed ? 'commit' : 'abort',
        coordinatorEpoch: marker.coordinatorEpoch,
        timestampMs: batch.maxTimestampMs,
      }
    }
    const { ids, values, offsets } = contentOf(batch, select, selectValue)
    return {
      type: 'log-batch',
      ...at,
      baseOffset,
      lastOffset,
      producerId,
      producerEpoch,
      baseSequence,
      transactional,
      state: transactional ? 'open' : 'committed',
      codec: batch.compression,
      timestampMs: batch.maxTimestampMs,
      ids,
      ...(values === undefined ? {} : { values }),
      ...(offsets === undefined ? {} : { offsets }),
    }
  } catch (cause) {
    return damaged((cause as Error).message)
  }
}

/** What is kept of a batch's records; their offsets only where some are missing in between. */
function contentOf(
  batch: BatchHeader,
  select: PlacedIdSelector,
  selectValue: PlacedIdSelector | undefined,
): Pick<LogBatchLine, 'ids' | 'values' | 'offsets'> {
  const { baseOffset } = batch
  const ids: Array<string | null> = []
  const values: Array<number | null> | undefined = selectValue === undefined ? undefined : []
  let offsets: number[] | undefined
  eachRecord(batch, (record) => {
    const { offset } = record
    if (offsets === undefined && offset !== baseOffset + ids.length) {
      offsets = ids.map((_, index) => baseOffset + index)
    }
    offsets?.push(offset)
    ids.push(select(record))
    if (selectValue !== undefined) values?.push(numberIn(selectValue(record)))
  })
  return {
    ids,
    ...(values === undefined ? {} : { values }),
    ...(offsets === undefined ? {} : { offsets }),
  }
}

/** Holds lines back until it is known what became of their transactions. */
function decideStates(sink: LineSink): {
  take(line: Undecided): Promise<void>
  finish(): Promise<void>
} {
  let waiting: Array<{ line: Undecided; decided: boolean }> = []
  const openOf = new Map<number, Array<{ line: Undecided; decided: boolean }>>()

  async function passOn(): Promise<void> {
    let count = 0
    for (; waiting[count]?.decided === true; count++) {
      const line = waiting[count]?.line
      if (line !== undefined) await sink(line)
    }
    if (count > 0) waiting = waiting.slice(count)
  }

  return {
    async take(line) {
      const entry = { line, decided: true }
      waiting.push(entry)
      if (line.type === 'log-batch' && line.transactional) {
        entry.decided = false
        const open = openOf.get(line.producerId) ?? []
        openOf.set(line.producerId, open)
        open.push(entry)
      }
      if (line.type === 'log-marker') {
        for (const open of openOf.get(line.producerId) ?? []) {
          if (open.line.type === 'log-batch') {
            open.line.state = line.result === 'commit' ? 'committed' : 'aborted'
          }
          open.decided = true
        }
        openOf.delete(line.producerId)
      }
      if (waiting[0]?.decided === true) await passOn()
    },
    async finish() {
      for (const { line } of waiting) await sink(line)
      waiting = []
    },
  }
}

function numberIn(text: string | null): number | null {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : null
}
