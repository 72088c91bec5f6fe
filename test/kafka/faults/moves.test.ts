// Coordinators, leaders and replicas move, and brokers stop as an operator stops them. Each is proved by the
// cluster's own word before, during and after, and by traffic that passes without it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { PartitionPlace } from '../../../gauntlet/clusters/admin.ts'
import type { FaultSpec } from '../../../proxy/faults/fault.ts'
import { type Puppet, startPuppet } from '../puppet/puppet.ts'
import { type Grounds, outcome, raiseGrounds, type TestProxy, until } from './grounds.ts'
import {
  addPartition,
  endTransaction,
  findCoordinator,
  initProducer,
  type Place,
  produce,
} from './raw.ts'

let grounds: Grounds
let puppet: Puppet
let proxy: TestProxy
let topic: string
/** Led by broker 1. */
let place: Place

beforeAll(async () => {
  ;[grounds, puppet] = await Promise.all([raiseGrounds(), startPuppet()])
})
afterAll(async () => {
  await puppet.stop()
  await grounds.close()
})
beforeEach(async () => {
  proxy = await grounds.proxy()
  topic = await grounds.topic()
  place = { topic, partition: 0 }
})

const counts = (name?: string): number[] => {
  const { fired, applied, healed } = proxy.status(name)
  return [fired, applied, healed]
}
const placesOf = async (name: string): Promise<PartitionPlace[]> =>
  (await grounds.admin.placesOf(name)) ?? []
const replicasOf = async (name: string): Promise<number[][]> =>
  (await placesOf(name)).map(({ replicas }) => replicas)
const leadersOf = async (name: string): Promise<number[]> =>
  (await placesOf(name)).map(({ leader }) => leader)

/** One transaction by hand at the coordinator that is named now; what its EndTxn is answered. */
async function transaction(id: string, value: string): Promise<string> {
  const any = await proxy.through(1)
  const { node } = await findCoordinator(any, 'transaction', id)
  const coordinator = await proxy.through(node)
  const as = await initProducer(coordinator, id)
  await addPartition(coordinator, as, place)
  const leader = await proxy.through(await grounds.leader(place))
  await produce(leader, place, [value], { as })
  return (await endTransaction(coordinator, as, true)).error
}

describe('coordinator-move on the wire', () => {
  it('sends its clients to a broker that knows nothing of them, until healed', async () => {
    const [id, other] = [`moved-${topic}`, `stays-${topic}`]
    const any = await proxy.through(1)
    const { node } = await findCoordinator(any, 'transaction', id)
    const coordinator = await proxy.through(node)
    const as = await initProducer(coordinator, id)
    await addPartition(coordinator, as, place)
    await produce(any, place, ['a'], { as })
    proxy.arm({
      when: { request: 'EndTxn', 'transactional-id': id },
      inject: { 'coordinator-move': { how: 'wire' } },
    })
    // The message that set it off has not reached the broker either: nothing is decided.
    expect((await endTransaction(coordinator, as, true)).error).toBe('NOT_COORDINATOR')
    expect(await grounds.values(place)).toEqual(['a'])
    const named = await findCoordinator(await proxy.through(2), 'transaction', id)
    expect(named).toMatchObject({ error: 'NONE', node: (node % 3) + 1 })
    expect(named.port).toBe((await proxy.ports()).get(named.node)?.port)
    // What the broker that is named says is its own true answer.
    const there = await proxy.through(named.node)
    expect((await endTransaction(there, as, true)).error).toBe('NOT_COORDINATOR')
    expect((await endTransaction(coordinator, as, true)).error).toBe('NOT_COORDINATOR')
    // Other ids, and the same connection's other requests, are not concerned.
    expect((await findCoordinator(coordinator, 'transaction', other)).error).toBe('NONE')
    expect((await produce(any, { topic, partition: 0 }, ['flows'])).error).toBe('NONE')
    expect(counts()).toEqual([1, 1, 0])
    await proxy.engine.heal('fault')
    expect((await findCoordinator(any, 'transaction', id)).node).toBe(node)
    expect((await endTransaction(coordinator, as, true)).error).toBe('NONE')
    expect(proxy.firing().targets).toEqual([`broker ${node}`, id])
    expect(proxy.firing().effect).toContain('EndTxn was sent away')
    expect(proxy.firing().effect).toContain('FindCoordinator was told another broker')
    expect(counts()).toEqual([1, 1, 1])
    expect(proxy.errors()).toEqual([])
  })

  it('of a group concerns its members’ requests, in every form of FindCoordinator', async () => {
    const group = `moved-group-${topic}`
    const any = await proxy.through(1)
    const { node } = await findCoordinator(any, 'group', group)
    const heartbeat = async (): Promise<unknown> =>
      (
        await (
          await proxy.through(node)
        ).request('Heartbeat', { groupId: group, generationId: 1, memberId: 'nobody' }, 3)
      ).errorCode
    const unknownMember = 25
    expect(await heartbeat()).toBe(unknownMember)
    proxy.arm({
      when: { manual: true },
      inject: { 'coordinator-move': { how: 'wire', group } },
    })
    await proxy.engine.fire('fault')
    expect(counts()).toEqual([1, 0, 0])
    const notCoordinator = 16
    expect(await heartbeat()).toBe(notCoordinator)
    const old = await any.request('FindCoordinator', { key: group, keyType: 0 }, 3)
    expect(old).toMatchObject({
      errorCode: 0,
      nodeId: (node % 3) + 1,
      port: (await proxy.ports()).get((node % 3) + 1)?.port,
    })
    expect((await findCoordinator(any, 'transaction', group)).node).toBe(
      await grounds.admin.coordinatorOf({ transactionalId: group }),
    )
    await proxy.engine.heal('fault')
    expect(await heartbeat()).toBe(unknownMember)
    expect(counts()).toEqual([1, 1, 1])
  })
})

