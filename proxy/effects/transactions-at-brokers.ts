// Transactions by the brokers' own word, and ended by our own hand: which are open, which hang, and how one is
// aborted. A live one by fencing its producer (InitProducerId); one that no coordinator knows by writing its markers.
import { OperatorError } from '../errors.ts'
import { BrokerConnectionError } from '../flow/broker-client.ts'
import type { Brokers } from '../flow/brokers.ts'
import type { Message } from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { Runtime } from '../runtime.ts'
import type { ClusterView } from './cluster-view.ts'

/** As a coordinator describes it. */
export interface BrokerTransaction {
  transactionalId: string
  coordinator: number
  /** Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, … */
  state: string
  producerId: number
  producerEpoch: number
  timeoutMs: number
  /** Absent when none is open. */
  startedAtMs?: number
  /** `topic-partition` */
  partitions: string[]
}

export type WhyHanging =
  /** A partition holds it open, and no coordinator will ever end it. */
  | 'nobody-knows-it'
  | 'past-its-timeout'
  /** Longer than whoever asked thinks is right. */
  | 'open-for-long'

export interface HangingTransaction {
  /** What `abort` is to be given: the transactional id, or `PRODUCER-ID@TOPIC-PARTITION`. */
  id: string
  why: WhyHanging
  transactionalId?: string
  producerId: number
  producerEpoch: number
  /** Milliseconds since its start, or since its last record where only the log knows. */
  ageMs: number
  partitions: string[]
}

export interface Aborted {
  id: string
  how: 'producer-fenced' | 'markers-written'
  producerId: number
  producerEpoch: number
}

export interface TransactionsAtBrokers {
  list(): Promise<BrokerTransaction[]>
  /** Undefined when no coordinator knows the id. */
  describe(transactionalId: string): Promise<BrokerTransaction | undefined>
  hanging(olderThanMs: number): Promise<HangingTransaction[]>
  abort(id: string): Promise<Aborted>
}

/** Being open or being brought to an end. */
const openStates: readonly string[] = [
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'PrepareEpochFence',
]
/** What a coordinator says while it aborts what was open, or while it is not there. */
const passing: readonly string[] = [
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
]
const retryDelayMs = 50
const abortLimitMs = 20_000
const fencedTimeoutMs = 10_000
const noOffset = -1
/** `PRODUCER-ID@TOPIC-PARTITION` */
const placePattern = /^([0-9]+)@(.+)-([0-9]+)$/

interface OpenProducer {
  topic: string
  partition: number
  leader: number
  producerId: number
  producerEpoch: number
  coordinatorEpoch: number
  startOffset: number
  lastAtMs: number
}

const placeOf = ({ topic, partition }: { topic: string; partition: number }): string =>
  `${topic}-${partition}`

/** No broker at all: somebody's mistake or trouble, and no bug. */
async function reached<Answer>(work: Promise<Answer>): Promise<Answer> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof BrokerConnectionError)) throw cause
    throw new OperatorError(
      'cluster-unavailable',
      `no broker answers (${cause.message})`,
      'Check that the cluster runs and that --bootstrap names it.',
    )
  }
}

