// The same traffic bare and through a proxy that hurts nothing: equal answers, equal outcomes, equal bytes, on real
// brokers. And nobody who came in by the proxy ever leaves past it, also when leaders move and brokers come late.
import net from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BrokerClient } from '../../proxy/flow/broker-client.ts'
import { connectBroker } from '../../proxy/flow/broker-client.ts'
import { encodeRequest, type Message } from '../../proxy/protocol/codec.ts'
import { requestFrame } from '../../proxy/protocol/frame.ts'
import { writeBatch } from '../../proxy/protocol/record-batch.ts'
import {
  type Grounds,
  loopback,
  openProxy,
  outcome,
  raiseGrounds,
  type TestProxy,
  until,
} from '../kafka/faults/grounds.ts'
import { produce } from '../kafka/faults/raw.ts'
import { type Puppet, startPuppet } from '../kafka/puppet/puppet.ts'
import { socketsOf } from '../kafka/sockets-of.ts'
import { askEverything } from './every-request.ts'
import {
  answerIn,
  bytesIn,
  exchangesOf,
  framesOf,
  portsIn,
  recorded,
  withoutAddresses,
} from './recorder.ts'
import { javaSession, kafkajsSession } from './sessions.ts'

vi.mock('../../proxy/flow/sockets.ts', async (original) => {
  const { recordingSockets } = await import('./recorder.ts')
  return recordingSockets(await original())
})

let grounds: Grounds
let puppet: Puppet
let proxy: TestProxy
let realPorts: Set<number>

const megabyte = 1024 * 1024

beforeAll(async () => {
  ;[grounds, puppet] = await Promise.all([
    raiseGrounds({
      config: { 'message.max.bytes': 40 * megabyte, 'replica.fetch.max.bytes': 40 * megabyte },
    }),
    startPuppet(),
  ])
  realPorts = new Set(
    grounds.ports.flatMap(({ client, interBroker, controller }) => [
      client,
      interBroker,
      controller,
    ]),
  )
})
afterAll(async () => {
  await puppet.stop()
  await grounds.close()
})
beforeEach(async () => {
  proxy = await grounds.proxy()
  recorded.length = 0
})
afterEach(() => {
  expect(proxy.errors()).toEqual([])
})

const oddities = () => proxy.events.filter(({ type }) => type === 'oddity')

/** What the two taps say: how many answers were untouched, how many had addresses changed. */
function compareTaps(): { requests: number; untouched: number; rewritten: Set<string> } {
  const sum = { requests: 0, untouched: 0, rewritten: new Set<string>() }
  for (const connection of recorded) {
    const sent = Buffer.concat(connection.fromClient)
    expect(Buffer.concat(connection.toBroker).equals(sent)).toBe(true)
    sum.requests += framesOf(connection.fromClient).length
    for (const exchange of exchangesOf(connection)) {
      if (exchange.given.equals(exchange.got)) {
        sum.untouched += 1
        continue
      }
      sum.rewritten.add(exchange.api?.name ?? '?')
      const [given, got] = [answerIn(exchange, exchange.given), answerIn(exchange, exchange.got)]
      expect(withoutAddresses(got)).toEqual(withoutAddresses(given))
      expect(portsIn(got).length).toBe(portsIn(given).length)
    }
  }
  return sum
}

/** Ports told to clients in any answer, from every API that can tell one. */
function toldPorts(): number[] {
  return recorded.flatMap((connection) =>
    exchangesOf(connection).flatMap((exchange) =>
      exchange.api === undefined ? [] : portsIn(answerIn(exchange, exchange.got)),
    ),
  )
}

