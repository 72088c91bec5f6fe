// Every kind of fault at once, at random moments, with clients and brokers that come and go as they like. Nothing
// may leak, nothing may stay active, and no client may ever get an answer out of order.
import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createEngine, type Engine } from '../../proxy/engine.ts'
import type { ProxyEvent } from '../../proxy/events.ts'
import type { FaultSpec } from '../../proxy/faults/fault.ts'
import { apiNamed, encodeRequest, type Message } from '../../proxy/protocol/codec.ts'
import { requestFrame } from '../../proxy/protocol/frame.ts'
import { randomStream, systemRuntime } from '../../proxy/runtime.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'

const often = { times: 'unlimited' as const }
const some = { probability: '4%' }

/** Each kind, on messages and by the clock, short enough to happen many times. */
const faults: readonly Omit<FaultSpec, 'name'>[] = [
  {
    when: { request: 'Heartbeat', ...some },
    inject: { delay: { by: '5ms', jitter: '5ms', of: 'both' } },
  },
  { when: { reply: 'Heartbeat', ...some }, inject: { delay: { by: '5ms' } } },
  { when: { request: 'Heartbeat', ...some }, inject: { drop: 'request' }, for: '20ms' },
  { when: { request: 'Heartbeat', ...some }, inject: { drop: 'reply' }, for: '20ms' },
  { when: { reply: 'EndTxn', ...some }, inject: { drop: 'reply' } },
  { when: { request: 'Heartbeat', ...some }, inject: { disconnect: 'before-request' } },
  {
    when: { request: 'Heartbeat', ...some },
    inject: { disconnect: { at: 'after-request', with: 'fin' } },
  },
  { when: { request: 'Heartbeat', ...some }, inject: { disconnect: 'before-reply' } },
  { when: { reply: 'Heartbeat', ...some }, inject: { disconnect: 'mid-reply' } },
  {
    when: { request: 'Heartbeat', ...some },
    inject: { error: { code: 'NOT_COORDINATOR', 'seen-by-broker': false } },
  },
  {
    when: { reply: 'Heartbeat', ...some },
    inject: { error: { code: 'NOT_COORDINATOR', 'seen-by-broker': true } },
  },
  { when: { request: 'EndTxn', ...some }, inject: { answer: {} } },
  {
    when: { request: 'EndTxn', ...some },
    inject: { hold: { side: 'request', until: { reply: 'Heartbeat' }, limit: '15ms' } },
  },
  {
    when: { request: 'EndTxn', ...some },
    inject: { hold: { side: 'reply', until: 'client-gave-up', limit: '15ms' } },
  },
  {
    when: { request: 'EndTxn', ...some },
    inject: { detach: { until: { reply: 'Heartbeat' }, plus: '3ms', limit: '15ms' } },
  },
  { when: { request: 'Heartbeat', ...some }, inject: { block: {} }, for: '10ms' },
  {
    when: { request: 'InitProducerId', ...some },
    inject: { 'coordinator-crash': { how: 'wire' } },
    for: '10ms',
  },
  {
    when: { every: '31ms' },
    inject: { block: { direction: 'to-client' } },
    on: { clients: '*-1' },
    for: '7ms',
  },
  {
    when: { every: '37ms' },
    inject: { 'network-partition': { between: ['*-2', { brokers: 'all' }] } },
    for: '9ms',
  },
  {
    when: { every: '41ms' },
    inject: { 'network-partition': { between: [{ brokers: 1 }, '*'], direction: 'one-way' } },
    for: '8ms',
  },
  { when: { every: '43ms' }, inject: { refuse: { with: 'reset' } }, for: '5ms' },
  { when: { every: '47ms' }, inject: { refuse: { with: 'timeout' } }, for: '6ms' },
  {
    when: { every: '53ms' },
    inject: { 'broker-outage': { how: 'wire' } },
    on: { brokers: 2 },
    for: '5ms',
  },
  {
    when: { every: '29ms' },
    inject: { delay: { by: '2ms', jitter: '3ms' } },
    on: { clients: '*-3' },
    for: '9ms',
  },
  { when: { every: '61ms' }, inject: { rebalance: { how: 'error', group: 'g' } }, for: '10ms' },
]

const connectionsMany = 250
const requests: Record<string, [number, Message]> = {
  Heartbeat: [4, { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }],
  EndTxn: [4, { transactionalId: 't', producerId: 7n, producerEpoch: 0, committed: true }],
  InitProducerId: [
    4,
    { transactionalId: 't', transactionTimeoutMs: 1_000, producerId: -1n, producerEpoch: -1 },
  ],
  Produce: [11, { transactionalId: null, acks: -1, timeoutMs: 100, topicData: [] }],
  Metadata: [12, { topics: [] }],
  ListGroups: [4, {}],
}

function frame(api: string, correlationId: number, clientId: string): Buffer {
  const [apiVersion, message] = requests[api] ?? [0, {}]
  const apiKey = apiNamed(api)?.key ?? -1
  return requestFrame(
    { apiKey, apiVersion, correlationId, clientId },
    encodeRequest(apiKey, apiVersion, message),
  )
}

