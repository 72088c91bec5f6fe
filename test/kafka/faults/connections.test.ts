// Faults that last: on connections, the network, coordinators, brokers and groups. Each is seen from the client,
// from the log, and from what passes beside it and after it. Brokers die for real in the last part.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BrokerClient } from '../../../proxy/flow/broker-client.ts'
import { type Puppet, PuppetError, startPuppet } from '../puppet/puppet.ts'
import { type Grounds, outcome, outlasts, raiseGrounds, type TestProxy, until } from './grounds.ts'
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
/** Led by broker 2. */
let elsewhere: Place

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
  elsewhere = { topic, partition: 1 }
})

/** The same traffic on new connections gets through, so it was the fault that hurt. */
async function passes(door?: string): Promise<void> {
  const where = door === undefined ? {} : { door }
  const client = await proxy.through(1, where)
  expect((await produce(client, place, ['passes'])).error).toBe('NONE')
  expect((await grounds.values(place)).at(-1)).toBe('passes')
  client.close()
  expect(proxy.errors()).toEqual([])
  expect(proxy.engine.status().map(({ state }) => state)).not.toContain('active')
}

function counts(name?: string): number[] {
  const { matched, fired, applied, healed } = proxy.status(name)
  return [matched, fired, applied, healed]
}

const isOpen = async (client: BrokerClient): Promise<boolean> =>
  (await outcome(client.request('ListGroups', {}))) === 'answered'

describe('block', () => {
  it('swallows the bytes of the connections that it concerns until healed, then closes them', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { block: {} },
      on: { clients: 'app-0', brokers: 1 },
    })
    const hurt = await proxy.through(1, { door: 'app-0' })
    const sameClient = await proxy.through(2, { door: 'app-0' })
    const sameBroker = await proxy.through(1, { door: 'app-1' })
    await proxy.engine.fire('fault')
    expect(counts()).toEqual([1, 1, 0, 0])
    const lost = outcome(produce(hurt, place, ['lost']))
    await proxy.event('fault-applied')
    expect(await outlasts(lost, produce(sameClient, elsewhere, ['other']))).toBe(true)
    expect(await outlasts(lost, produce(sameBroker, place, ['other']))).toBe(true)
    await proxy.engine.heal('fault')
    expect(await lost).toBe('closed')
    expect(await isOpen(sameBroker)).toBe(true)
    expect(await grounds.values(place)).toEqual(['other'])
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes('app-0')
  })

  it('to the client alone: the record is in the log, the answer is gone', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { block: { direction: 'to-client' } } })
    const lost = outcome(produce(await proxy.through(1), place, ['unheard']))
    await proxy.event('fault-applied')
    await expect.poll(() => grounds.values(place)).toEqual(['unheard'])
    await proxy.engine.heal('fault')
    expect(await lost).toBe('closed')
    await passes()
  })

  it('to the broker alone takes the message that set it off', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { block: { direction: 'to-broker' } } })
    const lost = outcome(produce(await proxy.through(1), place, ['lost']))
    await proxy.event('fault-applied')
    await proxy.engine.heal('fault')
    expect(await lost).toBe('closed')
    expect(await grounds.values(place)).toEqual([])
    await passes()
  })
})

describe('refuse', () => {
  it('with reset turns new connections away, and open ones go on', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { refuse: { with: 'reset' } },
      on: { brokers: 1 },
    })
    const open = await proxy.through(1)
    await proxy.engine.fire('fault')
    expect(counts()).toEqual([1, 1, 0, 0])
    await expect(proxy.through(1)).rejects.toThrow(/ECONNRESET|closed|ended/)
    expect(counts()).toEqual([1, 1, 1, 0])
    expect(await isOpen(open)).toBe(true)
    expect(await isOpen(await proxy.through(2))).toBe(true)
    await proxy.engine.heal('fault')
    await passes()
  })

  it('with timeout lets them hang, and serves at heal who still waits', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { refuse: { with: 'timeout' } },
      on: { brokers: 1 },
    })
    const open = await proxy.through(1)
    await proxy.engine.fire('fault')
    const hanging = proxy.through(1)
    expect(await outlasts(hanging, isOpen(open))).toBe(true)
    expect(await outlasts(hanging, proxy.through(2))).toBe(true)
    expect(counts()).toEqual([1, 1, 1, 0])
    await proxy.engine.heal('fault')
    expect(await isOpen(await hanging)).toBe(true)
    await passes()
  })

  // Client ids are known only from the first request, when the connection is open already.
  it('finds clients by client id too', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { refuse: { with: 'reset' } },
      on: { clients: 'bad-*' },
    })
    const older = await proxy.through(1, { clientId: 'bad-1' })
    await proxy.engine.fire('fault')
    await expect(proxy.through(1, { clientId: 'bad-2' })).rejects.toThrow()
    expect(await isOpen(await proxy.through(1, { clientId: 'good' }))).toBe(true)
    expect(await isOpen(older)).toBe(true)
    expect(counts()).toEqual([1, 1, 1, 0])
    await proxy.engine.heal('fault')
    expect(await isOpen(await proxy.through(1, { clientId: 'bad-2' }))).toBe(true)
    await passes()
  })
})

