// Waits until everything has come to rest: the group's committed offsets have passed every record that the input
// holds (markers and aborted records at its end need not be passed), each output's last stable offset is its high
// watermark, and no transaction that concerns us is open at any coordinator. Bounded: what is left then is named.
import type { Message } from '../../proxy/protocol/codec.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import type { DrainLine, GroupOffsetsLine, OpenTransactionLine } from '../history-line.ts'
import { type ClusterClient, checkCode } from './cluster-client.ts'
import { logBounds } from './kafka-log.ts'

export interface DrainOptions {
  cluster: ClusterClient
  /** Per partition of the inputs: the offset after its last committed record; 0 when it has none. */
  inputEnds: ReadonlyArray<{ topic: string; partition: number; end: number }>
  outputs: ReadonlyArray<{ topic: string; partition: number }>
  group?: string
  /** Transactional ids of ours, if they are known; else those that concern our topics. */
  transactionalIds?: readonly string[]
  boundMs: number
  runtime: Runtime
  /** Called after every look: what is not at rest yet. */
  onLook?: (left: readonly string[]) => void
}

export interface Drained {
  drain: DrainLine
  groupOffsets: GroupOffsetsLine | undefined
  openTransactions: OpenTransactionLine[]
}

/** Between two looks. */
const lookEveryMs = 250
const offsetFetchVersion = 8
/** Everything in which a transaction may still change what is readable. */
const openStates = ['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']
const offsetsTopic = '__consumer_offsets'
/** Things left that a history names. */
const leftMax = 20

export async function waitUntilDrained(options: DrainOptions): Promise<Drained> {
  const { boundMs, runtime, onLook = () => undefined } = options
  const startedAtMs = runtime.nowMs()
  for (;;) {
    const { left, groupOffsets, openTransactions } = await look(options)
    const nowMs = runtime.nowMs()
    const drained = left.length === 0
    onLook(left)
    if (drained || nowMs - startedAtMs >= boundMs) {
      const drain: DrainLine = {
        type: 'drain',
        atMs: nowMs,
        drained,
        waitedMs: nowMs - startedAtMs,
        boundMs,
        left: left.slice(0, leftMax),
      }
      return { drain, groupOffsets, openTransactions }
    }
    await new Promise<void>((resolve) => runtime.after(lookEveryMs, resolve))
  }
}

interface Look {
  left: string[]
  groupOffsets: GroupOffsetsLine | undefined
  openTransactions: OpenTransactionLine[]
}

/** A cluster that cannot be asked is not at rest either; the next look may find it better. */
async function look(options: DrainOptions): Promise<Look> {
  const found: Look = { left: [], groupOffsets: undefined, openTransactions: [] }
  const outcomes = await Promise.allSettled([
    lookAtGroup(options, found),
    ...options.outputs.map((at) => lookAtOutput(options.cluster, at, found)),
    lookAtTransactions(options, found),
  ])
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') {
      found.left.push(`the cluster cannot be asked: ${(outcome.reason as Error).message}`)
    }
  }
  found.left.sort()
  return found
}

async function lookAtGroup({ cluster, group, inputEnds, runtime }: DrainOptions, found: Look) {
  if (group === undefined) return
  const topics = [...new Set(inputEnds.map(({ topic }) => topic))]
  const offsets = await committedOffsets(cluster, group, topics)
  found.groupOffsets = { type: 'group-offsets', atMs: runtime.nowMs(), group, offsets }
  for (const { topic, partition, end } of inputEnds) {
    const offset = offsets.find((one) => one.topic === topic && one.partition === partition)?.offset
    if (end > 0 && (offset ?? -1) < end) {
      found.left.push(
        `${group} has committed ${offset ?? 'none'} of ${end} offsets of ${topic}-${partition}`,
      )
    }
  }
}

async function lookAtOutput(
  cluster: ClusterClient,
  at: { topic: string; partition: number },
  found: Look,
) {
  const { highWatermark, lastStable } = await logBounds(cluster, at)
  if (lastStable < highWatermark) {
    found.left.push(
      `${at.topic}-${at.partition} is stable up to ${lastStable}, its high watermark is ${highWatermark}`,
    )
  }
}

