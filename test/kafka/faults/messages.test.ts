// Faults that hurt one message, on real brokers. What the client saw is compared with what the broker's log has:
// both sides of every ambiguity are different tests, because they are different truths.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BrokerClient } from '../../../proxy/flow/broker-client.ts'
import { type Puppet, startPuppet } from '../puppet/puppet.ts'
import { type Grounds, outcome, outlasts, raiseGrounds, type TestProxy } from './grounds.ts'
import {
  addPartition,
  endTransaction,
  findCoordinator,
  type Identity,
  initProducer,
  type Place,
  produce,
  produceByName,
  produceEach,
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

/** The same traffic on a new connection gets through, so it was the fault that hurt. */
async function passes(): Promise<void> {
  const client = await proxy.through(1)
  expect((await produce(client, place, ['passes'])).error).toBe('NONE')
  expect((await grounds.values(place)).at(-1)).toBe('passes')
  client.close()
  expect(proxy.errors()).toEqual([])
}

function counts(name?: string): number[] {
  const { matched, fired, applied, healed } = proxy.status(name)
  return [matched, fired, applied, healed]
}

/** Milliseconds that it takes. */
async function duration(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

describe('delay', () => {
  it('makes a request late by its time', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { delay: { by: '300ms' } } })
    const client = await proxy.through(1)
    expect(await duration(() => produce(client, place, ['late']))).toBeGreaterThanOrEqual(299)
    expect(counts()).toEqual([1, 1, 1, 1])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE', moment: 'request' })
    expect(proxy.firing().effect).toMatch(/^late by \d+ ms$/)
    await passes()
  })

  it('makes late what follows on the same connection, and nothing on any other', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { delay: { by: '60s' } } })
    const [client, other] = [await proxy.through(1), await proxy.through(1)]
    const late = produce(client, place, ['late'])
    await proxy.event('fault-fired')
    const behind = produce(client, place, ['behind'])
    expect(await outlasts(late, produce(other, place, ['other']))).toBe(true)
    expect(counts()).toEqual([2, 1, 0, 0])
    // Healing lets go what is still late.
    await proxy.engine.healAll()
    await Promise.all([late, behind])
    expect(await grounds.values(place)).toEqual(['other', 'late', 'behind'])
    expect(counts().slice(1)).toEqual([1, 1, 1])
  })

  it('makes a reply late that the broker has given at once', async () => {
    proxy.arm({ when: { reply: 'Produce' }, inject: { delay: { by: '60s' } } })
    const late = produce(await proxy.through(1), place, ['late'])
    await proxy.event('fault-fired')
    expect(await outlasts(late, grounds.values(place))).toBe(true)
    expect(await grounds.values(place)).toEqual(['late'])
    await proxy.engine.healAll()
    expect((await late).error).toBe('NONE')
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })

  it('with `for` makes every message of the window late, both ways, and none after it', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { delay: { by: '150ms', of: 'both' } },
      for: '20s',
    })
    const client = await proxy.through(1)
    // The one that opens the window is late on its way back only: it had come before.
    expect(await duration(() => produce(client, place, ['a']))).toBeGreaterThanOrEqual(149)
    expect(await duration(() => produce(client, place, ['b']))).toBeGreaterThanOrEqual(299)
    await proxy.engine.heal('fault')
    expect(counts()).toEqual([2, 1, 1, 1])
    expect(proxy.firing().effect).toMatch(
      /^\d open connections under it; messages late \(\d+ times\)$/,
    )
    const quickest = Math.min(
      await duration(() => produce(client, place, ['c'])),
      await duration(() => produce(client, place, ['d'])),
      await duration(() => produce(client, place, ['e'])),
    )
    expect(quickest).toBeLessThan(299)
    await passes()
  })

  it('ends its window by itself, `for` after it began', async () => {
    proxy.arm({ when: { request: 'ListGroups' }, inject: { delay: { by: '20ms' } }, for: '1s' })
    const client = await proxy.through(1)
    await client.request('ListGroups', {})
    await client.request('ListGroups', {})
    const { firing } = await proxy.event('fault-healed')
    expect((firing.healedAtMs ?? 0) - firing.firedAtMs).toBeGreaterThanOrEqual(999)
    expect(counts()).toEqual([2, 1, 1, 1])
    await passes()
  })
})

