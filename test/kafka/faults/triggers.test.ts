// What sets a fault off, on real brokers. The fault is mostly an answer made by the proxy with a throttle time that
// no broker gives: its place in the sequence of answers shows which messages were chosen.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FaultSpec } from '../../../proxy/faults/fault.ts'
import type { BrokerClient } from '../../../proxy/flow/broker-client.ts'
import type { Message } from '../../../proxy/protocol/codec.ts'
import { type Grounds, outcome, outlasts, raiseGrounds, type TestProxy } from './grounds.ts'
import {
  addOffsets,
  addPartition,
  commitOffset,
  endTransaction,
  findCoordinator,
  initProducer,
  type Place,
  produce,
  produceByName,
} from './raw.ts'

let grounds: Grounds
let proxy: TestProxy
let topic: string
let place: Place

beforeAll(async () => {
  grounds = await raiseGrounds()
})
afterAll(() => grounds.close())
beforeEach(async () => {
  proxy = await grounds.proxy()
  topic = await grounds.topic()
  place = { topic, partition: 0 }
})

const mark = { answer: { body: { throttleTimeMs: 77 } } }

/** One answer after the other: `x` where the fault gave it, `.` where the broker did. */
async function picked(clients: readonly BrokerClient[], count: number): Promise<string> {
  let pattern = ''
  for (let n = 0; n < count; n++) {
    const client = clients[n % clients.length] as BrokerClient
    const { throttleTimeMs } = await client.request('ListGroups', {})
    pattern += throttleTimeMs === 77 ? 'x' : '.'
  }
  return pattern
}

function counts(name?: string): number[] {
  const { matched, fired, applied } = proxy.status(name)
  return [matched, fired, applied]
}

async function pattern(spec: Omit<FaultSpec, 'name' | 'inject'>, count: number): Promise<string> {
  proxy.arm({ ...spec, inject: mark })
  return picked([await proxy.through(1)], count)
}

describe('which of the matching messages', () => {
  it('nth: that one alone', async () => {
    expect(await pattern({ when: { request: 'ListGroups', nth: 3 } }, 5)).toBe('..x..')
    expect(counts()).toEqual([5, 1, 1])
  })

  it('one, unless the plan says more', async () => {
    expect(await pattern({ when: { request: 'ListGroups' } }, 3)).toBe('x..')
  })

  it('first: so many', async () => {
    expect(await pattern({ when: { request: 'ListGroups', first: 2 } }, 4)).toBe('xx..')
  })

  it('every: each Nth, as often as `times` allow', async () => {
    expect(await pattern({ when: { request: 'ListGroups', every: 2 }, times: 2 }, 7)).toBe(
      '.x.x...',
    )
    expect(counts()).toEqual([7, 2, 2])
  })

  it('times unlimited', async () => {
    expect(await pattern({ when: { request: 'ListGroups' }, times: 'unlimited' }, 4)).toBe('xxxx')
  })

  it('probability: by the seed, so the same for the same messages in another proxy', async () => {
    const spec = {
      when: { request: 'ListGroups', probability: '40%' },
      times: 'unlimited' as const,
    }
    const first = await pattern(spec, 40)
    expect(first).toMatch(/x.*\.|\..*x/)
    proxy = await grounds.proxy()
    expect(await pattern(spec, 40)).toBe(first)
  })

  it('per instance: counted for each door of its own', async () => {
    proxy.arm({
      when: { request: 'ListGroups', nth: 2, per: 'instance' },
      times: 'unlimited',
      inject: mark,
    })
    const clients = [
      await proxy.through(1, { door: 'app-0' }),
      await proxy.through(1, { door: 'app-1' }),
    ]
    expect(await picked(clients, 6)).toBe('..xx..')
    expect(proxy.status().firings.map(({ exchange }) => exchange?.instance)).toEqual([
      'app-0',
      'app-1',
    ])
  })

  it('a message that an earlier fault has taken is not counted by a later one', async () => {
    proxy.arm({ name: 'a', when: { request: 'ListGroups', nth: 2 }, inject: mark })
    proxy.arm({ name: 'b', when: { request: 'ListGroups', nth: 2 }, inject: mark })
    expect(await picked([await proxy.through(1)], 4)).toBe('.xx.')
    expect([counts('a'), counts('b')]).toEqual([
      [4, 1, 1],
      [3, 1, 1],
    ])
  })

  it('an answer that a fault has taken with its request is not counted by a later one', async () => {
    proxy.arm({
      name: 'a',
      when: { request: 'ListGroups', nth: 2 },
      inject: { error: { code: 'COORDINATOR_NOT_AVAILABLE', 'seen-by-broker': true } },
    })
    proxy.arm({
      name: 'b',
      when: { reply: 'ListGroups', first: 2 },
      inject: { error: { code: 'COORDINATOR_LOAD_IN_PROGRESS', 'seen-by-broker': true } },
    })
    const client = await proxy.through(1)
    const codes: unknown[] = []
    for (let n = 0; n < 4; n++) codes.push((await client.request('ListGroups', {})).errorCode)
    expect(codes).toEqual([14, 15, 14, 0])
    expect([counts('a'), counts('b')]).toEqual([
      [4, 1, 1],
      [3, 2, 2],
    ])
  })
})

