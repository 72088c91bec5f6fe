// All three planes of a real cluster through the proxy: clients, brokers among each other, and the quorum. Rules
// hurt what only brokers say to each other, and the effect is seen from outside.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BrokerClient } from '../../proxy/flow/broker-client.ts'
import {
  type Grounds,
  loopback,
  openProxy,
  outlasts,
  putPlanesBehind,
  raiseGrounds,
  type TestProxy,
  until,
} from './faults/grounds.ts'
import {
  addPartition,
  endTransaction,
  findCoordinator,
  type Identity,
  initProducer,
  type Place,
  produce,
  produceByName,
} from './faults/raw.ts'
import { socketsOf } from './sockets-of.ts'

let grounds: Grounds
let proxy: TestProxy
const clients = new Set<BrokerClient>()
let topic: string

beforeAll(async () => {
  grounds = await raiseGrounds({
    async planes(ports) {
      const nodes = new Map(
        ports.map(({ node, client }) => [node, { host: loopback, port: client }]),
      )
      // The proxy is there before the brokers: they are told its ports.
      proxy = openProxy({ bootstrap: [...nodes.values()], nodes, host: undefined, clients })
      return putPlanesBehind(proxy.engine, ports, ['inter-broker', 'controller'])
    },
  })
  await proxy.engine.discover()
})
afterAll(async () => {
  for (const client of clients) client.close()
  await grounds.close()
  await proxy.engine.stop()
})
beforeEach(async () => {
  topic = await grounds.topic()
})
afterEach(async () => {
  await proxy.engine.healAll()
  expect(proxy.errors()).toEqual([])
})

let transactions = 0
/** A transactional id that another broker coordinates than the one that leads partition 0. */
async function remoteId(): Promise<{ id: string; coordinator: number }> {
  for (;;) {
    const id = `planes-${++transactions}`
    const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
    if (node !== 1) return { id, coordinator: node }
  }
}

interface Open {
  as: Identity
  coordinator: BrokerClient
  leader: BrokerClient
}

async function producerOf(id: string, node: number): Promise<Open> {
  const coordinator = await proxy.through(node)
  return { as: await initProducer(coordinator, id), coordinator, leader: await proxy.through(1) }
}

describe('a cluster with all its planes behind the proxy', () => {
  it('has a quorum, replicates and commits; every broker is heard on both planes', async () => {
    const place = { topic, partition: 0 }
    const { id, coordinator } = await remoteId()
    const open = await producerOf(id, coordinator)
    const sent = await produce(open.leader, place, ['a'], { as: open.as, version: produceByName })
    expect(sent.error).toBe('NONE')
    expect((await endTransaction(open.coordinator, open.as, true, 5)).error).toBe('NONE')
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<commit>'])
    await expect
      .poll(async () => (await grounds.admin.placesOf(topic))?.map(({ inSync }) => inSync.length))
      .toEqual([3, 3, 3])
    const opened = (plane: string) =>
      new Set(
        proxy.events.flatMap((event) =>
          event.type === 'connection-opened' && event.plane === plane ? [event.node] : [],
        ),
      )
    expect([...opened('inter-broker')].sort()).toEqual([1, 2, 3])
    // The quorum's followers and the brokers talk to its leader; candidates to all.
    expect(opened('controller').size).toBeGreaterThanOrEqual(1)
  })

  it('talks to no other broker past the proxy', () => {
    const real = new Set(
      grounds.ports.flatMap(({ interBroker, controller }) => [interBroker, controller]),
    )
    for (const { node } of grounds.ports) {
      const pid = grounds.cluster.pid(node)
      if (pid === undefined) throw new Error(`broker ${node} does not run`)
      const remotes = socketsOf(pid).map(({ remotePort }) => remotePort)
      expect(remotes.length).toBeGreaterThan(0)
      expect(remotes.filter((port) => real.has(port))).toEqual([])
    }
  })
})

