// REST against a real cluster, as a platform engineer uses it: a proxy that runs, an application that works through
// it, faults that come and go by request; and a run that is conducted with that proxy.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAdmin } from '../../gauntlet/clusters/admin.ts'
import {
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../gauntlet/clusters/embedded.ts'
import { entryFile, packageRoot } from '../../gauntlet/entry.ts'
import { systemRuntime } from '../../proxy/runtime.ts'

const token = 'a token for the tests'
const folder = mkdtempSync(join(tmpdir(), 'gauntlet-rest-test-'))
let cluster: EmbeddedCluster
let proxy: ChildProcess
let rest = ''
let producer: Producer

/** The line of its output that fits, as soon as it is there. */
function line(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = pattern.exec(text)
      if (found !== null) resolve(found)
    })
    child.on('exit', (code) => reject(new Error(`ended with ${code}: ${text}`)))
  })
}

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(`${rest}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, body: isJson ? JSON.parse(text) : text }
}

async function commitOne(value: string): Promise<void> {
  const transaction = await producer.transaction()
  await transaction.send({ topic: 'asked', messages: [{ value }] })
  await transaction.commit()
}

beforeAll(async () => {
  const ports = await planEmbeddedPorts(3)
  cluster = await startEmbedded(
    { version: '4.3.1', brokers: 3, features: {}, config: {} },
    { ports, planes: {}, runtime: systemRuntime(1) },
  )
  const admin = openAdmin(cluster.brokers)
  await admin.createTopics([{ name: 'asked', partitions: 2, config: {} }])
  admin.close()
  const words = ['--bootstrap', cluster.bootstrap.join(','), '--listen', '127.0.0.1:0']
  proxy = spawn(
    process.execPath,
    [entryFile('gauntlet/cli.js'), 'proxy', ...words, '--rest', '127.0.0.1:0'],
    { env: { ...process.env, GAUNTLET_TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [, bootstrap, , address] = await line(
    proxy,
    /Proxy (127\.0\.0\.1:\d+)([\s\S]*)REST: (http:\S+)\/docs/,
  )
  rest = address ?? ''
  const kafka = new Kafka({
    clientId: 'asker',
    brokers: [bootstrap ?? ''],
    logLevel: logLevel.NOTHING,
    requestTimeout: 2_000,
    retry: { initialRetryTime: 50, retries: 20 },
  })
  producer = kafka.producer({
    transactionalId: 'asker-tx',
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  await commitOne('warm')
})

afterAll(async () => {
  await producer?.disconnect()
  proxy?.kill('SIGTERM')
  await new Promise((resolve) => proxy?.once('exit', resolve))
  await cluster?.stop()
  rmSync(folder, { recursive: true })
})

describe('a running proxy asked by REST', () => {
  it('is ready, and shows what works through it', async () => {
    expect((await ask('GET', '/ready')).body).toEqual({ status: 'ready' })
    const { body: brokers } = await ask('GET', '/v1/brokers')
    expect(brokers.brokers.map(({ node }: { node: number }) => node)).toEqual([1, 2, 3])
    const { body: links } = await ask('GET', '/v1/links')
    expect(links.links).toMatchObject([{ ports: [{ node: 1 }, { node: 2 }, { node: 3 }] }])
    const { body } = await ask('GET', '/v1/transactions')
    expect(body.transactions).toMatchObject([
      { transactionalId: 'asker-tx', phase: 'ended', lastOutcome: 'committed' },
    ])
    expect((await ask('GET', '/metrics')).body).toMatch(
      /^gauntlet_transactions_total\{outcome="committed"\} [1-9]/m,
    )
  })

  it('hurts a commit when it is told to, and not before or after', async () => {
    await commitOne('before')
    const fault = {
      name: 'late-reply',
      when: { reply: 'EndTxn', committed: true, error: 'NONE' },
      inject: { delay: { by: '1200ms', of: 'reply' } },
    }
    expect((await ask('POST', '/v1/faults', fault)).status).toBe(201)
    const startedMs = performance.now()
    await commitOne('during')
    expect(performance.now() - startedMs).toBeGreaterThan(1_000)
    const { body } = await ask('GET', '/v1/faults/late-reply')
    expect(body).toMatchObject({ fired: 1, applied: 1, healed: 1, state: 'spent' })
    expect((await ask('DELETE', '/v1/faults/late-reply')).status).toBe(204)
    await commitOne('after')
    expect((await ask('GET', '/v1/faults')).body).toEqual({ faults: [] })
  })

  it('tells of it as a stream that goes on where its reader was', async () => {
    const read = async (after: number): Promise<string> => {
      const stop = new AbortController()
      const response = await fetch(`${rest}/v1/events?after=${after}&types=fault-fired`, {
        headers: { authorization: `Bearer ${token}` },
        signal: stop.signal,
      })
      expect(response.headers.get('content-type')).toContain('text/event-stream')
      const reader = response.body?.getReader()
      const decoder = new TextDecoder()
      let text = ''
      while (!text.includes('\n\n')) text += decoder.decode((await reader?.read())?.value)
      stop.abort()
      return text
    }
    const text = await read(0)
    expect(text).toMatch(/event: fault-fired\ndata: .*"fault":"late-reply"/)
    const id = Number(/id: (\d+)/.exec(text)?.[1])
    expect(await read(id - 1)).toContain(`id: ${id}\n`)
  })

  it('closes one connection, and the application goes on', async () => {
    const { body } = await ask('GET', '/v1/connections')
    const mine = body.connections.filter(
      ({ clientId }: { clientId?: string }) => clientId === 'asker',
    )
    expect(mine.length).toBeGreaterThan(0)
    for (const { id } of mine) {
      expect((await ask('DELETE', `/v1/connections/${id}`)).status).toBe(204)
    }
    expect((await ask('DELETE', `/v1/connections/${mine[0].id}`)).status).toBe(404)
    await commitOne('again')
  })

  it('refuses what its brokers cannot be made to do', async () => {
    const { status, body } = await ask('POST', '/v1/faults', {
      name: 'kill',
      when: { manual: true },
      inject: { 'broker-outage': { how: 'kill' } },
      on: { brokers: 1 },
      for: '1s',
    })
    expect(status).toBeGreaterThanOrEqual(400)
    expect(JSON.stringify(body)).toContain('kill')
  })
})

/** The command line against the running proxy. */
async function gauntlet(...words: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [entryFile('gauntlet/cli.js'), ...words], {
    env: { ...process.env, GAUNTLET_TOKEN: token, GAUNTLET_URL: rest },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, out }
}

describe('gauntlet faults and watch', () => {
  it('arm, list, heal and disarm a fault of the running proxy', async () => {
    const file = join(folder, 'fault.yaml')
    writeFileSync(
      file,
      'name: slow\nwhen: { request: Produce }\ninject: { delay: { by: 5ms, of: request } }\n',
    )
    expect(await gauntlet('faults', 'arm', file)).toMatchObject({ code: 0 })
    await commitOne('slowed')
    expect((await gauntlet('faults')).out).toMatch(/slow +delay +spent +1 +1 +1 +1 +\d+ s/)
    expect(await gauntlet('faults', 'disarm', 'slow')).toMatchObject({ code: 0 })
    expect((await gauntlet('faults', 'list')).out).toBe('no fault is armed\n')
  })

  it('shows what happens, line by line, and ends well with Ctrl-C', async () => {
    const child = spawn(process.execPath, [entryFile('gauntlet/cli.js'), 'watch', '--verbose'], {
      env: { ...process.env, GAUNTLET_TOKEN: token, GAUNTLET_URL: rest },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await line(child, /Following/)
    const seen = line(child, /asker-tx #\d+ +ended +\S* +committed/)
    await commitOne('watched')
    await seen
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    expect(await ended).toBe(0)
  })
})

describe('gauntlet run --proxy', () => {
  it('conducts a run with the running proxy, to its verdict and exit code', async () => {
    const plan = join(packageRoot(), 'test', 'kafka', 'rest-run.yaml')
    const out = join(folder, 'run')
    const run = spawn(
      process.execPath,
      [entryFile('gauntlet/cli.js'), 'run', plan, '--proxy', rest, '--out', out, '--quiet'],
      { env: { ...process.env, GAUNTLET_TOKEN: token }, stdio: ['ignore', 'inherit', 'inherit'] },
    )
    const exitCode = await new Promise<number | null>((resolve) => run.once('exit', resolve))
    const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'))
    expect(result.reasons).toEqual([expect.stringContaining('every one accounted for')])
    expect(exitCode).toBe(0)
    expect(result).toMatchObject({ verdict: 'PASS', faults: [{ fired: 1, applied: 1 }] })
    const { body } = await ask('GET', '/v1/runs/rest-run')
    expect(body).toMatchObject({ state: 'ended', verdict: 'PASS', links: [] })
    expect((await ask('GET', '/v1/verdict')).body).toMatchObject({ verdict: 'PASS' })
    expect((await ask('GET', '/v1/faults')).body).toEqual({ faults: [] })
    await commitOne('beside it all')
  })
})
