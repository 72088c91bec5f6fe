import { afterEach, describe, expect, it } from 'vitest'
import { marksOf } from '../../../proxy/control/transaction-routes.ts'
import type { Reach } from '../../../proxy/faults/reach.ts'
import { connectBroker } from '../../../proxy/flow/broker-client.ts'
import { apiNamed } from '../../../proxy/protocol/codec.ts'
import { freeRun } from '../../free-run.ts'
import { startFakeBroker } from '../fake-broker.ts'
import { openRest } from './rest-bench.ts'

type Rest = Awaited<ReturnType<typeof openRest>>
const open: Rest[] = []
const rest = async (given?: Parameters<typeof openRest>[0]): Promise<Rest> => {
  const one = await openRest(given)
  open.push(one)
  return one
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const slow = {
  name: 'slow',
  when: { request: 'Produce', nth: 2 },
  inject: { delay: { by: '10ms', of: 'request' } },
}

describe('faults by REST', () => {
  it('arms what a plan’s entry says, lists it, and disarms it', async () => {
    const { ask, engine } = await rest()
    const armed = await ask('POST', '/v1/faults', slow)
    expect(armed.status).toBe(201)
    expect(armed.headers.location).toBe('/v1/faults/slow')
    expect(armed.body).toMatchObject({ name: 'slow', kind: 'delay', state: 'armed', spec: slow })
    expect(engine.status().map(({ name }) => name)).toEqual(['slow'])
    expect((await ask('GET', '/v1/faults')).body.faults).toHaveLength(1)
    expect((await ask('DELETE', '/v1/faults/slow')).status).toBe(204)
    expect((await ask('GET', '/v1/faults')).body.faults).toEqual([])
    expect((await ask('GET', '/v1/faults/slow')).status).toBe(404)
  })

  it('disarms an ad-hoc fault by itself after a minute, or when it was asked to', async () => {
    const { ask, runtime } = await rest()
    await ask('POST', '/v1/faults', slow)
    await ask('POST', '/v1/faults?expires=5m', { ...slow, name: 'long' })
    const names = async () =>
      (await ask('GET', '/v1/faults')).body.faults.map(({ name }: { name: string }) => name)
    runtime.turn(59_000)
    expect(await names()).toEqual(['slow', 'long'])
    runtime.turn(2_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(await names()).toEqual(['long'])
    expect((await ask('POST', '/v1/faults?expires=25h', slow)).status).toBe(400)
  })

  it('never disarms by itself what the proxy was started with', async () => {
    const { ask, runtime } = await rest({ faults: [slow] })
    runtime.turn(10_000_000)
    const { body } = await ask('GET', '/v1/faults/slow')
    expect(body).toMatchObject({ name: 'slow', state: 'armed' })
    expect(body.expiresAtMs).toBeUndefined()
  })

  it('puts by name: the same again lives longer, another one takes its place', async () => {
    const { ask, events } = await rest()
    const armings = () => events.filter(({ type }) => type === 'fault-armed').length
    expect((await ask('PUT', '/v1/faults/slow', slow)).status).toBe(201)
    expect((await ask('PUT', '/v1/faults/slow?expires=9m', slow)).status).toBe(200)
    expect(armings()).toBe(1)
    const other = { ...slow, when: { request: 'EndTxn' } }
    expect((await ask('PUT', '/v1/faults/slow', other)).body.spec.when).toEqual(other.when)
    expect(armings()).toBe(2)
    expect((await ask('GET', '/v1/faults')).body.faults).toHaveLength(1)
  })

  it('says which field is wrong, and the nearest right word', async () => {
    const { ask } = await rest()
    const { status, type, body } = await ask('POST', '/v1/faults', {
      ...slow,
      when: { request: 'Prodce' },
    })
    expect(status).toBe(400)
    expect(type).toMatch(/^application\/problem\+json/)
    expect(body).toMatchObject({
      type: 'urn:eos-gauntlet:wrong-body',
      status: 400,
      code: 'wrong-body',
      problems: [{ path: 'when.request', nearest: 'Produce' }],
    })
    expect(body.remedy).not.toBe('')
  })

  it('refuses a second fault of a name, and to run commands', async () => {
    const { ask, engine } = await rest()
    await ask('POST', '/v1/faults', slow)
    expect((await ask('POST', '/v1/faults', slow)).body.code).toBe('conflict')
    const hook = { name: 'hook', when: { manual: true }, inject: { exec: { command: 'true' } } }
    expect((await ask('POST', '/v1/faults', hook)).body.code).toBe('cannot-do-here')
    expect((await ask('POST', '/v1/plans', { faults: [hook] })).body.code).toBe('cannot-do-here')
    expect(engine.status().map(({ name }) => name)).toEqual(['slow'])
  })

  it('fires a fault by hand, tells of it, and heals it', async () => {
    const { ask, engine } = await rest()
    await ask('POST', '/v1/faults', {
      name: 'wall',
      when: { manual: true },
      inject: { refuse: { with: 'reset' } },
      on: { clients: 'all' },
      for: '10m',
    })
    expect((await ask('POST', '/v1/faults/wall/fire')).body).toMatchObject({
      fired: 1,
      state: 'active',
    })
    expect((await ask('POST', '/v1/faults/wall/heal')).body).toMatchObject({ healed: 1 })
    expect(engine.status()[0]?.healed).toBe(1)
    expect((await ask('POST', '/v1/faults/nothing/fire')).body.code).toBe('unknown-fault')
  })

  it('heals and disarms everything at once', async () => {
    const { ask, engine } = await rest()
    await ask('POST', '/v1/faults', slow)
    expect((await ask('POST', '/v1/heal')).status).toBe(204)
    expect((await ask('GET', '/v1/faults')).body.faults).toEqual([])
    engine.arm(slow, 'plan')
  })
})

const yaml = `name: two
faults:
  - name: first
    when: { request: EndTxn, nth: 2 }
    inject: { drop: { side: reply } }
  - name: second
    when: { reply: EndTxn }
    inject: { drop: { side: reply } }
`

describe('plans by REST', () => {
  it('arms all faults of a YAML plan and stops them together', async () => {
    const { ask } = await rest()
    const started = await ask('POST', '/v1/plans', yaml)
    expect(started.status).toBe(201)
    expect(started.body.faults.map(({ name }: { name: string }) => name)).toEqual([
      'first',
      'second',
    ])
    expect((await ask('POST', '/v1/plans', yaml)).body.code).toBe('conflict')
    expect((await ask('GET', '/v1/plans/two')).body.faults).toHaveLength(2)
    expect((await ask('DELETE', '/v1/plans/two')).status).toBe(204)
    expect((await ask('GET', '/v1/faults')).body.faults).toEqual([])
  })

  it('forgets a plan when its own time is over, not that of one before it', async () => {
    const { ask, runtime } = await rest()
    await ask('POST', '/v1/plans?expires=60s', yaml)
    await ask('DELETE', '/v1/plans/two')
    runtime.turn(50_000)
    await ask('POST', '/v1/plans?expires=60s', yaml)
    runtime.turn(20_000)
    expect((await ask('GET', '/v1/plans/two')).status).toBe(200)
  })

  it('arms none of them when one cannot be', async () => {
    const { ask } = await rest()
    await ask('POST', '/v1/faults', { ...slow, name: 'second' })
    expect((await ask('POST', '/v1/plans', yaml)).status).toBe(409)
    const left = (await ask('GET', '/v1/faults')).body.faults
    expect(left.map(({ name }: { name: string }) => name)).toEqual(['second'])
  })

  it('says what is wrong with a plan and starts nothing', async () => {
    const { ask } = await rest()
    const wrong = await ask('POST', '/v1/plans/validate', 'faults: [{ nme: x }]')
    expect(wrong.body.valid).toBe(false)
    expect(wrong.body.problems).toContainEqual(
      expect.objectContaining({ path: 'faults.0.nme', nearest: 'name' }),
    )
    expect((await ask('POST', '/v1/plans/validate', yaml)).body).toEqual({
      valid: true,
      problems: [],
    })
    expect((await ask('GET', '/v1/plans')).body).toEqual({ plans: [] })
  })
})

describe('runs by REST', () => {
  it('gives each instance listeners of its own, and takes them back at the end', async () => {
    const { ask, engine } = await rest()
    const started = await ask('POST', '/v1/runs', { name: 'one', instances: ['app-0', 'app-1'] })
    expect(started.status).toBe(201)
    expect(engine.doors().map(({ instance }) => instance)).toEqual(['app-0', 'app-1'])
    expect((await ask('POST', '/v1/runs', { name: 'two', instances: [] })).body.code).toBe(
      'conflict',
    )
    await ask('POST', '/v1/faults', slow)
    const verdict = { verdict: 'FAIL', reasons: ['3 records twice'] }
    expect((await ask('PUT', '/v1/runs/one/verdict', verdict)).body.state).toBe('ended')
    expect(engine.doors()).toEqual([])
    expect((await ask('GET', '/v1/faults')).body.faults).toEqual([])
    expect((await ask('GET', '/v1/verdict')).body).toMatchObject({ ...verdict, run: 'one' })
  })

  it('takes their ports from the range that was given, brokers right behind, and refuses what has no room', async () => {
    const [first = 0] = await freeRun(8)
    const ports = { first, last: first + 7 }
    const { ask, engine } = await rest({ runListeners: { host: '127.0.0.1', ports } })
    engine.noteBroker(3, { host: '127.0.0.1', port: 1 })
    const three = { name: 'three', instances: ['a', 'b', 'c'] }
    const refused = (await ask('POST', '/v1/runs', three)).body
    expect(refused.code).toBe('conflict')
    expect(refused.remedy).toContain(`--run-ports ${first}-${first + 11}`)
    expect(engine.doors()).toEqual([])
    await ask('POST', '/v1/runs', { name: 'two', instances: ['a', 'b'] })
    const listening = engine
      .doors()
      .map(({ bootstrap, ports }) => [bootstrap.port, ports[0]?.address.port])
    expect(listening).toEqual([
      [first, first + 3],
      [first + 4, first + 7],
    ])
  })

  it('tells its instances the name by which it was called, unless it listens at one place only', async () => {
    const told = async (host: string): Promise<string | undefined> => {
      const { ask, engine } = await rest({ runListeners: { host } })
      const run = { name: 'one', instances: ['app-0'], calledBy: 'gauntlet.test' }
      expect((await ask('POST', '/v1/runs', run)).status).toBe(201)
      return engine.doors()[0]?.bootstrap.host
    }
    expect(await told('0.0.0.0')).toBe('gauntlet.test')
    expect(await told('127.0.0.1')).toBe('127.0.0.1')
  })

  it('knows instances that come by the listener for everybody, for as long as it lasts', async () => {
    const broker = await startFakeBroker(1)
    broker.says.set('ApiVersions', () => ({
      apiKeys: ['ApiVersions', 'Metadata'].map((name) => ({
        apiKey: apiNamed(name)?.key ?? -1,
        minVersion: 0,
        maxVersion: 2,
      })),
    }))
    const { ask, engine } = await rest({ options: { bootstrap: [broker.address] } })
    const door = await engine.openDoor(undefined, 0)
    const client = await connectBroker(door, { clientId: 'payments-7', timeoutMs: 10_000 })
    try {
      await client.request('Metadata', { topics: [] })
      const known = () => engine.connections().map(({ instance }) => instance)
      expect(known()).toEqual([undefined])
      const recognised = [{ instance: 'attach-0', clientId: 'payments-*' }]
      await ask('POST', '/v1/runs', { name: 'one', instances: [], recognised })
      expect(known()).toEqual(['attach-0'])
      await ask('DELETE', '/v1/runs/one')
      expect(known()).toEqual([undefined])
    } finally {
      client.close()
      await broker.close()
    }
  })

  it('leaves alone what was armed before it', async () => {
    const { ask } = await rest({ faults: [slow] })
    await ask('POST', '/v1/faults?expires=1h', { ...slow, name: 'mine' })
    await ask('POST', '/v1/runs', { name: 'one', instances: [] })
    await ask('POST', '/v1/faults', { ...slow, name: 'of-the-run' })
    await ask('DELETE', '/v1/runs/one')
    const { faults } = (await ask('GET', '/v1/faults')).body
    expect(faults.map(({ name }: { name: string }) => name)).toEqual(['slow', 'mine'])
  })

  it('cleans up after a run whose conductor has gone', async () => {
    const { ask, engine, runtime } = await rest()
    await ask('POST', '/v1/runs', { name: 'one', instances: ['app-0'] })
    runtime.turn(50_000)
    await ask('GET', '/v1/runs/one')
    runtime.turn(50_000)
    expect((await ask('GET', '/v1/runs/one')).body.state).toBe('running')
    runtime.turn(61_000)
    await expect.poll(() => engine.doors().length).toBe(0)
    expect((await ask('GET', '/v1/runs/one')).body.state).toBe('lost')
  })
})

describe('what REST tells', () => {
  it('says what faults may hurt, and checks faults against that', async () => {
    const marker = {
      when: { request: 'WriteTxnMarkers', plane: 'inter-broker' },
      inject: { drop: 'request' },
    }
    const bare = await rest()
    expect((await bare.ask('GET', '/v1/reach')).body).toEqual({ planes: ['client'], can: [] })
    expect((await bare.ask('POST', '/v1/faults', marker)).status).toBe(400)
    const reach: Reach = { planes: ['client', 'inter-broker'], can: [] }
    const more = await rest({ reach })
    expect((await more.ask('GET', '/v1/reach')).body).toEqual(reach)
    expect((await more.ask('POST', '/v1/faults', marker)).status).toBe(201)
  })

  it('is alive without a broker, and ready only with one', async () => {
    const { ask } = await rest()
    expect((await ask('GET', '/health')).body).toMatchObject({ status: 'ok', version: '1.2.3' })
    const ready = await ask('GET', '/ready')
    expect(ready.status).toBe(503)
    expect(ready.body.code).toBe('cluster-unavailable')
  })

  it('says INCONCLUSIVE as long as nothing was audited', async () => {
    const { ask } = await rest()
    expect((await ask('GET', '/v1/verdict')).body.verdict).toBe('INCONCLUSIVE')
  })

  it('has metrics of what its events said', async () => {
    const { ask, events } = await rest()
    await ask('POST', '/v1/faults', slow)
    expect(events).not.toEqual([])
    const { body, type } = await ask('GET', '/metrics')
    expect(type).toMatch(/^text\/plain/)
    expect(body).toMatch(/^gauntlet_build_info\{version="1.2.3"\} 1$/m)
    expect(body).toMatch(/^gauntlet_fault_fired_total\{fault="slow",kind="delay"\} 0$/m)
  })

  it('describes every route in OpenAPI', async () => {
    const { ask } = await rest()
    const { body } = await ask('GET', '/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect(Object.keys(body.paths).sort()).toEqual([
      '/health',
      '/metrics',
      '/ready',
      '/v1/brokers',
      '/v1/clients',
      '/v1/connections',
      '/v1/connections/{id}',
      '/v1/events',
      '/v1/faults',
      '/v1/faults/{name}',
      '/v1/faults/{name}/fire',
      '/v1/faults/{name}/heal',
      '/v1/faults/{name}/release',
      '/v1/groups',
      '/v1/hanging-transactions',
      '/v1/heal',
      '/v1/links',
      '/v1/plans',
      '/v1/plans/validate',
      '/v1/plans/{name}',
      '/v1/policies',
      '/v1/reach',
      '/v1/runs',
      '/v1/runs/{name}',
      '/v1/runs/{name}/stop-clocks',
      '/v1/runs/{name}/verdict',
      '/v1/runs/{name}/warm',
      '/v1/transactions',
      '/v1/transactions/{id}',
      '/v1/transactions/{id}/abort',
      '/v1/verdict',
    ])
  })

  it('answers what it cannot read with a problem, and breaks at nothing', async () => {
    const { app, ask, problems } = await rest()
    const headers = { host: 'localhost', 'content-type': 'application/json' }
    const torn = await app.inject({ method: 'POST', url: '/v1/faults', headers, payload: '{"a' })
    expect(torn.json().code).toBe('wrong-body')
    const large = await app.inject({
      method: 'POST',
      url: '/v1/faults',
      headers,
      payload: JSON.stringify({ name: 'x'.repeat(300_000) }),
    })
    expect(large.json().code).toBe('body-too-large')
    const strange = await app.inject({
      method: 'POST',
      url: '/v1/faults',
      headers: { host: 'localhost', 'content-type': 'text/xml' },
      payload: '<a/>',
    })
    expect(strange.json().code).toBe('unsupported-media-type')
    for (const body of [[], 'text: 1', { name: 7 }, { faults: null }]) {
      expect((await ask('POST', '/v1/faults', body)).status).toBe(400)
    }
    expect((await ask('GET', '/nowhere')).body.code).toBe('not-found')
    expect(problems).toEqual([])
  })

  it('needs the token where there is one', async () => {
    const { app, ask } = await rest({ token: 'secret' })
    expect((await ask('GET', '/v1/faults')).body.code).toBe('not-authorized')
    const headers = { host: 'elsewhere', authorization: 'Bearer secret' }
    expect((await app.inject({ url: '/v1/faults', headers })).statusCode).toBe(200)
  })
})

describe('transactions by REST', () => {
  it('aborts only what was named twice', async () => {
    const { ask } = await rest()
    const { status, body } = await ask('POST', '/v1/transactions/shop%2F0/abort', {
      confirm: 'shop',
    })
    expect(status).toBe(400)
    expect(body.detail).toMatch(/confirm/)
    // Named twice it goes on to the brokers, of which there are none here.
    const meant = await ask('POST', '/v1/transactions/shop%2F0/abort', { confirm: 'shop/0' })
    expect(meant.status).toBe(503)
  })

  it('marks what is open past its timeout, and what was fenced', () => {
    const view = {
      transactionalId: 'shop-0',
      producerId: 1,
      producerEpoch: 0,
      phase: 'producing',
      transaction: 1,
      partitions: [],
      groups: [],
      ageMs: 61_000,
      timeoutMs: 60_000,
      fenced: false,
      registered: true,
      unsure: false,
    } as const
    expect(marksOf(view)).toEqual(['hanging'])
    expect(marksOf({ ...view, ageMs: 59_000 })).toEqual([])
    expect(marksOf({ ...view, phase: 'ended', fenced: true })).toEqual(['zombie'])
  })
})