describe('the same traffic bare and through the idle proxy', () => {
  it('has equal answers for every API and version that a broker offers', async () => {
    const topic = await grounds.topic()
    await produce(await grounds.direct(1), { topic, partition: 0 }, ['a', 'b'])
    const metadata = await (await grounds.direct(1)).request('Metadata', {
      topics: [{ name: topic }],
    })
    const [found] = metadata.topics as Message[]
    const subjects = { topic, topicId: found?.topicId as string, group: 'asked' }
    const address = { host: loopback, port: grounds.ports[0]?.client ?? 0 }
    const bare = await askEverything(
      () => connectBroker(address, { clientId: 'tester', timeoutMs: 15_000 }),
      subjects,
    )
    const through = await askEverything(() => proxy.through(1), subjects)
    expect(bare.size).toBeGreaterThan(200)
    expect([...through.keys()]).toEqual([...bare.keys()])
    for (const [name, answer] of bare) expect(through.get(name), name).toEqual(answer)
    const answered = [...bare.values()].filter((answer) => answer !== 'closed')
    expect(answered.length).toBeGreaterThan(180)
    console.info(
      `${bare.size} requests of ${new Set([...bare.keys()].map((name) => name.split(' ')[0])).size} APIs, ${answered.length} answered, all alike`,
    )
    compareTaps()
  })

  it('has equal outcomes for kafkajs, and equal bytes but for addresses', async () => {
    const [bare] = grounds.cluster.bootstrap
    const direct = await kafkajsSession({
      bootstrap: bare ?? '',
      topic: await grounds.topic(),
      name: 'bare',
    })
    const through = await kafkajsSession({
      bootstrap: await proxy.bootstrap(),
      topic: await grounds.topic(),
      name: 'through',
    })
    expect(through).toEqual(direct)
    expect(through.read).toHaveLength(8)
    expect(oddities()).toEqual([])
    const { requests, untouched, rewritten } = compareTaps()
    expect(requests).toBeGreaterThan(40)
    expect(untouched).toBeGreaterThan(30)
    expect([...rewritten].sort()).toEqual(['FindCoordinator', 'Metadata'])
    expect(toldPorts().filter((port) => realPorts.has(port))).toEqual([])
  })

  it('has equal outcomes for the Java client, and equal bytes but for addresses', async () => {
    const [bare] = grounds.cluster.bootstrap
    const direct = await javaSession(puppet, {
      bootstrap: bare ?? '',
      topic: await grounds.topic(),
      name: 'bare',
    })
    recorded.length = 0
    const through = await javaSession(puppet, {
      bootstrap: await proxy.bootstrap(),
      topic: await grounds.topic(),
      name: 'through',
    })
    expect(through).toEqual(direct)
    expect(through.read).toHaveLength(8)
    expect(through.committed).toBe('')
    expect(oddities()).toEqual([])
    const { requests, untouched, rewritten } = compareTaps()
    expect(requests).toBeGreaterThan(60)
    expect(untouched).toBeGreaterThan(50)
    expect([...rewritten].sort()).toEqual(['FindCoordinator', 'Metadata'])
    expect(toldPorts().filter((port) => realPorts.has(port))).toEqual([])
    expect(
      proxy.engine.transactions().map(({ protocol, lastOutcome }) => [protocol, lastOutcome]),
    ).toEqual([['V2', 'committed']])
  })
})

/** Makes another broker the leader of partition 0. */
async function moveLeader(topic: string, to: number): Promise<void> {
  const admin = await grounds.direct(to)
  const others = [1, 2, 3].filter((node) => node !== to)
  const moved = await admin.request('AlterPartitionReassignments', {
    timeoutMs: 10_000,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, replicas: [to, ...others] }] }],
  })
  expect(moved.errorCode).toBe(0)
  await until(async () => {
    const elected = await admin.request('ElectLeaders', {
      electionType: 0,
      topicPartitions: [{ topic, partitions: [0] }],
      timeoutMs: 10_000,
    })
    return elected.errorCode === 0 && (await grounds.admin.leaderOf(topic, 0)) === to
  })
}

