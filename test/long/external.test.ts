// A cluster that others run, in front of which a proxy stands for long: a broker that comes back elsewhere, one that is
// new, and two applications behind one proxy of which a fault concerns one.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Child, spawnChild } from '../../gauntlet/children.ts'
import { jvmFlags } from '../../gauntlet/clusters/broker-settings.ts'
import {
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../gauntlet/clusters/embedded.ts'
import { kafkaClasspath } from '../../gauntlet/clusters/jars.ts'
import { releasePorts, reservePorts } from '../../gauntlet/clusters/ports.ts'
import { findJava } from '../../gauntlet/prerequisites.ts'
import { type BrokerClient, connectBroker } from '../../proxy/flow/broker-client.ts'
import type { SocketAddress } from '../../proxy/flow/sockets.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import { initCompression } from '../../proxy/protocol/compression.ts'
import { loopback as host, runtime } from '../kafka/faults/grounds.ts'
import {
  addOffsets,
  addPartition,
  commitOffset,
  endTransaction,
  findCoordinator,
  initProducer,
  produce,
} from '../kafka/faults/raw.ts'
import { eventually } from './load/eventually.ts'
import { type StandingProxy, startStandingProxy } from './load/standing-proxy.ts'

const version = '4.3.1'
const directory = mkdtempSync(join(tmpdir(), 'gauntlet-external-'))
let cluster: EmbeddedCluster
let proxy: StandingProxy
let added: Child | undefined
let newPorts: number[]
const clients = new Set<BrokerClient>()

beforeAll(async () => {
  await initCompression()
  newPorts = await reservePorts(3)
  cluster = await startEmbedded(
    { version, brokers: 3, features: {}, config: {} },
    {
      ports: await planEmbeddedPorts(3),
      planes: {},
      runtime,
      directory: join(directory, 'cluster'),
    },
  )
  proxy = await startStandingProxy(['--bootstrap', cluster.bootstrap.join(',')])
}, 300_000)

afterAll(async () => {
  for (const client of clients) client.close()
  await proxy?.child.kill()
  await added?.kill()
  await cluster?.stop()
  await releasePorts(newPorts ?? [])
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

async function connect(address: SocketAddress, clientId = 'app'): Promise<BrokerClient> {
  const client = await connectBroker(address, { clientId, timeoutMs: 15_000 })
  clients.add(client)
  return client
}

/** What REST says of the brokers and of the proxy's ports for them. */
async function routes(): Promise<Map<number, { own: number; ours: number }>> {
  const get = async (path: string) => (await fetch(`${proxy.rest}${path}`)).json()
  const { brokers } = (await get('/v1/brokers')) as {
    brokers: { node: number; address: SocketAddress }[]
  }
  const { links } = (await get('/v1/links')) as {
    links: { ports: { node: number; address: SocketAddress }[] }[]
  }
  const ours = new Map(links[0]?.ports.map(({ node, address }) => [node, address.port]))
  return new Map(
    brokers.map(({ node, address }) => [node, { own: address.port, ours: ours.get(node) ?? 0 }]),
  )
}

/** The node that answers at a port of the proxy, by its own word. */
async function answersAt(port: number): Promise<number[]> {
  const client = await connect({ host, port })
  const reply = await client.request('Metadata', { topics: [] })
  client.close()
  return (reply.brokers as Message[]).map(({ nodeId }) => nodeId as number).sort()
}

/** Lets whoever looks at the old port find the broker at its new one. */
async function forward(from: number, to: number): Promise<net.Server> {
  const server = net.createServer((socket) => {
    const target = net.connect({ host, port: to })
    socket.on('error', () => target.destroy())
    target.on('error', () => socket.destroy())
    socket.pipe(target).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(from, host, resolve))
  return server
}

it('a broker that was killed and comes back at another port is found there, behind its old port of ours', async () => {
  const before = (await routes()).get(2)
  if (before === undefined) throw new Error('broker 2 is known')
  const file = join(directory, 'cluster', 'broker-2', 'server.properties')
  const [newPort = 0] = newPorts
  await cluster.kill(2)
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replaceAll(`:${before.own}`, `:${newPort}`))
  // The test's own cluster looks for it at its old place; nobody else may go there.
  const way = await forward(before.own, newPort)
  await cluster.start(2)
  way.close()
  await eventually(async () => (await routes()).get(2)?.own === newPort)
  expect((await routes()).get(2)?.ours).toBe(before.ours)
  expect(await answersAt(before.ours)).toEqual([1, 2, 3])
}, 600_000)

it('a broker that is added gets a port, without anybody asking for metadata', async () => {
  const [, client = 0, interBroker = 0] = newPorts
  const folder = join(directory, 'broker-4')
  const data = join(folder, 'data')
  mkdirSync(data, { recursive: true })
  const one = join(directory, 'cluster', 'broker-1')
  const clusterId = /^cluster\.id=(.+)$/m.exec(
    readFileSync(join(one, 'data', 'meta.properties'), 'utf8'),
  )?.[1]
  const uuid = randomBytes(16).toString('base64url').replace(/^-/, 'a')
  writeFileSync(
    join(data, 'meta.properties'),
    `version=1\ncluster.id=${clusterId}\nnode.id=4\ndirectory.id=${uuid}\n`,
  )
  const own: Record<string, string> = {
    'process.roles': 'broker',
    'node.id': '4',
    listeners: `CLIENT://${host}:${client},INTERNAL://${host}:${interBroker}`,
    'advertised.listeners': `CLIENT://${host}:${client},INTERNAL://${host}:${interBroker}`,
    'log.dirs': data,
  }
  const settings = readFileSync(join(one, 'server.properties'), 'utf8')
    .split('\n')
    .filter((line) => !Object.hasOwn(own, line.split('=')[0] ?? ''))
  const lines = [...settings, ...Object.entries(own).map(([name, value]) => `${name}=${value}`)]
  writeFileSync(join(folder, 'server.properties'), lines.join('\n'))
  const java = await findJava()
  added = await spawnChild({
    name: 'broker-4',
    command: java.java,
    args: [
      ...jvmFlags,
      ...['-cp', await kafkaClasspath(version), 'kafka.Kafka', join(folder, 'server.properties')],
    ],
    cwd: folder,
    output: { file: join(folder, 'broker.log') },
  })
  await eventually(async () => ((await routes()).get(4)?.ours ?? 0) > 0)
  const four = (await routes()).get(4)
  expect(four?.own).toBe(client)
  await eventually(async () => (await answersAt(four?.ours ?? 0)).includes(4))
}, 600_000)

it('two applications share the proxy, and a fault that names one leaves the other alone', async () => {
  const entry = await connect(proxy.bootstrap)
  await entry.request('CreateTopics', {
    topics: [{ name: 'shared', numPartitions: 2, replicationFactor: 3 }],
    timeoutMs: 30_000,
  })
  const armed = await fetch(`${proxy.rest}/v1/faults/cut-alpha?expires=10m`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      when: {
        reply: 'EndTxn',
        committed: true,
        error: 'NONE',
        'transactional-id': 'alpha*',
        nth: 3,
      },
      inject: { disconnect: { at: 'before-reply', with: 'reset' } },
    }),
  })
  expect(armed.status).toBeLessThan(300)

  const transactions = 6
  async function application(name: string, partition: number): Promise<string[]> {
    const own = await connect(proxy.bootstrap, name)
    const place = { topic: 'shared', partition }
    const id = `${name}-1`
    const group = `${name}-readers`
    const leaderOf = async (): Promise<SocketAddress> => {
      const reply = await own.request('Metadata', { topics: [{ name: 'shared' }] })
      const [topic] = reply.topics as Message[]
      const found = ((topic?.partitions ?? []) as Message[]).find(
        (one) => one.partitionIndex === partition,
      )
      const broker = (reply.brokers as Message[]).find(({ nodeId }) => nodeId === found?.leaderId)
      if (broker === undefined) throw new Error('no leader yet')
      return { host: broker.host as string, port: broker.port as number }
    }
    await eventually(() =>
      leaderOf().then(
        () => true,
        () => false,
      ),
    )
    const leader = await connect(await leaderOf(), name)
    const found = await findCoordinator(own, 'transaction', id)
    const groups = await findCoordinator(own, 'group', group)
    const ofGroup = await connect({ host: groups.host, port: groups.port }, name)
    let coordinator = await connect(found, name)
    let as = await initProducer(coordinator, id)
    const outcomes: string[] = []
    let sequence = 0
    for (let number = 0; number < transactions; number += 1) {
      await addPartition(coordinator, as, place)
      await produce(leader, place, [`${name}-${number}`], { as, sequence })
      sequence += 1
      await addOffsets(coordinator, as, group)
      await commitOffset(ofGroup, as, group, place, number + 1)
      try {
        outcomes.push((await endTransaction(coordinator, as, true)).error)
      } catch {
        outcomes.push('cut off')
        coordinator = await connect(found, name)
        as = await initProducer(coordinator, id)
        sequence = 0
      }
    }
    return outcomes
  }
  const [alpha, beta] = await Promise.all([application('alpha', 0), application('beta', 1)])
  expect(alpha).toEqual(['NONE', 'NONE', 'cut off', 'NONE', 'NONE', 'NONE'])
  expect(beta).toEqual(Array.from({ length: transactions }, () => 'NONE'))
  const said = await (await fetch(`${proxy.rest}/v1/faults/cut-alpha`)).json()
  expect(said).toMatchObject({ fired: 1, applied: 1 })
  const named = (said as { firings: { exchange: { transactionalIds: string[] } }[] }).firings
  expect(named.flatMap(({ exchange }) => exchange.transactionalIds)).toEqual(['alpha-1'])
}, 600_000)