describe('WriteTxnMarkers', () => {
  it('made late by a rule that names the transaction: decided, not visible, and the next one waits', async () => {
    const place = { topic, partition: 0 }
    const { id, coordinator } = await remoteId()
    const open = await producerOf(id, coordinator)
    const { as } = open
    proxy.arm({
      name: 'late-marker',
      when: {
        request: 'WriteTxnMarkers',
        'transactional-id': id,
        committed: true,
        source: coordinator,
        target: 1,
      },
      inject: { delay: { by: '3s' } },
    })
    await addPartition(open.coordinator, as, place)
    await produce(open.leader, place, ['a'], { as })
    expect((await endTransaction(open.coordinator, as, true)).error).toBe('NONE')
    const decidedAtMs = performance.now()
    expect(await grounds.values(place)).toEqual(['a'])
    const next = await addPartition(open.coordinator, as, place)
    expect(next.error).toBe('NONE')
    expect(next.refused).toBeGreaterThan(0)
    expect(performance.now() - decidedAtMs).toBeGreaterThan(2_000)
    expect(await grounds.values(place)).toEqual(['a', '<commit>'])
    const status = proxy.status('late-marker')
    expect([status.fired, status.applied, status.healed]).toEqual([1, 1, 1])
    expect(status.firings[0]).toMatchObject({
      brokerAnswer: 'NONE',
      exchange: {
        plane: 'inter-broker',
        source: coordinator,
        node: 1,
        api: 'WriteTxnMarkers',
        transactionalIds: [id],
        producerId: as.producerId,
        clientId: `broker-${coordinator}-txn-marker-sender`,
      },
    })
    await produce(open.leader, place, ['b'], { as, sequence: 1 })
    expect((await endTransaction(open.coordinator, as, false)).error).toBe('NONE')
    // Without the fault nothing is late.
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<commit>', 'b', '<abort>'])
  })

  it('from another source, to another target or of another decision is left alone', async () => {
    const place = { topic, partition: 0 }
    const { id, coordinator } = await remoteId()
    const others = { source: 1, target: coordinator, committed: false } as const
    for (const [field, value] of Object.entries(others)) {
      proxy.arm({
        name: field,
        when: { request: 'WriteTxnMarkers', 'transactional-id': id, [field]: value },
        inject: { delay: { by: '60s' } },
      })
    }
    const open = await producerOf(id, coordinator)
    await addPartition(open.coordinator, open.as, place)
    await produce(open.leader, place, ['a'], { as: open.as })
    await endTransaction(open.coordinator, open.as, true)
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<commit>'])
    for (const field of Object.keys(others)) expect(proxy.status(field).matched).toBe(0)
  })
})

describe('what brokers ask each other', () => {
  it('the partition that a V2 producer adds is added by the leader, and can be held', async () => {
    const place = { topic, partition: 0 }
    const { id, coordinator } = await remoteId()
    const open = await producerOf(id, coordinator)
    proxy.arm({
      name: 'held-add',
      when: {
        request: 'AddPartitionsToTxn',
        plane: 'inter-broker',
        source: 1,
        'transactional-id': id,
      },
      inject: { hold: { side: 'request', until: 'released' } },
    })
    const sent = produce(open.leader, place, ['a'], { as: open.as, version: produceByName })
    await proxy.event('fault-applied', ({ fault }) => fault === 'held-add')
    expect(await outlasts(sent, grounds.values({ topic, partition: 1 }))).toBe(true)
    expect(await grounds.values(place)).toEqual([])
    proxy.engine.release('held-add')
    expect((await sent).error).toBe('NONE')
    expect(proxy.firing('held-add').exchange).toMatchObject({
      source: 1,
      node: coordinator,
      clientId: 'AddPartitionsManager-client-1',
    })
    await endTransaction(open.coordinator, open.as, true, 5)
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<commit>'])
  })
})

describe('a broker that is cut off from the others', () => {
  it('loses its leaderships, is still there for clients, and comes back after the heal', async () => {
    const controller = await grounds.admin.controllerOf()
    const lost = [1, 2, 3].find((node) => node !== controller) ?? 1
    const place: Place = { topic, partition: lost - 1 }
    expect(await grounds.leader(place)).toBe(lost)
    proxy.arm({
      name: 'island',
      when: { manual: true },
      inject: { 'network-partition': { between: [{ brokers: lost }, { brokers: { not: lost } }] } },
    })
    await proxy.engine.fire('island')
    await proxy.event('fault-applied', ({ fault }) => fault === 'island')
    const witness = await proxy.through(controller)
    const leaderSaid = async (): Promise<unknown> => {
      const answer = await witness.request('Metadata', { topics: [{ name: topic }] })
      const [found] = answer.topics as {
        partitions: { partitionIndex: number; leaderId: number }[]
      }[]
      return found?.partitions.find((one) => one.partitionIndex === place.partition)?.leaderId
    }
    await until(async () => ![lost, -1].includes((await leaderSaid()) as number))
    const own = await (await proxy.through(lost)).request('ListGroups', {})
    expect(own.errorCode).toBe(0)
    await proxy.engine.heal('island')
    await until(async () => {
      const places = await grounds.admin.placesOf(topic)
      return places?.every(({ inSync }) => inSync.length === 3) === true
    })
    const status = proxy.status('island')
    expect([status.fired, status.applied, status.healed]).toEqual([1, 1, 1])
  })
})
