// The few things that a run has to ask or tell a cluster beside its application: topics, leaders, coordinators,
// the controller, offsets, groups. Always at the brokers' own addresses, past the proxy. Any broker that answers
// will do, so a killed or paused one costs no more than a short wait.
import { OperatorError } from '../../proxy/errors.ts'
import {
  BrokerAnswerError,
  type BrokerClient,
  BrokerConnectionError,
  checkAnswer,
  connectBroker,
} from '../../proxy/flow/broker-client.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import { errorCodeNamed, errorNameOf } from '../../proxy/protocol/error-codes.ts'
import type { Broker } from './cluster.ts'
import { assignReplicas } from './replica-assignment.ts'

/** A healthy broker answers in milliseconds; after this the next one is asked. */
const answerLimitMs = 3_000
/** A topic's leaders are there in a fraction of a second, unless the controller is just moving. */
const topicLimitMs = 30_000
const pollMs = 25
const replicasByDefault = 3

const groupKeyType = 0
const transactionKeyType = 1
const latestTimestamp = -1n
const readUncommitted = 0
const readCommitted = 1
/** The last versions that name topics instead of ids, and the first ones with several groups at once. */
const listOffsetsVersion = 7
const offsetFetchVersion = 8
const findCoordinatorVersion = 4
const describeGroupsVersion = 5

const topicExists = errorCodeNamed('TOPIC_ALREADY_EXISTS')
const unknownTopic = errorCodeNamed('UNKNOWN_TOPIC_OR_PARTITION')

export interface TopicWish {
  name: string
  partitions: number
  /** Default: three, or as many as there are brokers. */
  replicas?: number
  /** Preferred leaders of partition 0, 1, …; default: the brokers in turn. */
  leaders?: readonly number[]
  config?: Readonly<Record<string, string | number | boolean>>
}

export interface PartitionPlace {
  partition: number
  leader: number
  replicas: number[]
  inSync: number[]
}

/** Where a partition's log ends, for readers of both kinds. */
export interface LogEnd {
  partition: number
  highWatermark: number
  lastStableOffset: number
}

export interface GroupOffset {
  topic: string
  partition: number
  offset: number
}

export interface GroupState {
  /** As Kafka names it: Stable, PreparingRebalance, Empty, Dead, … */
  state: string
  members: number
}

export interface ClusterAdmin {
  /** Resolves when every broker that answers knows a leader for every partition. */
  createTopics(topics: readonly TopicWish[]): Promise<void>
  /** Topics that do not exist are no error. Resolves when no broker that answers knows them any more. */
  deleteTopics(names: readonly string[]): Promise<void>
  /** Undefined if there is no such topic. */
  placesOf(topic: string): Promise<PartitionPlace[] | undefined>
  /** Undefined while there is none. */
  leaderOf(topic: string, partition: number): Promise<number | undefined>
  /** Undefined while there is none. */
  coordinatorOf(what: { group: string } | { transactionalId: string }): Promise<number | undefined>
  /** The active controller: leader of the metadata quorum; undefined while there is none. */
  controllerOf(): Promise<number | undefined>
  /** Asks every leader; rejects while a partition has none. */
  logEnds(topic: string): Promise<LogEnd[]>
  /** What a group has committed; offsets of open transactions do not count. */
  groupOffsets(group: string): Promise<GroupOffset[]>
  groupState(group: string): Promise<GroupState>
  /** Finalized feature levels of the cluster. */
  features(): Promise<Record<string, number>>
  close(): void
}

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, pollMs))

function answerError(api: string, code: number, message: unknown): BrokerAnswerError {
  return new BrokerAnswerError(api, code, typeof message === 'string' ? `: ${message}` : '')
}

