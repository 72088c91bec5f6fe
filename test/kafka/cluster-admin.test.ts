// What a run asks a cluster, on real brokers. Records are written and read with kafkajs, so that two clients
// that share no code have to agree.
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClusterAdmin, openAdmin } from '../../gauntlet/clusters/admin.ts'
import {
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../gauntlet/clusters/embedded.ts'
import { systemRuntime } from '../../proxy/runtime.ts'

const limitMs = 30_000

async function until(condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not in time: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('the admin of a cluster', () => {
  let cluster: EmbeddedCluster
  let admin: ClusterAdmin
  let kafka: Kafka

  beforeAll(async () => {
    cluster = await startEmbedded(
      { version: '4.3.1', brokers: 3, features: { 'transaction.version': 1 }, config: {} },
      { ports: await planEmbeddedPorts(3), planes: {}, runtime: systemRuntime(1) },
    )
    admin = openAdmin(cluster.brokers)
    kafka = new Kafka({
      clientId: 'test',
      brokers: [...cluster.bootstrap],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 20 },
    })
  })

  afterAll(async () => {
    admin?.close()
    await cluster?.stop()
  })

  it('reads the feature levels that the cluster was formatted with', async () => {
    const features = await admin.features()
    expect(features['transaction.version']).toBe(1)
    expect(features['metadata.version']).toBeGreaterThan(20)
    expect(cluster.features).toEqual(features)
  })

  it('creates topics with the leaders and the configuration that were asked for', async () => {
    await admin.createTopics([
      { name: 'placed', partitions: 4, leaders: [2, 1], config: { 'min.insync.replicas': 1 } },
      { name: 'single', partitions: 1, replicas: 1, leaders: [3] },
    ])
    const places = await admin.placesOf('placed')
    expect(places?.map(({ leader }) => leader)).toEqual([2, 1, 2, 1])
    expect(places?.[0]?.replicas).toEqual([2, 3, 1])
    expect(await admin.leaderOf('single', 0)).toBe(3)
    expect(await admin.leaderOf('single', 1)).toBeUndefined()
    expect(await admin.leaderOf('nowhere', 0)).toBeUndefined()
    const described = await kafka.admin().describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 'placed', configNames: ['min.insync.replicas'] }],
    })
    expect(described.resources[0]?.configEntries[0]?.configValue).toBe('1')
  })

  it('says why a topic cannot be created', async () => {
    await expect(admin.createTopics([{ name: 'single', partitions: 1 }])).rejects.toMatchObject({
      code: 'cluster-unavailable',
      message: expect.stringContaining('TOPIC_ALREADY_EXISTS'),
    })
    await expect(
      admin.createTopics([{ name: 'odd', partitions: 1, config: { 'no.such.setting': 1 } }]),
    ).rejects.toMatchObject({ message: expect.stringContaining('no.such.setting') })
    await expect(
      admin.createTopics([{ name: 'odd', partitions: 1, leaders: [9] }]),
    ).rejects.toMatchObject({ code: 'cannot-do-here' })
  })

  it('knows the coordinator of every id from the start, the same in every cluster of that size', async () => {
    expect(await admin.coordinatorOf({ transactionalId: 'copier-0' })).toBe(coordinator('copier-0'))
    expect(await admin.coordinatorOf({ transactionalId: 'copier-1' })).toBe(coordinator('copier-1'))
    expect(await admin.coordinatorOf({ group: 'readers' })).toBe(coordinator('readers'))
  })

  it('sees the stable end of a log stay behind while a transaction is open', async () => {
    const producer = kafka.producer({
      transactionalId: 'open-one',
      maxInFlightRequests: 1,
      idempotent: true,
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({
      topic: 'placed',
      messages: [
        { partition: 1, value: 'a' },
        { partition: 1, value: 'b' },
      ],
    })
    const end = async () => (await admin.logEnds('placed'))[1]
    await until(async () => (await end())?.highWatermark === 2)
    expect(await end()).toEqual({ partition: 1, highWatermark: 2, lastStableOffset: 0 })
    await transaction.commit()
    // Two records and the marker.
    await until(async () => (await end())?.lastStableOffset === 3)
    expect((await admin.logEnds('placed')).map(({ highWatermark }) => highWatermark)).toEqual([
      0, 3, 0, 0,
    ])
    await producer.disconnect()
  })

  it('reads a group’s state and offsets', async () => {
    expect(await admin.groupState('readers')).toEqual({ state: 'Dead', members: 0 })
    expect(await admin.groupOffsets('readers')).toEqual([])
    const consumer = kafka.consumer({ groupId: 'readers' })
    await consumer.connect()
    await consumer.subscribe({ topic: 'placed', fromBeginning: true })
    await consumer.run({ autoCommit: false, eachMessage: async () => undefined })
    await until(async () => (await admin.groupState('readers')).state === 'Stable')
    expect(await admin.groupState('readers')).toEqual({ state: 'Stable', members: 1 })
    await consumer.commitOffsets([{ topic: 'placed', partition: 1, offset: '2' }])
    expect(await admin.groupOffsets('readers')).toEqual([
      { topic: 'placed', partition: 1, offset: 2 },
    ])
    await consumer.disconnect()
    await until(async () => (await admin.groupState('readers')).members === 0)
  })

  it('asks the next broker when one is paused, and finds the new leaders when one is killed', async () => {
    await cluster.pause(1)
    expect((await admin.placesOf('placed'))?.length).toBe(4)
    await cluster.resume(1)
    const controller = (await admin.controllerOf()) ?? -1
    expect([1, 2, 3]).toContain(controller)
    await cluster.kill(controller)
    await until(async () => {
      const now = await admin.controllerOf().catch(() => undefined)
      return now !== undefined && now !== controller
    })
    await until(async () => {
      const leaders = (await admin.placesOf('placed'))?.map(({ leader }) => leader) ?? []
      return leaders.every((leader) => leader >= 0 && leader !== controller)
    })
    await cluster.start(controller)
  })

  it('deletes topics, those that never were too', async () => {
    await admin.deleteTopics(['placed', 'nowhere'])
    expect(await admin.placesOf('placed')).toBeUndefined()
    expect((await admin.placesOf('single'))?.length).toBe(1)
  })
})

/** As the brokers choose it: Java's string hash over the partitions, whose leaders are 1, 2, 3 in turn. */
function coordinator(id: string): number {
  let hash = 0
  for (const unit of id) hash = (Math.imul(hash, 31) + unit.charCodeAt(0)) | 0
  return ((Math.abs(hash) % 6) % 3) + 1
}
