// Faults that send a message twice or change what is in it, and the triggers that look into messages and back at
// earlier firings, on real brokers: what the client was told is compared with what the log has.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BrokerClient } from '../../../proxy/flow/broker-client.ts'
import type { Message } from '../../../proxy/protocol/codec.ts'
import type { Compression } from '../../../proxy/protocol/compression.ts'
import { errorNameOf } from '../../../proxy/protocol/error-codes.ts'
import {
  hasValidCrc,
  readBatches,
  readRecords,
  writeBatch,
} from '../../../proxy/protocol/record-batch.ts'
import { type Grounds, outcome, raiseGrounds, type TestProxy } from './grounds.ts'
import {
  addPartition,
  endTransaction,
  findCoordinator,
  type Identity,
  initProducer,
  type Place,
  produce,
  produceByName,
} from './raw.ts'

let grounds: Grounds
let proxy: TestProxy
let topic: string
/** Led by broker 1. */
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

/** The same traffic on a new connection gets through as it was sent, so it was the fault that changed it. */
async function passes(): Promise<void> {
  const before = await grounds.values(place)
  const client = await proxy.through(1)
  expect((await produce(client, place, ['passes'])).error).toBe('NONE')
  client.close()
  expect(await grounds.values(place)).toEqual([...before, 'passes'])
  expect(proxy.errors()).toEqual([])
}

function counts(name?: string): number[] {
  const { matched, fired, applied, healed } = proxy.status(name)
  return [matched, fired, applied, healed]
}

/** One record for each id, with the id as its header and in its value; the error that the answer says. */
async function send(
  client: BrokerClient,
  ids: readonly string[],
  options: { compression?: Compression; value?: string | null; timeoutMs?: number } = {},
): Promise<string> {
  const { compression = 'none', timeoutMs = 5_000 } = options
  const records = writeBatch({
    records: ids.map((id) => ({
      value: options.value === undefined ? `value of ${id}` : options.value,
      headers: [{ key: 'gauntlet-id', value: id }],
    })),
    compression,
    baseTimestampMs: 1_700_000_000_000,
  })
  const answer = await client.request(
    'Produce',
    {
      transactionalId: null,
      acks: -1,
      timeoutMs,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    },
    11,
  )
  const [response] = answer.responses as Message[]
  const [partition] = (response?.partitionResponses ?? []) as Message[]
  return errorNameOf(partition?.errorCode as number)
}

const fetchRequest = (): Message => ({
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1_000_000,
  isolationLevel: 0,
  sessionEpoch: -1,
  topics: [
    {
      topic,
      partitions: [
        {
          partition: 0,
          currentLeaderEpoch: -1,
          fetchOffset: 0n,
          lastFetchedEpoch: -1,
          logStartOffset: -1n,
          partitionMaxBytes: 1_000_000,
        },
      ],
    },
  ],
})

async function fetchThrough(client: BrokerClient): Promise<{ crc: boolean; values: string[] }> {
  const answer = await client.request('Fetch', fetchRequest(), 12)
  const [response] = answer.responses as Message[]
  const [partition] = (response?.partitions ?? []) as Message[]
  const batches = readBatches(partition?.records as Buffer)
  return {
    crc: batches.every(hasValidCrc),
    values: batches.flatMap((batch) =>
      readRecords(batch).map(({ value }) => value?.toString('latin1') ?? ''),
    ),
  }
}

interface Transactional {
  coordinator: BrokerClient
  leader: BrokerClient
  as: Identity
}

async function producerOf(id: string): Promise<Transactional> {
  const { node } = await findCoordinator(await proxy.through(1), 'transaction', id)
  const coordinator = await proxy.through(node)
  return { coordinator, leader: await proxy.through(1), as: await initProducer(coordinator, id) }
}

async function write(
  { coordinator, leader, as }: Transactional,
  value: string,
  sequence: number,
  protocol: 'V1' | 'V2' = 'V1',
): Promise<string> {
  if (protocol === 'V1') expect((await addPartition(coordinator, as, place)).error).toBe('NONE')
  const version = protocol === 'V1' ? 11 : produceByName
  return (await produce(leader, place, [value], { as, sequence, version })).error
}