describe('a leader that moves', () => {
  it('is told with the proxy’s address, in Produce and in Fetch (NodeEndpoints)', async () => {
    const topic = await grounds.topic()
    const client = await proxy.through(1)
    const metadata = await client.request('Metadata', { topics: [{ name: topic }] })
    const [found] = metadata.topics as Message[]
    await moveLeader(topic, 2)
    const sent = async (): Promise<Message> =>
      client.request(
        'Produce',
        {
          transactionalId: null,
          acks: -1,
          timeoutMs: 5_000,
          topicData: [
            {
              name: topic,
              partitionData: [{ index: 0, records: writeBatch({ records: [{ value: 'x' }] }) }],
            },
          ],
        },
        11,
      )
    const fetched = async (): Promise<Message> =>
      client.request(
        'Fetch',
        {
          maxWaitMs: 0,
          minBytes: 0,
          sessionEpoch: -1,
          topics: [
            {
              topicId: found?.topicId as string,
              partitions: [
                {
                  partition: 0,
                  fetchOffset: 0n,
                  currentLeaderEpoch: 0,
                  lastFetchedEpoch: -1,
                  partitionMaxBytes: 1_000,
                },
              ],
            },
          ],
        },
        16,
      )
    const ports = await proxy.ports()
    for (const ask of [sent, fetched]) {
      await until(async () => ((await ask()).nodeEndpoints as Message[]).length > 0)
      expect((await ask()).nodeEndpoints).toMatchObject([
        { nodeId: 2, host: loopback, port: ports.get(2)?.port },
      ])
    }
    const { rewritten } = compareTaps()
    expect([...rewritten].sort()).toEqual(['Fetch', 'Metadata', 'Produce'])
    expect(toldPorts().filter((port) => realPorts.has(port))).toEqual([])
  })

  it('is followed by the Java client through the proxy’s ports alone', async () => {
    const topic = await grounds.topic()
    const servers = { 'bootstrap.servers': await proxy.bootstrap() }
    await puppet.create('producer', 'moving', { ...servers, 'linger.ms': 0 })
    await puppet.create('consumer', 'moving-reader', {
      ...servers,
      'group.id': 'moving',
      'auto.offset.reset': 'earliest',
    })
    await puppet.call('subscribe', 'moving-reader', topic)
    const read: string[] = []
    const poll = async (count: number): Promise<void> => {
      const values = await puppet.call('poll', 'moving-reader', String(count), '20000')
      read.push(...values.split(',').map((text) => text.split(':')[2] ?? ''))
    }
    const values: string[] = []
    const remotes = new Set<number>()
    for (const leader of [1, 2, 3, 1]) {
      await moveLeader(topic, leader)
      for (let n = 0; n < 5; n++) {
        values.push(`${leader}-${values.length}`)
        await puppet.call('send', 'moving', topic, '0', values.at(-1) ?? '')
        expect(await puppet.call('flush', 'moving')).toMatch(/^\d+$/)
      }
      await poll(5)
      for (const { remotePort } of socketsOf(puppet.child.pid)) remotes.add(remotePort)
    }
    expect(read).toEqual(values)
    await puppet.call('close', 'moving')
    await puppet.call('close', 'moving-reader')
    expect([...remotes].filter((port) => realPorts.has(port))).toEqual([])
    const known = new Set([...(await proxy.ports()).values()].map(({ port }) => port))
    known.add(Number((await proxy.bootstrap()).split(':')[1]))
    expect([...remotes].filter((port) => !known.has(port))).toEqual([])
    expect(toldPorts().filter((port) => realPorts.has(port))).toEqual([])
    compareTaps()
  })
})

describe('brokers that come late', () => {
  it('get a port when they are first heard of, and keep it when they come back', async () => {
    const [first, , third] = grounds.ports
    const clients = new Set<BrokerClient>()
    // Told of one broker, and never asks by itself.
    const blind = openProxy({
      bootstrap: [{ host: loopback, port: first?.client ?? 0 }],
      nodes: new Map(),
      host: undefined,
      clients,
    })
    try {
      const ports = await blind.ports()
      expect([...ports.keys()].sort()).toEqual([1, 2, 3])
      const topic = await grounds.topic()
      const place = { topic, partition: 2 }
      expect((await produce(await blind.through(3), place, ['before'])).error).toBe('NONE')
      const node = third?.node ?? 0
      const open = await blind.through(node)
      await grounds.cluster.kill(node)
      expect(await outcome(open.request('ListGroups', {}))).toBe('closed')
      await expect(blind.through(node)).rejects.toThrow()
      await grounds.cluster.start(node)
      await moveBack(topic, node)
      const again = await blind.through(node)
      // It leads again as soon as it has heard of it itself.
      await until(async () => (await produce(again, place, ['after'])).error === 'NONE')
      expect(await grounds.values(place)).toEqual(['before', 'after'])
      expect((await blind.ports()).get(node)).toEqual(ports.get(node))
      expect(blind.errors()).toEqual([])
    } finally {
      for (const client of clients) client.close()
      await blind.engine.stop()
    }
  })

  async function moveBack(topic: string, node: number): Promise<void> {
    const admin = await grounds.direct(1)
    await until(async () => {
      await admin.request('ElectLeaders', {
        electionType: 0,
        topicPartitions: [{ topic, partitions: [node - 1] }],
        timeoutMs: 10_000,
      })
      return (await grounds.admin.leaderOf(topic, node - 1)) === node
    })
  }
})

