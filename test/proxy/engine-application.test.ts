// Faults on the application's processes and commands of the user, with a host that only says what it was asked: when
// a message goes on, what counts as applied, what is undone, and what is refused.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HookOrder, HookResult, Host } from '../../proxy/effects/host.ts'
import { type ArmSource, createEngine, type Engine } from '../../proxy/engine.ts'
import type { ProxyEvent } from '../../proxy/events.ts'
import type { FaultSpec } from '../../proxy/faults/fault.ts'
import { apiNamed, encodeRequest, type Message } from '../../proxy/protocol/codec.ts'
import { requestFrame } from '../../proxy/protocol/frame.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { connect as connectTo, type Peer } from './flow/loopback.ts'

const well: HookResult = { code: 0, signal: null, timedOut: false, lastError: '' }

let broker: FakeBroker
let engine: Engine
let events: ProxyEvent[]
let ports: Map<string, number>
let clients: Peer[]
/** What the host was asked, in order. */
let asked: string[]
let orders: HookOrder[]
/** Process ids of those that run. */
let running: Map<string, number>
let results: HookResult[]
let kills: Promise<void>

const host: Host = {
  can: ['kill-client', 'pause-client', 'run-command'],
  killBroker: () => Promise.reject(new Error('not here')),
  stopBroker: () => Promise.reject(new Error('not here')),
  startBroker: () => Promise.reject(new Error('not here')),
  pauseBroker: () => Promise.reject(new Error('not here')),
  resumeBroker: () => Promise.reject(new Error('not here')),
  async killClient(instance) {
    asked.push(`kill ${instance}`)
    await kills
    const pid = running.get(instance)
    running.delete(instance)
    return pid
  },
  async startClient(instance) {
    asked.push(`start ${instance}`)
    running.set(instance, 99)
    return 99
  },
  async pauseClient(instance) {
    asked.push(`pause ${instance}`)
    return running.get(instance)
  },
  async resumeClient(instance) {
    asked.push(`resume ${instance}`)
  },
  async runHook(order) {
    orders.push(order)
    return results.shift() ?? well
  },
}

async function start(given: Host | undefined): Promise<void> {
  engine = createEngine(
    {
      bootstrap: [broker.address],
      listenHost: '127.0.0.1',
      advertisedHost: '127.0.0.1',
      advertise: {},
      topicAliases: {},
      journalAllProduce: false,
    },
    { runtime: systemRuntime(3), host: given, listener: (event) => void events.push(event) },
  )
  engine.noteBroker(1, broker.address)
  for (const name of ['app-0', 'app-1']) ports.set(name, (await engine.openDoor(name, 0)).port)
}

beforeEach(async () => {
  broker = await startFakeBroker(1)
  events = []
  clients = []
  asked = []
  orders = []
  results = []
  ports = new Map()
  kills = Promise.resolve()
  running = new Map([
    ['app-0', 10],
    ['app-1', 11],
  ])
  await start(host)
})
afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  await engine.healAll()
  await engine.stop()
  await broker.close()
})

async function connect(instance: string): Promise<Peer> {
  const client = await connectTo(ports.get(instance) ?? 0)
  clients.push(client)
  return client
}

function frame(api: string, version: number, message: Message): Buffer {
  const apiKey = apiNamed(api)?.key ?? -1
  return requestFrame(
    { apiKey, apiVersion: version, correlationId: 7, clientId: 'tester' },
    encodeRequest(apiKey, version, message),
  )
}
const listGroups = frame('ListGroups', 4, {})
const answered = async (client: Peer) =>
  (await client.bytes(client.received().length + 8)).readInt32BE(4)
const arm = (spec: Omit<FaultSpec, 'name'> & { name?: string }, source: ArmSource = 'plan') =>
  engine.arm({ name: 'fault', ...spec }, source)
const status = (name = 'fault') => engine.status().find((one) => one.name === name)
const counts = (name?: string) => {
  const found = status(name)
  return [found?.fired, found?.applied, found?.healed]
}
const firing = (name?: string) => status(name)?.firings[0]
const seen = (api: string) => broker.received.filter((one) => one.api === api).length
const errors = () => events.flatMap((event) => (event.type === 'error' ? [event.message] : []))

