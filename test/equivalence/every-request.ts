// One list of requests that covers every API and version that a broker offers to clients. Most are as empty as
// Kafka's schema allows, which brokers answer with an error of their own; those that carry data are filled in.
import type { BrokerClient } from '../../proxy/flow/broker-client.ts'
import { apiNamed, defaultRequest, type Message } from '../../proxy/protocol/codec.ts'

export interface Subjects {
  topic: string
  topicId: string
  group: string
}

type Fill = (version: number, subjects: Subjects) => Message

const fillings: Record<string, Fill> = {
  // By default it would ask for no answer at all.
  Produce: () => ({ acks: -1, timeoutMs: 1_000 }),
  Fetch: (version, { topic, topicId }) => ({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 100_000,
    topics: [
      {
        ...(version >= 13 ? { topicId } : { topic }),
        partitions: [
          {
            partition: 0,
            currentLeaderEpoch: -1,
            fetchOffset: 0n,
            lastFetchedEpoch: -1,
            logStartOffset: -1n,
            partitionMaxBytes: 100_000,
          },
        ],
      },
    ],
  }),
  ListOffsets: (_version, { topic }) => ({
    replicaId: -1,
    topics: [
      {
        name: topic,
        partitions: [
          { partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1n, maxNumOffsets: 1 },
        ],
      },
    ],
  }),
  Metadata: (_version, { topic }) => ({ topics: [{ name: topic }] }),
  FindCoordinator: (version, { group }) =>
    version >= 4 ? { keyType: 1, coordinatorKeys: [group, `${group}-2`] } : { key: group },
  OffsetForLeaderEpoch: (_version, { topic }) => ({
    replicaId: -1,
    topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }],
  }),
  DescribeGroups: (_version, { group }) => ({ groups: [group] }),
  DescribeConfigs: (_version, { topic }) => ({
    resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ['cleanup.policy'] }],
  }),
  DescribeProducers: (_version, { topic }) => ({
    topics: [{ name: topic, partitionIndexes: [0] }],
  }),
  DescribeTopicPartitions: (_version, { topic }) => ({
    topics: [{ name: topic }],
    responsePartitionLimit: 10,
  }),
  DescribeQuorum: () => ({
    topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }],
  }),
  // Asked about no transaction at all, a broker never answers.
  AddPartitionsToTxn: (version, { topic }) =>
    version >= 4
      ? {
          transactions: [
            {
              transactionalId: 'nobody',
              producerId: 1n,
              producerEpoch: 0,
              verifyOnly: true,
              topics: [{ name: topic, partitions: [0] }],
            },
          ],
        }
      : {},
  ApiVersions: (version) =>
    version >= 3 ? { clientSoftwareName: 'tester', clientSoftwareVersion: '1' } : {},
}

/** What differs between two answers to one request even when nobody stands in between. */
const moody = new Set([
  'throttleTimeMs',
  // KRaft names a broker at random.
  'controllerId',
  'producerId',
  'memberId',
  'host',
  'port',
  'totalBytes',
  'usableBytes',
  'partitionSize',
  'offsetLag',
  'highWatermark',
  'logEndOffset',
  'lastFetchTimestamp',
  'lastCaughtUpTimestamp',
  'finalizedFeaturesEpoch',
])

function steady(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(steady)
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !moody.has(name))
      .map(([name, inner]) => [name, steady(inner)]),
  )
}

/** Every API, every version: what came back, or that the connection was closed. */
export async function askEverything(
  connect: () => Promise<BrokerClient>,
  subjects: Subjects,
): Promise<Map<string, unknown>> {
  const answers = new Map<string, unknown>()
  let client = await connect()
  for (const [name, { min, max }] of client.versions) {
    const api = apiNamed(name)
    if (api === undefined) throw new Error(`${name} is offered and not known`)
    for (
      let version = Math.max(min, api.minVersion);
      version <= Math.min(max, api.maxVersion);
      version++
    ) {
      const filled = fillings[name]?.(version, subjects) ?? {}
      const request = { ...defaultRequest(api.key, version), ...filled }
      let answer: unknown
      try {
        answer = steady(await client.request(name, request, version))
      } catch (cause) {
        if (/within \d+ ms/.test(String(cause))) throw cause
        answer = 'closed'
        client = await connect()
      }
      answers.set(`${name} v${version}`, answer)
    }
  }
  client.close()
  return answers
}
