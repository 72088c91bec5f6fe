// TLS on both of the proxy's legs, and the faults of security moments, over brokers that exist only on the wire.
import type tls from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createEngine, type Engine, type EngineOptions } from '../../proxy/engine.ts'
import type { ProxyEvent } from '../../proxy/events.ts'
import type { BrokerAccess, DoorTls, KeyPair } from '../../proxy/flow/access.ts'
import { connectBroker } from '../../proxy/flow/broker-client.ts'
import { type Authority, createAuthority, doorTls } from '../../proxy/flow/certificates.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { connect, type Peer, replyFrame, requestFrame, startServer } from './flow/loopback.ts'

const host = '127.0.0.1'
const password = 'a-very-secret-password'

let authority: Authority
let brokerPair: KeyPair
let door: DoorTls
let engine: Engine | undefined
let events: ProxyEvent[]
const brokers: FakeBroker[] = []
const peers: Peer[] = []

beforeAll(async () => {
  authority = await createAuthority(Date.now())
  brokerPair = await authority.forHosts([host, 'localhost'])
  door = await doorTls([host, 'localhost'], authority, Date.now())
})

afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy()
  await engine?.healAll()
  await engine?.stop()
  engine = undefined
  for (const broker of brokers.splice(0)) await broker.close()
})

const trusting = (more: Partial<BrokerAccess> = {}): BrokerAccess => ({
  tls: { ca: authority.certificate, checksName: true },
  ...more,
})

async function fakeBroker(options?: tls.TlsOptions, node = 1): Promise<FakeBroker> {
  const broker = await startFakeBroker(
    node,
    options && { cert: brokerPair.certificate, key: brokerPair.key, ...options },
  )
  const offered = ['Metadata', 'SaslHandshake', 'SaslAuthenticate', 'ListGroups', 'ApiVersions']
  const keys = {
    Metadata: 3,
    SaslHandshake: 17,
    SaslAuthenticate: 36,
    ListGroups: 16,
    ApiVersions: 18,
  }
  broker.says.set('ApiVersions', () => ({
    apiKeys: offered.map((name) => ({
      apiKey: keys[name as keyof typeof keys],
      minVersion: name === 'SaslHandshake' ? 1 : 0,
      maxVersion: {
        Metadata: 12,
        SaslHandshake: 1,
        SaslAuthenticate: 2,
        ListGroups: 4,
        ApiVersions: 3,
      }[name as keyof typeof keys],
    })),
  }))
  brokers.push(broker)
  return broker
}

async function proxy(broker: FakeBroker, options: Partial<EngineOptions>): Promise<number> {
  events = []
  engine = createEngine(
    {
      bootstrap: [broker.address],
      listenHost: host,
      advertisedHost: host,
      advertise: {},
      topicAliases: {},
      journalAllProduce: true,
      ...options,
    },
    { runtime: systemRuntime(3), host: undefined, listener: (event) => void events.push(event) },
  )
  engine.noteBroker(broker.node, broker.address)
  return (await engine.openDoor('app-0', 0)).port
}

const errors = () => events.flatMap((event) => (event.type === 'error' ? [event.code] : []))

function ask(port: number, access?: BrokerAccess): Promise<Message> {
  return connectBroker({ host, port }, { clientId: 'app', timeoutMs: 5_000, access }).then(
    async (client) => {
      try {
        return await client.request('Metadata', { topics: [] })
      } finally {
        client.close()
      }
    },
  )
}

