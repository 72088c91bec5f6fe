// The engine over a broker that exists only on the wire: what faults do where real brokers would need luck to be
// caught, and what the tracker is told of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type Engine } from '../../proxy/engine.ts'
import type { ProxyEvent } from '../../proxy/events.ts'
import type { FaultSpec } from '../../proxy/faults/fault.ts'
import { apiNamed, encodeRequest, type Message } from '../../proxy/protocol/codec.ts'
import { requestFrame } from '../../proxy/protocol/frame.ts'
import { writeBatch } from '../../proxy/protocol/record-batch.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { connect as connectTo, type Peer } from './flow/loopback.ts'

let broker: FakeBroker
let engine: Engine
let events: ProxyEvent[]
let port: number
let clients: Peer[]

async function connect(to: number): Promise<Peer> {
  const client = await connectTo(to)
  clients.push(client)
  return client
}

beforeEach(async () => {
  broker = await startFakeBroker(1)
  events = []
  clients = []
  engine = createEngine(
    {
      bootstrap: [broker.address],
      listenHost: '127.0.0.1',
      advertisedHost: '127.0.0.1',
      advertise: {},
      topicAliases: {},
      journalAllProduce: true,
    },
    { runtime: systemRuntime(3), host: undefined, listener: (event) => void events.push(event) },
  )
  engine.noteBroker(1, broker.address)
  port = (await engine.openDoor('app-0', 0)).port
})

afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  await engine.healAll()
  await engine.stop()
  await broker.close()
})

function frame(api: string, version: number, correlationId: number, message: Message): Buffer {
  const apiKey = apiNamed(api)?.key ?? -1
  return requestFrame(
    { apiKey, apiVersion: version, correlationId, clientId: 'tester' },
    encodeRequest(apiKey, version, message),
  )
}

function produceFrame(correlationId: number, acks: number): Buffer {
  const records = writeBatch({ records: [{ value: 'x' }] })
  return frame('Produce', 11, correlationId, {
    transactionalId: null,
    acks,
    timeoutMs: 100,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  })
}

const listGroups = (correlationId: number): Buffer => frame('ListGroups', 4, correlationId, {})

/** The broker says NONE to a Produce, which its defaults would leave out. */
function answerProduce(): void {
  broker.says.set('Produce', () => ({
    responses: [
      {
        name: 't',
        partitionResponses: [
          {
            index: 0,
            errorCode: 0,
            baseOffset: 7n,
            logAppendTimeMs: -1n,
            logStartOffset: 0n,
            recordErrors: [],
            errorMessage: null,
          },
        ],
      },
    ],
  }))
}

const arm = (spec: Omit<FaultSpec, 'name'>): void => engine.arm({ name: 'fault', ...spec })
const status = () => engine.status()[0]
const counts = () => [status()?.matched, status()?.fired, status()?.applied, status()?.healed]
const errors = () => events.filter(({ type }) => type === 'error')
const sends = () =>
  events.flatMap((event) =>
    event.type === 'send'
      ? [
          {
            told: event.batches[0]?.told,
            brokerError: event.batches[0]?.brokerError,
            late: event.late,
          },
        ]
      : [],
  )
const whenEvent = (type: ProxyEvent['type']) =>
  expect.poll(() => events.some((event) => event.type === type)).toBe(true)

/** The next answer that a client gets, by its correlation id. */
async function nextId(client: Peer): Promise<number> {
  return (await client.bytes(client.received().length + 8)).readInt32BE(4)
}

describe('Produce with acks=0, which nobody answers', () => {
  // An answer of ours would be taken for that of the next request.
  it('is refused by closing the connection, as brokers do', async () => {
    arm({
      when: { request: 'Produce' },
      inject: { error: { code: 'NOT_LEADER_OR_FOLLOWER', 'seen-by-broker': false } },
    })
    const client = await connect(port)
    client.send(produceFrame(1, 0))
    await client.gone
    expect(client.received().length).toBe(0)
    expect(broker.received.map(({ api }) => api)).not.toContain('Produce')
    expect(counts()).toEqual([1, 1, 1, 1])
  })

  it('is kept from the broker by `answer`, and the next request is answered as itself', async () => {
    arm({ when: { request: 'Produce' }, inject: { answer: {} } })
    const client = await connect(port)
    client.send(Buffer.concat([produceFrame(1, 0), listGroups(2)]))
    expect(await nextId(client)).toBe(2)
    expect(broker.received.map(({ api }) => api)).not.toContain('Produce')
    expect(counts()).toEqual([1, 1, 1, 1])
    expect(errors()).toEqual([])
  })

  // The rule would have stayed active for ever, waiting for a reply that never comes.
  it('cannot lose a reply: the firing is over at once and not applied', async () => {
    arm({ when: { request: 'Produce' }, inject: { drop: 'reply' } })
    const client = await connect(port)
    client.send(Buffer.concat([produceFrame(1, 0), listGroups(2)]))
    expect(await nextId(client)).toBe(2)
    expect(counts()).toEqual([1, 1, 0, 1])
    expect(status()).toMatchObject({ state: 'spent' })
  })
})

