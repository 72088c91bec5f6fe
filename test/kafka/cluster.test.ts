// The embedded cluster on real brokers. The brokers' own traffic goes through forwarders that count bytes, as
// it goes through the proxy in a run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isRunning, type ProcessMark, processMark } from '../../gauntlet/child-registry.ts'
import { openAdmin } from '../../gauntlet/clusters/admin.ts'
import type { Address, BrokerPorts, ClusterSpec } from '../../gauntlet/clusters/cluster.ts'
import {
  type BrokerExit,
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../gauntlet/clusters/embedded.ts'
import { askAliveBrokers } from '../../gauntlet/clusters/probe.ts'
import { entryFile } from '../../gauntlet/entry.ts'
import { systemRuntime } from '../../proxy/runtime.ts'

const limitMs = 30_000
const megabyte = 1024 * 1024
const runtime = systemRuntime(1)

async function until(condition: () => Promise<boolean> | boolean): Promise<number> {
  const startMs = performance.now()
  while (!(await condition())) {
    if (performance.now() > startMs + limitMs) throw new Error(`not in time: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return performance.now() - startMs
}

interface Forwarder {
  address: Address
  bytes(): number
  close(): void
}

async function forward(target: number): Promise<Forwarder> {
  let bytes = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((from) => {
    const to = connect({ host: '127.0.0.1', port: target })
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one)
      one.on('data', (chunk) => {
        bytes += chunk.length
        other.write(chunk)
      })
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    bytes: () => bytes,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const spec: ClusterSpec = {
  version: '4.3.1',
  brokers: 3,
  features: { 'transaction.version': 1 },
  config: { 'transaction.max.timeout.ms': 60_000 },
}

describe('three embedded brokers', () => {
  let cluster: EmbeddedCluster
  let kafka: Kafka
  let admin: Admin
  let ports: BrokerPorts[]
  const forwarders: { plane: 'inter-broker' | 'controller'; node: number; through: Forwarder }[] =
    []
  const directory = join(mkdtempSync(join(tmpdir(), 'cluster-test-')), 'data')
  const marks: ProcessMark[] = []
  const exits: BrokerExit[] = []
  let startMs = 0

  const leaders = async (topic: string): Promise<number[]> => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0]!.partitions.sort((a, b) => a.partitionId - b.partitionId).map((p) => p.leader)
  }
  const remember = (node: number) => {
    const mark = processMark(cluster.pid(node)!)!
    marks.push(mark)
    return mark
  }

  beforeAll(async () => {
    ports = await planEmbeddedPorts(3)
    for (const { node, interBroker, controller } of ports) {
      forwarders.push({ plane: 'inter-broker', node, through: await forward(interBroker) })
      forwarders.push({ plane: 'controller', node, through: await forward(controller) })
    }
    const planeOf = (wanted: string) =>
      new Map(
        forwarders
          .filter(({ plane }) => plane === wanted)
          .map(({ node, through }) => [node, through.address]),
      )
    const before = performance.now()
    cluster = await startEmbedded(spec, {
      ports,
      planes: { 'inter-broker': planeOf('inter-broker'), controller: planeOf('controller') },
      directory,
      runtime,
    })
    startMs = performance.now() - before
    cluster.onBrokerExit((exit) => exits.push(exit))
    kafka = new Kafka({
      clientId: 'test',
      brokers: [...cluster.bootstrap],
      logLevel: logLevel.NOTHING,
      // A paused broker does not answer; another one is asked then.
      requestTimeout: 1_000,
      retry: { initialRetryTime: 50, retries: 20 },
    })
    admin = kafka.admin()
    await admin.connect()
  })

  afterAll(async () => {
    await admin?.disconnect()
    await cluster?.stop()
    for (const { through } of forwarders) through.close()
    rmSync(join(directory, '..'), { recursive: true, force: true })
  })

  it('start on the ports that were planned, all three known to each other', async () => {
    for (const node of [1, 2, 3]) remember(node)
    expect(cluster.bootstrap).toEqual(ports.map(({ client }) => `127.0.0.1:${client}`))
    const { brokers } = await admin.describeCluster()
    expect(brokers.map(({ nodeId, port }) => [nodeId, port]).sort()).toEqual(
      ports.map(({ node, client }) => [node, client]),
    )
    expect([1, 2, 3].map((node) => cluster.state(node))).toEqual(['running', 'running', 'running'])
    const resident = marks.map(({ pid }) => {
      const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]
      return Number(kilobytes) * 1024
    })
    console.log(
      `three brokers after ${Math.round(startMs)} ms, ${resident.map((bytes) => Math.round(bytes / megabyte)).join(', ')} MB resident`,
    )
    expect(Math.max(...resident)).toBeLessThan(400 * megabyte)
  })

  it('send their own traffic to the addresses of the planes', () => {
    for (const { plane, node, through } of forwarders) {
      // Every broker is led or followed by another one; controllers talk to the active one and are asked for votes.
      if (plane === 'controller') expect([node, through.bytes() > 0]).toEqual([node, true])
    }
    expect(
      forwarders.some(({ plane, through }) => plane === 'controller' && through.bytes() > 10_000),
    ).toBe(true)
  })

  it('keep what was written, replicate it, and read it back', async () => {
    // Kafkajs' own createTopics fails where a broker has not heard of the topic yet.
    const own = openAdmin(cluster.brokers)
    await own.createTopics([{ name: 'kept', partitions: 3, replicas: 3 }])
    own.close()
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({
      topic: 'kept',
      acks: -1,
      messages: Array.from({ length: 30 }, (_, index) => ({ key: `${index}`, value: `v${index}` })),
    })
    await producer.disconnect()
    const values = new Set<string>()
    const consumer = kafka.consumer({ groupId: 'readers' })
    await consumer.connect()
    await consumer.subscribe({ topic: 'kept', fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        values.add(message.value!.toString())
      },
    })
    await until(() => values.size === 30)
    await consumer.disconnect()
    for (const { plane, node, through } of forwarders) {
      if (plane === 'inter-broker') expect([node, through.bytes() > 0]).toEqual([node, true])
    }
  })

  it('lose a killed broker, and its leadership moves within seconds', async () => {
    const before = await leaders('kept')
    expect(new Set(before).size).toBe(3)
    const victim = marks.find(({ pid }) => pid === cluster.pid(1))!
    const killedMs = performance.now()
    await cluster.kill(1)
    expect(isRunning(victim)).toBe(false)
    expect(cluster.state(1)).toBe('stopped')
    expect(cluster.pid(1)).toBeUndefined()
    await until(async () => (await leaders('kept')).every((leader) => leader === 2 || leader === 3))
    const movedMs = performance.now() - killedMs
    console.log(`leadership moved ${Math.round(movedMs)} ms after the kill`)
    expect(movedMs).toBeLessThan(15_000)
    expect(exits).toEqual([])
  })

  it('take a killed broker back on its old ports and data', async () => {
    await cluster.start(1)
    remember(1)
    expect(cluster.state(1)).toBe('running')
    const { brokers } = await admin.describeCluster()
    expect(brokers.find(({ nodeId }) => nodeId === 1)?.port).toBe(ports[0]!.client)
    await until(async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: ['kept'] })
      return topics[0]!.partitions.every(({ isr }) => isr.length === 3)
    })
  })

  it('give up the start of a broker that is killed meanwhile, and start it again afterwards', async () => {
    await cluster.kill(3)
    const start = cluster.start(3)
    const refused = expect(start).rejects.toThrow(/Broker 3 was stopped while it was starting/)
    await cluster.kill(3)
    await refused
    expect(cluster.state(3)).toBe('stopped')
    await cluster.start(3)
    remember(3)
    expect(cluster.state(3)).toBe('running')
  })

  it('pause and resume one by one: a paused broker accepts and does not answer', async () => {
    await cluster.pause(2)
    expect(cluster.state(2)).toBe('paused')
    const socket = connect({ host: '127.0.0.1', port: ports[1]!.client })
    await once(socket, 'connect')
    let answered = false
    socket.on('error', (error) => expect.unreachable(error.message))
    socket.on('data', () => {
      answered = true
    })
    // ApiVersions version 0, whose answer a running broker sends at once.
    socket.write(Buffer.from('0000000a00120000000000010000', 'hex'))
    const first = { host: '127.0.0.1', port: ports[0]!.client }
    await until(async () => (await askAliveBrokers(first))?.includes(2) === false)
    expect(answered).toBe(false)
    await cluster.resume(2)
    await until(() => answered)
    socket.destroy()
    expect(cluster.state(2)).toBe('running')
  })

  it('tell when one dies that nobody stopped', async () => {
    process.kill(cluster.pid(2)!, 'SIGKILL')
    await until(() => exits.length === 1)
    expect(exits[0]).toMatchObject({ node: 2, signal: 'SIGKILL' })
    expect(cluster.state(2)).toBe('stopped')
  })

  it('leave no process and no folder behind', async () => {
    await cluster.stop()
    await cluster.stop()
    expect(marks.length).toBeGreaterThanOrEqual(5)
    expect(marks.filter(isRunning)).toEqual([])
    expect(existsSync(directory)).toBe(false)
    await expect(cluster.start(1)).rejects.toThrow()
  })
})

describe('a start that fails', () => {
  const attempt = async (change: Partial<ClusterSpec>) => {
    const folder = mkdtempSync(join(tmpdir(), 'cluster-test-'))
    const directory = join(folder, 'data')
    const ports = await planEmbeddedPorts(1)
    try {
      const cluster = await startEmbedded(
        { ...spec, brokers: 1, features: {}, config: {}, ...change },
        { ports, planes: {}, directory, runtime },
      )
      await cluster.stop()
      throw new Error('it started')
    } catch (error) {
      expect(existsSync(directory)).toBe(false)
      return error
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  it('says which setting the broker refused, in the broker’s own words', async () => {
    expect(await attempt({ config: { 'num.io.threads': 'many' } })).toMatchObject({
      code: 'cluster-unavailable',
      message: expect.stringMatching(/num\.io\.threads.*many|many.*num\.io\.threads/),
    })
  })

  it('names the setting that was meant, since Kafka itself ignores unknown ones', async () => {
    expect(await attempt({ config: { 'min.insync.replica': 2 } })).toMatchObject({
      code: 'cluster-unavailable',
      message: 'Brokers of Kafka 4.3.1 have no setting min.insync.replica.',
      remedy: 'Did you mean min.insync.replicas?',
    })
  })

  it('refuses settings that are ours', async () => {
    expect(await attempt({ config: { listeners: 'PLAINTEXT://:9092' } })).toMatchObject({
      code: 'cluster-unavailable',
      message: expect.stringContaining('listeners'),
    })
  })

  it('says which feature level Kafka does not have', async () => {
    expect(await attempt({ features: { 'transaction.version': 9 } })).toMatchObject({
      code: 'cluster-unavailable',
      message: expect.stringMatching(/transaction\.version/),
      remedy: expect.stringContaining('transaction.version 9'),
    })
  })

  it('refuses a version that is none', async () => {
    expect(await attempt({ version: 'latest' })).toMatchObject({ code: 'cluster-unavailable' })
  })

  it('because we gave it up leaves nothing, at whatever moment', async () => {
    const giveUp = async (afterMs: number | undefined) => {
      const folder = mkdtempSync(join(tmpdir(), 'cluster-test-'))
      const directory = join(folder, 'data')
      const control = new AbortController()
      if (afterMs === undefined) control.abort()
      else setTimeout(() => control.abort(), afterMs)
      const start = startEmbedded(
        { ...spec, brokers: 1, features: {}, config: {} },
        {
          ports: await planEmbeddedPorts(1),
          planes: {},
          directory,
          runtime,
          signal: control.signal,
        },
      )
      await expect(start).rejects.toMatchObject({ code: 'interrupted' })
      expect(existsSync(directory)).toBe(false)
      rmSync(folder, { recursive: true, force: true })
    }
    for (const afterMs of [undefined, 20, 200, 600]) await giveUp(afterMs)
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ')
    const commands = children
      .filter((pid) => pid !== '')
      .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    expect(commands.filter((command) => command.includes('kafka.Kafka'))).toEqual([])
  })

  it('says that a port is taken', async () => {
    const ports = await planEmbeddedPorts(1)
    const server = createServer().listen(ports[0]!.client, '127.0.0.1')
    await once(server, 'listening')
    const start = startEmbedded(
      { ...spec, brokers: 1, features: {}, config: {} },
      { ports, planes: {}, runtime },
    )
    await expect(start).rejects.toMatchObject({
      code: 'cluster-unavailable',
      message: expect.stringMatching(/Address already in use/),
    })
    server.close()
  })
})

describe('a runner that is killed', () => {
  it('takes its brokers and their data with it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cluster-test-'))
    const url = (path: string) => JSON.stringify(pathToFileURL(entryFile(path)).href)
    const script = join(folder, 'runner.mjs')
    writeFileSync(
      script,
      `import { planEmbeddedPorts, startEmbedded } from ${url('gauntlet/clusters/embedded.js')}
import { systemRuntime } from ${url('proxy/runtime.js')}
const cluster = await startEmbedded(
  ${JSON.stringify({ ...spec, brokers: 1 })},
  { ports: await planEmbeddedPorts(1), planes: {}, runtime: systemRuntime(1) },
)
console.log(JSON.stringify({ pid: cluster.pid(1), logFile: cluster.logFile(1) }))
process.stdin.resume()
`,
    )
    const runner = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface({ input: runner.stdout! }), 'line')) as [string]
    const { pid, logFile } = JSON.parse(line) as { pid: number; logFile: string }
    const broker = processMark(pid)!
    expect(isRunning(broker)).toBe(true)
    expect(statSync(logFile).size).toBeGreaterThan(0)
    runner.kill('SIGKILL')
    await until(() => !isRunning(broker) && !existsSync(logFile))
    rmSync(folder, { recursive: true, force: true })
  })
})