describe('whose messages', () => {
  it('of an instance, by index or by glob', async () => {
    proxy.arm({ name: 'index', when: { request: 'ListGroups', instance: 1 }, inject: mark })
    proxy.arm({ name: 'glob', when: { request: 'ListGroups', instance: 'web-*' }, inject: mark })
    const clients = [
      await proxy.through(1, { door: 'app-0' }),
      await proxy.through(1, { door: 'app-1' }),
      await proxy.through(1, { door: 'web-x' }),
    ]
    expect(await picked(clients, 6)).toBe('.xx...')
  })

  it('to a broker, of a client, at a version', async () => {
    proxy.arm({ name: 'broker', when: { request: 'ListGroups', broker: 2 }, inject: mark })
    proxy.arm({ name: 'client', when: { request: 'ListGroups', client: 'good-*' }, inject: mark })
    proxy.arm({ name: 'version', when: { request: 'ListGroups', version: 3 }, inject: mark })
    const clients = [
      await proxy.through(1),
      await proxy.through(2),
      await proxy.through(1, { clientId: 'good-1' }),
    ]
    expect(await picked(clients, 6)).toBe('.xx...')
    const answer = await clients[0]?.request('ListGroups', {}, 3)
    expect(answer?.throttleTimeMs).toBe(77)
  })
})

/** `x` where the fault refused a produce, `.` where the broker took it. */
const refuse = {
  error: { code: 'KAFKA_STORAGE_ERROR', 'seen-by-broker': false },
}

