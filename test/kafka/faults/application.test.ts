// Faults on applications, groups and producers, on real brokers: processes that die and stand still, members that
// come, go and fall silent, producers that are fenced. Before each fault the same traffic passes.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createHooks } from '../../../gauntlet/hooks.ts'
import { createHost } from '../../../gauntlet/host.ts'
import { startGenerator } from '../../../gauntlet/workloads/generator.ts'
import { startInstance } from '../../../gauntlet/workloads/start-workload.ts'
import type { InstanceChange, Instances } from '../../../gauntlet/workloads/workload.ts'
import type { BrokerClient } from '../../../proxy/flow/broker-client.ts'
import { problemText } from '../../../proxy/plans/problem.ts'
import { readPlan } from '../../../proxy/plans/read-plan.ts'
import { counted, readAll } from '../copier-run.ts'
import { type Puppet, PuppetError, startPuppet } from '../puppet/puppet.ts'
import { type Grounds, openProxy, raiseGrounds, runtime, type TestProxy, until } from './grounds.ts'
import { addPartition, endTransaction, findCoordinator, initProducer, produce } from './raw.ts'

let grounds: Grounds
let puppet: Puppet
let proxy: TestProxy
let topic: string
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'application-test-'))
  ;[grounds, puppet] = await Promise.all([raiseGrounds(), startPuppet()])
})
afterAll(async () => {
  await puppet.stop()
  await grounds.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  proxy = await grounds.proxy()
  topic = await grounds.topic()
})

describe('fence', () => {
  it('makes the live producer the zombie: its transaction is aborted, and its next step refused', async () => {
    const id = `fenced-${topic}`
    const place = { topic, partition: 0 }
    const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
    const [coordinator, leader] = [await proxy.through(node), await proxy.through(1)]
    const as = await initProducer(coordinator, id)
    const transaction = async (value: string, sequence: number): Promise<string> => {
      await addPartition(coordinator, as, place)
      await produce(leader, place, [value], { as, sequence })
      return (await endTransaction(coordinator, as, true)).error
    }
    expect(await transaction('whole', 0)).toBe('NONE')
    proxy.arm({ when: { reply: 'Produce', 'transactional-id': id }, inject: { fence: {} } })
    expect(await transaction('lost', 1)).toBe('PRODUCER_FENCED')
    expect(proxy.status()).toMatchObject({ fired: 1, applied: 1, healed: 1 })
    expect(proxy.firing()).toMatchObject({
      targets: [id],
      brokerAnswer: 'PRODUCER_FENCED to EndTxn',
    })
    const [, producerId, epoch] =
      /producer (\d+), epoch (\d+)/.exec(proxy.firing().effect ?? '') ?? []
    expect(Number(producerId)).toBe(as.producerId)
    expect(Number(epoch)).toBeGreaterThan(as.producerEpoch)
    expect(await grounds.values(place)).toEqual(['whole', '<commit>', 'lost', '<abort>'])
    expect(proxy.errors()).toEqual([])
  })
})