describe('client-crash', () => {
  it('keeps the request that set it off until the process is gone, and then it has no way', async () => {
    arm({ when: { request: 'ListGroups', instance: 0 }, inject: { 'client-crash': {} } })
    let reap: () => void = () => undefined
    kills = new Promise((resolve) => {
      reap = resolve
    })
    const [victim, other] = [await connect('app-0'), await connect('app-1')]
    victim.socket.write(listGroups)
    await expect.poll(() => asked).toEqual(['kill app-0'])
    other.socket.write(listGroups)
    expect(await answered(other)).toBe(7)
    expect(counts()).toEqual([1, 0, 0])
    reap()
    await expect.poll(counts).toEqual([1, 1, 1])
    expect(firing()).toMatchObject({
      targets: ['instance app-0'],
      effect: 'killed app-0 (process 10)',
    })
    expect(await victim.gone).toBe('fin')
    expect(seen('ListGroups')).toBe(1)
    expect(victim.received()).toHaveLength(0)
    expect(errors()).toEqual([])
  })

  it('by a reply: the broker has applied it, the process never hears', async () => {
    arm({ when: { reply: 'ListGroups', instance: 0 }, inject: { 'client-crash': {} } })
    const victim = await connect('app-0')
    victim.socket.write(listGroups)
    await expect.poll(counts).toEqual([1, 1, 1])
    expect(await victim.gone).toBe('fin')
    expect(seen('ListGroups')).toBe(1)
    expect(victim.received()).toHaveLength(0)
  })

  it('is healed when the process has been started again', async () => {
    arm({
      when: { manual: true },
      inject: { 'client-crash': { instance: 'app-*', 'restart-after': '20ms' } },
    })
    await engine.fire('fault')
    await expect.poll(counts).toEqual([1, 1, 1])
    expect(asked).toEqual(['kill app-0', 'kill app-1', 'start app-0', 'start app-1'])
    expect(firing()?.targets).toEqual(['instance app-0', 'instance app-1'])
    expect(firing()?.effect).toContain('started app-1 again (process 99)')
  })

  it('same-as another fault hits whom that one has hit', async () => {
    arm({
      name: 'first',
      when: { request: 'ListGroups' },
      inject: { delay: { by: '1ms', of: 'request' } },
    })
    arm({
      name: 'second',
      when: { fault: 'first', is: 'healed' },
      inject: { 'client-crash': { instance: 'same-as first' } },
    })
    arm({
      name: 'third',
      when: { manual: true },
      inject: { 'client-pause': { instance: 'same-as second' } },
    })
    const client = await connect('app-1')
    client.socket.write(listGroups)
    await expect.poll(() => asked).toEqual(['kill app-1'])
    running.set('app-1', 12)
    await engine.fire('third')
    expect(asked).toEqual(['kill app-1', 'pause app-1'])
  })

  it('is not applied where no process runs, and says so', async () => {
    running.clear()
    arm({ when: { manual: true }, inject: { 'client-crash': { instance: 0 } } })
    await engine.fire('fault')
    expect(counts()).toEqual([1, 0, 1])
    expect(errors()).toEqual(['fault fault: app-0 was not running'])
  })
})

describe('client-pause', () => {
  it('lets the message go on that set it off, and wakes the process when it heals', async () => {
    arm({ when: { request: 'ListGroups', instance: 0 }, inject: { 'client-pause': {} } })
    const client = await connect('app-0')
    client.socket.write(listGroups)
    expect(await answered(client)).toBe(7)
    expect(asked).toEqual(['pause app-0'])
    expect(counts()).toEqual([1, 1, 0])
    await engine.heal('fault')
    expect(asked).toEqual(['pause app-0', 'resume app-0'])
    expect(counts()).toEqual([1, 1, 1])
  })
})