describe('drop', () => {
  it('of a request: the record is not in the log, and nothing more passes on that connection', async () => {
    proxy.arm({ when: { request: 'Produce', topic }, inject: { drop: 'request' } })
    const [client, other] = [await proxy.through(1), await proxy.through(1)]
    const lost = outcome(produce(client, place, ['lost']))
    const behind = outcome(produce(client, place, ['behind']))
    await proxy.event('fault-applied')
    expect(await outlasts(lost, produce(other, place, ['other']))).toBe(true)
    client.close()
    expect(await Promise.all([lost, behind])).toEqual(['closed', 'closed'])
    await proxy.event('connection-closed')
    expect(await grounds.values(place)).toEqual(['other'])
    expect(counts()).toEqual([2, 1, 1, 1])
    expect(proxy.firing()).toMatchObject({
      number: 1,
      moment: 'request',
      effect: 'request swallowed, connection mute',
      exchange: {
        plane: 'client',
        node: 1,
        clientId: 'tester',
        api: 'Produce',
        version: 11,
        topicPartitions: [`${topic}-0`],
        correlationId: expect.any(Number),
        connection: expect.any(Number),
      },
    })
    await passes()
  })

  it('of a reply: the record is in the log, later requests still arrive, no answer does', async () => {
    proxy.arm({ when: { reply: 'Produce', topic }, inject: { drop: 'reply' } })
    const [client, other] = [await proxy.through(1), await proxy.through(1)]
    const lost = outcome(produce(client, place, ['unheard']))
    await proxy.event('fault-applied')
    const behind = outcome(produce(client, place, ['behind']))
    await expect.poll(() => grounds.values(place)).toEqual(['unheard', 'behind'])
    expect(await outlasts(lost, produce(other, place, ['other']))).toBe(true)
    client.close()
    expect(await Promise.all([lost, behind])).toEqual(['closed', 'closed'])
    expect(await grounds.values(place)).toEqual(['unheard', 'behind', 'other'])
    expect(proxy.firing()).toMatchObject({ moment: 'reply', brokerAnswer: 'NONE' })
    expect(counts().slice(1)).toEqual([1, 1, 1])
    await passes()
  })

  it('of a reply by a request trigger does the same', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { drop: 'reply' }, for: '200ms' })
    const client = await proxy.through(1)
    // `for` ends: the proxy closes the connection by itself.
    expect(await outcome(produce(client, place, ['unheard']))).toBe('closed')
    expect(await grounds.values(place)).toEqual(['unheard'])
    expect(proxy.firing()).toMatchObject({ moment: 'request', brokerAnswer: 'NONE' })
    await passes()
  })

  it.each([
    ['request', ['next']],
    ['reply', ['gone', 'next']],
  ] as const)(
    'unrealistic, of a %s: that one alone is gone, and a client takes the next answer for it',
    async (side, kept) => {
      const inject = { drop: { side, unrealistic: true } }
      proxy.arm({ when: { request: 'Produce', topic, nth: 1 }, inject })
      const client = await proxy.through(1)
      const gone = produce(client, place, ['gone'])
      const next = outcome(produce(client, place, ['next']))
      await expect(gone).rejects.toThrow(/answer \d+ where \d+ was due/)
      expect(await next).toBe('closed')
      expect(await grounds.values(place)).toEqual(kept)
      expect(counts()).toEqual([2, 1, 1, 1])
      await passes()
    },
  )

  it('is survived by a Java producer on both sides: no record lost, none doubled', async () => {
    proxy.arm({
      name: 'lost-request',
      when: { request: 'Produce', nth: 4 },
      inject: { drop: 'request' },
    })
    proxy.arm({ name: 'lost-reply', when: { reply: 'Produce', nth: 9 }, inject: { drop: 'reply' } })
    await puppet.create('producer', 'p', {
      'bootstrap.servers': await proxy.bootstrap(),
      'request.timeout.ms': 1_000,
      'delivery.timeout.ms': 20_000,
      'linger.ms': 0,
    })
    const values = Array.from({ length: 20 }, (_, n) => `v${n}`)
    for (const value of values) {
      await puppet.call('send', 'p', topic, '0', value)
      expect(await puppet.call('flush', 'p')).toMatch(/^\d+$/)
    }
    await puppet.call('close', 'p')
    expect(await grounds.values(place)).toEqual(values)
    expect(counts('lost-request').slice(1)).toEqual([1, 1, 1])
    expect(counts('lost-reply').slice(1)).toEqual([1, 1, 1])
    await passes()
  })

  it('of EndTxn is survived by a transactional Java producer on both sides', async () => {
    proxy.arm({
      name: 'lost-request',
      when: { request: 'EndTxn', transaction: 2 },
      inject: { drop: 'request' },
    })
    proxy.arm({
      name: 'lost-reply',
      when: { reply: 'EndTxn', transaction: 4, error: 'NONE' },
      inject: { drop: 'reply' },
    })
    await puppet.create('producer', 't', {
      'bootstrap.servers': await proxy.bootstrap(),
      'transactional.id': `java-${topic}`,
      'request.timeout.ms': 1_000,
      'delivery.timeout.ms': 20_000,
      'linger.ms': 0,
    })
    await puppet.call('init', 't')
    for (let n = 1; n <= 5; n++) {
      await puppet.call('begin', 't')
      await puppet.call('send', 't', topic, '0', `v${n}`)
      // An abort throws away what has not left yet.
      await puppet.call('flush', 't')
      await puppet.call(n === 3 ? 'abort' : 'commit', 't')
    }
    await puppet.call('close', 't')
    // The last marker is written after the commit is answered.
    await expect
      .poll(() => grounds.values(place))
      .toEqual([
        ...['v1', '<commit>', 'v2', '<commit>', 'v3', '<abort>'],
        ...['v4', '<commit>', 'v5', '<commit>'],
      ])
    expect(proxy.firing('lost-request').exchange).toMatchObject({
      transactionalIds: [`java-${topic}`],
      transaction: 2,
      producerId: expect.any(Number),
      producerEpoch: expect.any(Number),
    })
    expect(proxy.firing('lost-reply')).toMatchObject({ brokerAnswer: 'NONE' })
    expect(counts('lost-request').slice(1)).toEqual([1, 1, 1])
    expect(counts('lost-reply').slice(1)).toEqual([1, 1, 1])
    const ended = proxy.events.flatMap((event) =>
      event.type === 'transaction' && event.phase === 'ended' ? [event.outcome] : [],
    )
    expect(ended).toEqual(['committed', 'committed', 'aborted', 'committed', 'committed'])
  })
})