describe('stop-reading', () => {
  // More than the kernel keeps for a socket that nobody reads.
  const large = 'x'.repeat(900_000)

  it('of the client: its bytes wait, nothing more arrives, and all of it does after the heal', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { 'stop-reading': { side: 'client' } },
      on: { clients: 'app-0', brokers: 1 },
    })
    const stuck = await proxy.through(1, { door: 'app-0' })
    const other = await proxy.through(1, { door: 'app-1' })
    await proxy.engine.fire('fault')
    // Nobody has sent anything yet, so nothing is unread.
    expect(counts()).toEqual([1, 1, 0, 0])
    const sends = [1, 2, 3].map(() => produce(stuck, place, [large]))
    await proxy.event('fault-applied')
    expect(await outlasts(Promise.race(sends), produce(other, place, ['other']))).toBe(true)
    expect(await grounds.values(place)).toEqual(['other'])
    await proxy.engine.heal('fault')
    expect((await Promise.all(sends)).map(({ error }) => error)).toEqual(['NONE', 'NONE', 'NONE'])
    expect((await grounds.values(place)).map(({ length }) => length)).toEqual([
      5, 900_000, 900_000, 900_000,
    ])
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes('app-0')
  })

  it('of the broker, set off by a request: it has the record, its answer stays unread', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { 'stop-reading': { side: 'broker' } } })
    const client = await proxy.through(1)
    const sent = produce(client, place, ['unheard'])
    await proxy.event('fault-applied')
    expect(await outlasts(sent, grounds.values(place))).toBe(true)
    expect(await grounds.values(place)).toEqual(['unheard'])
    await proxy.engine.heal('fault')
    expect((await sent).error).toBe('NONE')
    await passes()
  })
})

describe('throttle', () => {
  it('lets requests arrive at its rate, and answers as ever', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { throttle: { rate: '64KB/s', of: 'request' } },
      on: { clients: 'app-0' },
    })
    const client = await proxy.through(1, { door: 'app-0' })
    const value = 'y'.repeat(64_000)
    const freely = performance.now()
    await produce(client, place, [value])
    const freeMs = performance.now() - freely
    await proxy.engine.fire('fault')
    expect(counts()).toEqual([1, 1, 0, 0])
    const startedMs = performance.now()
    expect((await produce(client, place, [value])).error).toBe('NONE')
    const tookMs = performance.now() - startedMs
    expect(tookMs).toBeGreaterThan(900)
    expect(tookMs).toBeGreaterThan(freeMs)
    // Others are not slow, and neither is this one in the other direction.
    const readAtMs = performance.now()
    await client.request('DescribeCluster', {})
    expect(performance.now() - readAtMs).toBeLessThan(900)
    expect(await grounds.values(place)).toEqual([value, value])
    await proxy.engine.heal('fault')
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes('app-0')
  })

  it('keeps the order of many requests on one connection', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { throttle: { rate: '20KB/s' } },
      on: { brokers: 1 },
    })
    const client = await proxy.through(1)
    await proxy.engine.fire('fault')
    const wanted = Array.from({ length: 10 }, (_, n) => `${n}`.repeat(2_000))
    const answers = await Promise.all(wanted.map((value) => produce(client, place, [value])))
    expect(answers.map(({ baseOffset }) => baseOffset)).toEqual(wanted.map((_, n) => n))
    expect(await grounds.values(place)).toEqual(wanted)
    await proxy.engine.heal('fault')
    await passes()
  })
})

