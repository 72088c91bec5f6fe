// The second pair of eyes: reads outputs read_committed with kafkajs' connections and decoder. Once at the end, as a
// count of its own beside that of kafka-log, and all through the run, to see what a consumer sees during the faults.
// Commits nothing and belongs to no group. One fetch at a time per broker, partitions side by side; a broker that
// goes away is waited for. What was handed out is never handed out again: positions outlive every restart.
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { type Runtime, systemRuntime } from '../../proxy/runtime.ts'
import type { ReaderErrorLine, ReadLine } from '../history-line.ts'
import type { IdSelector, SelectableRecord } from '../selector.ts'
import {
  type FetchedPartition,
  type FetchedRecord,
  type KafkajsCluster,
  openKafkajsCluster,
  withoutAborted,
} from './kafkajs-fetch.ts'

export interface ReadPartition {
  topic: string
  partition: number
  firstOffset: number
  /** Read up to here, excluded; without one the reader goes on until it is stopped. */
  endOffset?: number
}

export interface ConsumerReaderOptions {
  bootstrap: readonly string[]
  access?: BrokerAccess | undefined
  reader: ReadLine['reader']
  partitions: readonly ReadPartition[]
  select: IdSelector
  sink: (line: ReadLine | ReaderErrorLine) => void | Promise<void>
  /** How long a partition may go unread before that is an error. */
  patienceMs: number
  runtime?: Runtime
}

export interface ConsumerReader {
  /** Resolves when every partition with an end was read to it, or given up. */
  done: Promise<void>
  /** Stops at the next answer; resolves when the connections are closed. */
  stop(): Promise<void>
  /** Records handed out so far. */
  records(): number
}

const fetchWaitMs = 200
const fetchBytesMax = 4 * 1024 * 1024
const readCommitted = 1
const pauseMs = 100

interface Position extends ReadPartition {
  next: number
  finished: boolean
  /** When a fetch for it last worked. */
  aliveAtMs: number
  lastProblem: string | undefined
}

