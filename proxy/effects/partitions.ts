// What the proxy can tell the cluster about its partitions by itself, as an operator would: another order of
// replicas, other replicas, another leader. Everything is asked for at the brokers' own addresses, and counts
// as done when the cluster's own word says so.
import type { Brokers } from '../flow/brokers.ts'
import type { Message } from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { Runtime } from '../runtime.ts'

export interface PartitionName {
  topic: string
  partition: number
}

export interface PartitionState extends PartitionName {
  /** Undefined while nobody leads it. */
  leader: number | undefined
  /** In order of preference: the first one is the leader that Kafka prefers. */
  replicas: number[]
  inSync: number[]
}

export interface Partitions {
  /** Brokers that are there now, in order. */
  alive(): Promise<number[]>
  /** Every partition of the cluster, those of internal topics included. */
  all(): Promise<PartitionState[]>
  /** Resolves when each partition has exactly these replicas, all of them in sync. */
  assign(wanted: ReadonlyArray<PartitionName & { replicas: readonly number[] }>): Promise<void>
  /** Resolves when this broker leads. It must be one of the replicas. */
  lead(partition: PartitionName, leader: number): Promise<void>
}

/** A replica that has to be copied first, and a leader that has just come back, need a while. */
const moveLimitMs = 30_000
const lookEveryMs = 50
const preferred = 0
const electionNotNeeded = 'ELECTION_NOT_NEEDED'

export const nameOfPartition = ({ topic, partition }: PartitionName): string =>
  `${topic}-${partition}`

const sameReplicas = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((node, index) => node === b[index])

/** The next broker that may lead, in a ring, so that the same cluster gives the same choice. */
export function nextLeader({ leader, inSync }: PartitionState, alive: readonly number[]) {
  const candidates = inSync
    .filter((node) => node !== leader && alive.includes(node))
    .sort((a, b) => a - b)
  return candidates.find((node) => node > (leader ?? -1)) ?? candidates[0]
}

/**
 * The replicas without some brokers: others that are alive take their places, as far as there are any. What
 * nobody can take is left out, the least of replicas being one.
 */
export function replicasWithout(
  replicas: readonly number[],
  leaving: ReadonlySet<number>,
  alive: readonly number[],
  turn: number,
): number[] {
  const free = alive.filter((node) => !leaving.has(node) && !replicas.includes(node))
  const start = free.length === 0 ? 0 : turn % free.length
  const takers = [...free.slice(start), ...free.slice(0, start)]
  return replicas.flatMap((node) => {
    if (!leaving.has(node)) return [node]
    const taker = takers.shift()
    return taker === undefined ? [] : [taker]
  })
}

export function createPartitions(brokers: Brokers, runtime: Runtime): Partitions {
  const metadata = (): Promise<Message> =>
    brokers.askAny((client) => client.request('Metadata', { topics: null }))

  const statesIn = (reply: Message): PartitionState[] =>
    (reply.topics as Message[]).flatMap((topic) =>
      (topic.partitions as Message[]).map((partition) => {
        const leader = partition.leaderId as number
        return {
          topic: topic.name as string,
          partition: partition.partitionIndex as number,
          leader: leader === -1 ? undefined : leader,
          replicas: partition.replicaNodes as number[],
          inSync: partition.isrNodes as number[],
        }
      }),
    )

  const all = async (): Promise<PartitionState[]> => statesIn(await metadata())

  /** Tries until it holds. The last problem is told when it never does. */
  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const endMs = runtime.nowMs() + moveLimitMs
    let problem = 'the cluster did not do it'
    for (;;) {
      try {
        if (await holds()) return
      } catch (cause) {
        problem = cause instanceof Error ? cause.message : String(cause)
      }
      if (runtime.nowMs() >= endMs) {
        throw new Error(`${what}: not within ${moveLimitMs / 1_000} s: ${problem}`)
      }
      await new Promise<void>((resolve) => runtime.after(lookEveryMs, resolve))
    }
  }

  function demandNone(what: string, code: unknown, text: unknown): void {
    const name = errorNameOf(code as number)
    if (name === 'NONE' || name === electionNotNeeded) return
    throw new Error(`${what}: ${name}${typeof text === 'string' ? `, ${text}` : ''}`)
  }

  function byTopic<Entry extends PartitionName>(
    entries: readonly Entry[],
  ): Array<[string, Entry[]]> {
    return [...new Set(entries.map(({ topic }) => topic))].map((topic) => [
      topic,
      entries.filter((entry) => entry.topic === topic),
    ])
  }

  async function askToAssign(
    wanted: ReadonlyArray<PartitionName & { replicas: readonly number[] }>,
  ): Promise<void> {
    const topics = byTopic(wanted).map(([name, entries]) => ({
      name,
      partitions: entries.map(({ partition, replicas }) => ({
        partitionIndex: partition,
        replicas: [...replicas],
      })),
    }))
    const reply = await brokers.askAny((client) =>
      client.request('AlterPartitionReassignments', { timeoutMs: moveLimitMs, topics }),
    )
    demandNone('reassignment', reply.errorCode, reply.errorMessage)
    for (const topic of reply.responses as Message[]) {
      for (const each of topic.partitions as Message[]) {
        demandNone(`reassignment of ${topic.name}`, each.errorCode, each.errorMessage)
      }
    }
  }

  async function askToElect({ topic, partition }: PartitionName): Promise<void> {
    const reply = await brokers.askAny((client) =>
      client.request('ElectLeaders', {
        electionType: preferred,
        topicPartitions: [{ topic, partitions: [partition] }],
        timeoutMs: moveLimitMs,
      }),
    )
    demandNone('election', reply.errorCode, undefined)
    for (const result of reply.replicaElectionResults as Message[]) {
      for (const each of result.partitionResult as Message[]) {
        demandNone(`election of ${topic}-${partition}`, each.errorCode, each.errorMessage)
      }
    }
  }

  async function stateOf({ topic, partition }: PartitionName): Promise<PartitionState> {
    const found = (await all()).find(
      (state) => state.topic === topic && state.partition === partition,
    )
    if (found === undefined) throw new Error(`there is no partition ${topic}-${partition}`)
    return found
  }

  async function assign(
    wanted: ReadonlyArray<PartitionName & { replicas: readonly number[] }>,
  ): Promise<void> {
    if (wanted.length === 0) return
    let isAsked = false
    await until('replicas moved', async () => {
      if (!isAsked) {
        await askToAssign(wanted)
        isAsked = true
      }
      const states = new Map((await all()).map((state) => [nameOfPartition(state), state]))
      return wanted.every((each) => {
        const state = states.get(nameOfPartition(each))
        if (state === undefined || !sameReplicas(state.replicas, each.replicas)) return false
        return each.replicas.every((node) => state.inSync.includes(node))
      })
    })
  }

  return {
    async alive() {
      return ((await metadata()).brokers as Message[])
        .map((broker) => broker.nodeId as number)
        .sort((a, b) => a - b)
    },
    all,
    assign,
    async lead(partition, leader) {
      await until(`${nameOfPartition(partition)} led by broker ${leader}`, async () => {
        const { replicas, leader: now } = await stateOf(partition)
        const first = [leader, ...replicas.filter((node) => node !== leader)]
        // Only the order changes, so one that is out of sync does not hold it up.
        if (!sameReplicas(replicas, first)) await askToAssign([{ ...partition, replicas: first }])
        if (now === leader) return true
        await askToElect(partition)
        return false
      })
    },
  }
}