describe('slice', () => {
  it('into single bytes is read by brokers and clients all the same', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { slice: { bytes: 1, gap: '1ms', jitter: '1ms' } },
      on: { clients: 'app-0' },
    })
    const client = await proxy.through(1, { door: 'app-0' })
    await proxy.engine.fire('fault')
    expect(counts()).toEqual([1, 1, 0, 0])
    const startedMs = performance.now()
    expect((await produce(client, place, ['crumbs'])).error).toBe('NONE')
    // A request of over a hundred bytes, at least a millisecond for each.
    expect(performance.now() - startedMs).toBeGreaterThan(100)
    expect(await grounds.values(place)).toEqual(['crumbs'])
    await proxy.engine.heal('fault')
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes('app-0')
  })

  it('is survived by a Java producer, with all its records in order', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { slice: { bytes: 7, variation: 6 } },
      on: { brokers: 'all' },
    })
    await puppet.create('producer', 'crumbs', {
      'bootstrap.servers': await proxy.bootstrap(),
      'linger.ms': 0,
    })
    await proxy.engine.fire('fault')
    const values = Array.from({ length: 20 }, (_, n) => `v${n}`)
    for (const value of values) await puppet.call('send', 'crumbs', topic, '0', value)
    const offsets = values.map((_, offset) => offset).join()
    expect(await puppet.call('flush', 'crumbs')).toBe(offsets)
    await puppet.call('close', 'crumbs')
    expect(await grounds.values(place)).toEqual(values)
    await proxy.engine.heal('fault')
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })
})

describe('network-partition', () => {
  it('keeps bytes between two sides, in both directions, until it heals', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { 'network-partition': { between: ['app-0', { brokers: 1 }] } },
    })
    const cut = await proxy.through(1, { door: 'app-0' })
    const sameClient = await proxy.through(2, { door: 'app-0' })
    const sameBroker = await proxy.through(1, { door: 'app-1' })
    await proxy.engine.fire('fault')
    const kept = produce(cut, place, ['kept'])
    const hanging = proxy.through(1, { door: 'app-0' })
    await proxy.event('fault-applied')
    expect(await outlasts(kept, produce(sameClient, elsewhere, ['other']))).toBe(true)
    expect(await outlasts(hanging, produce(sameBroker, place, ['other']))).toBe(true)
    await proxy.engine.heal('fault')
    // As on a network: what was under way arrives where both ends still wait.
    expect((await kept).error).toBe('NONE')
    expect(await isOpen(await hanging)).toBe(true)
    expect(await grounds.values(place)).toEqual(['other', 'kept'])
    expect(proxy.firing().targets).toEqual(['clients app-0', 'brokers 1'])
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes('app-0')
  })

  it('one-way from the client: requests do not arrive', async () => {
    proxy.arm({
      when: { manual: true },
      inject: {
        'network-partition': { between: ['app-0', { brokers: 1 }], direction: 'one-way' },
      },
    })
    const cut = await proxy.through(1, { door: 'app-0' })
    await proxy.engine.fire('fault')
    const kept = produce(cut, place, ['kept'])
    await proxy.event('fault-applied')
    expect(await outlasts(kept, grounds.values(place))).toBe(true)
    expect(await grounds.values(place)).toEqual([])
    await proxy.engine.heal('fault')
    expect((await kept).error).toBe('NONE')
    await passes('app-0')
  })

  it('one-way from the broker: requests arrive, answers do not', async () => {
    proxy.arm({
      when: { manual: true },
      inject: {
        'network-partition': { between: [{ brokers: 1 }, 'app-0'], direction: 'one-way' },
      },
    })
    const cut = await proxy.through(1, { door: 'app-0' })
    await proxy.engine.fire('fault')
    const kept = produce(cut, place, ['kept'])
    await proxy.event('fault-applied')
    await expect.poll(() => grounds.values(place)).toEqual(['kept'])
    expect(await outlasts(kept, grounds.values(place))).toBe(true)
    await proxy.engine.heal('fault')
    expect((await kept).error).toBe('NONE')
    await passes('app-0')
  })

  it('keeps the message that set it off, and leaves overlapping ones in force', async () => {
    const between = ['app-0', { brokers: 1 }]
    proxy.arm({
      name: 'first',
      when: { request: 'Produce' },
      inject: { 'network-partition': { between } },
    })
    proxy.arm({
      name: 'second',
      when: { manual: true },
      inject: { 'network-partition': { between } },
    })
    const kept = produce(await proxy.through(1, { door: 'app-0' }), place, ['kept'])
    await proxy.event('fault-applied')
    await proxy.engine.fire('second')
    await proxy.engine.heal('first')
    expect(await outlasts(kept, grounds.values(place))).toBe(true)
    expect(await grounds.values(place)).toEqual([])
    await proxy.engine.heal('second')
    expect((await kept).error).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['kept'])
    await passes('app-0')
  })
})

