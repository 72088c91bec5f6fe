// The kafkajs copier, run as a child process: consumes, transforms and produces with the offsets in the
// transaction, as correctly as kafkajs 2.2.4 allows (docs/design-notes/workloads.md says where its limits are).
// Partitions are copied independently, each by its own producer. Whatever kafkajs calls fatal ends in a new
// client within this process, for as long as the process lives.
import type { ConsumerCrashEvent, EachBatchPayload, Kafka } from 'kafkajs'
import { randomStream } from '../../proxy/runtime.ts'
import { abortChoice } from './abort-choice.ts'
import { committedOffsets } from './committed-offset.ts'
import { copierTimeouts, settingsFromEnvironment } from './copier-settings.ts'
import { openJournal } from './journal.ts'
import { kafkajsClient } from './kafkajs-client.ts'
import { type PartitionCopier, partitionCopier } from './kafkajs-partition.ts'

/** After a failure, so that a broker that is down is not asked in a tight loop. */
const retryDelayMs = 200
const fetchWaitMs = 250
const heartbeatCheckMs = 500
/** Errors of the library that end a consumer: a new one is better than its own third try. */
const consumerRetry = { retries: 4, initialRetryTime: 100, maxRetryTime: 500 }

const settings = settingsFromEnvironment(process.env)
const { inputTopic, group, mistake } = settings
/** Longer than a transaction may take; then the process leaves without having closed everything. */
const leaveLimitMs = settings.transactionTimeoutMs + 3_000
const clientId = `${settings.workload}-${settings.index}`
const journal = openJournal(settings.journalFile)
const partitions = new Map<number, PartitionCopier>()
/** The last batch of each partition: batches of one partition never overlap, whatever kafkajs does. */
const underWay = new Map<number, Promise<void>>()
let leaving = false
let leave: () => void = () => undefined
const left = new Promise<void>((resolve) => {
  leave = resolve
})