describe('rebalance', () => {
  type Protocol = 'classic' | 'consumer'
  const protocols = ['classic', 'consumer'] as const
  const view = (group: string) => proxy.engine.groups().find((one) => one.group === group)
  const thrown = ['UnknownMemberIdException', 'FencedMemberEpochException']

  async function poll(name: string): Promise<void> {
    try {
      await puppet.call('poll', name, '1', '100')
    } catch (cause) {
      if (!(cause instanceof PuppetError) || !thrown.includes(cause.thrown)) throw cause
    }
  }
  const isSettled = (group: string): boolean =>
    view(group)?.state === 'stable' && view(group)?.members.length === 2
  async function settled(group: string): Promise<void> {
    await until(async () => {
      await poll('c1')
      await poll('c2')
      return isSettled(group)
    })
  }
  async function pair(
    group: string,
    protocol: Protocol,
    more: Record<string, string> = {},
  ): Promise<() => Promise<void>> {
    for (const name of ['c1', 'c2']) {
      const own = more['group.instance.id']
      await puppet.create('consumer', name, {
        'bootstrap.servers': await proxy.bootstrap('app-0'),
        'group.id': group,
        'group.protocol': protocol,
        'client.id': name,
        'auto.offset.reset': 'earliest',
        'enable.auto.commit': false,
        ...(protocol === 'classic'
          ? { 'heartbeat.interval.ms': 200, 'session.timeout.ms': 3_000 }
          : {}),
        ...more,
        ...(own === undefined ? {} : { 'group.instance.id': `${own}-${name}` }),
      })
      await puppet.call('subscribe', name, topic)
    }
    await settled(group)
    return async () => {
      await puppet.call('close', 'c1')
      await puppet.call('close', 'c2')
    }
  }

  it.each(['range', 'cooperative-sticky'])(
    'ghost-member: somebody joins a group with %s and leaves again, and the members are as before',
    async (assignor) => {
      const group = `ghost-${topic}`
      const assignors: Record<string, string> = {
        range: 'org.apache.kafka.clients.consumer.RangeAssignor',
        'cooperative-sticky': 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor',
      }
      const close = await pair(group, 'classic', {
        'partition.assignment.strategy': assignors[assignor] ?? '',
      })
      const before = view(group)
      proxy.arm({ when: { manual: true }, inject: { rebalance: { how: 'ghost-member', group } } })
      await proxy.engine.fire('fault')
      expect(proxy.status().applied).toBe(1)
      await until(async () => {
        await settled(group)
        return proxy.status().healed === 1 && (view(group)?.epoch ?? 0) >= (before?.epoch ?? 0) + 2
      })
      expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE' })
      expect(proxy.firing().effect).toMatch(/^ghost \S+ joins group .*; in generation \d+; left$/)
      const ids = (members = view(group)?.members) =>
        members?.map(({ memberId }) => memberId).sort()
      expect(ids()).toEqual(ids(before?.members))
      await close()
      expect(proxy.errors()).toEqual([])
    },
  )

  it('ghost-member: is not applied to a group of the newer protocol', async () => {
    const group = `ghost-${topic}`
    const close = await pair(group, 'consumer')
    proxy.arm({ when: { manual: true }, inject: { rebalance: { how: 'ghost-member', group } } })
    await proxy.engine.fire('fault')
    expect(proxy.status()).toMatchObject({ fired: 1, applied: 0 })
    expect(proxy.errors()[0]).toContain('ghosts join classic groups only')
    await close()
  })

  it.each(protocols)(
    'heartbeats-lost: a %s member believes that it is in, and the coordinator times it out',
    async (protocol) => {
      const group = `silent-${topic}`
      const close = await pair(group, protocol)
      proxy.arm({
        when: { manual: true },
        inject: { rebalance: { how: 'heartbeats-lost', group } },
      })
      await proxy.engine.fire('fault')
      const [, target] = proxy.firing().targets ?? []
      const victim = target?.replace('member ', '') ?? ''
      await proxy.event('fault-applied')
      await until(async () => {
        await poll('c1')
        await poll('c2')
        return proxy.firing().brokerAnswer !== undefined
      })
      expect(proxy.firing().brokerAnswer).toMatch(/^timed out after \d+ ms$/)
      const api = protocol === 'classic' ? 'Heartbeat' : 'ConsumerGroupHeartbeat'
      expect(proxy.firing().effect).toContain(`answered ${api} of ${victim}`)
      await proxy.engine.heal('fault')
      await settled(group)
      expect(proxy.status()).toMatchObject({ fired: 1, applied: 1, healed: 1 })
      await close()
      expect(proxy.errors()).toEqual([])
    },
  )

  it.each(protocols)('evict: a static %s member is thrown out like any other', async (protocol) => {
    const group = `static-${topic}`
    const close = await pair(group, protocol, { 'group.instance.id': 'static' })
    const before = view(group)?.epoch ?? 0
    proxy.arm({ when: { manual: true }, inject: { rebalance: { how: 'evict', group } } })
    await proxy.engine.fire('fault')
    expect(proxy.status()).toMatchObject({ fired: 1, applied: 1, healed: 1 })
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE' })
    await until(async () => {
      await settled(group)
      return (view(group)?.epoch ?? 0) > before
    })
    await close()
    expect(proxy.errors()).toEqual([])
  })
})

it('exec: the commands of a plan on disk freeze a broker at a step, and let it go on at the heal', async () => {
  const { cluster } = grounds
  const place = { topic, partition: 0 }
  const broker = await grounds.leader(place)
  const pid = cluster.pid(broker) ?? 0
  const stateOfBroker = (): string | undefined => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0]
  }
  const read = readPlan(
    `
name: hook
workload: { copier: { client: kafkajs } }
load: { records: 1 }
faults:
  - name: frozen
    when: { request: Produce, nth: 2 }
    inject:
      exec:
        command: 'kill -STOP ${pid} && echo "$GAUNTLET_MOMENT at $GAUNTLET_API to $GAUNTLET_BROKER"'
        heal-command: 'kill -CONT ${pid} && echo "$GAUNTLET_MOMENT"'
    for: 1m
`,
    'hook.yaml',
  )
  if ('problems' in read) throw new Error(read.problems.map(problemText).join('\n'))
  const [frozen] = read.plan.faults
  if (frozen === undefined) throw new Error('the plan has one fault')
  const clients = new Set<BrokerClient>()
  const nodes = new Map(cluster.brokers.map(({ node, address }) => [node, address] as const))
  const host = createHost({ hooks: createHooks({ folder }) })
  const own = openProxy({ bootstrap: [...nodes.values()], nodes, host, clients })
  try {
    // Whoever comes by REST may not run commands here.
    expect(() => own.engine.arm(frozen)).toThrow('only a plan on disk may do that')
    own.engine.arm(frozen, 'plan')
    const client = await own.through(broker)
    expect((await produce(client, place, ['before'])).error).toBe('NONE')
    const held = produce(client, place, ['meanwhile'])
    const { firing } = await own.event('fault-applied')
    expect(stateOfBroker()).toBe('T')
    expect(firing.effect).toMatch(/^the command ended well after \d+ ms$/)
    await own.engine.heal('frozen')
    expect((await held).error).toBe('NONE')
    expect(stateOfBroker()).not.toBe('T')
    expect(own.status('frozen')).toMatchObject({ fired: 1, applied: 1, healed: 1 })
    expect(await grounds.values(place)).toEqual(['before', 'meanwhile'])
    const said = readFileSync(join(folder, 'hook-frozen-1.log'), 'utf8')
    expect(said).toBe(`apply at Produce to ${broker}\nheal\n`)
    expect(own.errors()).toEqual([])
  } finally {
    await own.engine.healAll()
    await own.engine.stop()
    for (const client of clients) client.close()
  }
})