describe('about what', () => {
  it('a topic and partition by name', async () => {
    proxy.arm({ when: { request: 'Produce', topic, partition: 1 }, inject: refuse })
    const [one, two] = [await proxy.through(1), await proxy.through(2)]
    expect((await produce(one, place, ['a'])).error).toBe('NONE')
    expect((await produce(two, { topic, partition: 1 }, ['b'])).error).toBe('KAFKA_STORAGE_ERROR')
    expect(proxy.firing().exchange?.topicPartitions).toEqual([`${topic}-1`])
  })

  it('a topic by a glob of its name, in requests that only carry its id', async () => {
    const client = await proxy.through(1)
    const metadata = await client.request('Metadata', { topics: [{ name: topic }] })
    const [found] = metadata.topics as Message[]
    const topicId = found?.topicId as string
    proxy.arm({
      when: { request: 'Produce', topic: `${topic.slice(0, -1)}?`, version: 13 },
      inject: refuse,
    })
    const answer = await produce(client, place, ['a'], { version: 13, topicId })
    expect(answer.error).toBe('KAFKA_STORAGE_ERROR')
    expect(proxy.firing().exchange).toMatchObject({
      version: 13,
      topicPartitions: [`${topic}-0`],
    })
    expect((await produce(client, place, ['b'], { version: 13, topicId })).error).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['b'])
  })

  it('a topic by its role in the plan', async () => {
    proxy = await grounds.proxy({ topicAliases: { output: topic } })
    proxy.arm({ when: { request: 'Produce', topic: 'output' }, inject: refuse })
    const client = await proxy.through(1)
    expect((await produce(client, place, ['a'])).error).toBe('KAFKA_STORAGE_ERROR')
  })

  it('a transaction by its number, its decision, its phase, its producer', async () => {
    const id = `numbered-${topic}`
    const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
    const coordinator = await proxy.through(node)
    const leader = await proxy.through(1)
    const as = await initProducer(coordinator, id)
    const refusal = { error: { code: 'NOT_COORDINATOR', 'seen-by-broker': false } }
    const ends = { request: 'EndTxn', 'transactional-id': 'numbered-*' }
    proxy.arm({ name: 'second', when: { ...ends, transaction: 2 }, inject: refusal })
    proxy.arm({ name: 'abort', when: { ...ends, committed: false }, inject: refusal })
    proxy.arm({
      name: 'third-sends',
      when: { request: 'Produce', transaction: 3, phase: 'producing', nth: 2 },
      inject: refuse,
    })
    proxy.arm({
      name: 'fourth-begins',
      when: { request: 'AddPartitionsToTxn', enters: 'begun', transaction: 4 },
      inject: refusal,
    })
    proxy.arm({
      name: 'fifth',
      when: { request: 'EndTxn', 'producer-id': as.producerId, transaction: 5 },
      inject: refusal,
    })
    let sequence = 0
    const send = () => produce(leader, place, [`${sequence}`], { as, sequence: sequence++ })
    const end = async (committed: boolean) =>
      (await endTransaction(coordinator, as, committed)).error
    const add = async () => (await addPartition(coordinator, as, place)).error

    expect([await add(), (await send()).error, await end(true)]).toEqual(['NONE', 'NONE', 'NONE'])

    expect([await add(), (await send()).error]).toEqual(['NONE', 'NONE'])
    expect([await end(true), await end(true)]).toEqual(['NOT_COORDINATOR', 'NONE'])

    expect([await add(), (await send()).error]).toEqual(['NONE', 'NONE'])
    expect((await send()).error).toBe('KAFKA_STORAGE_ERROR')
    sequence -= 1
    expect([(await send()).error, await end(true)]).toEqual(['NONE', 'NONE'])

    expect([await add(), await add(), (await send()).error]).toEqual([
      'NOT_COORDINATOR',
      'NONE',
      'NONE',
    ])
    expect([await end(false), await end(false)]).toEqual(['NOT_COORDINATOR', 'NONE'])

    expect([await add(), (await send()).error]).toEqual(['NONE', 'NONE'])
    expect([await end(true), await end(true)]).toEqual(['NOT_COORDINATOR', 'NONE'])
    for (const name of ['second', 'abort', 'third-sends', 'fourth-begins', 'fifth']) {
      expect(counts(name).slice(1), name).toEqual([1, 1])
    }
    expect(proxy.firing('fifth').exchange).toMatchObject({
      transactionalIds: [id],
      producerId: as.producerId,
      producerEpoch: as.producerEpoch,
      transaction: 5,
    })
    expect(proxy.errors()).toEqual([])
  })

  it.each(['V1', 'V2'] as const)(
    'enters: a phase, by the one message that leads there, in protocol %s',
    async (protocol) => {
      const [id, group] = [`enters-${topic}`, `group-${topic}`]
      const isV1 = protocol === 'V1'
      const own = { 'transactional-id': id }
      const triggers: Record<string, FaultSpec['when']> = {
        idle: { reply: 'InitProducerId', ...own, enters: 'idle' },
        begun: {
          request: isV1 ? 'AddPartitionsToTxn' : 'Produce',
          ...own,
          enters: 'begun',
          transaction: 1,
        },
        // The first send of V2 enters two phases: the rule above has taken the one of the first transaction.
        producing: { request: 'Produce', ...own, enters: 'producing', transaction: 2 },
        offsets: { request: 'TxnOffsetCommit', ...own, group, enters: 'offsets' },
        ending: { request: 'EndTxn', ...own, enters: 'ending' },
        ended: { reply: 'EndTxn', ...own, enters: 'ended' },
        'of-another-group': { request: 'TxnOffsetCommit', group: 'another-*' },
        'a-third': { request: 'EndTxn', ...own, transaction: 3 },
      }
      for (const [name, when] of Object.entries(triggers)) {
        proxy.arm({ name, when, inject: { delay: { by: '1ms' } }, times: 'unlimited' })
      }
      const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
      const [coordinator, leader] = [await proxy.through(node), await proxy.through(1)]
      const groupNode = (await findCoordinator(leader, 'group', group)).node
      const seat = await proxy.through(groupNode)
      let as = await initProducer(coordinator, id)
      let sequence = 0
      for (const number of [1, 2]) {
        if (isV1) expect((await addPartition(coordinator, as, place)).error).toBe('NONE')
        for (const value of ['a', 'b']) {
          const version = isV1 ? 11 : produceByName
          const sent = await produce(leader, place, [value], { as, sequence, version })
          expect(sent.error).toBe('NONE')
          sequence += 1
        }
        if (isV1) expect(await addOffsets(coordinator, as, group)).toBe('NONE')
        for (const offset of [1, 2]) {
          const staged = await commitOffset(seat, as, group, place, offset, isV1 ? 3 : 5)
          expect(staged).toBe('NONE')
        }
        const ends = () => endTransaction(coordinator, as, number === 1, isV1 ? 4 : 5)
        const first = await ends()
        // The same EndTxn again begins nothing and ends nothing.
        const again = await ends()
        expect([first.error, again.error]).toEqual(['NONE', 'NONE'])
        as = first.next
        if (!isV1) sequence = 0
      }
      expect(Object.keys(triggers).map((name) => [name, counts(name)])).toEqual([
        // A new id is idle from the start: its first InitProducerId changes nothing.
        ['idle', [0, 0, 0]],
        ['begun', [1, 1, 1]],
        ['producing', [1, 1, 1]],
        ['offsets', [2, 2, 2]],
        ['ending', [2, 2, 2]],
        ['ended', [2, 2, 2]],
        ['of-another-group', [0, 0, 0]],
        ['a-third', [0, 0, 0]],
      ])
      expect(proxy.errors()).toEqual([])
    },
  )

  it('a reply by the error in it', async () => {
    const heartbeat = {
      groupId: `g-${topic}`,
      generationId: 1,
      memberId: 'm',
      groupInstanceId: null,
    }
    const { node } = await findCoordinator(await grounds.direct(1), 'group', heartbeat.groupId)
    proxy.arm({
      name: 'right',
      when: { reply: 'Heartbeat', error: 'UNKNOWN_MEMBER_ID' },
      inject: { error: { code: 'REBALANCE_IN_PROGRESS', 'seen-by-broker': true } },
    })
    proxy.arm({
      name: 'wrong',
      when: { reply: 'Heartbeat', error: 'NONE' },
      inject: { drop: 'reply' },
    })
    const client = await proxy.through(node)
    expect((await client.request('Heartbeat', heartbeat)).errorCode).toBe(27)
    expect((await client.request('Heartbeat', heartbeat)).errorCode).toBe(25)
    expect(proxy.firing('right')).toMatchObject({ brokerAnswer: 'UNKNOWN_MEMBER_ID' })
    expect(counts('wrong')).toEqual([0, 0, 0])
  })
})