async function lookAtTransactions(options: DrainOptions, found: Look) {
  found.openTransactions = await openTransactionsOf(options)
  for (const { transactionalId, state } of found.openTransactions) {
    found.left.push(`a transaction of ${transactionalId} is ${state}`)
  }
}

/** The group's stable offsets: one that a transaction is about to change is waited for by the coordinator's error. */
export async function committedOffsets(
  cluster: ClusterClient,
  group: string,
  topics: readonly string[],
): Promise<Array<{ topic: string; partition: number; offset: number }>> {
  const answer = await cluster.askCoordinator(
    { type: 'group', key: group },
    {
      api: 'OffsetFetch',
      version: offsetFetchVersion,
      message: { groups: [{ groupId: group, topics: null }], requireStable: true },
    },
    (message) => {
      for (const entry of message.groups as Message[]) {
        checkCode('OffsetFetch', entry.errorCode)
        for (const topic of entry.topics as Message[]) {
          for (const partition of topic.partitions as Message[]) {
            checkCode('OffsetFetch', partition.errorCode)
          }
        }
      }
    },
  )
  const found: Array<{ topic: string; partition: number; offset: number }> = []
  for (const entry of answer.groups as Message[]) {
    for (const topic of entry.topics as Message[]) {
      if (!topics.includes(topic.name as string)) continue
      for (const partition of topic.partitions as Message[]) {
        found.push({
          topic: topic.name as string,
          partition: partition.partitionIndex as number,
          offset: Number(partition.committedOffset),
        })
      }
    }
  }
  return found.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

async function openTransactionsOf(options: DrainOptions): Promise<OpenTransactionLine[]> {
  const { cluster, runtime, transactionalIds } = options
  const ids = new Set<string>()
  await Promise.all(
    (await cluster.nodes()).map(async (node) => {
      const answer = await cluster.askNode(node, {
        api: 'ListTransactions',
        version: 0,
        message: { stateFilters: openStates, producerIdFilters: [] },
      })
      checkCode('ListTransactions', answer.errorCode)
      for (const state of answer.transactionStates as Message[]) {
        ids.add(state.transactionalId as string)
      }
    }),
  )
  const ours = [...ids].filter((id) => transactionalIds?.includes(id) ?? true).sort()
  const described = await Promise.all(ours.map((id) => describe(cluster, id, runtime.nowMs())))
  return described.filter((line): line is OpenTransactionLine => {
    if (line === undefined || !openStates.includes(line.state)) return false
    return transactionalIds !== undefined || concernsUs(line, options)
  })
}

/** Its partitions are outputs of ours, or it is about offsets alone, or it does not tell. */
function concernsUs({ topicPartitions }: OpenTransactionLine, { outputs }: DrainOptions): boolean {
  const ours = new Set(outputs.map(({ topic, partition }) => `${topic}-${partition}`))
  const others = topicPartitions.filter((one) => !one.startsWith(`${offsetsTopic}-`))
  return others.length === 0 || others.some((one) => ours.has(one))
}

/** Undefined when the coordinator knows nothing of it any more. */
async function describe(
  cluster: ClusterClient,
  transactionalId: string,
  atMs: number,
): Promise<OpenTransactionLine | undefined> {
  const transactionalIdNotFound = 105
  const answer = await cluster.askCoordinator(
    { type: 'transaction', key: transactionalId },
    { api: 'DescribeTransactions', version: 0, message: { transactionalIds: [transactionalId] } },
    (message) => {
      for (const state of message.transactionStates as Message[]) {
        if (state.errorCode !== transactionalIdNotFound) {
          checkCode('DescribeTransactions', state.errorCode)
        }
      }
    },
  )
  const [state] = answer.transactionStates as Message[]
  if (state === undefined || state.errorCode !== 0) return undefined
  return {
    type: 'open-transaction',
    atMs,
    transactionalId,
    producerId: Number(state.producerId),
    producerEpoch: state.producerEpoch as number,
    state: state.transactionState as string,
    timeoutMs: state.transactionTimeoutMs as number,
    startedAtMs: Number(state.transactionStartTimeMs),
    topicPartitions: (state.topics as Message[]).flatMap(({ topic, partitions }) =>
      (partitions as number[]).map((partition) => `${topic as string}-${partition}`),
    ),
  }
}
