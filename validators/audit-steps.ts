// The audit itself, wherever it runs: read the inputs, wait until everything has come to rest, read the outputs with
// our own decoder and again with kafkajs. Everything it learns, failures of its readers included, becomes lines.
import type { BrokerAccess } from '../proxy/flow/access.ts'
import { type Runtime, systemRuntime } from '../proxy/runtime.ts'
import type { AuditLine } from './history-line.ts'
import {
  type ClusterClient,
  createClusterClient,
  type PartitionPlace,
} from './readers/cluster-client.ts'
import { committedOffsets, waitUntilDrained } from './readers/drain.ts'
import { type FileSink, readFileSink } from './readers/file-sink.ts'
import { startConsumerReader } from './readers/kafka-consumer.ts'
import { type LogLine, logBounds, readLog } from './readers/kafka-log.ts'
import { type PostgresSink, readPostgresSink } from './readers/postgres-sink.ts'
import type { SinkReaderHooks } from './readers/sink-lines.ts'
import { idSelector, placedIdSelector } from './selector.ts'

/** What an application may write to instead of a topic. */
export type Sink = FileSink | PostgresSink

/** What an audit is told; plain data, so that it can go to a worker. */
export interface AuditTask {
  /** The brokers' own addresses, never the proxy's. */
  bootstrap: string[]
  /** How they are reached; absent: plainly. */
  access?: BrokerAccess | undefined
  /** Empty for an application that only produces. */
  inputTopics: string[]
  outputTopics: string[]
  /** Files and tables that the application writes to; read when it has stopped. */
  sinks?: Sink[]
  /** The application's group; without one nobody waits for committed offsets. */
  group?: string
  /** Where outputs keep their id, e.g. `header:gauntlet-id`. */
  idSelector: string
  /** Where inputs keep theirs, if it differs. */
  inputIdSelector?: string
  /** Where outputs keep the number of the plan's invariant. */
  valueSelector?: string
  /** The application's transactional ids, if they are known. */
  transactionalIds?: string[]
  /** By `topic-partition`: older records are none of our business. */
  firstOffsets?: Record<string, number>
  /** How long to wait until everything has come to rest. */
  timeoutMs: number
}

export interface AuditSummary {
  drained: boolean
  waitedMs: number
  /** What was not at rest. */
  left: string[]
  inputRecords: number
  committedRecords: number
  /** Records that the second reader was handed. */
  readRecords: number
  tookMs: number
}

export interface AuditHooks {
  emit: (line: AuditLine) => void | Promise<void>
  /** Between the drain and the reading of outputs: the application is stopped here. */
  drained: (drained: boolean) => Promise<void>
  look?: (left: readonly string[]) => void
}

/** One answer may take this long; a broker that stands still is then taken for dead. */
const requestTimeoutMs = 10_000
/** How long the readers wait for a broker that is away. */
const patienceMs = 30_000
/** During the drain the next look comes soon enough. */
const drainPatienceMs = 3_000
/** Partitions read side by side; more would only queue at their brokers. */
const sideBySide = 8