it('processes die and stand still for real, and everything is copied once all the same', async () => {
  const instances: Instances = new Map()
  const changes: InstanceChange[] = []
  const host = createHost({
    clients: { instances, told: (_instance, change) => void changes.push(change) },
    hooks: createHooks({ folder }),
  })
  const clients = new Set<BrokerClient>()
  const addresses = grounds.cluster.brokers.map(({ node, address }) => [node, address] as const)
  const nodes = new Map(addresses)
  const own = openProxy({ bootstrap: [...nodes.values()], nodes, host, clients })
  const [input, output] = [await grounds.topic([1]), await grounds.topic([2])]
  const bootstrap = grounds.cluster.bootstrap.join(',')
  const copier = await startInstance(
    { copier: { client: 'kafkajs', instances: 1, transactionSize: 20, restartTimes: 0 } },
    {
      index: 0,
      name: 'copier-0',
      bootstrap: await own.bootstrap('copier-0'),
      inputTopic: input,
      outputTopics: [output],
      group: `${input}-group`,
      transactionalId: 'copier-0',
      journalFile: join(folder, 'journal.ndjson'),
      logFile: join(folder, 'copier.log'),
    },
    { runtime, seed: 1 },
  )
  instances.set('copier-0', copier)
  const generator = startGenerator({
    bootstrap: grounds.cluster.bootstrap,
    topic: input,
    partitions: 1,
    runtime,
    onError: () => undefined,
    records: 200,
    rate: 100,
  })
  try {
    const commits = () =>
      own.events.filter((event) => event.type === 'progress' && event.via === 'EndTxn').length
    await until(() => commits() >= 3)
    const first = copier.pid() ?? 0
    // A request that waits until its sender is dead: the broker never sees it.
    own.engine.arm(
      {
        name: 'crash',
        when: { request: 'EndTxn', committed: true, instance: 0 },
        inject: { 'client-crash': { 'restart-after': '300ms' } },
      },
      'plan',
    )
    const applied = await own.event('fault-applied', ({ fault }) => fault === 'crash')
    expect(() => process.kill(first, 0)).toThrow('ESRCH')
    expect(applied.firing.effect).toBe(`killed copier-0 (process ${first})`)
    const { transactionalIds, transaction } = applied.firing.exchange ?? {}
    await own.event('fault-healed', ({ fault }) => fault === 'crash')
    const second = copier.pid() ?? 0
    expect(second).not.toBe(first)
    const before = commits()
    await until(() => commits() > before)
    const ended = own.events.find(
      (event) =>
        event.type === 'transaction' &&
        event.phase === 'ended' &&
        event.transactionalId === transactionalIds?.[0] &&
        event.transaction === transaction,
    )
    expect(ended).toMatchObject({ outcome: 'aborted' })

    own.engine.arm(
      { name: 'sleep', when: { reply: 'Produce', instance: 0 }, inject: { 'client-pause': {} } },
      'plan',
    )
    await own.event('fault-applied', ({ fault }) => fault === 'sleep')
    const stat = readFileSync(`/proc/${second}/stat`, 'utf8')
    expect(stat.slice(stat.lastIndexOf(')') + 2)[0]).toBe('T')
    await own.engine.heal('sleep')
    const asleep = commits()
    await until(() => commits() > asleep)
    expect(changes).toEqual(['killed', 'started', 'paused', 'resumed'])
    const { sent } = await generator.finish()
    await until(async () => {
      const copied = counted(await readAll({ bootstrap, admin: grounds.admin }, output))
      return copied.size === sent && [...copied.values()].every((times) => times === 1)
    })
    expect(own.errors()).toEqual([])
  } finally {
    await generator.stop()
    await copier.stop(5_000)
    await own.engine.healAll()
    await own.engine.stop()
    for (const client of clients) client.close()
  }
})