describe('what the client was told', () => {
  beforeEach(answerProduce)

  it('is the answer, when nothing is in the way', async () => {
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    expect(await nextId(client)).toBe(1)
    expect(sends()).toEqual([{ told: 'ok', brokerError: 'NONE', late: undefined }])
  })

  // It was noted when the answer was held, so a client that never heard it counted as told.
  it('is nothing, when a held answer dies with its connection', async () => {
    arm({ when: { reply: 'Produce' }, inject: { hold: { side: 'reply', until: 'released' } } })
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    await whenEvent('fault-applied')
    expect(sends()).toEqual([])
    for (const socket of broker.sockets) socket.resetAndDestroy()
    await client.gone
    await whenEvent('connection-closed')
    expect(sends()).toEqual([{ told: 'unknown', brokerError: 'NONE', late: undefined }])
    expect(counts()).toEqual([1, 1, 1, 1])
  })

  it('is the answer, when a held one goes on in the end', async () => {
    arm({ when: { reply: 'Produce' }, inject: { hold: { side: 'reply', until: 'released' } } })
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    await whenEvent('fault-applied')
    engine.release('fault')
    expect(await nextId(client)).toBe(1)
    expect(sends()).toEqual([{ told: 'ok', brokerError: 'NONE', late: undefined }])
  })

  it('is nothing, when a partition that the answer set off keeps it', async () => {
    arm({
      when: { reply: 'Produce' },
      inject: { 'network-partition': { between: ['app-0', { brokers: 1 }] } },
    })
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    await whenEvent('fault-applied')
    expect(sends()).toEqual([{ told: 'unknown', brokerError: 'NONE', late: undefined }])
    client.socket.destroy()
  })

  it('is nothing, when the answer is late in a window of delay and the client leaves first', async () => {
    arm({
      when: { manual: true },
      inject: { delay: { by: '60s', of: 'reply' } },
    })
    await engine.fire('fault')
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    await whenEvent('fault-applied')
    client.socket.resetAndDestroy()
    await whenEvent('connection-closed')
    expect(sends()).toEqual([{ told: 'unknown', brokerError: undefined, late: undefined }])
  })

  // The tracker was never told that a detached request had been delivered.
  it('is nothing, when the request is delivered late; the broker’s answer is another event', async () => {
    arm({ when: { request: 'Produce' }, inject: { detach: { until: 'released' } } })
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    await client.gone
    expect(sends()).toEqual([{ told: 'unknown', brokerError: undefined, late: undefined }])
    engine.release('fault')
    await whenEvent('fault-answered')
    expect(sends()[1]).toEqual({ told: 'unknown', brokerError: 'NONE', late: true })
  })
})

describe('a detached request', () => {
  // Its rule stayed active for ever when the broker's leg broke before the delivery.
  it('that can never be delivered is discarded, and the result says so', async () => {
    arm({ when: { request: 'Produce' }, inject: { detach: { until: 'released' } } })
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    await client.gone
    for (const socket of broker.sockets) socket.resetAndDestroy()
    await whenEvent('fault-healed')
    expect(status()?.firings[0]).toMatchObject({ discarded: true })
    expect(counts()).toEqual([1, 1, 1, 1])
    expect(engine.openConnections()).toBe(0)
  })

  it('until the client gives up goes on a while after it was sent away', async () => {
    arm({
      when: { request: 'Produce' },
      inject: { detach: { until: 'client-gave-up', plus: '30ms' } },
    })
    const client = await connect(port)
    client.send(produceFrame(1, -1))
    await client.gone
    await whenEvent('fault-answered')
    expect(broker.received.map(({ api }) => api)).toContain('Produce')
  })
})

describe('a drop that is unrealistic', () => {
  it('of a request takes that one alone; its answer is missing and the next is there', async () => {
    arm({
      when: { request: 'ListGroups', nth: 2 },
      inject: { drop: { side: 'request', unrealistic: true } },
    })
    const client = await connect(port)
    client.send(Buffer.concat([listGroups(1), produceFrame(2, -1), listGroups(3), listGroups(4)]))
    const ids: number[] = []
    await expect
      .poll(() => {
        const bytes = client.received()
        ids.length = 0
        for (let at = 0; at + 8 <= bytes.length; at += 4 + bytes.readInt32BE(at)) {
          ids.push(bytes.readInt32BE(at + 4))
        }
        return ids.length
      })
      .toBe(3)
    expect(ids).toEqual([1, 2, 4])
    expect(counts()).toEqual([3, 1, 1, 1])
  })

  it('of a reply takes that one alone, and the broker has seen its request', async () => {
    answerProduce()
    arm({
      when: { request: 'Produce' },
      inject: { drop: { side: 'reply', unrealistic: true } },
    })
    const client = await connect(port)
    client.send(Buffer.concat([produceFrame(1, -1), listGroups(2)]))
    expect(await nextId(client)).toBe(2)
    expect(broker.received.map(({ api }) => api)).toContain('Produce')
    expect(sends()).toEqual([{ told: 'unknown', brokerError: 'NONE', late: undefined }])
  })
})