/** A socket to a port of the proxy that the test reads by itself. */
async function rawSocket(node: number): Promise<net.Socket> {
  const address = (await proxy.ports()).get(node)
  const socket = net.createConnection({ ...address, port: address?.port ?? 0, allowHalfOpen: true })
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

/** Reads from a socket until there are so many whole frames. */
async function readFrames(socket: net.Socket, count: number): Promise<Buffer[]> {
  const frames: Buffer[] = []
  let parts: Buffer[] = []
  let held = 0
  let wanted = 4
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    parts.push(chunk)
    held += chunk.length
    while (held >= wanted) {
      const bytes = Buffer.concat(parts)
      const whole = 4 + bytes.readInt32BE(0)
      wanted = whole
      if (held < whole) {
        parts = [bytes]
        break
      }
      frames.push(bytes.subarray(0, whole))
      parts = [bytes.subarray(whole)]
      held -= whole
      wanted = 4
    }
    if (frames.length >= count) return frames
  }
  throw new Error(`the connection ended after ${frames.length} of ${count} frames`)
}

describe('size and number', () => {
  it('thousands of requests in one burst are answered in their order', async () => {
    const count = 5_000
    const socket = await rawSocket(1)
    const body = encodeRequest(3, 12, { topics: [] })
    const frames = Array.from({ length: count }, (_, n) =>
      n % 2 === 0
        ? requestFrame({ apiKey: 3, apiVersion: 12, correlationId: n, clientId: 'burst' }, body)
        : requestFrame(
            { apiKey: 16, apiVersion: 4, correlationId: n, clientId: 'burst' },
            encodeRequest(16, 4, {}),
          ),
    )
    socket.write(Buffer.concat(frames))
    const answers = await readFrames(socket, count)
    expect(answers.map((answer) => answer.readInt32BE(4))).toEqual(frames.map((_, n) => n))
    socket.destroy()
  }, 60_000)

  it('acks=0 is not answered, and what follows it is', async () => {
    const topic = await grounds.topic()
    const socket = await rawSocket(1)
    const records = writeBatch({ records: [{ value: 'unanswered' }] })
    const produced = encodeRequest(0, 11, {
      transactionalId: null,
      acks: 0,
      timeoutMs: 1_000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    })
    const metadata = encodeRequest(3, 12, { topics: [] })
    const head = { apiVersion: 12, clientId: 'acks' }
    for (let n = 0; n < 10; n += 2) {
      socket.write(
        requestFrame({ apiKey: 0, apiVersion: 11, correlationId: n, clientId: 'acks' }, produced),
      )
      socket.write(requestFrame({ ...head, apiKey: 3, correlationId: n + 1 }, metadata))
    }
    const answers = await readFrames(socket, 5)
    expect(answers.map((answer) => answer.readInt32BE(4))).toEqual([1, 3, 5, 7, 9])
    socket.destroy()
    await expect
      .poll(() => grounds.values({ topic, partition: 0 }))
      .toEqual(Array.from({ length: 5 }, () => 'unanswered'))
  })

  it('a record of 30 MB gets through both ways, byte for byte', async () => {
    const topic = await grounds.topic()
    const place = { topic, partition: 0 }
    const value = `${'0123456789abcdef'.repeat((30 * megabyte) / 16)}`
    const client = await proxy.through(1, { limitMs: 60_000 })
    expect((await produce(client, place, [value])).error).toBe('NONE')
    const answer = await client.request(
      'Fetch',
      {
        maxWaitMs: 1_000,
        minBytes: 1,
        maxBytes: 60 * megabyte,
        sessionEpoch: -1,
        topics: [
          {
            topic,
            partitions: [
              {
                partition: 0,
                fetchOffset: 0n,
                currentLeaderEpoch: -1,
                lastFetchedEpoch: -1,
                partitionMaxBytes: 60 * megabyte,
              },
            ],
          },
        ],
      },
      12,
    )
    const [first] = answer.responses as Message[]
    const [found] = (first?.partitions ?? []) as Message[]
    const records = found?.records as Buffer
    expect(records.includes(Buffer.from(value))).toBe(true)
    compareTaps()
  }, 120_000)

  it('a slow reader makes the broker wait instead of filling the proxy, and loses nothing', async () => {
    const topic = await grounds.topic()
    const place = { topic, partition: 0 }
    const value = 'x'.repeat(megabyte)
    const client = await proxy.through(1)
    for (let n = 0; n < 4; n++) await produce(client, place, [value])
    recorded.length = 0
    const socket = await rawSocket(1)
    socket.pause()
    const count = 40
    const body = encodeRequest(1, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 60 * megabyte,
      sessionEpoch: -1,
      topics: [
        {
          topic,
          partitions: [
            {
              partition: 0,
              fetchOffset: 0n,
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
              logStartOffset: -1n,
              partitionMaxBytes: 60 * megabyte,
            },
          ],
        },
      ],
    })
    for (let n = 0; n < count; n++) {
      socket.write(
        requestFrame({ apiKey: 1, apiVersion: 12, correlationId: n, clientId: 'slow' }, body),
      )
    }
    const connection = recorded.at(-1)
    const read = (): number => bytesIn(connection?.fromBroker ?? [])
    // It stands still when every buffer on the way is full.
    let before = -1
    await until(async () => {
      const now = read()
      const still = now === before && now > 0
      before = now
      if (!still) await new Promise((resolve) => setTimeout(resolve, 250))
      return still
    })
    const whole = count * 4 * megabyte
    expect(read()).toBeLessThan(whole / 4)
    const answers = await readFrames(socket, count)
    expect(answers.map((answer) => answer.readInt32BE(4))).toEqual(answers.map((_, n) => n))
    expect(new Set(answers.map(({ length }) => length)).size).toBe(1)
    expect(answers[0]?.length).toBeGreaterThan(4 * megabyte)
    socket.destroy()
  }, 120_000)

  it('a client that sends no more still hears the answers that it would hear bare', async () => {
    const address = { host: loopback, port: grounds.ports[0]?.client ?? 0 }
    const ways = { bare: address, through: (await proxy.ports()).get(1) ?? address }
    const heard: Record<string, number[]> = {}
    for (const [name, { host, port }] of Object.entries(ways)) {
      const socket = net.createConnection({ host, port, allowHalfOpen: true })
      const body = encodeRequest(3, 12, { topics: [] })
      socket.end(
        requestFrame({ apiKey: 3, apiVersion: 12, correlationId: 5, clientId: 'half' }, body),
      )
      const chunks: Buffer[] = []
      for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
      heard[name] = framesOf(chunks).map((answer) => answer.readInt32BE(4))
    }
    expect(heard).toEqual({ bare: [5], through: [5] })
  })
})