describe('disconnect', () => {
  it.each(['fin', 'reset'])(
    'before the request with %s: the broker has not seen it',
    async (how) => {
      proxy.arm({
        when: { request: 'Produce' },
        inject: { disconnect: { at: 'before-request', with: how } },
      })
      expect(await outcome(produce(await proxy.through(1), place, ['lost']))).toBe('closed')
      expect(await grounds.values(place)).toEqual([])
      expect(counts()).toEqual([1, 1, 1, 1])
      expect(proxy.firing().brokerAnswer).toBeUndefined()
      await passes()
    },
  )

  it('after the request: the broker has, and its answer is on record', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { disconnect: 'after-request' } })
    expect(await outcome(produce(await proxy.through(1), place, ['unheard']))).toBe('closed')
    const { firing } = await proxy.event('fault-answered')
    expect(firing.brokerAnswer).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['unheard'])
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })

  it.each([
    ['before-reply', 'reset'],
    ['before-reply', 'fin'],
    ['mid-reply', 'reset'],
    ['mid-reply', 'fin'],
  ])('%s with %s: the record is in the log, the client does not know', async (at, how) => {
    proxy.arm({ when: { request: 'Produce' }, inject: { disconnect: { at, with: how } } })
    expect(await outcome(produce(await proxy.through(1), place, ['unheard']))).toBe('closed')
    expect(await grounds.values(place)).toEqual(['unheard'])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE' })
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })

  it('lets what was sent before it on the connection arrive', async () => {
    proxy.arm({ when: { request: 'Produce', nth: 3 }, inject: { disconnect: 'before-request' } })
    const client = await proxy.through(1)
    await Promise.allSettled(['a', 'b', 'c'].map((value) => produce(client, place, [value])))
    const other = await proxy.through(1)
    await produce(other, place, ['after'])
    // The broker serves the connections side by side: what came first need not be written first.
    await vi.waitFor(
      async () => expect(await grounds.values(place)).toEqual(expect.arrayContaining(['a', 'b'])),
      { timeout: 15_000 },
    )
    expect(await grounds.values(place)).not.toContain('c')
  })
})