/** Never rejects: what goes wrong for longer than `patienceMs` becomes a `reader-error` line. */
export function startConsumerReader(options: ConsumerReaderOptions): ConsumerReader {
  const { reader, select, sink, patienceMs } = options
  const runtime = options.runtime ?? systemRuntime(0)
  const startedAtMs = runtime.nowMs()
  const positions: Position[] = options.partitions.map((partition) => ({
    ...partition,
    next: partition.firstOffset,
    finished: partition.endOffset !== undefined && partition.firstOffset >= partition.endOffset,
    aliveAtMs: startedAtMs,
    lastProblem: undefined,
  }))
  const topics = [...new Set(positions.map(({ topic }) => topic))]
  const loops = new Map<number, Promise<void>>()
  let stopping = false
  let records = 0
  let cluster: KafkajsCluster | undefined

  const pause = () => new Promise<void>((resolve) => runtime.after(pauseMs, resolve))
  const isOver = () => stopping || positions.every(({ finished }) => finished)

  function leaderOf(open: KafkajsCluster, { topic, partition }: Position): number | undefined {
    const leader = open
      .findTopicPartitionMetadata(topic)
      .find(({ partitionId }) => partitionId === partition)?.leader
    return leader === undefined || leader < 0 ? undefined : leader
  }

  function noteProblem(concerned: readonly Position[], cause: unknown): void {
    const problem = cause instanceof Error ? cause.message : String(cause)
    for (const position of concerned) position.lastProblem = problem
  }

  /** A partition that nobody could read for long is given up if it has an end; otherwise only reported once stopped. */
  async function giveUpTheStale(): Promise<void> {
    for (const position of positions) {
      if (position.finished || position.endOffset === undefined) continue
      if (runtime.nowMs() - position.aliveAtMs <= patienceMs) continue
      position.finished = true
      await report(position)
    }
  }

  async function report({ topic, partition, next, lastProblem }: Position): Promise<void> {
    const why = lastProblem === undefined ? '' : `: ${lastProblem}`
    await sink({
      type: 'reader-error',
      atMs: runtime.nowMs(),
      reader,
      message: `${topic}-${partition} could not be read from offset ${next} on${why}`,
    })
  }

  async function handOut(position: Position, fetched: FetchedPartition): Promise<void> {
    const { topic, partition, endOffset } = position
    const wanted = fetched.messages.filter(({ offset }) => Number(offset) >= position.next)
    const lastSeen = wanted[wanted.length - 1]
    position.aliveAtMs = runtime.nowMs()
    position.lastProblem = undefined
    const handed = withoutAborted(wanted, fetched.abortedTransactions).filter(
      ({ offset }) => endOffset === undefined || Number(offset) < endOffset,
    )
    if (handed.length > 0) {
      const { offsets, ids } = linePart(handed, select)
      records += handed.length
      await sink({ type: 'read', atMs: runtime.nowMs(), reader, topic, partition, offsets, ids })
    }
    if (lastSeen !== undefined) position.next = Number(lastSeen.offset) + 1
    if (endOffset !== undefined && position.next >= endOffset) position.finished = true
  }

  /** Everything that one broker leads, one fetch after the other, for as long as it leads anything. */
  async function readFrom(open: KafkajsCluster, node: number): Promise<void> {
    while (!isOver()) {
      const mine = positions.filter((one) => !one.finished && leaderOf(open, one) === node)
      if (mine.length === 0) return
      const askedFrom = new Map(mine.map((one) => [one, one.next]))
      try {
        const broker = await open.findBroker({ nodeId: String(node) })
        const { responses } = await broker.fetch({
          maxWaitTime: fetchWaitMs,
          minBytes: 1,
          maxBytes: fetchBytesMax,
          isolationLevel: readCommitted,
          topics: topics
            .map((topic) => ({ topic, partitions: mine.filter((one) => one.topic === topic) }))
            .filter(({ partitions }) => partitions.length > 0)
            .map(({ topic, partitions }) => ({
              topic,
              partitions: partitions.map(({ partition, next }) => ({
                partition,
                fetchOffset: String(next),
                maxBytes: fetchBytesMax,
              })),
            })),
        })
        for (const { topicName, partitions } of responses) {
          for (const fetched of partitions) {
            const position = mine.find(
              (one) => one.topic === topicName && one.partition === fetched.partition,
            )
            // Another broker may have been asked for it since.
            if (position === undefined || askedFrom.get(position) !== position.next) continue
            await handOut(position, fetched)
          }
        }
      } catch (cause) {
        noteProblem(mine, cause)
        await giveUpTheStale()
        await refresh(open)
        await pause()
      }
    }
  }

  async function refresh(open: KafkajsCluster): Promise<void> {
    try {
      await open.refreshMetadata()
    } catch (cause) {
      noteProblem(
        positions.filter(({ finished }) => !finished),
        cause,
      )
    }
  }

  async function connect(): Promise<KafkajsCluster | undefined> {
    while (!isOver()) {
      const open = await openKafkajsCluster(
        options.bootstrap,
        `gauntlet-${reader}-reader`,
        options.access,
      )
      try {
        await open.connect()
        await open.addMultipleTargetTopics(topics)
        return open
      } catch (cause) {
        noteProblem(positions, cause)
        await giveUpTheStale()
        await open.disconnect()
        await pause()
      }
    }
    return undefined
  }

  async function run(): Promise<void> {
    cluster = await connect()
    const open = cluster
    if (open === undefined) return
    while (!isOver()) {
      for (const position of positions) {
        const leader = position.finished ? undefined : leaderOf(open, position)
        if (leader === undefined || loops.has(leader)) continue
        const loop = readFrom(open, leader).finally(() => loops.delete(leader))
        loops.set(leader, loop)
      }
      if (loops.size === 0) await refresh(open)
      await giveUpTheStale()
      await Promise.race([pause(), ...loops.values()])
    }
    await Promise.all(loops.values())
    await open.disconnect()
  }

  const done = run().catch(async (cause: unknown) => {
    await sink({
      type: 'reader-error',
      atMs: runtime.nowMs(),
      reader,
      message: cause instanceof Error ? cause.message : String(cause),
    })
  })

  return {
    done,
    async stop() {
      stopping = true
      await done
      for (const position of positions) {
        const isStale = runtime.nowMs() - position.aliveAtMs > patienceMs
        if (!position.finished && isStale) await report(position)
      }
    },
    records: () => records,
  }
}

function linePart(
  handed: readonly FetchedRecord[],
  select: IdSelector,
): Pick<ReadLine, 'offsets' | 'ids'> {
  const offsets: Array<[number, number]> = []
  const ids: Array<string | null> = []
  let run: [number, number] | undefined
  for (const message of handed) {
    const offset = Number(message.offset)
    if (run !== undefined && run[0] + run[1] === offset) run[1]++
    else {
      run = [offset, 1]
      offsets.push(run)
    }
    ids.push(select(selectable(message)))
  }
  return { offsets, ids }
}

function selectable({ key, value, headers }: FetchedRecord): SelectableRecord {
  return {
    key,
    value,
    headers: Object.entries(headers).flatMap(([name, values]) =>
      (Array.isArray(values) ? values : [values]).map((one) => ({ key: name, value: one })),
    ),
  }
}