describe('two faults on one exchange', () => {
  // The second took the reply, and the first was never applied.
  it('the reply belongs to the fault that took the request', async () => {
    engine.arm({
      name: 'a',
      when: { request: 'ListGroups' },
      inject: { delay: { by: '1ms', of: 'reply' } },
    })
    engine.arm({ name: 'b', when: { reply: 'ListGroups' }, inject: { drop: 'reply' } })
    const client = await connect(port)
    client.send(listGroups(1))
    expect(await nextId(client)).toBe(1)
    const [a, b] = engine.status()
    expect([a?.applied, b?.matched]).toEqual([1, 0])
  })
})

describe('a fault that cannot be had', () => {
  it('lets its message go on, is told as an error, and does not stay active', async () => {
    arm({
      when: { request: 'ListGroups' },
      inject: { rebalance: { how: 'evict', group: 'g' } },
    })
    broker.says.set('DescribeGroups', () => ({ groups: [] }))
    const client = await connect(port)
    client.send(listGroups(1))
    expect(await nextId(client)).toBe(1)
    expect(errors()).toMatchObject([{ code: 'fault-not-applied' }])
    expect(status()).toMatchObject({ state: 'spent', applied: 0, fired: 1 })
  })

  it('is refused when it is armed, if nobody here can kill a broker', () => {
    expect(() =>
      arm({
        when: { manual: true },
        inject: { 'broker-outage': { how: 'kill' } },
        on: { brokers: 1 },
      }),
    ).toThrow(/cannot be done here/)
    expect(engine.status()).toEqual([])
  })
})

describe('a long effect', () => {
  // Every message that met it added its own sentence to the firing, without end.
  it('is told in few words, however many messages meet it', async () => {
    arm({
      when: { request: 'InitProducerId' },
      inject: { 'coordinator-crash': { how: 'wire' } },
    })
    const init = {
      transactionalId: 't',
      transactionTimeoutMs: 1_000,
      producerId: -1n,
      producerEpoch: -1,
    }
    const first = await connect(port)
    first.send(frame('InitProducerId', 4, 1, init))
    await first.gone
    const client = await connect(port)
    for (let id = 1; id <= 50; id++) {
      client.send(frame('FindCoordinator', 4, id, { keyType: 1, coordinatorKeys: ['t'] }))
      await nextId(client)
    }
    const [firing] = status()?.firings ?? []
    expect(firing?.effect).toContain('FindCoordinator met a dead coordinator (50 times)')
    expect(firing?.effect?.length).toBeLessThan(300)
  })
})

describe('a window that opens with another fault', () => {
  // It opened by a timer of no length, and what came at once slipped through on a busy machine.
  it('is open for the very next message', async () => {
    const waiting: Array<() => void> = []
    const still = createEngine(
      {
        bootstrap: [broker.address],
        listenHost: '127.0.0.1',
        advertisedHost: '127.0.0.1',
        advertise: {},
        topicAliases: {},
        journalAllProduce: false,
      },
      {
        runtime: {
          ...systemRuntime(3),
          after(_delayMs, callback) {
            waiting.push(callback)
            return () => undefined
          },
        },
        host: undefined,
        listener: (event) => void events.push(event),
      },
    )
    still.noteBroker(1, broker.address)
    try {
      still.arm({
        name: 'opener',
        when: { request: 'ListGroups', nth: 1 },
        inject: { answer: { body: { throttleTimeMs: 1 } } },
      })
      const window = (name: string, plus?: string): void =>
        still.arm({
          name,
          when: { request: 'ListGroups' },
          from: { fault: 'opener', is: 'applied', ...(plus === undefined ? {} : { plus }) },
          inject: { answer: { body: { throttleTimeMs: 2 } } },
        })
      window('at-once')
      window('a-while-later', '5ms')
      const { port: door } = await still.openDoor('app-0', 0)
      const firedAfter = async (id: number): Promise<number[]> => {
        const client = await connect(door)
        client.send(listGroups(id))
        expect(await nextId(client)).toBe(id)
        return still.status().map(({ fired }) => fired)
      }
      expect(await firedAfter(1)).toEqual([1, 0, 0])
      expect(await firedAfter(2)).toEqual([1, 1, 0])
      expect(await firedAfter(3)).toEqual([1, 1, 0])
      // Time passes.
      for (const callback of waiting.splice(0)) callback()
      expect(await firedAfter(4)).toEqual([1, 1, 1])
    } finally {
      await still.healAll()
      await still.stop()
    }
  })
})
