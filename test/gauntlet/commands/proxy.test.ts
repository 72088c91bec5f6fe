// `gauntlet proxy` told to stop: how it ends, what it says, and what lies on the disk then. Over a broker that exists
// only on the wire.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connectBroker } from '../../../proxy/flow/broker-client.ts'
import { apiNamed } from '../../../proxy/protocol/codec.ts'
import { type StandingProxy, startStandingProxy } from '../../long/load/standing-proxy.ts'
import { type FakeBroker, startFakeBroker } from '../../proxy/fake-broker.ts'

let broker: FakeBroker
let proxy: StandingProxy
let folder: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-proxy-'))
  broker = await startFakeBroker(1)
  broker.says.set('ApiVersions', () => ({
    apiKeys: ['Metadata', 'ApiVersions'].map((name) => ({
      apiKey: apiNamed(name)?.key ?? -1,
      minVersion: 0,
      maxVersion: 4,
    })),
  }))
  const { host, port } = broker.address
  proxy = await startStandingProxy([
    ...['--bootstrap', `${host}:${port}`],
    ...['--history', join(folder, 'history'), '--drain', '1s'],
  ])
}, 60_000)

afterEach(async () => {
  await proxy.child.kill()
  await broker.close()
  rmSync(folder, { recursive: true })
})

it('ends with 0 when all is through, and has kept what passed', async () => {
  const client = await connectBroker(proxy.bootstrap, { clientId: 'app', timeoutMs: 10_000 })
  await client.request('Metadata', { topics: [] })
  expect((await fetch(`${proxy.rest}/ready`)).status).toBe(200)
  expect(await proxy.terminate(30_000)).toMatchObject({ code: 0, signal: null })
  expect(client.open).toBe(false)
  const [file = ''] = readdirSync(join(folder, 'history'))
  const kept = readFileSync(join(folder, 'history', file), 'utf8')
  expect(kept).toContain('"type":"connection-opened"')
  expect(kept).toContain('"cause":"the proxy stops"')
}, 60_000)

it('ends with 2, and says what it cut off, when the time is over before an answer has come', async () => {
  const client = await connectBroker(proxy.bootstrap, { clientId: 'app', timeoutMs: 30_000 })
  const speak = broker.hush()
  const answer = client.request('Metadata', { topics: [] }).catch(() => 'cut')
  await expect.poll(() => broker.received.at(-1)?.api).toBe('Metadata')
  expect(await proxy.terminate(30_000)).toMatchObject({ code: 2, signal: null })
  expect(await answer).toBe('cut')
  speak()
  expect(proxy.said.join('\n')).toMatch(/Cut off: 0 open transactions, 1 connections/)
}, 60_000)