export function createTransactionsAtBrokers(parts: {
  brokers: Brokers
  cluster: ClusterView
  runtime: Runtime
}): TransactionsAtBrokers {
  const { brokers, cluster, runtime } = parts

  async function nodes(): Promise<number[]> {
    await cluster.refresh()
    return brokers.nodes()
  }

  async function ask(node: number, api: string, message: Message): Promise<Message> {
    try {
      return await (await brokers.client(node)).request(api, message)
    } catch (cause) {
      if (!(cause instanceof BrokerConnectionError)) throw cause
      throw new OperatorError(
        'cluster-unavailable',
        `broker ${node} does not answer, and only it knows its part (${cause.message})`,
        'Ask again when every broker runs.',
      )
    }
  }

  async function described(node: number, ids: readonly string[]): Promise<BrokerTransaction[]> {
    if (ids.length === 0) return []
    const answer = await ask(node, 'DescribeTransactions', { transactionalIds: [...ids] })
    return (answer.transactionStates as Message[])
      .filter(({ errorCode }) => errorCode === 0)
      .map((one) => {
        const startedAtMs = Number(one.transactionStartTimeMs)
        return {
          transactionalId: one.transactionalId as string,
          coordinator: node,
          state: one.transactionState as string,
          producerId: Number(one.producerId),
          producerEpoch: one.producerEpoch as number,
          timeoutMs: one.transactionTimeoutMs as number,
          ...(startedAtMs > 0 ? { startedAtMs } : {}),
          partitions: (one.topics as Message[]).flatMap((topic) =>
            (topic.partitions as number[]).map((partition) => `${topic.topic}-${partition}`),
          ),
        }
      })
  }

  async function list(): Promise<BrokerTransaction[]> {
    const found: BrokerTransaction[] = []
    for (const node of await nodes()) {
      const listed = await ask(node, 'ListTransactions', {})
      const ids = (listed.transactionStates as Message[]).map(
        (one) => one.transactionalId as string,
      )
      found.push(...(await described(node, ids)))
    }
    return found.sort((a, b) => a.transactionalId.localeCompare(b.transactionalId))
  }

  async function describe(transactionalId: string): Promise<BrokerTransaction | undefined> {
    await cluster.refresh()
    const node = await cluster.coordinatorOf({ transactionalId })
    if (node === undefined) return undefined
    const [found] = await described(node, [transactionalId])
    return found
  }

  /** Every producer that a partition holds a transaction open for, of all topics or of one. */
  async function openProducers(only?: string): Promise<OpenProducer[]> {
    const metadata = await brokers.askAny((client) =>
      client.request('Metadata', {
        topics: only === undefined ? null : [{ name: only }],
        allowAutoTopicCreation: false,
      }),
    )
    const led = new Map<number, Map<string, number[]>>()
    for (const topic of metadata.topics as Message[]) {
      for (const { leaderId, partitionIndex } of (topic.partitions ?? []) as Message[]) {
        const topics = led.get(leaderId as number) ?? new Map<string, number[]>()
        led.set(leaderId as number, topics)
        const name = topic.name as string
        topics.set(name, [...(topics.get(name) ?? []), partitionIndex as number])
      }
    }
    const open: OpenProducer[] = []
    for (const [leader, topics] of led) {
      if (leader < 0) continue
      const answer = await ask(leader, 'DescribeProducers', {
        topics: [...topics].map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
      })
      for (const topic of answer.topics as Message[]) {
        for (const partition of topic.partitions as Message[]) {
          for (const producer of (partition.activeProducers ?? []) as Message[]) {
            const startOffset = Number(producer.currentTxnStartOffset)
            if (startOffset === noOffset) continue
            open.push({
              topic: topic.name as string,
              partition: partition.partitionIndex as number,
              leader,
              producerId: Number(producer.producerId),
              producerEpoch: producer.producerEpoch as number,
              coordinatorEpoch: producer.coordinatorEpoch as number,
              startOffset,
              lastAtMs: Number(producer.lastTimestamp),
            })
          }
        }
      }
    }
    return open
  }

  /** Open in a partition, and in no coordinator's account of it. */
  async function orphans(only?: string): Promise<OpenProducer[]> {
    const before = await openProducers(only)
    if (before.length === 0) return []
    const known = new Set<string>()
    for (const { producerId, state, partitions } of await list()) {
      if (!openStates.includes(state)) continue
      for (const place of partitions) known.add(`${producerId}@${place}`)
    }
    const suspects = before.filter((one) => !known.has(`${one.producerId}@${placeOf(one)}`))
    if (suspects.length === 0) return []
    // What was just being ended when it was asked for has ended by now.
    const after = new Set(
      (await openProducers(only)).map(
        (one) => `${one.producerId}@${placeOf(one)}@${one.startOffset}`,
      ),
    )
    return suspects.filter((one) =>
      after.has(`${one.producerId}@${placeOf(one)}@${one.startOffset}`),
    )
  }

  async function hanging(olderThanMs: number): Promise<HangingTransaction[]> {
    const nowMs = runtime.nowMs()
    const found: HangingTransaction[] = []
    for (const one of await list()) {
      const { transactionalId, producerId, producerEpoch, partitions, startedAtMs, state } = one
      if (startedAtMs === undefined || !openStates.includes(state)) continue
      const ageMs = Math.max(0, nowMs - startedAtMs)
      const isLate = ageMs > one.timeoutMs
      if (!isLate && ageMs < olderThanMs) continue
      found.push({
        id: transactionalId,
        why: isLate ? 'past-its-timeout' : 'open-for-long',
        transactionalId,
        producerId,
        producerEpoch,
        ageMs,
        partitions,
      })
    }
    for (const one of await orphans()) {
      found.push({
        id: `${one.producerId}@${placeOf(one)}`,
        why: 'nobody-knows-it',
        producerId: one.producerId,
        producerEpoch: one.producerEpoch,
        ageMs: Math.max(0, nowMs - one.lastAtMs),
        partitions: [placeOf(one)],
      })
    }
    return found
  }

  async function writeMarkers(id: string, topic: string, partition: number, producerId: number) {
    const found = (await orphans(topic)).find(
      (one) => one.partition === partition && one.producerId === producerId,
    )
    if (found === undefined) {
      throw new OperatorError(
        'unknown-transaction',
        `no transaction of producer ${producerId} hangs in ${topic}-${partition}`,
        'See `gauntlet txn find-hanging`; one that a coordinator knows is aborted by its transactional id.',
      )
    }
    const { producerEpoch, coordinatorEpoch } = found
    const answer = await ask(found.leader, 'WriteTxnMarkers', {
      markers: [
        {
          producerId: BigInt(producerId),
          producerEpoch,
          transactionResult: false,
          topics: [{ name: topic, partitionIndexes: [partition] }],
          // A producer's first transaction has seen no coordinator yet.
          coordinatorEpoch: Math.max(0, coordinatorEpoch),
        },
      ],
    })
    const [marker] = answer.markers as Message[]
    const [answered] = (marker?.topics ?? []) as Message[]
    const [result] = (answered?.partitions ?? []) as Message[]
    const error = errorNameOf((result?.errorCode as number | undefined) ?? 0)
    if (result === undefined || error !== 'NONE') {
      throw new OperatorError(
        'cluster-unavailable',
        `broker ${found.leader} answered ${error} to the marker`,
        'It needs ALTER on the cluster; see the broker’s log.',
      )
    }
    return { id, how: 'markers-written', producerId, producerEpoch } as const
  }

  async function fence(transactionalId: string): Promise<Aborted> {
    const before = await describe(transactionalId)
    if (before === undefined) {
      throw new OperatorError(
        'unknown-transaction',
        `no coordinator knows the transactional id "${transactionalId}"`,
        'See `gauntlet txn list`.',
      )
    }
    if (!openStates.includes(before.state)) {
      throw new OperatorError(
        'unknown-transaction',
        `${transactionalId} has no transaction open (${before.state})`,
        'There is nothing to abort; aborting would only fence its producer.',
      )
    }
    const endMs = runtime.nowMs() + abortLimitMs
    for (;;) {
      const node = await cluster.coordinatorOf({ transactionalId })
      const answer =
        node === undefined
          ? undefined
          : await ask(node, 'InitProducerId', {
              transactionalId,
              // The one who takes the id back brings its own; a longer one than the broker allows is refused.
              transactionTimeoutMs: Math.min(before.timeoutMs, fencedTimeoutMs),
              producerId: -1n,
              producerEpoch: -1,
            })
      const error =
        answer === undefined ? 'COORDINATOR_NOT_AVAILABLE' : errorNameOf(answer.errorCode as number)
      if (answer !== undefined && error === 'NONE') {
        return {
          id: transactionalId,
          how: 'producer-fenced',
          producerId: Number(answer.producerId),
          producerEpoch: answer.producerEpoch as number,
        }
      }
      if (!passing.includes(error) || runtime.nowMs() > endMs) {
        throw new OperatorError(
          'cluster-unavailable',
          `fencing ${transactionalId} was answered ${error}`,
          'Try again; if it stays so, see the coordinator’s log.',
        )
      }
      await new Promise<void>((resolve) => runtime.after(retryDelayMs, resolve))
    }
  }

  async function abort(id: string): Promise<Aborted> {
    const place = placePattern.exec(id)
    const isKnown = (await describe(id)) !== undefined
    if (place === null || isKnown) return fence(id)
    return writeMarkers(id, place[2] ?? '', Number(place[3]), Number(place[1]))
  }

  return {
    list: () => reached(list()),
    describe: (id) => reached(describe(id)),
    hanging: (olderThanMs) => reached(hanging(olderThanMs)),
    abort: (id) => reached(abort(id)),
  }
}
