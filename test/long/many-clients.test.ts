// `gauntlet proxy` under load and faults at once: a thousand connections, brokers that are killed and come back, clients
// that are killed, and transactions all the while. Nothing may be lost, and when all have gone, no descriptor is left.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Child, spawnChild } from '../../gauntlet/children.ts'
import { type Grounds, raiseGrounds } from '../kafka/faults/grounds.ts'
import { compare } from './load/compare.ts'
import { eventually } from './load/eventually.ts'
import { type StandingProxy, startStandingProxy } from './load/standing-proxy.ts'
import { startLoad } from './load/transactional-load.ts'

const groups = 4
const clientsOfAGroup = 250
const partitions = 6
const idleClients = fileURLToPath(new URL('./load/idle-clients.mjs', import.meta.url))
/** How many descriptors a proxy may have more than at its start: its own connections to brokers. */
const ownMax = 12

let grounds: Grounds
let proxy: StandingProxy
const children: Child[] = []

beforeAll(async () => {
  grounds = await raiseGrounds()
  proxy = await startStandingProxy(['--bootstrap', grounds.cluster.bootstrap.join(',')])
}, 300_000)

afterAll(async () => {
  for (const child of children) await child.kill()
  await proxy?.child.kill()
  await grounds?.close()
}, 60_000)

async function startClients(): Promise<Child> {
  const { host, port } = proxy.bootstrap
  const child = await spawnChild({
    name: 'idle-clients',
    command: process.execPath,
    args: [idleClients, host, String(port), String(clientsOfAGroup)],
    output: { onLine: () => undefined },
  })
  children.push(child)
  return child
}

const connections = async (): Promise<number> => (await proxy.sample()).connections

it('loses nothing, keeps its thousand connections through it, and leaks no descriptor', async () => {
  const topic = await grounds.topic([1, 2, 3, 1, 2, 3])
  const before = proxy.descriptors()
  const load = startLoad({
    bootstrap: proxy.bootstrap,
    topic,
    partitions,
    name: 'many',
    applications: 12,
    transactionsPerMinute: 1_200,
    transactions: 20,
  })
  for (let group = 0; group < groups; group += 1) await startClients()
  await eventually(async () => (await connections()) >= groups * clientsOfAGroup)
  const most = await proxy.sample()

  for (const node of [1, 2, 3]) {
    // Brokers die, and so do clients, half of them while a broker is down.
    await grounds.cluster.kill(node)
    const [oldest] = children.splice(0, 1)
    await oldest?.kill()
    const committed = load.counts().committed
    await grounds.cluster.start(node)
    await startClients()
    await eventually(() => load.counts().committed > committed + 20)
  }
  await eventually(async () => (await connections()) >= groups * clientsOfAGroup)

  await load.stop()
  for (const child of children.splice(0)) await child.kill()
  await eventually(async () => (await connections()) === 0)
  await eventually(() => proxy.descriptors() <= before + ownMax)
  const last = await proxy.sample()
  const logs = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => grounds.log({ topic, partition })),
  )
  const found = compare(load.told, logs)
  console.log(JSON.stringify({ before, most, last, load: load.counts(), found }, undefined, 1))
  expect(found).toMatchObject({ lost: [], doubled: [], risen: [] })
  expect(load.counts().committed).toBeGreaterThan(100)
  expect(most.connections).toBeGreaterThanOrEqual(1_000)
  expect(last.errors).toBe(0)
}, 900_000)
