// docker-compose.yml on a real engine, as somebody with a fresh clone uses it: the stack comes up, an application on
// the host works through it and is hurt by REST, a run gives its verdict and exit code, and nothing is left behind.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'

const project = 'eos-gauntlet-test'
const out = join(packageRoot(), 'out')
const plan = 'chaos-plans/errors/not-coordinator-after-commit.yaml'
const onKafkajs = '--set workload.copier.client=kafkajs --set load.records=600'
let token = ''
let upSeconds = 0
let producer: Producer

function compose(words: readonly string[], environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync('docker', ['compose', '-p', project, ...words], {
    cwd: packageRoot(),
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 64 * 1024 * 1024,
  })
  return { code: status, text: `${stdout}${stderr}`, stdout }
}

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(`http://127.0.0.1:8474${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

async function commitOne(): Promise<void> {
  const transaction = await producer.transaction()
  await transaction.send({ topic: 'orders.in', messages: [{ value: 'order' }] })
  await transaction.commit()
}

/** Folders of runs that were not there before. */
function newRuns(before: ReadonlySet<string>): string[] {
  return existsSync(out) ? readdirSync(out).filter((name) => !before.has(name)) : []
}
const runsNow = (): ReadonlySet<string> => new Set(existsSync(out) ? readdirSync(out) : [])

beforeAll(async () => {
  const built = compose(['build', 'gauntlet'])
  expect(built.code, built.text).toBe(0)
  const startedMs = performance.now()
  const up = compose(['up', '-d', '--wait'])
  upSeconds = (performance.now() - startedMs) / 1_000
  expect(up.code, up.text).toBe(0)
  token = compose(['exec', '-T', 'gauntlet', 'cat', '/run/gauntlet/token']).stdout.trim()
  const kafka = new Kafka({
    clientId: 'on-the-host',
    brokers: ['localhost:19092'],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 20 },
  })
  producer = kafka.producer({
    transactionalId: 'host-tx',
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  await commitOne()
})

afterAll(async () => {
  await producer?.disconnect()
  const down = compose(['--profile', 'chaos', 'down', '-v', '--timeout', '5'])
  expect(down.code, down.text).toBe(0)
  const left = spawnSync(
    'docker',
    ['ps', '-aq', '--filter', `label=com.docker.compose.project=${project}`],
    { encoding: 'utf8' },
  )
  expect(left.stdout).toBe('')
})

describe('docker compose up -d --wait', () => {
  it('is healthy within a minute, with a token of its own that REST asks for', async () => {
    console.log(`up in ${upSeconds.toFixed(1)} s`)
    expect(token).toMatch(/^[0-9a-f]{48}$/)
    expect((await fetch('http://127.0.0.1:8474/v1/brokers')).status).toBe(401)
    const { body } = await ask('GET', '/v1/brokers')
    expect(body.brokers).toHaveLength(3)
    expect(upSeconds).toBeLessThan(60)
  })

  it('tells applications on the host and in its network each their own addresses', async () => {
    const { body } = await ask('GET', '/v1/links')
    const told = body.links.map(
      (link: { bootstrap: unknown; ports: { node: number; address: unknown }[] }) => [
        link.bootstrap,
        link.ports.sort((one, other) => one.node - other.node).map(({ address }) => address),
      ],
    )
    const ports = (host: string, first: number) =>
      [1, 2, 3].map((node) => ({ host, port: first + node }))
    expect(told).toEqual([
      [{ host: 'gauntlet', port: 9092 }, ports('gauntlet', 9092)],
      [{ host: 'localhost', port: 19092 }, ports('localhost', 19092)],
    ])
    const { body: seen } = await ask('GET', '/v1/connections')
    const clients = seen.connections.map(({ clientId }: { clientId?: string }) => clientId)
    expect(clients).toContain('on-the-host')
    expect(clients.some((name?: string) => name?.startsWith('orders-'))).toBe(true)
  })

  it('hurts an application on the host by REST, and not before', async () => {
    const timed = async (): Promise<number> => {
      const startedMs = performance.now()
      await commitOne()
      return performance.now() - startedMs
    }
    expect(await timed()).toBeLessThan(3_000)
    const fault = {
      name: 'late-answer',
      when: { reply: 'EndTxn', 'transactional-id': 'host-tx', committed: true, error: 'NONE' },
      inject: { delay: { by: '4s', of: 'reply' } },
    }
    expect((await ask('POST', '/v1/faults', fault)).status).toBe(201)
    expect(await timed()).toBeGreaterThan(4_000)
    expect((await ask('GET', '/v1/faults/late-answer')).body).toMatchObject({ applied: 1 })
  })
})

describe('docker compose run --rm gauntlet run', () => {
  it('gives the verdict of a plan with the running proxy, its exit code, and its folder in ./out', () => {
    const before = runsNow()
    const words = ['run', '--proxy', 'http://gauntlet:8474', plan, ...onKafkajs.split(' ')]
    const { code, text } = compose(['run', '--rm', '-T', 'gauntlet', ...words])
    expect(code, text).toBe(0)
    const [folder = '', ...others] = newRuns(before)
    expect(others).toEqual([])
    const result = JSON.parse(readFileSync(join(out, folder, 'result.json'), 'utf8'))
    expect(result).toMatchObject({ verdict: 'PASS', faults: [{ applied: 2 }] })
  })
})

describe('docker compose --profile chaos up --exit-code-from gauntlet', () => {
  it('ends with the verdict’s exit code: 0 when it is the expected one, 1 when it is not', () => {
    const named = (name: string): string =>
      `${onKafkajs} --set topics.input.name=${name}-in --set topics.output.name=${name}-out`
    const words = ['--profile', 'chaos', 'up', '--exit-code-from', 'gauntlet']
    const failing = `${named('first')} --set expect.verdict=FAIL`
    const unexpected = compose(words, { GAUNTLET_PLAN: plan, GAUNTLET_RUN_FLAGS: failing })
    expect(unexpected.code, unexpected.text).toBe(1)
    const expected = compose(words, { GAUNTLET_PLAN: plan, GAUNTLET_RUN_FLAGS: named('second') })
    expect(expected.code, expected.text).toBe(0)
  })
})