describe('TLS', () => {
  it('is terminated and begun anew, and what passes is still decoded', async () => {
    const broker = await fakeBroker({})
    const port = await proxy(broker, { access: trusting(), door })
    const answer = await ask(port, trusting())
    // The port is the proxy's, so its answer was read and rewritten.
    const [told] = answer.brokers as Message[]
    expect(told?.port).not.toBe(broker.address.port)
    await expect(ask(told?.port as number, trusting())).resolves.toBeDefined()
    expect(errors()).toEqual([])
  })

  it('a client that does not trust the proxy stays out, and one without TLS gets no answer', async () => {
    const broker = await fakeBroker({})
    const port = await proxy(broker, { access: trusting(), door })
    await expect(ask(port, { tls: { checksName: true } })).rejects.toThrow(/SELF_SIGNED|UNABLE_TO/)
    const plain = await connect(port)
    peers.push(plain)
    plain.send(Buffer.from('00000010001200000000000100026162', 'hex'))
    await plain.gone
    expect(broker.received).toEqual([])
  })

  it('a broker that is not trusted gets no connection, and is reported once', async () => {
    const stranger = await (await createAuthority(Date.now())).forHosts([host])
    const broker = await fakeBroker({ cert: stranger.certificate, key: stranger.key })
    const port = await proxy(broker, { access: trusting() })
    await expect(ask(port)).rejects.toThrow()
    await expect(ask(port)).rejects.toThrow()
    expect(errors()).toEqual(['broker-tls-failed'])
    expect(broker.received).toEqual([])
  })

  it('a broker with a certificate for another name is refused unless the name is given', async () => {
    const other = await authority.forHosts(['kafka.example'])
    const broker = await fakeBroker({ cert: other.certificate, key: other.key })
    const port = await proxy(broker, { access: trusting() })
    await expect(ask(port)).rejects.toThrow()
    await engine?.stop()
    const tlsByName = { ca: authority.certificate, serverName: 'kafka.example', checksName: true }
    const again = await proxy(broker, { access: { tls: tlsByName } })
    await expect(ask(again)).resolves.toBeDefined()
  })

  it('a client certificate is passed on by the map, and one that is not in it stays out', async () => {
    const upstream = await authority.forClient('orders-at-the-broker')
    const broker = await fakeBroker({ ca: authority.certificate, requestCert: true })
    const seen: string[] = []
    const port = await proxy(broker, {
      access: trusting(),
      door: { ...door, clientCa: authority.certificate, clients: { 'CN=orders': upstream } },
    })
    const as = async (name: string): Promise<BrokerAccess> => ({
      tls: {
        ca: authority.certificate,
        checksName: true,
        identity: await authority.forClient(name),
      },
    })
    await ask(port, await as('orders'))
    const access = await as('orders')
    const client = await connectBroker(
      { host, port },
      { clientId: 'app', timeoutMs: 5_000, access },
    )
    for (const socket of broker.sockets) {
      seen.push(String((socket as tls.TLSSocket).getPeerCertificate().subject.CN))
    }
    client.close()
    expect(seen).toContain('orders-at-the-broker')
    await expect(ask(port, await as('payments'))).rejects.toThrow()
    expect(errors()).toEqual(['client-not-mapped'])
    await expect(ask(port, trusting())).rejects.toThrow()
  })
})

describe('faults of TLS', () => {
  it.each([
    ['expired', /CERT_HAS_EXPIRED/],
    ['untrusted', /SELF_SIGNED|UNABLE_TO|CERT_SIGNATURE_FAILURE/],
    ['wrong-host', /ALTNAME/],
  ])('a certificate that is %s meets new connections until it heals', async (is, complaint) => {
    const broker = await fakeBroker()
    const port = await proxy(broker, { door })
    await ask(port, trusting())
    const when = { manual: true } as const
    engine?.arm({ name: 'c', when, inject: { certificate: { is } }, for: '5m' })
    await engine?.fire('c')
    await expect(ask(port, trusting())).rejects.toThrow(complaint)
    // The client has left before the proxy hears of it.
    await expect.poll(() => engine?.status()[0]).toMatchObject({ fired: 1, applied: 1 })
    await engine?.heal('c')
    await expect(ask(port, trusting())).resolves.toBeDefined()
    expect(errors()).toEqual([])
  })

  it('connections are cut in their handshake, and open ones go on', async () => {
    const broker = await fakeBroker()
    const port = await proxy(broker, { door })
    const early = await connectBroker(
      { host, port },
      { clientId: 'early', timeoutMs: 5_000, access: trusting() },
    )
    const inject = { refuse: { with: 'handshake' } }
    engine?.arm({ name: 'r', when: { manual: true }, inject, for: '5m' })
    await engine?.fire('r')
    await expect(ask(port, trusting())).rejects.toThrow('ECONNRESET')
    await expect(early.request('Metadata', { topics: [] })).resolves.toBeDefined()
    early.close()
    expect(engine?.status()[0]).toMatchObject({ applied: 1 })
    await engine?.heal('r')
    await expect(ask(port, trusting())).resolves.toBeDefined()
  })

  it('are refused where clients come without TLS', async () => {
    const broker = await fakeBroker()
    await proxy(broker, {})
    const when = { manual: true } as const
    const fault = { name: 'c', when, inject: { certificate: { is: 'expired' } } }
    expect(() => engine?.arm({ ...fault, for: '1s' })).toThrow('clients reach this proxy without')
  })

  it('a connection with TLS is reset like any other', async () => {
    const broker = await fakeBroker()
    const port = await proxy(broker, { door })
    engine?.arm({
      name: 'd',
      when: { request: 'Metadata' },
      inject: { disconnect: { at: 'before-request', with: 'reset' } },
    })
    await expect(ask(port, trusting())).rejects.toThrow(/ECONNRESET|closed/)
    expect(engine?.status()[0]).toMatchObject({ applied: 1 })
    await expect(ask(port, trusting())).resolves.toBeDefined()
  })
})