/** An admin for the cluster at these addresses. Connections are made when they are needed. */
export function openAdmin(brokers: readonly Broker[]): ClusterAdmin {
  const clients = new Map<number, Promise<BrokerClient>>()

  async function clientOf(node: number): Promise<BrokerClient> {
    const kept = await clients.get(node)?.catch(() => undefined)
    if (kept?.open === true) return kept
    const broker = brokers.find((each) => each.node === node)
    if (broker === undefined) throw new Error(`broker ${node} is not known`)
    const fresh = connectBroker(broker.address, {
      clientId: 'gauntlet-admin',
      timeoutMs: answerLimitMs,
      access: broker.access,
    })
    clients.set(node, fresh)
    return fresh
  }

  /** Brokers that answered last come first. */
  let order = brokers.map(({ node }) => node)

  /** The answer of the first broker that gives one. `lost` counts the requests of which nobody knows. */
  async function anywhere<Answer>(
    ask: (client: BrokerClient, lost: number) => Promise<Answer>,
  ): Promise<Answer> {
    let lost = 0
    let failure: unknown
    for (const node of [...order]) {
      let client: BrokerClient | undefined
      try {
        client = await clientOf(node)
        return await ask(client, lost)
      } catch (error) {
        if (!(error instanceof BrokerConnectionError)) throw error
        if (client !== undefined) lost++
        failure = error
        order = [...order.filter((each) => each !== node), node]
      }
    }
    throw new OperatorError(
      'cluster-unavailable',
      `None of the brokers answers: ${failure instanceof Error ? failure.message : 'there are none'}`,
      'Check that the cluster runs and that its addresses are right.',
    )
  }

  /** What one broker says of some topics; undefined for those that it does not know. */
  async function describe(
    client: BrokerClient,
    names: readonly string[],
  ): Promise<Map<string, PartitionPlace[] | undefined>> {
    const answer = await client.request('Metadata', {
      topics: names.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    })
    const found = new Map<string, PartitionPlace[] | undefined>()
    for (const topic of answer.topics as Message[]) {
      const code = topic.errorCode as number
      if (code !== 0 && code !== unknownTopic && code !== errorCodeNamed('LEADER_NOT_AVAILABLE')) {
        throw answerError('Metadata', code, topic.name)
      }
      const places = (topic.partitions as Message[]).map((partition) => ({
        partition: partition.partitionIndex as number,
        leader: partition.leaderId as number,
        replicas: partition.replicaNodes as number[],
        inSync: partition.isrNodes as number[],
      }))
      places.sort((a, b) => a.partition - b.partition)
      found.set(topic.name as string, code === unknownTopic ? undefined : places)
    }
    return found
  }

  /** Waits until every broker that answers sees the topics so. */
  async function everywhere(
    names: readonly string[],
    holds: (name: string, places: PartitionPlace[] | undefined) => boolean,
  ): Promise<void> {
    const limitMs = performance.now() + topicLimitMs
    for (const { node } of brokers) {
      for (;;) {
        let seen: Map<string, PartitionPlace[] | undefined>
        try {
          seen = await describe(await clientOf(node), names)
        } catch (error) {
          if (!(error instanceof BrokerConnectionError)) throw error
          // It learns of them when it comes back.
          break
        }
        const missing = names.filter((name) => !holds(name, seen.get(name)))
        if (missing.length === 0) break
        if (performance.now() > limitMs) {
          throw new OperatorError(
            'cluster-unavailable',
            `After ${topicLimitMs / 1_000} s broker ${node} does not see ${missing.join(', ')} as asked for.`,
            'Check that all brokers run and that the cluster has a controller.',
          )
        }
        await pause()
      }
    }
  }

  async function createTopics(topics: readonly TopicWish[]): Promise<void> {
    if (topics.length === 0) return
    const nodes = brokers.map(({ node }) => node)
    const wanted = topics.map((topic) => {
      const replicas = topic.replicas ?? Math.min(replicasByDefault, nodes.length)
      const assignment = assignReplicas({
        nodes,
        partitions: topic.partitions,
        replicas,
        ...(topic.leaders === undefined ? {} : { leaders: topic.leaders }),
      })
      return {
        name: topic.name,
        // Both are given by the assignment.
        numPartitions: -1,
        replicationFactor: -1,
        assignments: assignment.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
        configs: Object.entries(topic.config ?? {}).map(([name, value]) => ({
          name,
          value: String(value),
        })),
      }
    })
    await anywhere(async (client, lost) => {
      const answer = await client.request('CreateTopics', {
        topics: wanted,
        timeoutMs: answerLimitMs,
      })
      for (const topic of answer.topics as Message[]) {
        const code = topic.errorCode as number
        // The request before may have done it, and only its answer was lost.
        if (code === 0 || (code === topicExists && lost > 0)) continue
        const why = topic.errorMessage === null ? '' : ` (${topic.errorMessage})`
        throw new OperatorError(
          'cluster-unavailable',
          `Topic ${topic.name} could not be created: ${errorNameOf(code)}${why}`,
          code === topicExists
            ? 'Delete it first, or give it another name in the plan.'
            : 'Check its partitions, leaders and configuration in the plan.',
        )
      }
    })
    const partitions = new Map(topics.map((topic) => [topic.name, topic.partitions]))
    await everywhere(
      topics.map(({ name }) => name),
      (name, places) =>
        places !== undefined &&
        places.length === partitions.get(name) &&
        places.every(({ leader }) => leader >= 0),
    )
  }

  async function deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    await anywhere(async (client) => {
      const answer = await client.request('DeleteTopics', {
        topics: names.map((name) => ({ name })),
        timeoutMs: answerLimitMs,
      })
      for (const topic of answer.responses as Message[]) {
        const code = topic.errorCode as number
        if (code !== 0 && code !== unknownTopic) {
          throw answerError('DeleteTopics', code, topic.errorMessage)
        }
      }
    })
    await everywhere(names, (_, places) => places === undefined)
  }

  async function placesOf(topic: string): Promise<PartitionPlace[] | undefined> {
    return (await anywhere((client) => describe(client, [topic]))).get(topic)
  }

  async function coordinatorOf(
    what: { group: string } | { transactionalId: string },
  ): Promise<number | undefined> {
    const answer = await anywhere((client) =>
      client.request(
        'FindCoordinator',
        'group' in what
          ? { keyType: groupKeyType, coordinatorKeys: [what.group] }
          : { keyType: transactionKeyType, coordinatorKeys: [what.transactionalId] },
        findCoordinatorVersion,
      ),
    )
    const [found] = answer.coordinators as Message[]
    return found === undefined || found.errorCode !== 0 ? undefined : (found.nodeId as number)
  }

  async function atCoordinator<Answer>(
    group: string,
    ask: (client: BrokerClient) => Promise<Answer>,
  ): Promise<Answer> {
    const node = await coordinatorOf({ group })
    if (node === undefined) {
      throw answerError('FindCoordinator', errorCodeNamed('COORDINATOR_NOT_AVAILABLE'), group)
    }
    return ask(await clientOf(node))
  }

  async function controllerOf(): Promise<number | undefined> {
    const answer = await anywhere((client) =>
      client.request('DescribeQuorum', {
        topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }],
      }),
    )
    checkAnswer('DescribeQuorum', answer)
    const [topic] = answer.topics as Message[]
    const [partition] = (topic?.partitions ?? []) as Message[]
    const leader = (partition?.leaderId ?? -1) as number
    return leader < 0 ? undefined : leader
  }

  async function offsetsAt(
    node: number,
    topic: string,
    partitions: readonly number[],
    isolationLevel: number,
  ): Promise<Map<number, number>> {
    const client = await clientOf(node)
    const answer = await client.request(
      'ListOffsets',
      {
        replicaId: -1,
        isolationLevel,
        topics: [
          {
            name: topic,
            partitions: partitions.map((partitionIndex) => ({
              partitionIndex,
              currentLeaderEpoch: -1,
              timestamp: latestTimestamp,
            })),
          },
        ],
      },
      listOffsetsVersion,
    )
    const offsets = new Map<number, number>()
    const [found] = answer.topics as Message[]
    for (const partition of (found?.partitions ?? []) as Message[]) {
      const index = partition.partitionIndex as number
      const code = partition.errorCode as number
      if (code !== 0) throw answerError('ListOffsets', code, `${topic}-${index}`)
      offsets.set(index, Number(partition.offset))
    }
    return offsets
  }

  async function logEnds(topic: string): Promise<LogEnd[]> {
    const places = await placesOf(topic)
    if (places === undefined) throw answerError('Metadata', unknownTopic, topic)
    const ends: LogEnd[] = []
    for (const leader of new Set(places.map((place) => place.leader))) {
      const partitions = places
        .filter((place) => place.leader === leader)
        .map(({ partition }) => partition)
      if (leader < 0) {
        throw answerError('Metadata', errorCodeNamed('LEADER_NOT_AVAILABLE'), topic)
      }
      // The stable end first: read the other way round, it could seem to lie past the end of the log.
      const stable = await offsetsAt(leader, topic, partitions, readCommitted)
      const high = await offsetsAt(leader, topic, partitions, readUncommitted)
      for (const partition of partitions) {
        ends.push({
          partition,
          highWatermark: high.get(partition) ?? -1,
          lastStableOffset: stable.get(partition) ?? -1,
        })
      }
    }
    return ends.sort((a, b) => a.partition - b.partition)
  }

  async function groupOffsets(group: string): Promise<GroupOffset[]> {
    return atCoordinator(group, async (client) => {
      const answer = await client.request(
        'OffsetFetch',
        { groups: [{ groupId: group, topics: null }], requireStable: false },
        offsetFetchVersion,
      )
      const [found] = answer.groups as Message[]
      if (found === undefined) return []
      checkAnswer('OffsetFetch', found)
      return (found.topics as Message[]).flatMap((topic) =>
        (topic.partitions as Message[]).map((partition) => {
          checkAnswer('OffsetFetch', partition)
          return {
            topic: topic.name as string,
            partition: partition.partitionIndex as number,
            offset: Number(partition.committedOffset),
          }
        }),
      )
    })
  }

  async function groupState(group: string): Promise<GroupState> {
    return atCoordinator(group, async (client) => {
      // A group of the newer protocol is asked for in its own way first: the older question calls it dead.
      const newer = await client.request('ConsumerGroupDescribe', { groupIds: [group] })
      const [consumer] = newer.groups as Message[]
      if (consumer !== undefined && consumer.errorCode === 0) {
        return {
          state: consumer.groupState as string,
          members: (consumer.members as Message[]).length,
        }
      }
      const answer = await client.request(
        'DescribeGroups',
        { groups: [group] },
        describeGroupsVersion,
      )
      const [classic] = answer.groups as Message[]
      if (classic === undefined) return { state: 'Dead', members: 0 }
      checkAnswer('DescribeGroups', classic)
      return {
        state: classic.groupState as string,
        members: (classic.members as Message[]).length,
      }
    })
  }

  return {
    createTopics,
    deleteTopics,
    placesOf,
    async leaderOf(topic, partition) {
      const place = (await placesOf(topic))?.find((each) => each.partition === partition)
      return place === undefined || place.leader < 0 ? undefined : place.leader
    },
    coordinatorOf,
    controllerOf,
    logEnds,
    groupOffsets,
    groupState,
    features: () => anywhere(async (client) => Object.fromEntries(client.features)),
    close() {
      for (const client of clients.values()) {
        client.then(
          (open) => open.close(),
          () => undefined,
        )
      }
      clients.clear()
    },
  }
}