describe('coordinator-crash on the wire', () => {
  it('is dead for the ids concerned, while the broker and other ids go on', async () => {
    const [id, other] = [`crash-${topic}`, `calm-${topic}`]
    const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
    const coordinator = await proxy.through(node)
    const as = await initProducer(coordinator, id)
    await addPartition(coordinator, as, place)
    await produce(await proxy.through(1), place, ['a'], { as })
    proxy.arm({
      when: { reply: 'EndTxn', committed: true, error: 'NONE', 'transactional-id': id },
      inject: { 'coordinator-crash': { how: 'wire' } },
    })
    expect(await outcome(endTransaction(coordinator, as, true))).toBe('closed')
    expect(counts()).toEqual([1, 1, 1, 0])
    // The commit is in the log all the same.
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<commit>'])
    const again = await proxy.through(node)
    expect((await findCoordinator(again, 'transaction', id)).error).toBe(
      'COORDINATOR_NOT_AVAILABLE',
    )
    expect((await findCoordinator(again, 'transaction', other)).error).toBe('NONE')
    const led = { topic, partition: node - 1 }
    expect((await produce(again, led, ['flows'])).error).toBe('NONE')
    expect(await outcome(endTransaction(again, as, true))).toBe('closed')
    await proxy.engine.heal('fault')
    const healed = await proxy.through(node)
    expect((await findCoordinator(healed, 'transaction', id)).node).toBe(node)
    expect((await endTransaction(healed, as, true)).error).toBe('NONE')
    const firing = proxy.firing()
    expect(firing.targets).toEqual([`broker ${node}`, id])
    expect(firing.effect).toMatch(
      /closed \d+ connections to coordinator \d; Produce and Fetch to it still pass/,
    )
    expect(firing.effect).toContain('FindCoordinator met a dead coordinator')
    expect(counts().slice(1)).toEqual([1, 1, 1])
    await passes()
  })

  it('of a group leaves the transaction’s own coordinator alone', async () => {
    const [id, group] = [`both-${topic}`, `group-${topic}`]
    const any = await proxy.through(1)
    const { node } = await findCoordinator(any, 'group', group)
    proxy.arm({
      when: { request: 'TxnOffsetCommit', group },
      inject: { 'coordinator-crash': { how: 'wire' } },
    })
    const client = await proxy.through(node)
    const commit = client.request(
      'TxnOffsetCommit',
      { transactionalId: id, groupId: group, producerId: 1n, producerEpoch: 0, topics: [] },
      3,
    )
    expect(await outcome(commit)).toBe('closed')
    const other = await proxy.through(1 + (node % 3))
    expect((await findCoordinator(other, 'group', group)).error).toBe('COORDINATOR_NOT_AVAILABLE')
    expect((await findCoordinator(other, 'transaction', id)).error).toBe('NONE')
    expect(proxy.firing().targets).toEqual([`broker ${node}`, group])
    await proxy.engine.heal('fault')
    await passes()
  })
})

describe('broker-outage on the wire', () => {
  it('cuts what leads there and refuses what comes, also by the bootstrap port', async () => {
    proxy.arm({
      when: { manual: true },
      inject: { 'broker-outage': { how: 'wire' } },
      on: { brokers: { 'leader-of': `${topic}-0` } },
    })
    const [client, other] = [await proxy.through(1), await proxy.through(2)]
    await proxy.engine.fire('fault')
    expect(await outcome(produce(client, place, ['lost']))).toBe('closed')
    await expect(proxy.through(1)).rejects.toThrow()
    expect(await isOpen(other)).toBe(true)
    // Clients with a list of brokers go past the dead one, so the bootstrap port does too.
    for (let n = 0; n < 6; n++) expect(await isOpen(await proxy.through(undefined))).toBe(true)
    expect(counts()).toEqual([1, 1, 1, 0])
    expect(proxy.firing().targets).toEqual(['broker 1'])
    await proxy.engine.heal('fault')
    expect(await grounds.values(place)).toEqual([])
    await passes()
  })
})