describe('duplicate', () => {
  it('doubles the record of a plain producer, who hears one answer', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { duplicate: 'request' } })
    const client = await proxy.through(1)
    expect(await produce(client, place, ['twice'])).toEqual({ error: 'NONE', baseOffset: 0 })
    await proxy.event('fault-healed')
    expect(await grounds.values(place)).toEqual(['twice', 'twice'])
    expect(proxy.firing()).toMatchObject({
      brokerAnswer: 'NONE',
      moment: 'request',
      effect:
        'the original was answered NONE; goes on: the original was answered; ' +
        'the same bytes sent to broker 1 on another connection',
    })
    expect(counts()).toEqual([1, 1, 1, 1])
    expect(await produce(client, place, ['once'])).toEqual({ error: 'NONE', baseOffset: 2 })
    await passes()
  })

  it('is seen through by the log of an idempotent producer', async () => {
    proxy.arm({ when: { reply: 'Produce', error: 'NONE' }, inject: { duplicate: 'request' } })
    const client = await proxy.through(1)
    const as = await initProducer(client, '')
    expect((await produce(client, place, ['once'], { as, sequence: 0 })).error).toBe('NONE')
    await proxy.event('fault-healed')
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE', moment: 'reply' })
    expect(await grounds.values(place)).toEqual(['once'])
    expect(counts()).toEqual([1, 1, 1, 1])
    await passes()
  })

  it('of a Produce that nobody answers', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { duplicate: 'request' } })
    const client = await proxy.through(1)
    void outcome(produce(client, place, ['twice'], { acks: 0 }))
    await proxy.event('fault-healed')
    await expect.poll(() => grounds.values(place)).toEqual(['twice', 'twice'])
    expect(proxy.firing().brokerAnswer).toBeUndefined()
    expect(counts()).toEqual([1, 1, 1, 1])
  })

  it.each([
    ['V1', 'NONE', '<commit>'],
    ['V2', 'PRODUCER_FENCED', '<abort>'],
  ] as const)(
    'replays a commit into the next transaction: %s answers %s',
    async (protocol, answer, marker) => {
      const id = `replayed-${protocol}-${topic}`
      const version = protocol === 'V1' ? 4 : 5
      const producer = await producerOf(id)
      proxy.arm({
        when: { request: 'EndTxn', 'transactional-id': id, committed: true },
        inject: {
          duplicate: {
            until: { reply: 'Produce', error: 'NONE', 'transactional-id': id, transaction: 2 },
          },
        },
      })
      expect(await write(producer, 'first', 0, protocol)).toBe('NONE')
      const { coordinator, as } = producer
      const { error, next } = await endTransaction(coordinator, as, true, version)
      expect(error).toBe('NONE')
      expect(counts()).toEqual([1, 1, 0, 0])
      const sequence = protocol === 'V1' ? 1 : 0
      expect(await write({ ...producer, as: next }, 'second', sequence, protocol)).toBe('NONE')
      const { firing } = await proxy.event('fault-answered')
      expect(firing).toMatchObject({ brokerAnswer: answer, exchange: { transaction: 1 } })
      const aborted = await endTransaction(coordinator, next, false, version)
      expect(aborted.error).toBe(protocol === 'V1' ? 'INVALID_TXN_STATE' : 'NONE')
      await expect
        .poll(() => grounds.values(place))
        .toEqual(['first', '<commit>', 'second', marker])
      expect(counts()).toEqual([1, 1, 1, 1])
      await passes()
    },
  )

  it('comes when its client has gone, or a while after, or never when all is healed', async () => {
    proxy.arm({
      name: 'gone',
      when: { request: 'Produce', nth: 1 },
      inject: { duplicate: { until: 'client-gave-up' } },
    })
    proxy.arm({
      name: 'late',
      when: { request: 'Produce', nth: 1 },
      inject: { duplicate: { plus: '150ms' } },
    })
    proxy.arm({
      name: 'never',
      when: { request: 'Produce', nth: 1 },
      inject: { duplicate: { until: 'released' } },
    })
    const client = await proxy.through(1)
    for (const value of ['gone', 'late', 'never']) await produce(client, place, [value])
    const late = await proxy.event('fault-healed', ({ fault }) => fault === 'late')
    expect((late.firing.appliedAtMs ?? 0) - late.firing.firedAtMs).toBeGreaterThanOrEqual(149)
    expect(counts('gone').slice(1)).toEqual([1, 0, 0])
    client.close()
    await proxy.event('fault-healed', ({ fault }) => fault === 'gone')
    await proxy.engine.healAll()
    expect(counts('never').slice(1)).toEqual([1, 0, 1])
    expect(proxy.firing('never').effect).toContain('not delivered: everything was healed')
    expect(await grounds.values(place)).toEqual(['gone', 'late', 'never', 'late', 'gone'])
    await passes()
  })
})

