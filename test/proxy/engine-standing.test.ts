// A proxy that stands for a long time, over brokers that exist only on the wire: brokers that move while nobody asks for
// metadata, faults that come and go, and the end, which lets what is under way get through.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type Engine, endedFaultsMax } from '../../proxy/engine.ts'
import type { ProxyEvent } from '../../proxy/events.ts'
import { type BrokerClient, connectBroker } from '../../proxy/flow/broker-client.ts'
import type { SocketAddress } from '../../proxy/flow/sockets.ts'
import { apiNamed, type Message } from '../../proxy/protocol/codec.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { addPartition, endTransaction, type Identity } from '../kafka/faults/raw.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'

let engine: Engine
let events: ProxyEvent[]
let brokers: FakeBroker[]
let clients: BrokerClient[]

beforeEach(() => {
  events = []
  brokers = []
  clients = []
})

afterEach(async () => {
  for (const client of clients) client.close()
  await engine.healAll()
  await engine.stop()
  for (const broker of brokers) await broker.close()
})

const offered = ['Metadata', 'ApiVersions', 'AddPartitionsToTxn', 'EndTxn']

async function broker(node: number): Promise<FakeBroker> {
  const started = await startFakeBroker(node)
  started.says.set('ApiVersions', () => ({
    apiKeys: offered.map((name) => ({
      apiKey: apiNamed(name)?.key ?? -1,
      minVersion: 0,
      maxVersion: 4,
    })),
  }))
  brokers.push(started)
  return started
}

function list(...there: FakeBroker[]): () => Message {
  return () => ({
    brokers: there.map(({ node, address }) => ({ nodeId: node, ...address, rack: null })),
    clusterId: 'fake',
    controllerId: 1,
    topics: [],
  })
}

async function proxy(bootstrap: readonly SocketAddress[], askBrokersEveryMs = 60_000) {
  engine = createEngine(
    {
      bootstrap,
      listenHost: '127.0.0.1',
      advertisedHost: '127.0.0.1',
      advertise: {},
      topicAliases: {},
      journalAllProduce: false,
      askBrokersEveryMs,
    },
    { runtime: systemRuntime(3), host: undefined, listener: (event) => void events.push(event) },
  )
  await engine.discover()
  return engine.openDoor(undefined, 0)
}

async function connect(address: SocketAddress, clientId = 'app'): Promise<BrokerClient> {
  const client = await connectBroker(address, { clientId, timeoutMs: 10_000 })
  clients.push(client)
  return client
}

const gone = () => events.flatMap((event) => (event.type === 'broker-gone' ? [event.node] : []))

describe('the brokers of a cluster', () => {
  it('are found again when all of them have moved, by the addresses of the start', async () => {
    const [old, entry, moved] = [await broker(1), await broker(9), await broker(1)]
    old.says.set('Metadata', list(old))
    entry.says.set('Metadata', list(moved))
    moved.says.set('Metadata', list(moved))
    const door = await proxy([old.address, entry.address])
    await old.close()
    // Connections fail, which is what makes the proxy ask; nobody else does.
    await expect
      .poll(
        () =>
          connect(door).then(
            () => 'open',
            () => 'refused',
          ),
        { timeout: 10_000 },
      )
      .toBe('open')
    await expect
      .poll(() => engine.brokers()[0]?.address, { timeout: 10_000 })
      .toEqual(moved.address)
    const [told] = engine.doors()
    const port = told?.ports.find(({ node }) => node === 1)?.address
    if (port === undefined) throw new Error('broker 1 has a port')
    await (await connect(port)).request('Metadata', { topics: [] })
    expect(moved.received.length).toBeGreaterThan(0)
  }, 30_000)

  it('are followed by asking: one that comes gets a port, one that goes is told of once', async () => {
    const [one, two] = [await broker(1), await broker(2)]
    one.says.set('Metadata', list(one))
    await proxy([one.address], 50)
    const ports = () => engine.doors()[0]?.ports.map(({ node }) => node)
    expect(ports()).toEqual([1])
    one.says.set('Metadata', list(one, two))
    await expect.poll(ports).toEqual([1, 2])
    one.says.set('Metadata', list(one))
    await expect.poll(gone).toEqual([2])
    const asked = one.received.length
    await expect.poll(() => one.received.length).toBeGreaterThan(asked + 3)
    expect(gone()).toEqual([2])
    const seen = events.flatMap((event) => (event.type === 'broker-seen' ? [event.node] : []))
    expect(seen).toEqual([1, 2])
  })
})

