// Many small transactional applications through a proxy, with our own client so that they cost little: each lives for
// some transactions, leaves (politely, or in the middle of one), and comes back. What was told of every transaction is
// kept, to be compared with the log.
import { type BrokerClient, connectBroker } from '../../../proxy/flow/broker-client.ts'
import type { SocketAddress } from '../../../proxy/flow/sockets.ts'
import type { Message } from '../../../proxy/protocol/codec.ts'
import {
  addPartition,
  endTransaction,
  findCoordinator,
  type Identity,
  initProducer,
  produce,
  produceByName,
} from '../../kafka/faults/raw.ts'

const answerLimitMs = 15_000
/** A life that ended by a failure is followed by the next after this time. */
const againAfterMs = 200
const behindMaxMs = 5_000
const everyNthAborts = 10
/** Every so many lives one takes a transactional id that was never there before, or leaves without a goodbye. */
const everyNthNewId = 5
const everyNthLeaves = 4

export type Told = 'committed' | 'aborted' | 'unknown'

export interface LoadOptions {
  /** The proxy's bootstrap port. */
  bootstrap: SocketAddress
  topic: string
  partitions: number
  /** Begins the names of its applications. */
  name: string
  applications: number
  transactionsPerMinute: number
  /** Of one life. */
  transactions: number
  /** An application uses V2 of the protocol where its number is odd; else V1. */
}

export interface TransactionalLoad {
  /** By the value of the one record that each transaction writes. */
  told: ReadonlyMap<string, Told>
  counts(): Record<Told, number> & { lives: number; failures: Record<string, number> }
  /** Lets every application finish its transaction. */
  stop(): Promise<void>
}

const sleep = (delayMs: number) => new Promise<void>((resolve) => setTimeout(resolve, delayMs))

export function startLoad(options: LoadOptions): TransactionalLoad {
  const { topic, partitions, name, applications } = options
  const told = new Map<string, Told>()
  const failures: Record<string, number> = {}
  let lives = 0
  let isStopping = false
  const periodMs = (applications * 60_000) / options.transactionsPerMinute
  /** When each application's next transaction is due; connecting takes nothing off the rate. */
  const dueMs = Array.from(
    { length: applications },
    (_, application) => performance.now() + (periodMs * application) / applications,
  )

  async function untilDue(application: number): Promise<void> {
    const due = dueMs[application] ?? 0
    const nowMs = performance.now()
    // Whoever has fallen far behind does not make up for all of it.
    dueMs[application] = Math.max(due, nowMs - behindMaxMs) + periodMs
    if (due > nowMs) await sleep(due - nowMs)
  }

  async function live(application: number, life: number, from: number): Promise<number> {
    const clients = new Map<string, BrokerClient>()
    const clientId = `${name}-${application}`
    const to = async (address: SocketAddress): Promise<BrokerClient> => {
      const key = `${address.host}:${address.port}`
      const open = clients.get(key)
      if (open?.open === true) return open
      const fresh = await connectBroker(address, { clientId, timeoutMs: answerLimitMs })
      clients.set(key, fresh)
      return fresh
    }
    let number = from
    try {
      lives += 1
      const isNew = life % everyNthNewId === everyNthNewId - 1
      const id = isNew ? `${clientId}-${life}` : clientId
      const entry = await to(options.bootstrap)
      const metadata = await entry.request('Metadata', { topics: [{ name: topic }] })
      const place = { topic, partition: application % partitions }
      const leader = await to(leaderIn(metadata, place.partition))
      const found = await findCoordinator(entry, 'transaction', id)
      if (found.error !== 'NONE') throw new Error(`FindCoordinator: ${found.error}`)
      const coordinator = await to(found)
      let identity: Identity = await initProducer(coordinator, id)
      const isV2 = application % 2 === 1
      let sequence = 0
      for (let turn = 0; turn < options.transactions && !isStopping; turn += 1) {
        await untilDue(application)
        const value = `${clientId}/${number}`
        number += 1
        const leaves = turn === options.transactions - 1 && life % everyNthLeaves === 0
        const commits = number % everyNthAborts !== 0
        // Without an EndTxn the next InitProducerId aborts it.
        told.set(value, 'aborted')
        if (!isV2) {
          const { error } = await addPartition(coordinator, identity, place)
          if (error !== 'NONE') throw new Error(`AddPartitionsToTxn: ${error}`)
        }
        const { error } = await produce(leader, place, [value], {
          as: identity,
          sequence,
          ...(isV2 ? { version: produceByName } : {}),
        })
        if (error !== 'NONE') throw new Error(`Produce: ${error}`)
        sequence += 1
        if (leaves) break
        if (commits) told.set(value, 'unknown')
        const end = await endTransaction(coordinator, identity, commits, isV2 ? 5 : 4)
        if (end.error !== 'NONE') throw new Error(`EndTxn: ${end.error}`)
        told.set(value, commits ? 'committed' : 'aborted')
        if (end.next.producerEpoch !== identity.producerEpoch) sequence = 0
        if (end.next.producerId !== identity.producerId) sequence = 0
        identity = end.next
      }
    } finally {
      for (const client of clients.values()) client.close()
    }
    return number
  }

  async function run(application: number): Promise<void> {
    let number = 0
    for (let life = 0; !isStopping; life += 1) {
      const before = number
      try {
        number = await live(application, life, number)
      } catch (cause) {
        const what = (cause as Error).message.replace(/^[^ ]+:\d+: /, '')
        failures[what] = (failures[what] ?? 0) + 1
        // Values must not be used twice: those of the life that failed are past.
        number = before + options.transactions
        await sleep(againAfterMs)
      }
    }
  }

  const running = Array.from({ length: applications }, (_, application) => run(application))
  return {
    told,
    counts() {
      const counts = { committed: 0, aborted: 0, unknown: 0 }
      for (const outcome of told.values()) counts[outcome] += 1
      return { ...counts, lives, failures: { ...failures } }
    },
    async stop() {
      isStopping = true
      await Promise.all(running)
    },
  }
}

function leaderIn(metadata: Message, partition: number): SocketAddress {
  const [topic] = metadata.topics as Message[]
  const found = ((topic?.partitions ?? []) as Message[]).find(
    ({ partitionIndex }) => partitionIndex === partition,
  )
  const broker = (metadata.brokers as Message[]).find(({ nodeId }) => nodeId === found?.leaderId)
  if (broker === undefined) throw new Error('the partition has no leader')
  return { host: broker.host as string, port: broker.port as number }
}
