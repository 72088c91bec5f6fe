// Copies one input partition with a producer of its own, whose transactional id belongs to the partition.
// Kafkajs sends no member data with a transaction's offsets, so a member that has lost its partition can
// still commit for it. The id per partition closes that hole: the new owner's InitProducerId fences the old
// one, and only then are the committed offsets read that it goes on from.
// Nothing is ever tried again with a producer that has failed: kafkajs cannot abort after a failed commit.
// The next producer's InitProducerId ends whatever was open, and the offsets tell what became of it.
import { randomUUID } from 'node:crypto'
import {
  CompressionTypes,
  type KafkaMessage,
  Partitioners,
  type Producer,
  type Sender,
} from 'kafkajs'
import type { CommittedOffsets } from './committed-offset.ts'
import { copiedRecord, recordId } from './copied-record.ts'
import { type CopierSettings, copierTimeouts } from './copier-settings.ts'
import type { Belief, JournalWriter } from './journal.ts'
import { kafkajsClient } from './kafkajs-client.ts'

/** InitProducerId waits for the last transaction's markers; kafkajs asks for them for some 9 s. */
const takeLimitMs = 30_000
const allReplicas = -1
const leaderAlone = 1

export interface PartitionCopierOptions {
  settings: CopierSettings
  partition: number
  /** Number of partitions of each output topic. */
  outputPartitions: ReadonlyMap<string, number>
  offsets: CommittedOffsets
  journal: JournalWriter
  abortsOnPurpose: (ordinal: number) => boolean
  log: (line: string) => void
}

export interface PartitionCopier {
  /** The next offset to copy; takes the partition over first if that has not happened since the last failure. */
  position(): Promise<number>
  /**
   * Copies records and moves the position to `next`. `commitOutside` is for the mistakes that commit offsets
   * by themselves. If it throws, the outcome is open and the partition must be taken over again.
   */
  copy(
    messages: readonly KafkaMessage[],
    next: number,
    commitOutside: (next: number) => Promise<void>,
  ): Promise<void>
  /** Nothing follows the last record but markers: moves the position without a transaction. */
  skipTo(next: number): void
  /** Gives the producer up; an open transaction stays open until somebody takes the partition over. */
  release(): void
}

/** One attempt at a unit of work. Past its time limit it is abandoned: what it still does must change nothing. */
interface Attempt {
  producer: Producer
  /** Label of its transaction in the journal. */
  transaction: string
  ids: string[]
  next: number
  asked: 'commit' | 'abort'
  abandoned: boolean
}