describe('corrupt', () => {
  it('with a broken checksum: the broker refuses, the log has nothing', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { corrupt: { crc: 'broken' } } })
    const client = await proxy.through(1)
    expect(await send(client, ['a-1'])).toBe('CORRUPT_MESSAGE')
    expect(await grounds.values(place)).toEqual([])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'CORRUPT_MESSAGE', moment: 'request' })
    expect(proxy.firing().effect).toContain(`its checksum broken in ${topic}-0`)
    expect(counts()).toEqual([1, 1, 1, 1])
    // As a client would, it tries again.
    expect(await send(client, ['a-1'])).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['value of a-1'])
    await passes()
  })

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'with a right checksum: the broker takes the damaged record (%s)',
    async (compression) => {
      proxy.arm({
        when: { request: 'Produce', topic, id: 'a-2' },
        inject: { corrupt: { crc: 'valid' } },
      })
      const client = await proxy.through(1)
      expect(await send(client, ['a-1'], { compression })).toBe('NONE')
      expect(await send(client, ['a-1', 'a-2', 'a-3'], { compression })).toBe('NONE')
      const [whole, , damaged, last] = await grounds.values(place)
      expect([whole, last]).toEqual(['value of a-1', 'value of a-3'])
      expect(damaged).toBe('value \ufffdf a-2')
      expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE' })
      expect(counts()).toEqual([1, 1, 1, 1])
      await passes()
    },
  )

  it('of what is fetched: the log is whole, the reader is handed something else', async () => {
    proxy.arm({
      name: 'valid',
      when: { reply: 'Fetch', topic, nth: 2 },
      inject: { corrupt: { crc: 'valid' } },
    })
    proxy.arm({
      name: 'broken',
      when: { reply: 'Fetch', topic, nth: 2 },
      inject: { corrupt: { crc: 'broken' } },
    })
    const client = await proxy.through(1)
    expect(await send(client, ['a-1'])).toBe('NONE')
    const whole = { crc: true, values: ['value of a-1'] }
    expect(await fetchThrough(client)).toEqual(whole)
    expect(await fetchThrough(client)).toEqual({ crc: true, values: ['value \xeff a-1'] })
    const answer = await client.request('Fetch', fetchRequest(), 12)
    const [response] = answer.responses as Message[]
    const [partition] = (response?.partitions ?? []) as Message[]
    expect(readBatches(partition?.records as Buffer).map(hasValidCrc)).toEqual([false])
    expect(await fetchThrough(client)).toEqual(whole)
    expect([counts('valid').slice(1), counts('broken').slice(1)]).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ])
    expect(await grounds.values(place)).toEqual(['value of a-1'])
  })

  it('of a record with nothing in it is told as not applied, and the record passes', async () => {
    proxy.arm({ when: { request: 'Produce' }, inject: { corrupt: { crc: 'valid' } } })
    const client = await proxy.through(1)
    expect((await produce(client, place, [''])).error).toBe('NONE')
    expect(counts()).toEqual([1, 1, 0, 1])
    expect(proxy.errors()).toEqual([
      'fault-not-applied: fault fault: it carries no record that could be damaged',
    ])
    expect(await grounds.values(place)).toEqual([''])
  })
})

