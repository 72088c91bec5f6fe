// REST against a real cluster, as a platform engineer uses it: a proxy that runs, an application that works through
// it, faults that come and go by request; and a run that is conducted with that proxy.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAdmin } from '../../gauntlet/clusters/admin.ts'
import type { EmbeddedCluster } from '../../gauntlet/clusters/embedded.ts'
import { entryFile } from '../../gauntlet/entry.ts'
import { outputOf } from '../child-output.ts'
import { startPlainCluster } from './plain-cluster.ts'

const token = 'a token for the tests'
const folder = mkdtempSync(join(tmpdir(), 'gauntlet-rest-test-'))
let cluster: EmbeddedCluster
let proxy: ChildProcess
let rest = ''
let kafka: Kafka
let producer: Producer

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
  cluster = await startPlainCluster(3)
  const admin = openAdmin(cluster.brokers)
  await admin.createTopics([
    { name: 'asked', partitions: 2, config: {} },
    { name: 'ledger', partitions: 1, config: {} },
  ])
  admin.close()
  const rules = join(folder, 'proxy.yaml')
  writeFileSync(
    rules,
    'policies: [{ topics: [ledger], require: [transactions], on-violation: refuse }]\n',
  )
  const words = ['--bootstrap', cluster.bootstrap.join(','), '--listen', '127.0.0.1:0']
  words.push('--plan', rules)
  proxy = spawn(
    process.execPath,
    [entryFile('gauntlet/cli.js'), 'proxy', ...words, '--rest', '127.0.0.1:0'],
    { env: { ...process.env, GAUNTLET_TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [, bootstrap, , address] = await outputOf(
    proxy,
    /Proxy (127\.0\.0\.1:\d+)([\s\S]*)REST: (http:\S+)\/docs/,
  )
  rest = address ?? ''
  kafka = new Kafka({
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

  it('holds a commit until it is let go, and takes a fault again by its name', async () => {
    const gate = {
      when: { request: 'EndTxn' },
      inject: { hold: { side: 'request', until: 'released' } },
    }
    expect((await ask('PUT', '/v1/faults/gate', gate)).status).toBe(201)
    expect((await ask('PUT', '/v1/faults/gate', gate)).status).toBe(200)
    let isCommitted = false
    const commit = commitOne('held').then(() => {
      isCommitted = true
    })
    const fired = async () => (await ask('GET', '/v1/faults/gate')).body.fired as number
    await expect.poll(fired, { timeout: 10_000 }).toBe(1)
    expect(isCommitted).toBe(false)
    expect((await ask('POST', '/v1/faults/gate/release')).status).toBe(200)
    await commit
    expect((await ask('POST', '/v1/heal')).status).toBe(204)
    expect((await ask('GET', '/v1/faults')).body).toEqual({ faults: [] })
  })

  it('arms a plan, fires and heals what is in it, and takes it back', async () => {
    const plan = {
      name: 'closed-door',
      faults: [
        {
          name: 'shut',
          when: { manual: true },
          inject: { refuse: { with: 'reset' } },
          on: { clients: 'nobody' },
          for: '1m',
        },
      ],
    }
    expect((await ask('POST', '/v1/plans/validate', plan)).body).toEqual({
      valid: true,
      problems: [],
    })
    expect((await ask('POST', '/v1/plans', plan)).status).toBe(201)
    expect((await ask('GET', '/v1/plans')).body.plans).toMatchObject([{ name: 'closed-door' }])
    expect((await ask('POST', '/v1/faults/shut/fire')).body).toMatchObject({ state: 'active' })
    expect((await ask('POST', '/v1/faults/shut/heal')).body).toMatchObject({ healed: 1 })
    expect((await ask('GET', '/v1/plans/closed-door')).body.faults).toMatchObject([{ fired: 1 }])
    expect((await ask('DELETE', '/v1/plans/closed-door')).status).toBe(204)
    await commitOne('beside it')
  })

  it('says what it is, and how it may be asked', async () => {
    expect((await ask('GET', '/health')).body).toMatchObject({ status: 'ok' })
    const { body } = await ask('GET', '/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect((await ask('GET', '/docs/')).status).toBe(200)
  })

  it('refuses what its policies refuse, and names who it was', async () => {
    const loose = kafka.producer()
    await loose.connect()
    const sent = loose.send({ topic: 'ledger', messages: [{ value: 'by hand' }] })
    await expect(sent).rejects.toMatchObject({ type: 'POLICY_VIOLATION' })
    await loose.disconnect()
    const { body } = await ask('GET', '/v1/policies')
    expect(body.policies).toMatchObject([
      {
        name: 'ledger',
        refused: 1,
        violations: [{ client: { clientId: 'asker' }, topic: 'ledger' }],
      },
    ])
    expect((await ask('GET', '/metrics')).body).toContain(
      'gauntlet_policy_violations_total{policy="ledger",requirement="transactions",action="refused"} 1',
    )
    const { out } = await gauntlet('posture')
    expect(out).toMatch(/writes asked: transactions, acks all/)
    expect(out).toMatch(/policy-violated {2}writes to ledger outside of transactions/)
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
    await outputOf(child, /Following/)
    const seen = outputOf(child, /asker-tx #\d+ +ended +\S* +committed/)
    await commitOne('watched')
    await seen
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    expect(await ended).toBe(0)
  })
})

describe('gauntlet init, run --proxy and report', () => {
  it('come from three answers to a run with the running proxy, its verdict and its page', async () => {
    const plan = join(folder, 'first-plan.yaml')
    const topics = ['--input', 'rest-in', '--output', 'rest-out']
    const written = await gauntlet('init', plan, ...topics, '--fault', 'lost-commit-answer')
    expect(written.out).toContain(`gauntlet run ${plan}`)
    const out = join(folder, 'run')
    const changes = [
      'workload.copier={ client: kafkajs, instances: 1, transaction-size: 20 }',
      'load={ records: 600, rate: 200/s }',
      'faults.lost-answer.for=2s',
    ].flatMap((change) => ['--set', change])
    const { code } = await gauntlet('run', plan, '--proxy', rest, '--out', out, ...changes)
    const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'))
    expect(result.reasons).toEqual([expect.stringContaining('every one accounted for')])
    expect(code).toBe(0)
    expect(result).toMatchObject({ verdict: 'PASS', faults: [{ fired: 1, applied: 1 }] })
    const { body } = await ask('GET', '/v1/runs/first-plan')
    expect(body).toMatchObject({ state: 'ended', verdict: 'PASS', links: [] })
    expect((await ask('GET', '/v1/runs')).body.runs).toHaveLength(1)
    const { body: rolling } = await ask('GET', '/v1/verdict')
    expect(rolling).toMatchObject({ run: 'first-plan', counts: { errors: 0 } })
    // A machine that is too busy may let the proxy stand still, which leaves a doubt.
    const isStill = rolling.counts.loopStalls > 0
    expect(rolling.verdict, rolling.reasons.join()).toBe(isStill ? 'INCONCLUSIVE' : 'PASS')
    expect((await ask('GET', '/v1/faults')).body).toEqual({ faults: [] })
    const { committed } = result.records
    expect((await ask('GET', '/metrics')).body).toContain(
      `gauntlet_records_total{stage="committed"} ${committed}\n`,
    )
    expect((await ask('GET', '/v1/groups')).body.groups).not.toEqual([])
    expect((await ask('GET', '/v1/clients')).body.clients.length).toBeGreaterThan(1)
    rmSync(join(out, 'report.html'))
    expect((await gauntlet('report', out)).out).toBe(`${join(out, 'report.html')}\n`)
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('PASS')
    await commitOne('beside it all')
  })
})

describe('gauntlet txn, asking the running proxy', () => {
  it('marks what hangs, finds it, aborts it after a confirmation, and marks the zombie', async () => {
    const open = async (transactionalId: string, transactionTimeout: number) => {
      const one = kafka.producer({ transactionalId, transactionTimeout, maxInFlightRequests: 1 })
      await one.connect()
      const transaction = await one.transaction()
      await transaction.send({ topic: 'asked', messages: [{ value: transactionalId }] })
      return { one, transaction }
    }
    const late = await open('late-tx', 1_000)
    const doomed = await open('doomed-tx', 60_000)
    const marks = async () =>
      (JSON.parse((await gauntlet('txn', 'list', '--json')).out) as Array<Record<string, unknown>>)
        .filter(({ transactionalId }) => transactionalId !== 'asker-tx')
        .map(({ transactionalId, marks: own }) => [transactionalId, own])
    await expect.poll(marks, { timeout: 20_000 }).toEqual(
      expect.arrayContaining([
        ['late-tx', ['hanging']],
        ['doomed-tx', []],
      ]),
    )
    expect((await gauntlet('txn', 'list')).out).toMatch(/late-tx .* hanging\n/)
    expect((await gauntlet('txn', 'describe', 'doomed-tx')).out).toMatch(
      /state {6}Ongoing, by broker \d[\s\S]*phase {6}producing, transaction 1/,
    )
    const hanging = await gauntlet('txn', 'find-hanging', '--older-than', '1ms')
    expect(hanging.out).toMatch(/doomed-tx +open for long/)
    expect((await gauntlet('txn', 'abort', 'doomed-tx')).code).toBe(64)
    const aborted = await gauntlet('txn', 'abort', 'doomed-tx', '--yes', '--proxy', rest)
    expect(aborted.out).toMatch(/doomed-tx is aborted: its producer was fenced/)
    await expect(doomed.transaction.commit()).rejects.toThrow()
    expect(await marks()).toContainEqual(['doomed-tx', ['zombie']])
    for (const { one } of [late, doomed]) await one.disconnect()
  })
})