describe('error', () => {
  it('not seen by the broker: the client is told so, the log has nothing', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { error: { code: 'NOT_LEADER_OR_FOLLOWER', 'seen-by-broker': false } },
    })
    const client = await proxy.through(1)
    expect(await produce(client, place, ['lost'])).toEqual({
      error: 'NOT_LEADER_OR_FOLLOWER',
      baseOffset: -1,
    })
    expect((await produce(client, place, ['next'])).error).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['next'])
    expect(counts()).toEqual([2, 1, 1, 1])
    expect(proxy.firing().synthetic).toBeUndefined()
    await passes()
  })

  it('seen by the broker: the client is told so, the log has the record', async () => {
    proxy.arm({
      when: { reply: 'Produce', error: 'NONE' },
      inject: { error: { code: 'REQUEST_TIMED_OUT', 'seen-by-broker': true } },
    })
    const client = await proxy.through(1)
    expect((await produce(client, place, ['unheard'])).error).toBe('REQUEST_TIMED_OUT')
    expect(await grounds.values(place)).toEqual(['unheard'])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE', moment: 'reply' })
    await passes()
  })

  it('at the first partition, or at those listed, and nowhere else', async () => {
    const places = [
      { topic: await grounds.topic([1]), partition: 0 },
      { topic: await grounds.topic([1]), partition: 0 },
    ]
    const second = `${places[1]?.topic}-0`
    proxy.arm({
      name: 'first',
      when: { request: 'Produce', nth: 1 },
      inject: {
        error: { code: 'KAFKA_STORAGE_ERROR', 'seen-by-broker': true, partitions: 'first' },
      },
    })
    proxy.arm({
      name: 'listed',
      when: { request: 'Produce', nth: 1 },
      inject: {
        error: { code: 'KAFKA_STORAGE_ERROR', 'seen-by-broker': true, partitions: [second] },
      },
    })
    const client = await proxy.through(1)
    expect((await produceEach(client, places, 'a')).sort()).toEqual(['KAFKA_STORAGE_ERROR', 'NONE'])
    expect(await produceEach(client, places, 'b')).toEqual(['NONE', 'KAFKA_STORAGE_ERROR'])
    for (const one of places) expect(await grounds.values(one)).toEqual(['a', 'b'])
  })

  it('marks a code that no broker sends there', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { error: { code: 'PRODUCER_FENCED', 'seen-by-broker': false } },
    })
    expect((await produce(await proxy.through(1), place, ['x'])).error).toBe('PRODUCER_FENCED')
    expect(proxy.firing().synthetic).toBe(true)
  })
})