describe('rebalance', () => {
  type Protocol = 'classic' | 'consumer'
  const settings = (group: string, protocol: Protocol) => ({
    'group.id': group,
    'group.protocol': protocol,
    'client.id': 'same',
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
    'metadata.max.age.ms': 1_000,
    // With the newer protocol the broker decides these.
    ...(protocol === 'classic'
      ? { 'heartbeat.interval.ms': 200, 'session.timeout.ms': 10_000 }
      : {}),
  })

  /** Two Java consumers of one client id, settled in a group. */
  async function settledPair(group: string, protocol: Protocol): Promise<() => Promise<void>> {
    for (const name of ['c1', 'c2']) {
      await puppet.create('consumer', name, {
        'bootstrap.servers': await proxy.bootstrap('app-0'),
        ...settings(group, protocol),
      })
      await puppet.call('subscribe', name, topic)
    }
    await settled(group)
    return async () => {
      await puppet.call('close', 'c1')
      await puppet.call('close', 'c2')
    }
  }
  const view = (group: string) => proxy.engine.groups().find((one) => one.group === group)
  /** An evicted member of the newer protocol is told so by an exception, once, and joins again. */
  async function poll(name: string): Promise<void> {
    try {
      await puppet.call('poll', name, '1', '100')
    } catch (cause) {
      if (!(cause instanceof PuppetError) || cause.thrown !== 'UnknownMemberIdException')
        throw cause
    }
  }
  async function settled(group: string): Promise<void> {
    await until(async () => {
      await poll('c1')
      await poll('c2')
      const found = view(group)
      return found?.state === 'stable' && found.members.length === 2
    })
  }

  const protocols = ['classic', 'consumer'] as const
  it.each(protocols)(
    'evict: a member is out, and the %s group makes a new generation',
    async (protocol) => {
      const group = `evict-${topic}`
      const close = await settledPair(group, protocol)
      const before = view(group)
      proxy.arm({ when: { manual: true }, inject: { rebalance: { how: 'evict', group } } })
      await proxy.engine.fire('fault')
      expect(counts()).toEqual([1, 1, 1, 1])
      const { firing } = await proxy.event('fault-applied')
      expect(firing).toMatchObject({ brokerAnswer: 'NONE', targets: [`group ${group}`] })
      await until(async () => {
        await settled(group)
        return (view(group)?.epoch ?? 0) > (before?.epoch ?? 0)
      })
      const evicted = firing.effect?.replace(/^evicted (\S+) from .*/, '$1')
      const ids = (members = view(group)?.members) => members?.map(({ memberId }) => memberId) ?? []
      expect(ids(before?.members)).toContain(evicted)
      // In the newer protocol a client makes its own member id, and comes back with it.
      expect(ids().includes(evicted ?? '')).toBe(protocol === 'consumer')
      await close()
      await passes()
    },
  )

  // Both consumers have the same client id and come through the same door: only member ids tell them apart.
  it.each(protocols)(
    'error: the next heartbeat of each %s member is answered by the proxy, then it is over',
    async (protocol) => {
      const group = `error-${topic}`
      const close = await settledPair(group, protocol)
      const members = view(group)?.members.map(({ memberId }) => memberId)
      proxy.arm({ when: { manual: true }, inject: { rebalance: { how: 'error', group } } })
      await proxy.engine.fire('fault')
      await until(async () => {
        await settled(group)
        return proxy.status().healed === 1
      })
      expect(counts()).toEqual([1, 1, 1, 1])
      const code = protocol === 'classic' ? 'REBALANCE_IN_PROGRESS' : 'FENCED_MEMBER_EPOCH'
      expect(proxy.firing().effect).toBe(`answered ${code} to same (2 times)`)
      await settled(group)
      expect(
        view(group)
          ?.members.map(({ memberId }) => memberId)
          .sort(),
      ).toEqual(members?.sort())
      await close()
      await passes()
    },
  )
})