describe('without a message', () => {
  const refuseAll = { refuse: { with: 'reset' } }

  it('at: so long after everybody is warm', async () => {
    proxy.arm({ when: { at: '150ms' }, inject: refuseAll })
    const warmAtMs = Date.now()
    proxy.engine.markWarm()
    const { firing } = await proxy.event('fault-fired')
    expect(firing.firedAtMs - warmAtMs).toBeGreaterThanOrEqual(149)
    expect(firing.exchange).toBeUndefined()
    await expect(proxy.through(1)).rejects.toThrow()
    expect(counts()).toEqual([1, 1, 1])
    await proxy.engine.heal('fault')
    expect(await outcome((await proxy.through(1)).request('ListGroups', {}))).toBe('answered')
  })

  it('at: never before everybody is warm, nor after the load', async () => {
    proxy.arm({ name: 'cold', when: { at: '1ms' }, inject: refuseAll })
    proxy.arm({ name: 'timer', when: { manual: true }, inject: refuseAll, for: '1ms' })
    await proxy.engine.fire('timer')
    await proxy.event('fault-healed')
    expect(counts('cold')).toEqual([0, 0, 0])
    proxy.engine.markWarm()
    proxy.engine.stopClocks()
    await proxy.engine.fire('timer')
    await proxy.event('fault-healed', ({ firing }) => firing.number === 2)
    expect(counts('cold')).toEqual([0, 0, 0])
  })

  it('every: again and again, as often as `times` allow', async () => {
    proxy.arm({ when: { every: '50ms' }, inject: refuseAll, for: '10ms', times: 3 })
    proxy.engine.markWarm()
    await proxy.event('fault-healed', ({ firing }) => firing.number === 3)
    const fired = proxy.status().firings.map(({ firedAtMs }) => firedAtMs)
    expect(fired).toHaveLength(3)
    expect((fired[2] ?? 0) - (fired[0] ?? 0)).toBeGreaterThanOrEqual(98)
  })

  it('after another fault is applied, answered or healed, and a while later', async () => {
    proxy.arm({
      name: 'cause',
      when: { request: 'Produce' },
      inject: { detach: { until: 'released' } },
    })
    const chain = { applied: '0ms', answered: '100ms', healed: '1ms' } as const
    for (const [is, plus] of Object.entries(chain)) {
      proxy.arm({
        name: is,
        when: { fault: 'cause', is: is as 'applied', plus },
        inject: refuseAll,
        on: { brokers: 3 },
      })
    }
    expect(await outcome(produce(await proxy.through(1), place, ['a']))).toBe('closed')
    await proxy.event('fault-fired', ({ fault }) => fault === 'applied')
    expect([counts('answered')[1], counts('healed')[1]]).toEqual([0, 0])
    proxy.engine.release('cause')
    await proxy.event('fault-fired', ({ fault }) => fault === 'healed')
    const answered = await proxy.event('fault-fired', ({ fault }) => fault === 'answered')
    const cause = await proxy.event('fault-answered', ({ fault }) => fault === 'cause')
    expect(answered.atMs - cause.atMs).toBeGreaterThanOrEqual(99)
    expect(counts('answered')[1]).toBe(1)
  })

  it('by hand: fire, release, heal; what cannot be done is said', async () => {
    proxy.arm({ when: { manual: true }, inject: refuseAll, on: { brokers: 1 }, times: 1 })
    proxy.arm({
      name: 'held',
      when: { request: 'Produce' },
      inject: { hold: { side: 'request', until: 'released' } },
    })
    await proxy.engine.fire('fault')
    expect(proxy.status().state).toBe('active')
    await expect(proxy.through(1)).rejects.toThrow()
    await proxy.engine.heal('fault')
    expect(proxy.status().state).toBe('spent')
    await expect(proxy.engine.fire('fault')).rejects.toMatchObject({ code: 'wrong-fault' })
    await expect(proxy.engine.fire('held')).rejects.toMatchObject({ code: 'wrong-fault' })
    await expect(proxy.engine.fire('nobody')).rejects.toMatchObject({ code: 'unknown-fault' })
    const [client, other] = [await proxy.through(1), await proxy.through(1)]
    const held = produce(client, place, ['a'])
    await proxy.event('fault-applied', ({ fault }) => fault === 'held')
    expect(await outlasts(held, produce(other, place, ['b']))).toBe(true)
    // Disarmed, a fault lets go what it holds.
    await proxy.engine.disarm('held')
    expect((await held).error).toBe('NONE')
    expect(proxy.status('held').healed).toBe(1)
  })
})