let engine: Engine | undefined
let brokers: FakeBroker[] = []

afterEach(async () => {
  await engine?.stop()
  await Promise.all(brokers.map((broker) => broker.close()))
})

/** One client: a few bursts of requests, then it leaves in its own way. Resolves when it is gone. */
function monkey(
  port: number,
  name: string,
  random: () => number,
  disorder: string[],
): Promise<number> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port })
    const apis = Object.keys(requests)
    let correlationId = 0
    let answered = 0
    let last = -1
    let rest = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const id = rest.readInt32BE(4)
        if (id !== last + 1) disorder.push(`${name}: ${id} after ${last}`)
        last = id
        answered += 1
        rest = rest.subarray(4 + rest.readInt32BE(0))
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(answered))
    let bursts = 1 + Math.floor(random() * 4)
    const act = (): void => {
      if (socket.destroyed) return
      if (bursts-- > 0) {
        const count = 1 + Math.floor(random() * 6)
        const frames = Array.from({ length: count }, () =>
          frame(apis[Math.floor(random() * apis.length)] ?? 'ListGroups', correlationId++, name),
        )
        const bytes = Buffer.concat(frames)
        // Not always in one piece.
        const cut = random() < 0.5 ? bytes.length : Math.floor(random() * bytes.length)
        socket.write(bytes.subarray(0, cut))
        if (cut < bytes.length) socket.write(bytes.subarray(cut))
        setTimeout(act, random() * 25)
        return
      }
      const end = random()
      if (end < 0.4) socket.end()
      else if (end < 0.7) socket.resetAndDestroy()
      else socket.destroy()
      // A client that is kept in silence gives up in the end.
      setTimeout(() => socket.destroy(), 400).unref()
    }
    setTimeout(act, random() * 10)
  })
}

describe('everything at once', () => {
  it.each([1, 2, 3])(
    'leaks nothing and keeps every answer in order (seed %i)',
    async (seed) => {
      brokers = [await startFakeBroker(1), await startFakeBroker(2)]
      const all = brokers.map(({ node, address }) => ({ nodeId: node, ...address, rack: null }))
      for (const broker of brokers) {
        broker.says.set('Metadata', () => ({
          brokers: all,
          topics: [],
          clusterId: 'fake',
          controllerId: 1,
        }))
      }
      const events: ProxyEvent[] = []
      const made = createEngine(
        {
          bootstrap: brokers.map(({ address }) => address),
          listenHost: '127.0.0.1',
          advertisedHost: '127.0.0.1',
          advertise: {},
          topicAliases: {},
          journalAllProduce: true,
        },
        { runtime: systemRuntime(seed), host: undefined, listener: (event) => events.push(event) },
      )
      engine = made
      for (const { node, address } of brokers) made.noteBroker(node, address)
      const doors = await Promise.all([0, 1, 2, 3].map((n) => made.openDoor(`app-${n}`, 0)))
      for (const [n, fault] of faults.entries()) made.arm({ ...often, name: `f${n}`, ...fault })
      made.markWarm()
      const random = randomStream(seed, 'monkeys')
      const disorder: string[] = []
      const ticker = setInterval(() => {
        // Brokers cut connections as well.
        for (const broker of brokers) {
          for (const socket of broker.sockets) {
            if (random() > 0.01) continue
            if (random() < 0.5) socket.resetAndDestroy()
            else socket.end()
          }
        }
      }, 5)
      let answered = 0
      for (let n = 0; n < connectionsMany; n += 25) {
        const batch = Array.from({ length: 25 }, (_, i) => {
          const door = doors[(n + i) % doors.length]
          return monkey(door?.port ?? 0, `c-${(n + i) % 5}`, random, disorder)
        })
        for (const count of await Promise.all(batch)) answered += count
      }
      clearInterval(ticker)
      await made.healAll()
      await expect.poll(() => made.openConnections(), { timeout: 10_000 }).toBe(0)
      await expect
        .poll(() => brokers.reduce((sum, { sockets }) => sum + sockets.size, 0), {
          timeout: 10_000,
        })
        .toBe(0)
      expect(disorder).toEqual([])
      expect(events.filter(({ type }) => type === 'error')).toEqual([])
      // How many is a matter of the machine: clients that wait for long give up.
      expect(answered).toBeGreaterThan(0)
      const statuses = made.status()
      for (const { name, fired, applied, healed, state } of statuses) {
        expect({ name, healed, active: state === 'active' }).toEqual({
          name,
          healed: fired,
          active: false,
        })
        expect(applied).toBeLessThanOrEqual(fired)
      }
      const applied = statuses.filter((status) => status.applied > 0).length
      expect(applied).toBeGreaterThan(faults.length * 0.6)
      const opened = events.filter(({ type }) => type === 'connection-opened').length
      const closed = events.filter(({ type }) => type === 'connection-closed').length
      expect(closed).toBe(opened)
    },
    60_000,
  )
})