describe('rewrite', () => {
  it('of a request: the broker does what the client has not asked for', async () => {
    const producer = await producerOf(`rewritten-${topic}`)
    proxy.arm({ when: { request: 'EndTxn' }, inject: { rewrite: { committed: false } } })
    expect(await write(producer, 'a', 0)).toBe('NONE')
    expect((await endTransaction(producer.coordinator, producer.as, true)).error).toBe('NONE')
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<abort>'])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE', moment: 'request' })
    expect(proxy.firing().effect).toContain('rewrote committed (1)')
    expect(counts()).toEqual([1, 1, 1, 1])
    expect(await write(producer, 'b', 1)).toBe('NONE')
    expect((await endTransaction(producer.coordinator, producer.as, true)).error).toBe('NONE')
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<abort>', 'b', '<commit>'])
    await passes()
  })

  it('of a reply: the client is told something else than the broker said', async () => {
    proxy.arm({
      when: { reply: 'Produce' },
      inject: {
        rewrite: { throttleTimeMs: 321, 'responses.*.partitionResponses.*.baseOffset': 77 },
      },
    })
    const client = await proxy.through(1)
    expect(await produce(client, place, ['a'])).toEqual({ error: 'NONE', baseOffset: 77 })
    expect(await produce(client, place, ['b'])).toEqual({ error: 'NONE', baseOffset: 1 })
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE', moment: 'reply' })
    expect(counts()).toEqual([2, 1, 1, 1])
    await passes()
  })

  it('of metadata: stale leaders, dead addresses, and no way past the proxy', async () => {
    const [real] = grounds.cluster.brokers
    if (real === undefined) throw new Error('a broker')
    proxy.arm({
      when: { reply: 'Metadata', topic },
      inject: {
        rewrite: {
          'topics.*.partitions.0.leaderId': 3,
          'brokers.0.port': 1,
          'brokers.1.host': real.address.host,
          'brokers.1.port': real.address.port,
        },
      },
    })
    const client = await proxy.through(1)
    const ask = () => client.request('Metadata', { topics: [{ name: topic }] })
    const told = await ask()
    const right = await ask()
    const leader = (answer: Message): unknown => {
      const [first] = answer.topics as Message[]
      return ((first?.partitions ?? []) as Message[]).find(
        ({ partitionIndex }) => partitionIndex === 0,
      )?.leaderId
    }
    expect([leader(told), leader(right)]).toEqual([3, 1])
    const ports = await proxy.ports()
    const [dead, elsewhere] = told.brokers as Message[]
    expect(dead?.port).toBe(1)
    // The plan wrote a broker's own address; the client is led to the proxy's port for it.
    expect(elsewhere?.port).toBe(ports.get(real.node)?.port)
    for (const { nodeId, port } of right.brokers as Message[]) {
      expect(port).toBe(ports.get(nodeId as number)?.port)
    }
    expect(counts().slice(1)).toEqual([1, 1, 1])
    await passes()
  })

  it('of a coordinator: the wrong broker, by the proxy’s port for it', async () => {
    const id = `led-astray-${topic}`
    const client = await proxy.through(1)
    const right = await findCoordinator(client, 'transaction', id)
    const wrong = (right.node % 3) + 1
    proxy.arm({
      when: { reply: 'FindCoordinator', 'transactional-id': id },
      inject: { rewrite: { 'coordinators.*.nodeId': wrong } },
    })
    const told = await findCoordinator(client, 'transaction', id)
    expect(told).toMatchObject({ node: wrong, port: (await proxy.ports()).get(wrong)?.port })
    expect(told.port).not.toBe(right.port)
    expect(await findCoordinator(client, 'transaction', id)).toEqual(right)
    await passes()
  })

  it.each([
    [
      'a field that the version lacks',
      { 'nodeEndpoints.*.port': 1 },
      /no field nodeEndpoints|nothing at nodeEndpoints/,
    ],
    ['a place that is not there', { 'responses.7.name': 'x' }, /nothing at responses\.7\.name/],
  ])('of %s: not applied, and said so', async (_what, fields, message) => {
    proxy.arm({ when: { reply: 'Produce' }, inject: { rewrite: fields } })
    expect((await produce(await proxy.through(1), place, ['a'], { version: 9 })).error).toBe('NONE')
    expect(counts()).toEqual([1, 1, 0, 1])
    expect(proxy.errors()).toEqual([expect.stringMatching(message)])
    expect(await grounds.values(place)).toEqual(['a'])
  })
})

const refuse = { error: { code: 'KAFKA_STORAGE_ERROR', 'seen-by-broker': false } }