describe('answer', () => {
  it('is given in the broker’s place, with the fields of the plan', async () => {
    const heartbeat = {
      groupId: 'nobody',
      generationId: 1,
      memberId: 'm',
      groupInstanceId: null,
    }
    const { node } = await findCoordinator(await grounds.direct(1), 'group', 'nobody')
    const client = await proxy.through(node)
    expect((await client.request('Heartbeat', heartbeat)).errorCode).not.toBe(0)
    proxy.arm({
      when: { request: 'Heartbeat', group: 'nobody', first: 2 },
      inject: { answer: { body: { throttleTimeMs: 7 } } },
    })
    for (let n = 0; n < 2; n++) {
      expect(await client.request('Heartbeat', heartbeat)).toMatchObject({
        errorCode: 0,
        throttleTimeMs: 7,
      })
    }
    expect((await client.request('Heartbeat', heartbeat)).errorCode).not.toBe(0)
    expect(counts()).toEqual([3, 2, 2, 2])
    expect(proxy.firing().exchange).toMatchObject({ groups: ['nobody'], node })
  })

  it('leaves in order behind the answers before it', async () => {
    proxy.arm({ when: { request: 'ListGroups' }, inject: { answer: {} } })
    const client = await proxy.through(1)
    const order: string[] = []
    const note = (name: string) => () => void order.push(name)
    await Promise.all([
      client.request('Metadata', { topics: null }).then(note('first')),
      client.request('ListGroups', {}).then(note('made')),
      client.request('Metadata', { topics: null }).then(note('last')),
    ])
    expect(order).toEqual(['first', 'made', 'last'])
  })
})

describe('hold', () => {
  it('a request until it is released; others pass it, its answer is on record', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { hold: { side: 'request', until: 'released' } },
    })
    const [client, other] = [await proxy.through(1), await proxy.through(1)]
    const held = produce(client, place, ['held'])
    await proxy.event('fault-applied')
    expect(proxy.status().state).toBe('active')
    expect(await outlasts(held, produce(other, place, ['other']))).toBe(true)
    expect(proxy.engine.release('fault')).toBe(1)
    expect((await held).error).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['other', 'held'])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE' })
    expect(proxy.status().state).toBe('spent')
    expect(counts()).toEqual([2, 1, 1, 1])
    await passes()
  })

  it('until another message comes, and a while longer', async () => {
    proxy.arm({
      when: { request: 'Produce', topic },
      inject: {
        hold: { side: 'request', until: { reply: 'ListGroups', error: 'NONE' }, plus: '200ms' },
      },
    })
    const [client, other] = [await proxy.through(1), await proxy.through(2)]
    const held = produce(client, place, ['held'])
    await proxy.event('fault-applied')
    await other.request('ListGroups', {})
    const startedMs = performance.now()
    await held
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(190)
    expect(proxy.firing().effect).toBe('request held; goes on: what it waited for has come')
    await passes()
  })

  it('no longer than its limit', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { hold: { side: 'request', until: 'released', limit: '150ms' } },
    })
    expect((await produce(await proxy.through(1), place, ['held'])).error).toBe('NONE')
    expect(proxy.firing().effect).toContain('limit of 150 ms')
    expect(await grounds.values(place)).toEqual(['held'])
  })

  it('of a request whose client gives up: discarded, and the result says so', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { hold: { side: 'request', until: 'client-gave-up' } },
    })
    const client = await proxy.through(1)
    const held = outcome(produce(client, place, ['held']))
    await proxy.event('fault-applied')
    client.close()
    const { firing } = await proxy.event('fault-healed')
    expect(firing.discarded).toBe(true)
    expect(await held).toBe('closed')
    await proxy.event('connection-closed')
    expect(await grounds.values(place)).toEqual([])
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })

  it('of a reply until the client gives up: the record is in the log all the while', async () => {
    proxy.arm({
      when: { reply: 'Produce' },
      inject: { hold: { side: 'reply', until: 'client-gave-up' } },
    })
    const client = await proxy.through(1)
    const held = outcome(produce(client, place, ['held']))
    await proxy.event('fault-applied')
    expect(await grounds.values(place)).toEqual(['held'])
    client.close()
    await proxy.event('fault-healed')
    expect(await held).toBe('closed')
    expect(proxy.firing().effect).toContain('the client gave up')
    await passes()
  })
})

