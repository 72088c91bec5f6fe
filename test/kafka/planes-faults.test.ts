// Faults between brokers and in the quorum, on a real cluster whose planes all go through the proxy: each is seen by
// its firing and by what the cluster then says, and the same traffic passes when it is over.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FaultSpec } from '../../proxy/faults/fault.ts'
import { type BrokerClient, connectBroker } from '../../proxy/flow/broker-client.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import { errorNameOf } from '../../proxy/protocol/error-codes.ts'
import {
  type Grounds,
  loopback,
  openProxy,
  putPlanesBehind,
  raiseGrounds,
  type TestProxy,
  until,
} from './faults/grounds.ts'
import {
  addOffsets,
  addPartition,
  commitOffset,
  endTransaction,
  findCoordinator,
  type Identity,
  initProducer,
  type Place,
  produce,
  produceByName,
} from './faults/raw.ts'

let grounds: Grounds
let proxy: TestProxy
const clients = new Set<BrokerClient>()
let topic: string
/** Led by broker 1. */
let place: Place

const nodes = [1, 2, 3]
const inTime = { timeout: 40_000, interval: 50 }

beforeAll(async () => {
  grounds = await raiseGrounds({
    async planes(ports) {
      const addresses = new Map(
        ports.map(({ node, client }) => [node, { host: loopback, port: client }]),
      )
      proxy = openProxy({
        bootstrap: [...addresses.values()],
        nodes: addresses,
        host: undefined,
        clients,
      })
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
let errorsBefore = 0
beforeEach(async () => {
  errorsBefore = proxy.errors().length
  topic = await grounds.topic()
  place = { topic, partition: 0 }
})
afterEach(async () => {
  await proxy.engine.healAll()
  await whole()
  expect(proxy.errors().slice(errorsBefore)).toEqual([])
})

const inSync = async (): Promise<number[][]> =>
  ((await grounds.admin.placesOf(topic)) ?? []).map((one) => [...one.inSync].sort())

/** Every broker follows every partition again, and all agree on a controller. */
async function whole(): Promise<void> {
  await expect.poll(inSync, inTime).toEqual([nodes, nodes, nodes])
  await expect.poll(() => grounds.admin.controllerOf(), inTime).toBeDefined()
}

let arms = 0
function arm(spec: Omit<FaultSpec, 'name'>): string {
  const name = `fault-${++arms}`
  proxy.arm({ name, ...spec })
  return name
}
const applied = (name: string) => proxy.event('fault-applied', ({ fault }) => fault === name)
const counts = (name: string): number[] => {
  const { fired, applied: done, healed } = proxy.status(name)
  return [fired, done, healed]
}

interface Open {
  as: Identity
  /** Node id of the coordinator, never the leader's. */
  source: number
  coordinator: BrokerClient
  leader: BrokerClient
}

let transactions = 0
/** A producer whose coordinator is another broker than the leader of the first partition. */
async function openProducer(): Promise<Open> {
  for (;;) {
    const id = `planes-faults-${++transactions}`
    const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
    if (node === 1) continue
    const coordinator = await proxy.through(node)
    const as = await initProducer(coordinator, id)
    return { as, source: node, coordinator, leader: await proxy.through(1) }
  }
}

/** One transaction of one record by protocol V1. */
async function send(open: Open, value: string, sequence = 0): Promise<string> {
  expect((await addPartition(open.coordinator, open.as, place)).error).toBe('NONE')
  return (await produce(open.leader, place, [value], { as: open.as, sequence })).error
}
async function end(open: Open, committed: boolean): Promise<void> {
  expect((await endTransaction(open.coordinator, open.as, committed)).error).toBe('NONE')
}
const values = (): Promise<string[]> => grounds.values(place)

/** A second transaction on the same places: nothing is in its way any more. */
async function passes(open: Open): Promise<void> {
  const before = await values()
  expect(await send(open, 'passes', 1)).toBe('NONE')
  await end(open, true)
  await expect.poll(values, inTime).toEqual([...before, 'passes', '<commit>'])
}

describe('markers', () => {
  const marker = (open: Open, committed: boolean) => ({
    'transactional-id': open.as.transactionalId,
    committed,
    source: open.source,
    target: 1,
    topic,
    partition: 0,
  })

  it('dropped on their way are written by the retry, and not before', async () => {
    const open = await openProducer()
    const name = arm({
      when: { request: 'WriteTxnMarkers', ...marker(open, true) },
      inject: { drop: 'request' },
      for: '1s',
    })
    expect(await send(open, 'a')).toBe('NONE')
    await end(open, true)
    await applied(name)
    expect(await values()).toEqual(['a'])
    await expect.poll(values, inTime).toEqual(['a', '<commit>'])
    expect(counts(name)).toEqual([1, 1, 1])
    await passes(open)
  })

  it('whose answer is lost are there, and the coordinator writes them again', async () => {
    const open = await openProducer()
    const name = arm({
      when: { reply: 'WriteTxnMarkers', error: 'NONE', ...marker(open, false) },
      inject: { drop: 'reply' },
      for: '1s',
    })
    expect(await send(open, 'a')).toBe('NONE')
    await end(open, false)
    await applied(name)
    expect(await values()).toEqual(['a', '<abort>'])
    // The coordinator is not told, so the next transaction waits.
    expect((await addPartition(open.coordinator, open.as, place)).refused).toBeGreaterThan(0)
    expect(await values()).toEqual(['a', '<abort>', '<abort>'])
    expect(proxy.firing(name).brokerAnswer).toBe('NONE')
    await passes(open)
  })

  it('refused by us are tried again until they are taken', async () => {
    const open = await openProducer()
    const name = arm({
      when: { request: 'WriteTxnMarkers', ...marker(open, true), first: 3 },
      inject: { error: { code: 'NOT_LEADER_OR_FOLLOWER', 'seen-by-broker': false } },
    })
    expect(await send(open, 'a')).toBe('NONE')
    await end(open, true)
    await expect.poll(values, inTime).toEqual(['a', '<commit>'])
    expect(counts(name)).toEqual([3, 3, 3])
    await passes(open)
  })

  it('taken by the leader and refused by us are written twice', async () => {
    const open = await openProducer()
    const name = arm({
      when: { reply: 'WriteTxnMarkers', error: 'NONE', ...marker(open, true) },
      inject: { error: { code: 'NOT_LEADER_OR_FOLLOWER', 'seen-by-broker': true } },
    })
    expect(await send(open, 'a')).toBe('NONE')
    await end(open, true)
    await expect.poll(values, inTime).toEqual(['a', '<commit>', '<commit>'])
    expect(proxy.firing(name).brokerAnswer).toBe('NONE')
    await passes(open)
  })

  it('sent twice are written twice in protocol V1, and the coordinator hears of one', async () => {
    const open = await openProducer()
    const name = arm({
      when: { request: 'WriteTxnMarkers', ...marker(open, true) },
      inject: { duplicate: 'request' },
    })
    expect(await send(open, 'a')).toBe('NONE')
    await end(open, true)
    await proxy.event('fault-answered', ({ fault }) => fault === name)
    expect(await values()).toEqual(['a', '<commit>', '<commit>'])
    expect(proxy.firing(name).brokerAnswer).toBe('NONE')
    expect(counts(name)).toEqual([1, 1, 1])
    await passes(open)
  })

  it('whose result is turned round on the way end the transaction the other way', async () => {
    const open = await openProducer()
    const name = arm({
      when: { request: 'WriteTxnMarkers', ...marker(open, true) },
      inject: { rewrite: { 'markers.*.transactionResult': false } },
    })
    expect(await send(open, 'a')).toBe('NONE')
    await end(open, true)
    await expect.poll(values, inTime).toEqual(['a', '<abort>'])
    expect(counts(name)).toEqual([1, 1, 1])
    await passes(open)
  })

  it.each([
    ['commit', true],
    ['abort', false],
  ] as const)(
    'of one transaction (%s), kept until the next transaction, are taken for its own in protocol V1',
    async (_, committed) => {
      const open = await openProducer()
      const name = arm({
        when: { request: 'WriteTxnMarkers', ...marker(open, committed), only: true },
        inject: { detach: { until: 'released' } },
      })
      const [first, second] = committed ? ['<commit>', '<abort>'] : ['<abort>', '<commit>']
      expect(await send(open, 'a')).toBe('NONE')
      await end(open, committed)
      // The coordinator has written it again on another connection.
      await expect.poll(values, inTime).toEqual(['a', first])
      expect(await send(open, 'b', 1)).toBe('NONE')
      proxy.engine.release(name)
      await proxy.event('fault-answered', ({ fault }) => fault === name)
      expect(await values()).toEqual(['a', first, 'b', first])
      await end(open, !committed)
      await expect.poll(values, inTime).toEqual(['a', first, 'b', first, second])
      expect(proxy.firing(name)).toMatchObject({
        brokerAnswer: 'NONE',
        exchange: { transactionalIds: [open.as.transactionalId], topicPartitions: [`${topic}-0`] },
      })
    },
  )

  it('that nobody keeps back end the transaction that they belong to', async () => {
    const open = await openProducer()
    expect(await send(open, 'a')).toBe('NONE')
    await end(open, true)
    await expect.poll(values, inTime).toEqual(['a', '<commit>'])
    expect(await send(open, 'b', 1)).toBe('NONE')
    await end(open, false)
    await expect.poll(values, inTime).toEqual(['a', '<commit>', 'b', '<abort>'])
  })

  it('that come a transaction late are refused in protocol V2', async () => {
    const open = await openProducer()
    const name = arm({
      when: { request: 'WriteTxnMarkers', ...marker(open, true), only: true },
      inject: { detach: { until: 'released' } },
    })
    const v2 = { as: open.as, version: produceByName }
    expect((await produce(open.leader, place, ['a'], v2)).error).toBe('NONE')
    const { error, next } = await endTransaction(open.coordinator, open.as, true, 5)
    expect(error).toBe('NONE')
    await expect.poll(values, inTime).toEqual(['a', '<commit>'])
    expect((await produce(open.leader, place, ['b'], { ...v2, as: next })).error).toBe('NONE')
    proxy.engine.release(name)
    await proxy.event('fault-answered', ({ fault }) => fault === name)
    expect(proxy.firing(name).brokerAnswer).toBe('INVALID_PRODUCER_EPOCH')
    expect((await endTransaction(open.coordinator, next, false, 5)).error).toBe('NONE')
    await expect.poll(values, inTime).toEqual(['a', '<commit>', 'b', '<abort>'])
  })

  it('of a group’s offsets, late, commit the offsets of the transaction that is then aborted', async () => {
    const { coordinator, as } = await openProducer()
    const group = `group-of-${as.transactionalId}`
    const { node } = await findCoordinator(coordinator, 'group', group)
    const seat = await proxy.through(node)
    const offsets = async (): Promise<number[]> =>
      (await grounds.admin.groupOffsets(group)).map(({ offset }) => offset)
    const stage = async (offset: number): Promise<void> => {
      expect(await addOffsets(coordinator, as, group)).toBe('NONE')
      expect(await commitOffset(seat, as, group, place, offset)).toBe('NONE')
    }
    const name = arm({
      when: {
        request: 'WriteTxnMarkers',
        committed: true,
        'transactional-id': as.transactionalId,
        topic: '__consumer_offsets',
      },
      inject: { detach: { until: 'released' } },
    })
    await stage(10)
    expect((await endTransaction(coordinator, as, true)).error).toBe('NONE')
    await expect.poll(offsets, inTime).toEqual([10])
    await stage(20)
    expect(await offsets()).toEqual([10])
    proxy.engine.release(name)
    await proxy.event('fault-answered', ({ fault }) => fault === name)
    await expect.poll(offsets, inTime).toEqual([20])
    expect((await endTransaction(coordinator, as, false)).error).toBe('NONE')
    expect(await offsets()).toEqual([20])
    // Without it an aborted transaction commits no offsets.
    await stage(30)
    expect((await endTransaction(coordinator, as, false)).error).toBe('NONE')
    await stage(25)
    expect((await endTransaction(coordinator, as, true)).error).toBe('NONE')
    await expect.poll(offsets, inTime).toEqual([25])
  })
})

describe('the question whether a partition is in the transaction', () => {
  it.each(['request', 'reply'] as const)('lost (%s): the leader takes no records', async (side) => {
    const open = await openProducer()
    const name = arm({
      when: {
        [side]: 'AddPartitionsToTxn',
        plane: 'inter-broker',
        source: 1,
        target: open.source,
        'transactional-id': open.as.transactionalId,
      },
      inject: { drop: side },
      for: '1s',
    })
    expect(await send(open, 'a')).toBe('NOT_ENOUGH_REPLICAS')
    expect(await values()).toEqual([])
    expect(counts(name)).toEqual([1, 1, 1])
    expect(proxy.firing(name).exchange).toMatchObject({ source: 1, node: open.source })
    // The leader waits a little before it connects again.
    await expect.poll(() => send(open, 'a'), inTime).toBe('NONE')
    await end(open, true)
    await expect.poll(values, inTime).toEqual(['a', '<commit>'])
  })
})

/** Two brokers that do not lead the quorum, and the one that does. */
async function roles(): Promise<{ one: number; other: number; controller: number }> {
  const controller = (await grounds.admin.controllerOf()) ?? 0
  const [one = 0, other = 0] = nodes.filter((node) => node !== controller)
  return { one, other, controller }
}
/** The partition that a broker leads when all is well. */
const ledBy = (node: number): Place => ({ topic, partition: node - 1 })

async function fire(name: string): Promise<void> {
  await proxy.engine.fire(name)
  await applied(name)
}

describe('replication', () => {
  async function write(node: number, value: string): Promise<string> {
    return (await produce(await proxy.through(node), ledBy(node), [value])).error
  }

  it('from one broker to one other is cut in this direction alone', async () => {
    const { one, other } = await roles()
    const name = arm({
      when: { manual: true },
      inject: { block: { direction: 'to-broker' } },
      on: { plane: 'inter-broker', clients: `broker-${one}-fetcher-*`, brokers: other },
    })
    await fire(name)
    expect(await write(other, 'a')).toBe('NONE')
    expect(await write(one, 'b')).toBe('NONE')
    await expect
      .poll(async () => (await inSync())[other - 1], inTime)
      .toEqual(nodes.filter((node) => node !== one))
    const now = await inSync()
    for (const node of nodes.filter((each) => each !== other)) expect(now[node - 1]).toEqual(nodes)
  })

  it('of one partition is cut by errors in the answers, and its neighbour goes on', async () => {
    const { one, other } = await roles()
    const wide = await grounds.topic([other, other])
    const name = arm({
      when: { reply: 'Fetch', source: one, target: other, topic: wide, partition: 0 },
      inject: {
        error: { code: 'KAFKA_STORAGE_ERROR', 'seen-by-broker': true, partitions: [`${wide}-0`] },
      },
      times: 'unlimited',
    })
    const leader = await proxy.through(other)
    // Followers name topics by their ids; the proxy learns them from any answer that passes.
    await leader.request('Metadata', { topics: [{ name: wide }] })
    for (const partition of [0, 1]) {
      expect((await produce(leader, { topic: wide, partition }, ['a'])).error).toBe('NONE')
    }
    await applied(name)
    const now = async () =>
      (await grounds.admin.placesOf(wide))?.map((found) => [...found.inSync].sort())
    const without = nodes.filter((node) => node !== one)
    await expect.poll(now, inTime).toEqual([without, nodes])
    await proxy.engine.disarm(name)
    await expect.poll(now, inTime).toEqual([nodes, nodes])
  })

  it('in the name of another broker does not keep the follower in sync', async () => {
    const { one, other } = await roles()
    const name = arm({
      when: { request: 'Fetch', source: one, target: other },
      inject: { rewrite: { 'replicaState.replicaId': 99 } },
      times: 'unlimited',
    })
    expect(await write(other, 'a')).toBe('NONE')
    await expect
      .poll(async () => (await inSync())[other - 1], inTime)
      .toEqual(nodes.filter((node) => node !== one))
    const { fired, applied: done } = proxy.status(name)
    expect([fired > 0, done]).toEqual([true, fired])
    await proxy.engine.disarm(name)
    await expect.poll(async () => (await inSync())[other - 1], inTime).toEqual(nodes)
  })

  it('of a batch damaged on the way is tried again, until the follower has it whole', async () => {
    const { one, other } = await roles()
    const leader = await proxy.through(other)
    await leader.request('Metadata', { topics: [{ name: topic }] })
    const name = arm({
      when: { reply: 'Fetch', source: one, target: other, topic, partition: other - 1 },
      inject: { corrupt: { crc: 'broken' } },
    })
    const tells = arm({
      when: { request: 'Fetch', source: one, target: other },
      inject: { delay: { by: '1ms' } },
      from: { fault: name, is: 'applied' },
    })
    // An answer without records has nothing to damage: the next one is tried then.
    expect(await write(other, 'a')).toBe('NONE')
    await applied(name)
    await applied(tells)
    expect((await inSync())[other - 1]).toEqual(nodes)
    expect(await grounds.values(ledBy(other))).toEqual(['a'])
  })

  it.each(['from', 'to'] as const)(
    'stops when no byte passes %s a broker to one other, on any plane',
    async (way) => {
      const { one, other } = await roles()
      const sides = [{ brokers: one }, { brokers: other }]
      const name = arm({
        when: { manual: true },
        inject: {
          'network-partition': {
            between: way === 'from' ? sides : [...sides].reverse(),
            direction: 'one-way',
          },
        },
      })
      await fire(name)
      // A follower that lacks nothing is in sync for ever: there must be something that it lacks.
      expect(await Promise.all([write(one, 'a'), write(other, 'b')])).toEqual(['NONE', 'NONE'])
      // A request needs its answer: cut in one direction, neither can follow the other. The third sees both.
      await expect
        .poll(async () => (await inSync())[other - 1], inTime)
        .toEqual(nodes.filter((node) => node !== one))
      await expect
        .poll(async () => (await inSync())[one - 1], inTime)
        .toEqual(nodes.filter((node) => node !== other))
      expect(proxy.firing(name).targets).toEqual(
        way === 'from'
          ? [`brokers ${one}`, `brokers ${other}`]
          : [`brokers ${other}`, `brokers ${one}`],
      )
      await proxy.engine.heal(name)
      expect(counts(name)).toEqual([1, 1, 1])
    },
  )
})

describe('the quorum', () => {
  const isFenced = async (node: number): Promise<boolean> => {
    const { controller } = await roles()
    const witness = await grounds.direct(controller === node ? (node % 3) + 1 : controller)
    const answer = await witness.request('DescribeCluster', { includeFencedBrokers: true }, 2)
    const found = (answer.brokers as Message[]).find(({ brokerId }) => brokerId === node)
    return found?.isFenced === true
  }

  it('fences a live broker whose heartbeats are answered by us', async () => {
    const { one: lost } = await roles()
    const name = arm({
      when: { request: 'BrokerHeartbeat', source: lost },
      inject: { answer: { body: { isCaughtUp: true } } },
      times: 'unlimited',
    })
    await expect.poll(() => isFenced(lost), inTime).toBe(true)
    await until(async () => (await grounds.admin.leaderOf(topic, lost - 1)) !== lost)
    const own = await (await proxy.through(lost)).request('ListGroups', {})
    expect(errorNameOf(own.errorCode as number)).toBe('NONE')
    const { fired, applied: done } = proxy.status(name)
    expect(fired).toBeGreaterThan(3)
    expect(done).toBe(fired)
    await proxy.engine.disarm(name)
    await expect.poll(() => isFenced(lost), inTime).toBe(false)
  })

  it('fences a broker whose heartbeats are held until it gives them up', async () => {
    const { one: lost } = await roles()
    const name = arm({
      when: { request: 'BrokerHeartbeat', source: lost },
      inject: { hold: { side: 'request', until: 'client-gave-up' } },
      times: 'unlimited',
    })
    await expect.poll(() => isFenced(lost), inTime).toBe(true)
    await until(() => proxy.status(name).firings.some(({ discarded }) => discarded === true))
    await proxy.engine.disarm(name)
    await expect.poll(() => isFenced(lost), inTime).toBe(false)
  })

  it('hands out no producer ids while it is made to refuse them', async () => {
    // Broker 1 has coordinated no transaction here: it has no block of ids left from before.
    const name = arm({
      when: { request: 'AllocateProducerIds', source: 1 },
      inject: { error: { code: 'UNKNOWN_SERVER_ERROR', 'seen-by-broker': false } },
      times: 'unlimited',
    })
    const client = await proxy.through(1)
    const asked = { transactionalId: null, transactionTimeoutMs: 1_000 }
    const answers = new Set<string>()
    await until(async () => {
      const answer = await client.request('InitProducerId', {
        ...asked,
        producerId: -1n,
        producerEpoch: -1,
      })
      answers.add(errorNameOf(answer.errorCode as number))
      return proxy.status(name).applied >= 2
    })
    expect([...answers]).toEqual(['COORDINATOR_LOAD_IN_PROGRESS'])
    await proxy.engine.disarm(name)
    expect((await initProducer(client, '')).producerId).toBeGreaterThanOrEqual(0)
  })

  /** What a voter says of itself. Brokers would pass the question on to a leader that may be out of reach. */
  async function leads(node: number): Promise<boolean> {
    const port = grounds.ports.find((one) => one.node === node)?.controller ?? 0
    const voter = await connectBroker(
      { host: loopback, port },
      { clientId: 'voter-witness', timeoutMs: 5_000 },
    )
    try {
      const partitions = [{ partitionIndex: 0 }]
      const answer = await voter.request('DescribeQuorum', {
        topics: [{ topicName: '__cluster_metadata', partitions }],
      })
      const [first] = (answer.topics as Message[] | null) ?? []
      const [found] = (first?.partitions as Message[] | undefined) ?? []
      return answer.errorCode === 0 && found?.errorCode === 0 && found.leaderId === node
    } finally {
      voter.close()
    }
  }
  const isOneOf = async (others: readonly number[]): Promise<boolean> =>
    (await Promise.all(others.map(leads))).includes(true)

  const island = (): string =>
    arm({
      when: { manual: true },
      inject: {
        'network-partition': {
          between: [{ brokers: 'controller' }, { brokers: { not: 'controller' } }],
        },
      },
    })

  it('has another leader when the active controller is cut off', async () => {
    const { one, other, controller } = await roles()
    expect([await leads(controller), await isOneOf([one, other])]).toEqual([true, false])
    const name = island()
    await fire(name)
    await until(() => isOneOf([one, other]))
    expect(proxy.firing(name).targets?.[0]).toBe(`brokers ${controller}`)
    await proxy.engine.heal(name)
    expect(counts(name)).toEqual([1, 1, 1])
  })

  it('has none as long as its votes are lost', async () => {
    const { one, other } = await roles()
    const votes = arm({
      when: { request: 'Vote' },
      inject: { drop: 'request' },
      for: '200ms',
      times: 'unlimited',
    })
    await fire(island())
    await until(() => proxy.status(votes).applied >= 8)
    expect(await isOneOf([one, other])).toBe(false)
    await proxy.engine.disarm(votes)
    await until(() => isOneOf([one, other]))
  })
})