describe('a trigger', () => {
  it('id: the Produce that carries that record, and the answer to a Fetch that does', async () => {
    proxy.arm({ name: 'sent', when: { request: 'Produce', id: 'b-2' }, inject: refuse })
    proxy.arm({
      name: 'read',
      when: { reply: 'Fetch', id: 'a-?' },
      inject: { rewrite: { throttleTimeMs: 5 } },
    })
    const client = await proxy.through(1)
    expect(await send(client, ['a-1', 'a-2'], { compression: 'snappy' })).toBe('NONE')
    expect(await send(client, ['b-1', 'b-2', 'b-3'], { compression: 'gzip' })).toBe(
      'KAFKA_STORAGE_ERROR',
    )
    expect(await send(client, ['b-1', 'b-2', 'b-3'], { compression: 'gzip' })).toBe('NONE')
    expect((await client.request('Fetch', fetchRequest(), 12)).throttleTimeMs).toBe(5)
    expect(counts('sent').slice(0, 3)).toEqual([2, 1, 1])
    expect(counts('read').slice(0, 3)).toEqual([1, 1, 1])
    expect(proxy.errors()).toEqual([])
  })

  it('retry-of: the same batch again on another connection, and no other', async () => {
    const producer = await producerOf(`retries-${topic}`)
    const { as } = producer
    proxy.arm({
      name: 'lost',
      when: { request: 'Produce', nth: 2 },
      inject: { disconnect: 'before-reply' },
    })
    proxy.arm({ name: 'again', when: { request: 'Produce', 'retry-of': 'lost' }, inject: refuse })
    expect(await write(producer, 'a', 0)).toBe('NONE')
    expect(await outcome(produce(producer.leader, place, ['b'], { as, sequence: 1 }))).toBe(
      'closed',
    )
    const leader = await proxy.through(1)
    expect((await produce(leader, place, ['c'], { as, sequence: 2 })).error).toBe('NONE')
    const retried = () => produce(leader, place, ['b'], { as, sequence: 1 })
    expect((await retried()).error).toBe('KAFKA_STORAGE_ERROR')
    expect((await retried()).error).toBe('NONE')
    expect(await grounds.values(place)).toEqual(['a', 'b', 'c'])
    expect(counts('again').slice(0, 3)).toEqual([2, 1, 1])
  })

  it('retry-of: the same EndTxn again, but not that of the next transaction', async () => {
    const producer = await producerOf(`ends-again-${topic}`)
    const refusal = (code: string) => ({ error: { code, 'seen-by-broker': false } })
    proxy.arm({
      name: 'first',
      when: { request: 'EndTxn' },
      inject: refusal('COORDINATOR_NOT_AVAILABLE'),
    })
    proxy.arm({
      name: 'again',
      when: { request: 'EndTxn', 'retry-of': 'first' },
      times: 'unlimited',
      inject: refusal('COORDINATOR_LOAD_IN_PROGRESS'),
    })
    const end = async () => (await endTransaction(producer.coordinator, producer.as, true)).error
    expect(await write(producer, 'a', 0)).toBe('NONE')
    expect([await end(), await end()]).toEqual([
      'COORDINATOR_NOT_AVAILABLE',
      'COORDINATOR_LOAD_IN_PROGRESS',
    ])
    await proxy.engine.disarm('again')
    proxy.arm({
      name: 'again-later',
      when: { request: 'EndTxn', 'retry-of': 'first', transaction: 2 },
      inject: refusal('COORDINATOR_LOAD_IN_PROGRESS'),
    })
    expect(await end()).toBe('NONE')
    expect(await write(producer, 'b', 1)).toBe('NONE')
    expect(await end()).toBe('NONE')
    expect(counts('again-later')).toEqual([0, 0, 0, 0])
  })

  it('instance: same-as, the one that another fault has hit', async () => {
    proxy.arm({ name: 'hit', when: { request: 'ListGroups', nth: 2 }, inject: { drop: 'reply' } })
    proxy.arm({
      name: 'again',
      when: { request: 'Produce', instance: 'same-as hit' },
      inject: refuse,
      times: 'unlimited',
    })
    const doors = ['app-0', 'app-1', 'app-2']
    const clients = await Promise.all(doors.map((door) => proxy.through(1, { door })))
    const errors = async () => {
      const told: string[] = []
      for (const client of clients) told.push((await produce(client, place, ['x'])).error)
      return told
    }
    expect(await errors()).toEqual(['NONE', 'NONE', 'NONE'])
    await clients[0]?.request('ListGroups', {})
    void outcome(clients[1]?.request('ListGroups', {}) ?? Promise.resolve())
    await proxy.event('fault-applied', ({ fault }) => fault === 'hit')
    clients[1] = await proxy.through(1, { door: 'app-1' })
    expect(await errors()).toEqual(['NONE', 'KAFKA_STORAGE_ERROR', 'NONE'])
    expect(proxy.firing('again').exchange?.instance).toBe('app-1')
  })

  it('from and to: every Produce of one transaction between a send of its and its abort', async () => {
    const producer = await producerOf(`windowed-${topic}`)
    const { as, coordinator, leader } = producer
    proxy.arm({
      when: { request: 'Produce', 'transactional-id': as.transactionalId },
      from: { request: 'Produce', transaction: 1, phase: 'producing' },
      to: { request: 'EndTxn', committed: false },
      times: 'unlimited',
      inject: refuse,
    })
    const errors: string[] = [await write(producer, 'a', 0)]
    for (let n = 0; n < 2; n++) {
      errors.push((await produce(leader, place, ['b'], { as, sequence: 1 })).error)
    }
    expect((await endTransaction(coordinator, as, false)).error).toBe('NONE')
    errors.push(await write(producer, 'c', 1))
    expect(errors).toEqual(['NONE', 'KAFKA_STORAGE_ERROR', 'KAFKA_STORAGE_ERROR', 'NONE'])
    expect((await endTransaction(coordinator, as, true)).error).toBe('NONE')
    await expect.poll(() => grounds.values(place)).toEqual(['a', '<abort>', 'c', '<commit>'])
    expect(counts()).toEqual([4, 2, 2, 2])
  })

  it('from the end of one fault to that of another', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      from: { fault: 'opener', is: 'healed' },
      to: { fault: 'closer', is: 'healed', plus: '1ms' },
      times: 'unlimited',
      inject: refuse,
    })
    for (const name of ['opener', 'closer']) {
      proxy.arm({
        name,
        when: { manual: true },
        inject: { refuse: { with: 'reset' } },
        on: { brokers: 3 },
      })
    }
    const client = await proxy.through(1)
    const told = async () => (await produce(client, place, ['x'])).error
    expect(await told()).toBe('NONE')
    await proxy.engine.fire('opener')
    expect(await told()).toBe('NONE')
    await proxy.engine.heal('opener')
    await expect.poll(told).toBe('KAFKA_STORAGE_ERROR')
    await proxy.engine.fire('closer')
    await proxy.engine.heal('closer')
    await expect.poll(told).toBe('NONE')
  })

  it('per transactional id: counted for each of its own', async () => {
    const [one, other] = [await producerOf(`per-a-${topic}`), await producerOf(`per-b-${topic}`)]
    proxy.arm({
      when: { request: 'AddPartitionsToTxn', nth: 2, per: 'transactional-id' },
      times: 'unlimited',
      inject: { error: { code: 'COORDINATOR_NOT_AVAILABLE', 'seen-by-broker': false } },
    })
    const add = async ({ coordinator, as }: Transactional) =>
      (await addPartition(coordinator, as, place)).error
    const told = [
      await add(one),
      await add(other),
      await add(one),
      await add(one),
      await add(other),
    ]
    const refused = 'COORDINATOR_NOT_AVAILABLE'
    expect(told).toEqual(['NONE', 'NONE', refused, 'NONE', refused])
  })

  it('only: a message about several transactions is matched when all of them fit', async () => {
    const [one, other] = [await producerOf(`only-a-${topic}`), await producerOf(`only-b-${topic}`)]
    const mine = { plane: 'client' as const, 'transactional-id': 'only-a-*' }
    proxy.arm({
      name: 'alone',
      when: { request: 'WriteTxnMarkers', ...mine, only: true },
      inject: { answer: {} },
      times: 'unlimited',
    })
    proxy.arm({
      name: 'among-others',
      when: { request: 'WriteTxnMarkers', ...mine },
      inject: { answer: {} },
      times: 'unlimited',
    })
    const client = await proxy.through(1)
    const mark = (...producers: Transactional[]) =>
      client.request('WriteTxnMarkers', {
        markers: producers.map(({ as }) => ({
          producerId: BigInt(as.producerId),
          producerEpoch: as.producerEpoch,
          transactionResult: false,
          coordinatorEpoch: 0,
          topics: [],
        })),
      })
    await mark(one, other)
    expect([counts('alone')[1], counts('among-others')[1]]).toEqual([0, 1])
    await mark(one)
    expect([counts('alone')[1], counts('among-others')[1]]).toEqual([1, 1])
  })
})

describe('a detached message', () => {
  it('until its client gave up: it is delivered when the client has been sent away', async () => {
    proxy.arm({
      when: { request: 'Produce' },
      inject: { detach: { until: 'client-gave-up', plus: '100ms' } },
    })
    expect(await outcome(produce(await proxy.through(1), place, ['late']))).toBe('closed')
    expect(await grounds.values(place)).toEqual([])
    await proxy.event('fault-answered')
    expect(await grounds.values(place)).toEqual(['late'])
    expect(proxy.firing()).toMatchObject({ brokerAnswer: 'NONE' })
    await passes()
  })
})