describe('coordinator-move for real', () => {
  it('another broker leads the transaction, Java goes on there, and it comes back at the heal', async () => {
    const id = `really-${topic}`
    const before = await grounds.admin.coordinatorOf({ transactionalId: id })
    const log = await placesOf('__transaction_state')
    proxy.arm({
      when: { reply: 'EndTxn', committed: true, error: 'NONE', 'transactional-id': id, nth: 2 },
      inject: { 'coordinator-move': { how: 'process' } },
    })
    await puppet.create('producer', 'moved', {
      'bootstrap.servers': await proxy.bootstrap(),
      'transactional.id': id,
      'linger.ms': 0,
    })
    await puppet.call('init', 'moved')
    const values = ['v1', 'v2', 'v3', 'v4']
    for (const value of values) {
      await puppet.call('begin', 'moved')
      await puppet.call('send', 'moved', topic, '0', value)
      await puppet.call('commit', 'moved')
    }
    await puppet.call('close', 'moved')
    const after = await grounds.admin.coordinatorOf({ transactionalId: id })
    expect(after).not.toBe(before)
    expect(proxy.firing().targets).toEqual([`broker ${before}`, id])
    expect(proxy.firing().effect).toMatch(
      new RegExp(
        `^moved __transaction_state-\\d, so broker ${after} coordinates ${id} \\(the cluster said ${before} before, ${after} after\\)$`,
      ),
    )
    await proxy.engine.heal('fault')
    await until(async () => (await grounds.admin.coordinatorOf({ transactionalId: id })) === before)
    expect(await placesOf('__transaction_state')).toEqual(log)
    const once = (await grounds.values(place)).filter(
      (value, index, every) => value !== '<commit>' || every[index - 1] !== '<commit>',
    )
    expect(once).toEqual(values.flatMap((value) => [value, '<commit>']))
    expect(counts()).toEqual([1, 1, 1])
    expect(proxy.errors()).toEqual([])
  })

  it('a group’s coordinator moves as well', async () => {
    const group = `really-group-${topic}`
    const before = await grounds.admin.coordinatorOf({ group })
    proxy.arm({
      when: { manual: true },
      inject: { 'coordinator-move': { how: 'process', group } },
      for: '1h',
    })
    await proxy.engine.fire('fault')
    expect(await grounds.admin.coordinatorOf({ group })).toBe(((before ?? 0) % 3) + 1)
    expect(proxy.firing().effect).toContain('moved __consumer_offsets-')
    await proxy.engine.heal('fault')
    await until(async () => (await grounds.admin.coordinatorOf({ group })) === before)
    expect(proxy.errors()).toEqual([])
  })
})