describe('healing everything in the middle of anything', () => {
  it('lets go what is held and late, ends every window, and leaves nothing hurt', async () => {
    const id = `heal-${topic}`
    const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
    const clients = {
      held: await proxy.through(1, { door: 'held' }),
      late: await proxy.through(1, { door: 'late' }),
      kept: await proxy.through(1, { door: 'kept' }),
      blocked: await proxy.through(1, { door: 'blocked' }),
      muted: await proxy.through(1, { door: 'muted' }),
      idle: await proxy.through(1, { door: 'idle' }),
      coordinated: await proxy.through(node, { door: 'coordinated' }),
    }
    const limit = '60s'
    const faults = {
      held: { hold: { side: 'request', until: 'released' } },
      late: { delay: { by: limit } },
      muted: { drop: 'request' },
    }
    for (const [name, inject] of Object.entries(faults)) {
      proxy.arm({ name, when: { request: 'Produce', instance: name }, inject })
    }
    const manual = { manual: true } as const
    proxy.arm({
      name: 'kept',
      when: manual,
      inject: { 'network-partition': { between: ['kept', { brokers: 'all' }] } },
    })
    proxy.arm({ name: 'blocked', when: manual, inject: { block: {} }, on: { clients: 'blocked' } })
    proxy.arm({
      name: 'refused',
      when: manual,
      inject: { refuse: { with: 'timeout' } },
      on: { clients: 'idle' },
    })
    proxy.arm({
      name: 'crashed',
      when: { request: 'InitProducerId' },
      inject: { 'coordinator-crash': { how: 'wire' } },
    })
    for (const name of ['kept', 'blocked', 'refused']) await proxy.engine.fire(name)
    const work = Object.fromEntries(
      (['held', 'late', 'kept', 'blocked', 'muted'] as const).map((name) => [
        name,
        outcome(produce(clients[name], place, [name])),
      ]),
    )
    const crashed = outcome(initProducer(clients.coordinated, id))
    const hanging = proxy.through(1, { door: 'idle' })
    expect(await crashed).toBe('closed')
    await until(() => proxy.status('late').fired === 1 && proxy.status('muted').applied === 1)
    await until(() => proxy.status('blocked').applied === 1 && proxy.status('kept').applied === 1)
    await until(() => proxy.status('held').applied === 1 && proxy.status('refused').applied === 1)
    await proxy.engine.healAll()
    expect(await work.held).toBe('answered')
    expect(await work.late).toBe('answered')
    expect(await work.kept).toBe('answered')
    expect(await work.blocked).toBe('closed')
    expect(await isOpen(await hanging)).toBe(true)
    expect(await isOpen(clients.idle)).toBe(true)
    // What a drop has swallowed stays lost until the client gives the connection up.
    clients.muted.close()
    expect(await work.muted).toBe('closed')
    expect(
      (await initProducer(await proxy.through(node, { door: 'coordinated' }), id)).producerId,
    ).toBeGreaterThanOrEqual(0)
    expect((await grounds.values(place)).sort()).toEqual(['held', 'kept', 'late'])
    for (const name of Object.keys(clients)) await passes(name)
    for (const { applied, healed, fired } of proxy.engine.status()) {
      expect([fired, applied, healed]).toEqual([1, 1, 1])
    }
  })
})