function log(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`)
}

const pause = (delayMs: number) => new Promise<void>((resolve) => setTimeout(resolve, delayMs))

function client(name: string): Kafka {
  const { bootstrap, access } = settings
  const requestTimeoutMs = copierTimeouts.requestTimeoutMs
  return kafkajsClient({ bootstrap, access, clientId: name, requestTimeoutMs, log })
}

const offsets = committedOffsets({
  bootstrap: settings.bootstrap,
  access: settings.access,
  clientId: `${clientId}-offsets`,
  requestTimeoutMs: copierTimeouts.requestTimeoutMs,
  group,
  topic: inputTopic,
  log,
})

interface Topics {
  inputPartitions: number
  outputPartitions: ReadonlyMap<string, number>
}

/** How many partitions every topic has; asks until somebody answers. */
async function describeTopics(): Promise<Topics | undefined> {
  while (!leaving) {
    const admin = client(`${clientId}-topics`).admin()
    try {
      await admin.connect()
      const { topics } = await admin.fetchTopicMetadata({
        topics: [inputTopic, ...settings.outputTopics],
      })
      const counts = new Map(topics.map((topic) => [topic.name, topic.partitions.length]))
      return { inputPartitions: counts.get(inputTopic) ?? 1, outputPartitions: counts }
    } catch (error) {
      log(`asking for the topics: ${describe(error)}`)
      await pause(retryDelayMs)
    } finally {
      await admin.disconnect().catch((error: Error) => log(`closing: ${error.message}`))
    }
  }
  return undefined
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const type = 'type' in error && typeof error.type === 'string' ? ` ${error.type}` : ''
  return `${error.name}${type}: ${error.message}`
}

function copierOf(partition: number, topics: Topics): PartitionCopier {
  const known = partitions.get(partition)
  if (known !== undefined) return known
  const transactionalId = `${settings.workload}-${partition}`
  const made = partitionCopier({
    settings,
    partition,
    outputPartitions: topics.outputPartitions,
    offsets,
    journal,
    abortsOnPurpose: abortChoice({
      share: settings.abortShare,
      transactions: settings.abortTransactions,
      random: randomStream(settings.seed, `abort/${transactionalId}`),
    }),
    log,
  })
  partitions.set(partition, made)
  return made
}

/** Kafkajs beats only between batches; a transaction may take longer than the session. */
function keepMembership(heartbeat: () => Promise<void>): { lost(): unknown; stop(): void } {
  let lost: unknown
  const timer = setInterval(() => {
    heartbeat().catch((error: unknown) => {
      lost ??= error
    })
  }, heartbeatCheckMs)
  return { lost: () => lost, stop: () => clearInterval(timer) }
}

async function copyBatch(
  payload: EachBatchPayload,
  copier: PartitionCopier,
  seek: (offset: number) => void,
  lost: () => unknown,
): Promise<void> {
  const { batch } = payload
  const position = await copier.position()
  const first = Number(batch.firstOffset() ?? position)
  const end = Number(batch.lastOffset()) + 1
  // Kafkajs has its own idea of the position, which may be older (it read the committed offset before the
  // last owner was fenced) or newer (it moves on although a transaction failed). Ours counts.
  if (first > position || end <= position) return seek(position)
  const messages = batch.messages.filter((message) => Number(message.offset) >= position)
  const size = settings.transactionSize
  for (let from = 0; from < messages.length; from += size) {
    if (leaving || !payload.isRunning() || lost() !== undefined)
      return seek(await copier.position())
    const chunk = messages.slice(from, from + size)
    const following = messages[from + size]
    // The last transaction of a batch also covers the markers and aborted records behind its last record.
    const next = following === undefined ? end : Number(following.offset)
    await copier.copy(chunk, next, (offset) =>
      payload.commitOffsetsIfNecessary({
        topics: [
          {
            topic: inputTopic,
            partitions: [{ partition: batch.partition, offset: String(offset) }],
          },
        ],
      }),
    )
  }
  copier.skipTo(end)
  payload.resolveOffset(batch.lastOffset())
}

/** Runs one consumer until it is beyond help or we leave. */
async function consume(topics: Topics): Promise<void> {
  const consumer = client(`${clientId}-consumer`).consumer({
    groupId: group,
    sessionTimeout: settings.sessionTimeoutMs,
    heartbeatInterval: settings.heartbeatIntervalMs,
    rebalanceTimeout: copierTimeouts.rebalanceTimeoutMs,
    maxWaitTimeInMs: fetchWaitMs,
    readUncommitted: mistake === 'read-uncommitted',
    retry: { ...consumerRetry, restartOnFailure: async () => false },
  })
  const crashed = new Promise<void>((resolve) => {
    consumer.on('consumer.crash', ({ payload }: ConsumerCrashEvent) => {
      log(`the consumer ended: ${describe(payload.error)}`)
      resolve()
    })
  })
  consumer.on('consumer.group_join', ({ payload }) => {
    const assigned = payload.memberAssignment[inputTopic] ?? []
    log(`joined with partitions ${assigned.join(', ')}`)
    for (const [partition, copier] of partitions) {
      if (!assigned.includes(partition)) copier.release()
    }
  })

  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    const { topic, partition } = payload.batch
    const copier = copierOf(partition, topics)
    const seek = (offset: number) => consumer.seek({ topic, partition, offset: String(offset) })
    const membership = keepMembership(payload.heartbeat)
    // How the one before ended is its own affair.
    const before = underWay.get(partition)?.catch(() => undefined) ?? Promise.resolve()
    const work = before.then(async () => {
      try {
        await copyBatch(payload, copier, seek, membership.lost)
      } catch (error) {
        log(`partition ${partition}: ${describe(error)}`)
        await pause(retryDelayMs)
        seek(Number(payload.batch.firstOffset() ?? 0))
      }
    })
    underWay.set(partition, work)
    try {
      await work
    } finally {
      membership.stop()
    }
    // Thrown on, kafkajs joins the group again (or gives the consumer up).
    const lost = membership.lost()
    if (lost !== undefined) throw lost
  }

  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [inputTopic], fromBeginning: true })
    const running = consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: topics.inputPartitions,
      eachBatch,
    })
    await Promise.race([running.then(() => crashed), left])
  } catch (error) {
    log(`the consumer failed: ${describe(error)}`)
  }
  await consumer.disconnect().catch((error: Error) => log(`closing: ${error.message}`))
  for (const copier of partitions.values()) copier.release()
}

async function run(): Promise<void> {
  log('ready')
  const topics = await describeTopics()
  while (!leaving && topics !== undefined) {
    await consume(topics)
    if (!leaving) await pause(retryDelayMs)
  }
  offsets.close()
  journal.close()
}

function onLeave(why: string): void {
  if (leaving) return
  leaving = true
  log(`leaving: ${why}`)
  leave()
  setTimeout(() => process.exit(1), leaveLimitMs).unref()
}

process.on('SIGTERM', () => onLeave('SIGTERM'))
// Standard input is a pipe that our starter holds: it ends when the starter does.
process.stdin.on('end', () => onLeave('the starter is gone')).resume()
await run()
process.exit(0)