describe('leader-move', () => {
  it('moves one partition, whose old leader says so, and back at the heal', async () => {
    const [first, ...others] = await placesOf(topic)
    proxy.arm({
      when: { request: 'Produce', topic, partition: 0 },
      inject: { 'leader-move': { 'leader-of': `${topic}-0` } },
    })
    // It waited until the leader had moved, so its broker does not lead any more.
    const refused = await produce(await proxy.through(1), place, ['refused'])
    expect(refused.error).toBe('NOT_LEADER_OR_FOLLOWER')
    const [moved, ...same] = await placesOf(topic)
    expect(moved).toMatchObject({ leader: 2 })
    expect(same).toEqual(others)
    expect((await produce(await proxy.through(2), place, ['taken'])).error).toBe('NONE')
    expect(proxy.firing()).toMatchObject({
      targets: [`${topic}-0`],
      effect: `moved ${topic}-0 from broker 1 to 2`,
    })
    await proxy.engine.heal('fault')
    await until(async () => (await leadersOf(topic))[0] === 1)
    expect((await replicasOf(topic))[0]).toEqual(first?.replicas)
    expect((await produce(await proxy.through(1), place, ['back'])).error).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['taken', 'back'])
    expect(counts()).toEqual([1, 1, 1])
  })

  it('moves each partition of a topic that is named by its role', async () => {
    proxy = await grounds.proxy({ topicAliases: { output: topic } })
    proxy.arm({
      when: { manual: true },
      inject: { 'leader-move': { 'leader-of': 'output' } },
    })
    await proxy.engine.fire('fault')
    expect(await leadersOf(topic)).toEqual([2, 3, 1])
    await proxy.engine.heal('fault')
    await until(async () => (await leadersOf(topic)).join() === '1,2,3')
  })

  it('of what does not exist is not applied', async () => {
    proxy.arm({ when: { manual: true }, inject: { 'leader-move': { 'leader-of': 'nothing-7' } } })
    await proxy.engine.fire('fault')
    expect(counts()).toEqual([1, 0, 1])
    expect(proxy.errors().join()).toContain('there is no partition nothing-7')
  })
})

describe('reassignment', () => {
  it('takes every replica from a broker: to one that is free, or to nobody; back at the heal', async () => {
    const pairs = `pairs-${topic}`
    await grounds.admin.createTopics([
      { name: pairs, partitions: 3, replicas: 2, leaders: [1, 2, 3] },
    ])
    const names = [topic, pairs, '__transaction_state', '__consumer_offsets']
    const everywhere = async () => Promise.all(names.map(replicasOf))
    const leaders = async () => Promise.all(names.map(leadersOf))
    const before = await everywhere()
    const ledBefore = await leaders()
    await produce(await proxy.through(1), place, ['before'])
    proxy.arm({
      when: { manual: true },
      inject: { reassignment: { from: { 'leader-of': `${topic}-0` } } },
    })
    await proxy.engine.fire('fault')
    const [, pairsNow, ...rest] = await everywhere()
    expect([...(pairsNow ?? []), ...rest.flat()].flat()).not.toContain(1)
    // Two of three brokers hold a pair, so the third was free.
    expect(pairsNow?.map(({ length }) => length)).toEqual([2, 2, 2])
    expect((await replicasOf(topic)).map(({ length }) => length)).toEqual([2, 2, 2])
    expect((await leaders()).flat()).not.toContain(1)
    const leader = await grounds.leader(place)
    expect((await produce(await proxy.through(leader), place, ['during'])).error).toBe('NONE')
    expect(await transaction(`while-${topic}`, 'committed')).toBe('NONE')
    expect(proxy.firing().targets).toEqual(['broker 1'])
    expect(proxy.firing().effect).toMatch(
      /^moved \d+ replicas away from broker 1, \d+ of them leaders; \d+ have one broker fewer, since none was free$/,
    )
    await proxy.engine.heal('fault')
    expect(await everywhere()).toEqual(before)
    expect(await leaders()).toEqual(ledBefore)
    expect(proxy.errors()).toEqual([])
    expect(await grounds.values(place)).toEqual(['before', 'during', 'committed', '<commit>'])
    expect(counts()).toEqual([1, 1, 1])
  })
})