describe('which brokers', () => {
  it('each selector is resolved by asking the cluster when the fault fires', async () => {
    const { admin } = grounds
    const [id, group] = [`selected-${topic}`, `selected-group-${topic}`]
    const any = await proxy.through(1)
    const coordinator = (await findCoordinator(any, 'transaction', id)).node
    const groupCoordinator = (await findCoordinator(any, 'group', group)).node
    const controller = await admin.controllerOf()
    const single = await grounds.topic([2])
    const expected: Array<[NonNullable<FaultSpec['on']>['brokers'], number[]]> = [
      [3, [3]],
      ['all', [1, 2, 3]],
      ['controller', [controller ?? 0]],
      [{ 'leader-of': topic }, [1, 2, 3]],
      [{ 'leader-of': single }, [2]],
      [{ 'leader-of': `${topic}-2` }, [3]],
      [{ 'coordinator-of': id }, [coordinator]],
      [{ 'coordinator-of': `group ${group}` }, [groupCoordinator]],
      [{ not: 2 }, [1, 3]],
      [{ not: { 'coordinator-of': id } }, [1, 2, 3].filter((node) => node !== coordinator)],
    ]
    for (const [at, [brokers]] of expected.entries()) {
      if (brokers === undefined) throw new Error('a selector')
      proxy.arm({
        name: `s${at}`,
        when: { manual: true },
        inject: { delay: { by: '1ms' } },
        on: { brokers },
      })
      await proxy.engine.fire(`s${at}`)
    }
    expect(expected.map((_, at) => proxy.firing(`s${at}`).targets)).toEqual(
      expected.map(([, nodes]) => nodes.map((node) => `broker ${node}`)),
    )
    expect(proxy.errors()).toEqual([])
  })
})