export function partitionCopier(options: PartitionCopierOptions): PartitionCopier {
  const { settings, partition, journal, log } = options
  const { mistake } = settings
  const idempotent = mistake !== 'acks-one'
  const transactional = idempotent && mistake !== 'output-without-transaction'
  const transactionalId = `${settings.workload}-${partition}`
  const compression =
    settings.compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None
  const choosePartition = Partitioners.DefaultPartitioner()
  let producer: Producer | undefined
  let position = 0
  let ordinal = 0
  /** The last transaction, if what became of it is not known. */
  let open: Attempt | undefined
  /** Set by mistakes alone: goes on from here instead of asking for the committed offset. */
  let redoFrom: number | undefined

  const producerId = (): string =>
    mistake === 'random-transactional-id' ? `${transactionalId}-${randomUUID()}` : transactionalId

  function newProducer(): Producer {
    return kafkajsClient({
      bootstrap: settings.bootstrap,
      access: settings.access,
      clientId: `${transactionalId}-producer`,
      requestTimeoutMs: copierTimeouts.requestTimeoutMs,
      log,
    }).producer({
      idempotent,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      transactionTimeout: settings.transactionTimeoutMs,
      ...(transactional ? { transactionalId: producerId() } : {}),
    })
  }

  /** Makes the producer the only one that may write for this partition; gives the offset to go on from. */
  async function takeOver(fresh: Producer): Promise<number> {
    await fresh.connect()
    if (transactional) {
      // Kafkajs initialises with the first transaction; ending it while it is empty sends nothing.
      const empty = await fresh.transaction()
      await empty.abort()
    }
    return redoFrom ?? (await options.offsets.of(partition, position))
  }

  /** After a take-over nothing is open any more, and the committed offset says what became of it. */
  function settle(): void {
    if (open === undefined) return
    const { transaction, ids, next, asked } = open
    open = undefined
    if (redoFrom !== undefined) return
    const outcome = asked === 'abort' || position >= next ? 'ok' : 'failed'
    journal.append({ txn: asked, outcome, ids, transaction })
    log(`${transaction} ended: ${asked} ${outcome}`)
  }

  function close(old: Producer): void {
    // It is fenced or useless by now; that it cannot be closed properly changes nothing.
    old.disconnect().catch((error: Error) => log(`closing a producer: ${error.message}`))
  }

  function release(): void {
    if (producer !== undefined) close(producer)
    producer = undefined
  }

  /** One request per output partition: a send over several brokers that is repeated after a leader moved loses or doubles records in kafkajs. */
  async function send(
    sender: Sender,
    messages: readonly KafkaMessage[],
    attempt: Attempt,
  ): Promise<void> {
    const { transaction } = attempt
    for (const topic of options.settings.outputTopics) {
      const partitions = options.outputPartitions.get(topic)
      if (partitions === undefined) throw new Error(`no partitions of ${topic} known`)
      for (const [target, group] of groupByPartition(messages, topic, partitions)) {
        const records = group.map((message) => ({
          ...copiedRecord(message, `${settings.inputTopic}-${partition}@${message.offset}`),
          partition: target,
        }))
        const told = (outcome: Belief, base?: number) =>
          journal.append(
            ...group.map((message, index) => ({
              sent: recordId(message),
              outcome,
              ...(base === undefined ? {} : { at: `${topic}-${target}@${base + index}` }),
              transaction,
            })),
          )
        try {
          const acks = idempotent ? allReplicas : leaderAlone
          const [answer] = await sender.send({ topic, acks, compression, messages: records })
          told('ok', Number(answer?.baseOffset))
        } catch (error) {
          told('unknown')
          throw error
        }
        stopIfAbandoned(attempt)
      }
    }
  }

  function groupByPartition(
    messages: readonly KafkaMessage[],
    topic: string,
    partitions: number,
  ): Map<number, KafkaMessage[]> {
    const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 0,
      replicas: [],
      isr: [],
    }))
    const groups = new Map<number, KafkaMessage[]>()
    for (const message of messages) {
      const target = choosePartition({
        topic,
        partitionMetadata,
        message: { key: message.key, value: message.value },
      })
      const group = groups.get(target)
      if (group === undefined) groups.set(target, [message])
      else group.push(message)
    }
    return groups
  }

  function newAttempt(active: Producer, messages: readonly KafkaMessage[], next: number): Attempt {
    ordinal++
    const ids = messages.map(recordId)
    const transaction = `${transactionalId}/${process.pid}-${ordinal}`
    journal.append({ read: ids, transaction })
    return { producer: active, transaction, ids, next, asked: 'abort', abandoned: false }
  }

  /** Stands for what an application does between its first and its last request of a transaction. */
  const work = () => new Promise<void>((resolve) => setTimeout(resolve, settings.workTimeMs))

  async function transact(
    attempt: Attempt,
    messages: readonly KafkaMessage[],
    abort: boolean,
  ): Promise<void> {
    const current = await attempt.producer.transaction()
    await send(current, messages, attempt)
    await work()
    stopIfAbandoned(attempt)
    if (mistake !== 'offsets-outside-transaction') {
      const partitions = [{ partition, offset: String(attempt.next) }]
      await current.sendOffsets({
        consumerGroupId: settings.group,
        topics: [{ topic: settings.inputTopic, partitions }],
      })
    }
    stopIfAbandoned(attempt)
    if (abort) {
      await current.abort()
    } else {
      attempt.asked = 'commit'
      await current.commit()
    }
  }

  /** One attempt in a transaction; false when it was aborted on purpose and must be done again. */
  async function copyInTransaction(
    active: Producer,
    messages: readonly KafkaMessage[],
    next: number,
  ): Promise<boolean> {
    const attempt = newAttempt(active, messages, next)
    const { transaction, ids } = attempt
    const abort = options.abortsOnPurpose(ordinal)
    open = attempt
    const underWay = transact(attempt, messages, abort)
    try {
      await withinLimit(underWay, settings.transactionTimeoutMs, transaction)
    } catch (error) {
      attempt.abandoned = true
      // Kafkajs connects again to go on with what is still under way, so it is closed when that ends, too.
      underWay.catch(() => undefined).finally(() => close(active))
      journal.append({ txn: attempt.asked, outcome: 'unknown', ids, transaction })
      if (attempt.asked === 'commit' && mistake === 'redo-after-unknown-commit') redoFrom = position
      if (attempt.asked === 'abort' && mistake === 'position-not-rewound') redoFrom = next
      throw error
    }
    open = undefined
    journal.append({ txn: attempt.asked, outcome: 'ok', ids, transaction })
    return !abort
  }

  async function copyWithoutTransaction(
    active: Producer,
    messages: readonly KafkaMessage[],
    next: number,
  ): Promise<void> {
    const attempt = newAttempt(active, messages, next)
    try {
      const limitMs = settings.transactionTimeoutMs
      await withinLimit(send(active, messages, attempt), limitMs, attempt.transaction)
    } catch (error) {
      attempt.abandoned = true
      throw error
    }
  }

  return {
    async position() {
      if (producer !== undefined) return position
      const fresh = newProducer()
      try {
        position = await withinLimit(takeOver(fresh), takeLimitMs, `taking over ${transactionalId}`)
      } catch (error) {
        close(fresh)
        throw error
      }
      producer = fresh
      settle()
      redoFrom = undefined
      return position
    },
    async copy(messages, next, commitOutside) {
      const active = producer
      if (active === undefined) throw new Error('copy() before position()')
      try {
        if (transactional) {
          let done = false
          while (!done) done = await copyInTransaction(active, messages, next)
        } else {
          await copyWithoutTransaction(active, messages, next)
        }
        if (!transactional || mistake === 'offsets-outside-transaction') await commitOutside(next)
      } catch (error) {
        release()
        throw error
      }
      position = next
    },
    skipTo(next) {
      position = Math.max(position, next)
    },
    release,
  }
}

function stopIfAbandoned(attempt: Attempt): void {
  if (attempt.abandoned) throw new Error(`${attempt.transaction} was given up`)
}

/** Fails when the promise takes longer. What it does afterwards is fenced off by the next take-over. */
async function withinLimit<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs)
  })
  // The loser of the race still settles: its error is of no interest any more.
  promise.catch(() => undefined)
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