describe('every broker selector', () => {
  it('puts exactly the brokers out that it means', async () => {
    const id = `selected-${topic}`
    const any = await proxy.through(1)
    const coordinator = (await findCoordinator(any, 'transaction', id)).node
    const groupCoordinator = (await findCoordinator(any, 'group', id)).node
    const controller = (await grounds.admin.controllerOf()) ?? 0
    const others = (node: number): number[] => [1, 2, 3].filter((each) => each !== node)
    const expected: Array<[NonNullable<FaultSpec['on']>['brokers'], number[]]> = [
      [2, [2]],
      ['all', [1, 2, 3]],
      ['controller', [controller]],
      [{ 'leader-of': `${topic}-2` }, [3]],
      [{ 'leader-of': topic }, [1, 2, 3]],
      [{ 'coordinator-of': id }, [coordinator]],
      [{ 'coordinator-of': `group ${id}` }, [groupCoordinator]],
      [{ not: 2 }, [1, 3]],
      [{ not: 'controller' }, others(controller)],
      [{ not: { 'leader-of': `${topic}-0` } }, [2, 3]],
      [{ not: { 'coordinator-of': id } }, others(coordinator)],
      [{ not: { 'coordinator-of': `group ${id}` } }, others(groupCoordinator)],
    ]
    for (const [at, [brokers, nodes]] of expected.entries()) {
      if (brokers === undefined) throw new Error('a selector')
      const name = `s${at}`
      proxy.arm({
        name,
        when: { manual: true },
        inject: { 'broker-outage': { how: 'wire' } },
        on: { brokers },
      })
      await proxy.engine.fire(name)
      const refused: number[] = []
      for (const node of [1, 2, 3]) {
        if ((await outcome(proxy.through(node))) === 'closed') refused.push(node)
      }
      expect([brokers, refused]).toEqual([brokers, nodes])
      expect(proxy.firing(name).targets).toEqual(nodes.map((node) => `broker ${node}`))
      await proxy.engine.heal(name)
      for (const node of nodes) expect(await outcome(proxy.through(node))).toBe('answered')
    }
    expect(proxy.errors()).toEqual([])
  })

  it.each([
    ['transactional-id', 'transactionalId', '__transaction_state'],
    ['group', 'group', '__consumer_offsets'],
  ] as const)(
    'coordinator-crash of a named %s kills the broker that leads it',
    async (word, key, log) => {
      const id = `named-${topic}`
      const what = key === 'group' ? { group: id } : { transactionalId: id }
      const before = (await grounds.admin.coordinatorOf(what)) ?? 0
      proxy.arm({
        when: { manual: true },
        inject: { 'coordinator-crash': { how: 'process', [word]: id } },
      })
      await proxy.engine.fire('fault')
      expect(grounds.cluster.state(before)).toBe('stopped')
      const { firing } = await proxy.event('fault-answered')
      expect(firing.brokerAnswer).not.toContain(`broker ${before} coordinates`)
      await proxy.engine.heal('fault')
      expect(grounds.cluster.state(before)).toBe('running')
      await until(async () => (await placesOf(log)).every(({ inSync }) => inSync.length === 3))
      expect(counts()).toEqual([1, 1, 1])
    },
  )
})

describe('broker-outage by a polite stop', () => {
  it('hands over what it leads before it ends, and is back at the heal', async () => {
    const leaders = await leadersOf(topic)
    const victim = leaders[0] ?? 0
    proxy.arm({
      when: { reply: 'Produce', topic, partition: 0, error: 'NONE' },
      inject: { 'broker-outage': { how: 'stop' } },
    })
    const pid = grounds.cluster.pid(victim) ?? 0
    // Its answer was on the way when its broker was told to stop.
    expect(await outcome(produce(await proxy.through(victim), place, ['applied']))).toBe('closed')
    await proxy.event('fault-applied')
    expect(grounds.cluster.state(victim)).toBe('stopped')
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    const now = await leadersOf(topic)
    expect(now).not.toContain(victim)
    expect(now).not.toContain(-1)
    const next = await proxy.through(now[0] ?? 0)
    expect((await produce(next, place, ['next'])).error).toBe('NONE')
    expect(proxy.firing()).toMatchObject({
      targets: [`broker ${victim}`],
      effect: `stopped broker ${victim}`,
    })
    await proxy.engine.heal('fault')
    expect(grounds.cluster.state(victim)).toBe('running')
    expect(await grounds.values(place)).toEqual(['applied', 'next'])
    expect(counts()).toEqual([1, 1, 1])
    expect(proxy.errors()).toEqual([])
  })
})