it('a connection of the bootstrap port leads to the broker that it is counted for', async () => {
  const [one, two] = [await broker(1), await broker(2)]
  for (const each of [one, two]) each.says.set('Metadata', list(one, two))
  const door = await proxy([one.address])
  const led: number[] = []
  for (let number = 0; number < 4; number += 1) {
    const before = [one.sockets.size, two.sockets.size]
    const known = new Set(engine.connections().map(({ id }) => id))
    await connect(door)
    const fresh = engine.connections().find(({ id }) => !known.has(id))
    const now = [one.sockets.size, two.sockets.size]
    led.push(fresh?.node ?? 0)
    expect(now.map((count, index) => count - (before[index] ?? 0))).toEqual(
      fresh?.node === 1 ? [1, 0] : [0, 1],
    )
  }
  expect(new Set(led)).toEqual(new Set([1, 2]))
})

it('faults that were disarmed are kept for the record, but not for ever', async () => {
  const one = await broker(1)
  await proxy([one.address])
  for (let number = 0; number < endedFaultsMax + 50; number += 1) {
    const name = `fault-${number}`
    engine.arm({ name, when: { manual: true }, inject: { delay: { by: '1s' } } })
    await engine.disarm(name)
  }
  const names = engine.status().map(({ name }) => name)
  expect(names).toHaveLength(endedFaultsMax)
  expect(names.at(-1)).toBe(`fault-${endedFaultsMax + 49}`)
})

describe('told to stop, it', () => {
  const place = { topic: 't', partition: 0 }
  const as: Identity = { transactionalId: 'payments', producerId: 7, producerEpoch: 0 }

  async function withTransactions(): Promise<{ one: FakeBroker; door: SocketAddress }> {
    const one = await broker(1)
    one.says.set('AddPartitionsToTxn', () => ({
      resultsByTopicV3AndBelow: [
        { name: 't', resultsByPartition: [{ partitionIndex: 0, partitionErrorCode: 0 }] },
      ],
    }))
    return { one, door: await proxy([one.address]) }
  }

  it('lets an open transaction come to its end, and lets no other begin', async () => {
    const { one, door } = await withTransactions()
    const [open, other, idle] = [
      await connect(door),
      await connect(door, 'other'),
      await connect(door),
    ]
    expect(await addPartition(open, as, place)).toMatchObject({ error: 'NONE' })
    const drained = engine.drain(20_000)
    await expect(connect(door)).rejects.toThrow(/ECONNREFUSED/)
    await expect(
      addPartition(other, { ...as, transactionalId: 'another' }, place),
    ).rejects.toThrow()
    // It is in no transaction, and what it asks is answered as long as others are.
    await idle.request('Metadata', { topics: [] })
    expect(await endTransaction(open, as, true)).toMatchObject({ error: 'NONE' })
    expect(await drained).toEqual({ transactions: 0, connections: 0 })
    const ids = one.received
      .filter(({ api }) => api === 'AddPartitionsToTxn')
      .map(({ request }) => request.v3AndBelowTransactionalId)
    expect(ids).toEqual(['payments'])
    const ended = events.filter((event) => event.type === 'transaction' && event.phase === 'ended')
    expect(ended).toMatchObject([{ transactionalId: 'payments', outcome: 'committed' }])
    await expect.poll(() => [open, other, idle].some((client) => client.open)).toBe(false)
  }, 30_000)

  it('waits for answers that are under way, and not for a client that has gone', async () => {
    const { one, door } = await withTransactions()
    const [left, asking] = [await connect(door), await connect(door)]
    await addPartition(left, as, place)
    left.close()
    await expect.poll(() => engine.openConnections()).toBe(1)
    const speak = one.hush()
    const answered = asking.request('Metadata', { topics: [] })
    await expect.poll(() => one.received.at(-1)?.api).toBe('Metadata')
    let isOver = false
    const drained = engine.drain(20_000).finally(() => {
      isOver = true
    })
    await expect(connect(door)).rejects.toThrow(/ECONNREFUSED/)
    expect(isOver).toBe(false)
    expect(engine.openConnections()).toBe(1)
    speak()
    await answered
    expect(await drained).toEqual({ transactions: 0, connections: 0 })
  }, 30_000)

  it('says what is still open when the time is over', async () => {
    const { one, door } = await withTransactions()
    const [open, asking] = [await connect(door), await connect(door)]
    await addPartition(open, as, place)
    one.hush()
    const answer = asking.request('Metadata', { topics: [] }).catch(() => 'cut')
    await expect.poll(() => one.received.at(-1)?.api).toBe('Metadata')
    expect(await engine.drain(100)).toEqual({ transactions: 1, connections: 1 })
    await engine.stop()
    expect(await answer).toBe('cut')
  }, 30_000)
})