describe('a firing whose effect never came', () => {
  // Its connection was gone before the reply: the rule must not stay active for ever.
  it('is over with its connection, and counts as not applied', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { drop: 'reply' } })
    proxy.arm({
      name: 'pause',
      when: { manual: true },
      inject: { 'broker-outage': { how: 'pause' } },
      on: { brokers: 1 },
    })
    proxy.arm({
      name: 'cut',
      when: { manual: true },
      inject: { 'broker-outage': { how: 'wire' } },
      on: { brokers: 1 },
    })
    const client = await proxy.through(1)
    await proxy.engine.fire('pause')
    const lost = outcome(produce(client, place, ['a']))
    await proxy.event('fault-fired', ({ fault }) => fault === 'fault')
    expect(proxy.status().state).toBe('active')
    await proxy.engine.fire('cut')
    expect(await lost).toBe('closed')
    await proxy.engine.heal('pause')
    expect(proxy.status()).toMatchObject({ state: 'spent', healed: 1 })
    expect(counts()).toEqual([1, 1, 0])
    expect(proxy.firing().effect).toMatch(/^nothing more came of it: /)
  })

  it('is told when it cannot be made', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: {
        error: { code: 'KAFKA_STORAGE_ERROR', 'seen-by-broker': true, partitions: ['nowhere-0'] },
      },
    })
    expect((await produce(await proxy.through(1), place, ['a'])).error).toBe('NONE')
    expect(proxy.errors()).toEqual([
      expect.stringMatching(/^fault-not-applied: fault fault: the answer names none of nowhere-0/),
    ])
    expect(counts()).toEqual([1, 1, 0])
    expect(proxy.status().state).toBe('spent')
  })
})