/** One transaction on the wire of V1 or V2: a record, not ended. */
async function openTransaction(
  clients: { coordinator: BrokerClient; leader: BrokerClient },
  as: Identity,
  value: string,
  sequence: number,
  protocol: 'V1' | 'V2',
): Promise<void> {
  if (protocol === 'V1') {
    expect((await addPartition(clients.coordinator, as, place)).error).toBe('NONE')
  }
  const version = protocol === 'V1' ? 11 : produceByName
  expect((await produce(clients.leader, place, [value], { as, sequence, version })).error).toBe(
    'NONE',
  )
}

describe('detach', () => {
  it.each([
    ['V1', 'NONE', '<commit>'],
    ['V2', 'PRODUCER_FENCED', '<abort>'],
  ] as const)(
    'delivers a commit into the next transaction: %s answers %s',
    async (protocol, answer, marker) => {
      const id = `late-${protocol}-${topic}`
      const version = protocol === 'V1' ? 4 : 5
      const node = (await findCoordinator(await proxy.through(1), 'transaction', id)).node
      const clients = { coordinator: await proxy.through(node), leader: await proxy.through(1) }
      const as = await initProducer(clients.coordinator, id)
      proxy.arm({
        when: { request: 'EndTxn', 'transactional-id': id, committed: true },
        inject: {
          detach: {
            until: { reply: 'Produce', error: 'NONE', 'transactional-id': id, transaction: 2 },
          },
        },
      })
      await openTransaction(clients, as, 'first', 0, protocol)
      expect(await outcome(endTransaction(clients.coordinator, as, true, version))).toBe('closed')
      expect(counts()).toEqual([1, 1, 1, 0])
      clients.coordinator = await proxy.through(node)
      const { error, next } = await endTransaction(clients.coordinator, as, true, version)
      expect(error).toBe('NONE')
      await openTransaction(clients, next, 'second', protocol === 'V1' ? 1 : 0, protocol)
      const { firing } = await proxy.event('fault-answered')
      expect(firing).toMatchObject({
        brokerAnswer: answer,
        exchange: { transaction: 1, transactionalIds: [id], producerEpoch: as.producerEpoch },
      })
      const aborted = await endTransaction(clients.coordinator, next, false, version)
      expect(aborted.error).toBe(protocol === 'V1' ? 'INVALID_TXN_STATE' : 'NONE')
      const values = async () => grounds.values(place)
      await expect.poll(values).toEqual(['first', '<commit>', 'second', marker])
      expect(counts()).toEqual([2, 1, 1, 1])
      await passes()
    },
  )

  it('delivers whatever became of the client, at the limit if nothing else comes', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { detach: { until: 'released', limit: '300ms' } },
    })
    const client = await proxy.through(1)
    expect(await outcome(produce(client, place, ['late']))).toBe('closed')
    expect(await grounds.values(place)).toEqual([])
    await proxy.event('fault-answered')
    expect(await grounds.values(place)).toEqual(['late'])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE' })
    expect(proxy.firing().discarded).toBeUndefined()
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })

  it('is discarded, and says so, when everything is healed first', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { detach: { until: 'released' } } })
    expect(await outcome(produce(await proxy.through(1), place, ['late']))).toBe('closed')
    await proxy.engine.healAll()
    expect(proxy.firing()).toMatchObject({ discarded: true })
    await vi.waitFor(() => expect(proxy.engine.openConnections()).toBe(0), { timeout: 10_000 })
    expect(await grounds.values(place)).toEqual([])
    await passes()
  })
})