describe('brokers as processes', () => {
  it('a paused one answers nothing until it is resumed', async () => {
    proxy.arm({
      when: { request: 'Produce', topic },
      inject: { 'broker-outage': { how: 'pause' } },
    })
    const late = produce(await proxy.through(1), place, ['late'])
    await proxy.event('fault-applied')
    expect(grounds.cluster.state(1)).toBe('paused')
    expect(await outlasts(late, produce(await proxy.through(2), elsewhere, ['other']))).toBe(true)
    await proxy.engine.heal('fault')
    expect(grounds.cluster.state(1)).toBe('running')
    await late
    expect(proxy.firing()).toMatchObject({ targets: ['broker 1'], effect: 'paused broker 1' })
    expect(counts().slice(1)).toEqual([1, 1, 1])
  })

  // Asked for a leader, the frozen broker kept every other fault from being applied.
  it('a paused one keeps no other fault from asking the cluster', async () => {
    proxy.arm({
      name: 'pause',
      when: { manual: true },
      inject: { 'broker-outage': { how: 'pause' } },
      on: { brokers: 1 },
    })
    proxy.arm({
      when: { manual: true },
      inject: { refuse: { with: 'reset' } },
      on: { brokers: { 'leader-of': `${topic}-1` } },
    })
    await proxy.engine.fire('pause')
    await proxy.engine.fire('fault')
    await expect(proxy.through(2)).rejects.toThrow()
    expect(proxy.firing()).toMatchObject({ targets: ['broker 2'] })
    expect(proxy.errors()).toEqual([])
    await proxy.engine.heal('pause')
  })

  it('one killed by a request has not seen it; others go on; it is back after the heal', async () => {
    const pid = grounds.cluster.pid(2)
    proxy.arm({
      when: { request: 'Produce', topic, partition: 1 },
      inject: { 'broker-outage': { how: 'kill' } },
    })
    expect(await outcome(produce(await proxy.through(2), elsewhere, ['lost']))).toBe('closed')
    await proxy.event('fault-applied')
    expect(grounds.cluster.state(2)).toBe('stopped')
    expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH')
    expect((await produce(await proxy.through(1), place, ['other'])).error).toBe('NONE')
    await proxy.engine.heal('fault')
    expect(grounds.cluster.state(2)).toBe('running')
    expect(proxy.firing().effect).toBe('killed broker 2')
    await until(async () => (await grounds.admin.leaderOf(topic, 1)) !== undefined)
    expect(await grounds.values(elsewhere)).toEqual([])
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })

  it('one killed by a reply has applied the request, and the client does not learn of it', async () => {
    await until(async () => (await grounds.admin.leaderOf(topic, 2)) === 3)
    const third = { topic, partition: 2 }
    proxy.arm({
      when: { reply: 'Produce', topic, partition: 2, error: 'NONE' },
      inject: { 'broker-outage': { how: 'kill' } },
    })
    expect(await outcome(produce(await proxy.through(3), third, ['unheard']))).toBe('closed')
    await until(async () => ((await grounds.admin.leaderOf(topic, 2)) ?? 3) !== 3)
    // The new leader shows it when its followers have confirmed it.
    await expect.poll(() => grounds.values(third), { timeout: 20_000 }).toEqual(['unheard'])
    await proxy.engine.heal('fault')
    await passes()
  })

  it('a coordinator killed by its answer to a commit: proved dead, another takes over, Java goes on', async () => {
    const id = `killed-${topic}`
    proxy.arm({
      when: { reply: 'EndTxn', committed: true, error: 'NONE', 'transactional-id': id, nth: 3 },
      inject: { 'coordinator-crash': { how: 'process' } },
      for: '8s',
    })
    await puppet.create('producer', 'killed', {
      'bootstrap.servers': await proxy.bootstrap(),
      'transactional.id': id,
      'linger.ms': 0,
    })
    await puppet.call('init', 'killed')
    let stopped: string | undefined
    void proxy.event('fault-applied').then(({ firing }) => {
      const node = Number(firing.targets?.[0]?.replace('broker ', ''))
      stopped = `${firing.targets?.[0]} ${grounds.cluster.state(node)}`
    })
    const values = ['v1', 'v2', 'v3', 'v4', 'v5']
    for (const value of values) {
      await puppet.call('begin', 'killed')
      await puppet.call('send', 'killed', topic, '0', value)
      await puppet.call('commit', 'killed')
    }
    await puppet.call('close', 'killed')
    const { firing } = await proxy.event('fault-healed')
    const [victim] = firing.targets ?? []
    expect(stopped).toBe(`${victim} stopped`)
    expect(firing.targets).toEqual([victim, id])
    const node = victim?.replace('broker ', '')
    expect(firing.effect).toBe(
      `killed ${victim}, coordinator of ${id} (the cluster said ${node} before)`,
    )
    const other = (await proxy.event('fault-answered')).firing.brokerAnswer
    expect(other).toMatch(/^broker \d coordinates after \d+ ms$/)
    expect(other).not.toMatch(`broker ${node} `)
    // The coordinator that took over may write a marker again that the dead one had written.
    const once = (await grounds.values(place)).filter(
      (value, index, all) => value !== '<commit>' || all[index - 1] !== '<commit>',
    )
    expect(once).toEqual(values.flatMap((value) => [value, '<commit>']))
    // Its answer was never told: the outcome became known by a retry.
    const third = proxy.events.find(
      (event) => event.type === 'transaction' && event.transaction === 3 && event.phase === 'ended',
    )
    expect(third).toMatchObject({ outcome: 'committed', evidence: 'end-retry-answered' })
    expect(proxy.errors()).toEqual([])
  })
})