describe('SASL', () => {
  const plain = (): BrokerAccess => ({ sasl: { mechanism: 'plain', username: 'ann', password } })

  it('passes untouched, connections are decoded behind it, and secrets are nowhere', async () => {
    const broker = await fakeBroker()
    const port = await proxy(broker, {})
    const answer = await ask(port, plain())
    expect((answer.brokers as Message[])[0]?.port).not.toBe(broker.address.port)
    const said = broker.received.find(({ api }) => api === 'SaslAuthenticate')
    expect(String(said?.request.authBytes)).toBe(`\0ann\0${password}`)
    expect(JSON.stringify([events, engine?.status(), engine?.connections()])).not.toContain(
      password,
    )
  })

  it('comes again in the middle of a connection (KIP-368), and what follows is still decoded', async () => {
    const broker = await fakeBroker()
    const port = await proxy(broker, {})
    const client = await connectBroker(
      { host, port },
      { clientId: 'app', timeoutMs: 5_000, access: plain() },
    )
    await client.request('SaslHandshake', { mechanism: 'PLAIN' }, 1)
    await client.request('SaslAuthenticate', { authBytes: Buffer.from('\0ann\0again') }, 2)
    const answer = await client.request('Metadata', { topics: [] })
    client.close()
    expect((answer.brokers as Message[])[0]?.port).not.toBe(broker.address.port)
    expect(errors()).toEqual([])
  })

  it('is refused in the broker’s place by a fault, once, and the secret is not in its firing', async () => {
    const broker = await fakeBroker()
    const port = await proxy(broker, {})
    engine?.arm({
      name: 'refused',
      when: { request: 'SaslAuthenticate' },
      inject: { error: { code: 'SASL_AUTHENTICATION_FAILED', 'seen-by-broker': false } },
    })
    await expect(ask(port, plain())).rejects.toThrow('SASL_AUTHENTICATION_FAILED')
    expect(broker.received.map(({ api }) => api)).not.toContain('SaslAuthenticate')
    await expect(ask(port, plain())).resolves.toBeDefined()
    expect(JSON.stringify([events, engine?.status()])).not.toContain(password)
  })

  it('of the old kind, with tokens out of frames, is refused with a clear error', async () => {
    const broker = await fakeBroker()
    const port = await proxy(broker, {})
    const peer = await connect(port)
    peers.push(peer)
    const body = Buffer.from('0011000000000001000161' + '0005504c41494e', 'hex')
    const size = Buffer.alloc(4)
    size.writeInt32BE(body.length)
    peer.send(Buffer.concat([size, body]))
    await peer.gone
    expect(errors()).toEqual(['raw-sasl'])
    expect(broker.received.map(({ api }) => api)).toEqual(['SaslHandshake'])
  })
})