describe('exec', () => {
  const inject = { exec: { command: 'cut it', 'heal-command': 'mend it', timeout: '3s' } }

  it('runs with what it is about in its environment, and is undone at heal', async () => {
    arm({ when: { request: 'EndTxn' }, inject })
    const client = await connect('app-0')
    const message = { transactionalId: 'id-1', producerId: 1n, producerEpoch: 0, committed: true }
    client.socket.write(frame('EndTxn', 3, message))
    expect(await answered(client)).toBe(7)
    expect(orders).toHaveLength(1)
    expect(orders[0]).toEqual({
      fault: 'fault',
      firing: 1,
      command: 'cut it',
      timeoutMs: 3_000,
      environment: {
        GAUNTLET_FAULT: 'fault',
        GAUNTLET_FIRING: '1',
        GAUNTLET_MOMENT: 'apply',
        GAUNTLET_BOOTSTRAP: `127.0.0.1:${broker.address.port}`,
        GAUNTLET_API: 'EndTxn',
        GAUNTLET_BROKER: '1',
        GAUNTLET_INSTANCE: 'app-0',
        GAUNTLET_TRANSACTIONAL_ID: 'id-1',
      },
    })
    expect(counts()).toEqual([1, 1, 0])
    await engine.heal('fault')
    expect(orders[1]).toMatchObject({ command: 'mend it' })
    expect(orders[1]?.environment).toMatchObject({ GAUNTLET_MOMENT: 'heal' })
    expect(counts()).toEqual([1, 1, 1])
    expect(errors()).toEqual([])
  })

  it('that failed is not applied, its last complaint is told, and its half is undone', async () => {
    results = [{ ...well, code: 4, lastError: 'no such interface' }]
    arm({ when: { manual: true }, inject })
    await engine.fire('fault')
    expect(counts()).toEqual([1, 0, 1])
    expect(errors()).toEqual(['fault fault: the command ended with code 4: no such interface'])
    expect(orders.map(({ command }) => command)).toEqual(['cut it', 'mend it'])
  })

  it('that took too long is not applied', async () => {
    results = [{ ...well, code: null, signal: 'SIGKILL', timedOut: true }]
    arm({ when: { manual: true }, inject: { exec: { command: 'a' } } })
    await engine.fire('fault')
    expect(counts()).toEqual([1, 0, 1])
    expect(errors()).toEqual(['fault fault: the command was not done after 30000 ms'])
  })

  it('is undone when the proxy stops, whoever forgot to heal it', async () => {
    arm({ when: { manual: true }, inject })
    await engine.fire('fault')
    await engine.stop()
    expect(orders.map(({ command }) => command)).toEqual(['cut it', 'mend it'])
  })

  it.each(['rest', undefined] as const)('is refused when it comes by %s', (source) => {
    const spec = { name: 'fault', when: { manual: true as const }, inject }
    expect(() => engine.arm(spec, source)).toThrow('only a plan on disk may do that')
    expect(engine.status()).toEqual([])
    // Nothing else is.
    engine.arm({ ...spec, inject: { fence: { 'transactional-id': 'a' } } }, source)
    expect(engine.status()).toHaveLength(1)
  })
})

it.each([
  ['client-crash', { instance: 0 }, 'needs to kill a client'],
  ['client-pause', { instance: 0 }, 'needs to pause a client'],
  ['exec', { command: 'true' }, 'needs to run a command'],
])('%s is refused where nobody can do it', async (kind, params, why) => {
  await engine.stop()
  ports.clear()
  await start(undefined)
  expect(() => arm({ when: { manual: true }, inject: { [kind]: params } })).toThrow(why)
  expect(engine.status()).toEqual([])
})

describe('heartbeats-lost', () => {
  const group = 'g'
  const member = (version: number, api: string, memberId: string, epoch: number) =>
    frame(
      api,
      version,
      api === 'Heartbeat'
        ? { groupId: group, generationId: epoch, memberId }
        : { groupId: group, memberId, memberEpoch: epoch, rebalanceTimeoutMs: -1 },
    )

  it.each([
    ['Heartbeat', 4],
    ['ConsumerGroupHeartbeat', 1],
  ])('answers %s of one member alone, until it heals', async (api, version) => {
    arm({
      when: { request: api, nth: 2 },
      inject: { rebalance: { how: 'heartbeats-lost', group } },
    })
    const [client, other] = [await connect('app-0'), await connect('app-1')]
    const beat = async (peer: Peer, memberId: string): Promise<void> => {
      peer.socket.write(member(version, api, memberId, 5))
      expect(await answered(peer)).toBe(7)
    }
    await beat(client, 'm-1')
    // The one that sets it off has been seen; those after it are not.
    await beat(client, 'm-1')
    expect(counts()).toEqual([1, 0, 0])
    expect(seen(api)).toBe(2)
    await beat(client, 'm-1')
    await beat(client, 'm-1')
    await beat(other, 'm-2')
    expect(seen(api)).toBe(3)
    expect(counts()).toEqual([1, 1, 0])
    expect(firing()).toMatchObject({
      targets: ['group g', 'member m-1'],
      effect: `answered ${api} of m-1 (2 times)`,
    })
    await engine.heal('fault')
    await beat(client, 'm-1')
    expect(seen(api)).toBe(4)
    expect(counts()).toEqual([1, 1, 1])
  })
})