export async function runAudit(
  task: AuditTask,
  hooks: AuditHooks,
  runtime: Runtime = systemRuntime(0),
): Promise<AuditSummary> {
  const startedAtMs = runtime.nowMs()
  const open = (patience: number): ClusterClient =>
    createClusterClient(task.bootstrap, {
      clientId: 'gauntlet-audit',
      requestTimeoutMs,
      patienceMs: patience,
      access: task.access,
      runtime,
    })
  const cluster = open(patienceMs)
  const drainCluster = open(drainPatienceMs)
  const { emit } = hooks
  const fail = (reader: 'log' | 'drain', what: string, cause: unknown) =>
    emit({
      type: 'reader-error',
      atMs: runtime.nowMs(),
      reader,
      message: `${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    })
  const placesOf = async (topics: string[]): Promise<PartitionPlace[]> => {
    if (topics.length === 0) return []
    try {
      return await cluster.partitions(topics)
    } catch (cause) {
      await fail('log', topics.join(', '), cause)
      return []
    }
  }

  /** Reads partitions side by side; a failure is a line, and the others go on. */
  async function readAll(
    role: 'input' | 'output',
    places: PartitionPlace[],
    see: (line: LogLine) => void,
  ): Promise<void> {
    const select = placedIdSelector(
      role === 'input' ? (task.inputIdSelector ?? task.idSelector) : task.idSelector,
    )
    const selectValue =
      role === 'output' && task.valueSelector !== undefined
        ? placedIdSelector(task.valueSelector)
        : undefined
    const queue = [...places]
    const work = async () => {
      for (let place = queue.shift(); place !== undefined; place = queue.shift()) {
        const { topic, partition } = place
        const firstOffset = task.firstOffsets?.[`${topic}-${partition}`]
        try {
          await readLog({
            cluster,
            role,
            topic,
            partition,
            ...(firstOffset === undefined ? {} : { firstOffset }),
            select,
            ...(selectValue === undefined ? {} : { selectValue }),
            nowMs: () => runtime.nowMs(),
            sink: (line) => {
              see(line)
              return emit(line)
            },
          })
        } catch (cause) {
          await fail('log', `${topic}-${partition}`, cause)
        }
      }
    }
    await Promise.all(Array.from({ length: sideBySide }, work))
  }

  try {
    let inputRecords = 0
    let committedRecords = 0
    const inputEnds = new Map<string, { topic: string; partition: number; end: number }>()
    await readAll('input', await placesOf(task.inputTopics), (line) => {
      if (line.type !== 'log-batch' || line.state !== 'committed') return
      const { topic, partition, lastOffset } = line
      inputRecords += line.ids.length
      inputEnds.set(`${topic}-${partition}`, { topic, partition, end: lastOffset + 1 })
    })
    const outputs = await placesOf(task.outputTopics)

    const { drain, groupOffsets, openTransactions } = await waitUntilDrained({
      cluster: drainCluster,
      inputEnds: [...inputEnds.values()],
      outputs,
      ...(task.group === undefined ? {} : { group: task.group }),
      ...(task.transactionalIds === undefined ? {} : { transactionalIds: task.transactionalIds }),
      boundMs: task.timeoutMs,
      runtime,
      ...(hooks.look === undefined ? {} : { onLook: hooks.look }),
    })
    await emit(drain)
    for (const line of openTransactions) await emit(line)
    await hooks.drained(drain.drained)

    // The application has stopped: what the group has committed now is what it will start from again.
    let finalOffsets = groupOffsets
    if (task.group !== undefined) {
      try {
        const offsets = await committedOffsets(cluster, task.group, task.inputTopics)
        finalOffsets = { type: 'group-offsets', atMs: runtime.nowMs(), group: task.group, offsets }
      } catch (cause) {
        await fail('drain', `committed offsets of ${task.group}`, cause)
      }
    }
    if (finalOffsets !== undefined) await emit(finalOffsets)

    const ends: Array<{
      topic: string
      partition: number
      firstOffset: number
      endOffset: number
    }> = []
    await readAll('output', outputs, (line) => {
      if (line.type === 'log-batch' && line.state === 'committed') {
        committedRecords += line.ids.length
      }
      if (line.type === 'partition-end') {
        const { topic, partition, firstOffset, lastStable } = line
        ends.push({ topic, partition, firstOffset, endOffset: lastStable })
      }
    })
    const second = startConsumerReader({
      bootstrap: task.bootstrap,
      access: task.access,
      reader: 'final',
      partitions: ends,
      select: idSelector(task.idSelector),
      sink: emit,
      patienceMs,
      runtime,
    })
    await second.done
    let sinkRecords = 0
    for (const sink of task.sinks ?? []) {
      try {
        sinkRecords += await readSink(sink, { nowMs: () => runtime.nowMs(), emit })
      } catch (cause) {
        await fail('log', `sink ${sinkPlace(sink)}`, cause)
      }
    }

    return {
      drained: drain.drained,
      waitedMs: drain.waitedMs,
      left: drain.left,
      inputRecords,
      committedRecords: committedRecords + sinkRecords,
      readRecords: second.records() + sinkRecords,
      tookMs: runtime.nowMs() - startedAtMs,
    }
  } finally {
    cluster.close()
    drainCluster.close()
  }
}

function readSink(sink: Sink, hooks: SinkReaderHooks): Promise<number> {
  switch (sink.kind) {
    case 'file':
      return readFileSink(sink, hooks)
    case 'postgres':
      return readPostgresSink(sink, hooks)
  }
}

export function sinkPlace(sink: Sink): string {
  switch (sink.kind) {
    case 'file':
      return sink.path
    case 'postgres':
      return `table ${sink.table}`
  }
}

/** What the concurrent reader is told; plain data. */
export interface ConcurrentReaderTask {
  bootstrap: string[]
  /** How they are reached; absent: plainly. */
  access?: BrokerAccess | undefined
  topics: string[]
  idSelector: string
  firstOffsets?: Record<string, number>
}

/** Reads outputs read_committed from their log's start on, until it is stopped. */
export async function startConcurrentRead(
  task: ConcurrentReaderTask,
  emit: (line: AuditLine) => void | Promise<void>,
  runtime: Runtime = systemRuntime(0),
): Promise<{ stop(): Promise<void>; records(): number }> {
  const cluster = createClusterClient(task.bootstrap, {
    clientId: 'gauntlet-audit',
    requestTimeoutMs,
    patienceMs,
    runtime,
    access: task.access,
  })
  try {
    const places = task.topics.length === 0 ? [] : await cluster.partitions(task.topics)
    const partitions = await Promise.all(
      places.map(async ({ topic, partition }) => {
        const { start } = await logBounds(cluster, { topic, partition })
        const firstOffset = Math.max(start, task.firstOffsets?.[`${topic}-${partition}`] ?? 0)
        return { topic, partition, firstOffset }
      }),
    )
    const reader = startConsumerReader({
      bootstrap: task.bootstrap,
      access: task.access,
      reader: 'concurrent',
      partitions,
      select: idSelector(task.idSelector),
      sink: emit,
      patienceMs,
      runtime,
    })
    return { stop: () => reader.stop(), records: () => reader.records() }
  } finally {
    cluster.close()
  }
}