describe('clusters of others', () => {
  it('an address that cannot be dialled is translated', async () => {
    const broker = await fakeBroker()
    broker.says.set('Metadata', () => ({
      brokers: [{ nodeId: 1, host: 'kafka-1.internal', port: 9092, rack: null }],
      clusterId: 'fake',
      controllerId: 1,
      topics: [],
    }))
    const map = { 'kafka-1.internal:9092': `${broker.address.host}:${broker.address.port}` }
    const port = await proxy(broker, { access: { map } })
    const [first] = (await ask(port)).brokers as Message[]
    const [again] = (await ask(first?.port as number)).brokers as Message[]
    expect(again).toEqual(first)
    expect(engine?.brokers()[0]?.address).toEqual({ host: 'kafka-1.internal', port: 9092 })
  })

  it('brokers that come, go and move are followed', async () => {
    const one = await fakeBroker()
    const two = await fakeBroker(undefined, 2)
    const moved = await fakeBroker(undefined, 2)
    const list =
      (...there: FakeBroker[]) =>
      () => ({
        brokers: there.map(({ node, address }) => ({ nodeId: node, ...address, rack: null })),
        clusterId: 'fake',
        controllerId: 1,
        topics: [],
      })
    for (const broker of [one, two, moved]) broker.says.set('Metadata', list(one))
    const port = await proxy(one, {})
    expect(((await ask(port)).brokers as Message[]).length).toBe(1)
    for (const broker of [one, two, moved]) broker.says.set('Metadata', list(one, two))
    const portOf = (answer: Message, node: number) =>
      (answer.brokers as Message[]).find(({ nodeId }) => nodeId === node)?.port as number
    const ofTwo = portOf(await ask(port), 2)
    await ask(ofTwo)
    expect(two.received.length).toBeGreaterThan(0)
    for (const broker of [one, two, moved]) broker.says.set('Metadata', list(one, moved))
    // It keeps its port, which now leads to its new place.
    const nodePort = portOf(await ask(portOf(await ask(port), 1)), 2)
    expect(nodePort).toBe(ofTwo)
    await ask(ofTwo)
    expect(moved.received.length).toBeGreaterThan(0)
    const seen = events.flatMap((event) => (event.type === 'broker-seen' ? [event.port] : []))
    expect(seen).toContain(moved.address.port)
  })

  it('a version that nobody knows yet passes both ways, and is reported once', async () => {
    const server = await startServer()
    const port = await proxy(await fakeBroker(), {})
    engine?.noteBroker(1, { host, port: server.port })
    try {
      const client = await connect(port)
      peers.push(client)
      // ListGroups of a version to come, and an API to come.
      const listGroups = requestFrame(1, Buffer.from('what only the future knows'), 16)
      listGroups.writeInt16BE(99, 6)
      const unheardOf = requestFrame(2, Buffer.from('the same'), 250)
      const sent = Buffer.concat([listGroups, unheardOf, listGroups])
      client.send(sent)
      const broker = await server.next()
      peers.push(broker)
      expect(await broker.bytes(sent.length)).toEqual(sent)
      const answers = Buffer.concat([replyFrame(1, Buffer.from('x')), replyFrame(2), replyFrame(1)])
      broker.send(answers)
      expect(await client.bytes(answers.length)).toEqual(answers)
    } finally {
      server.close()
    }
    const told = events.flatMap((event) => (event.type === 'version-unknown' ? [event] : []))
    expect(told).toMatchObject([
      { apiKey: 16, api: 'ListGroups', version: 99 },
      { apiKey: 250, version: 0 },
    ])
    expect(errors()).toEqual([])
  })
})

it('no event, status or view of the engine ever names a key', async () => {
  const broker = await fakeBroker({})
  const port = await proxy(broker, { access: trusting(), door })
  await ask(port, trusting())
  const told = JSON.stringify([events, engine?.status(), engine?.doors(), engine?.brokers()])
  expect(told).not.toContain('PRIVATE KEY')
  expect(brokerPair.key).toContain('PRIVATE KEY')
})