describe('advertise: { transaction.version: 1 }', () => {
  it('makes a Java client of 4.x speak V1 to a cluster of V2', async () => {
    expect(grounds.cluster.features['transaction.version']).toBe(2)
    proxy = await grounds.proxy({ advertise: { 'transaction.version': 1 } })
    // A rule that counts: V1 adds its partitions itself.
    proxy.arm({
      when: { reply: 'AddPartitionsToTxn', error: 'NONE' },
      inject: { delay: { by: '1ms' } },
    })
    const topic = await grounds.topic()
    await puppet.create('producer', 'v1', {
      'bootstrap.servers': await proxy.bootstrap(),
      'transactional.id': 'advertised-v1',
      'linger.ms': 0,
    })
    await puppet.call('init', 'v1')
    for (const end of ['commit', 'abort']) {
      await puppet.call('begin', 'v1')
      await puppet.call('send', 'v1', topic, '0', end)
      await puppet.call('flush', 'v1')
      await puppet.call(end, 'v1')
    }
    await puppet.call('close', 'v1')
    await expect
      .poll(() => grounds.values({ topic, partition: 0 }))
      .toEqual(['commit', '<commit>', 'abort', '<abort>'])
    expect(proxy.engine.transactions()).toMatchObject([
      { transactionalId: 'advertised-v1', protocol: 'V1' },
    ])
    expect(proxy.status().matched).toBeGreaterThanOrEqual(2)
    expect(proxy.firing().exchange).toMatchObject({
      version: 3,
      transactionalIds: ['advertised-v1'],
    })
    expect(proxy.events.find(({ type }) => type === 'feature-advertised')).toMatchObject({
      feature: 'transaction.version',
      level: 1,
      brokerLevel: 2,
    })
    const versions = (api: string) =>
      new Set(
        recorded.flatMap((connection) =>
          exchangesOf(connection).flatMap(({ api: found, version }) =>
            found?.name === api ? [version] : [],
          ),
        ),
      )
    expect([...versions('EndTxn')]).toEqual([4])
    expect([...versions('Produce')]).toEqual([11])
  })

  it('changes nothing where it is not asked for', async () => {
    const client = await proxy.through(1)
    expect(client.features.get('transaction.version')).toBe(2)
    expect(proxy.events.some(({ type }) => type === 'feature-advertised')).toBe(false)
  })
})
