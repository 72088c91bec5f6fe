// docker-compose.yml on a real engine, as somebody with a fresh clone uses it: the stack comes up, an application on
// the host works through it and is hurt by REST, runs inside and outside give their verdicts and exit codes, brokers
// are hurt where that was asked for, and nothing is left behind.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entryFile, packageRoot } from '../../gauntlet/entry.ts'

const project = 'eos-gauntlet-test'
const withSocket = ['-f', 'docker-compose.yml', '-f', 'docker-compose.brokers.yml']
const socketGroup = String(statSync('/var/run/docker.sock').gid)
const out = join(packageRoot(), 'out')
const plan = 'chaos-plans/errors/not-coordinator-after-commit.yaml'
const onKafkajs = ['--set', 'workload.copier.client=kafkajs']
const marker = 'chaos-plans/between-brokers/marker-delayed.yaml'
const killing = 'chaos-plans/role-matrix/kill-transaction-coordinator.yaml'
const mistaken = 'chaos-plans/mistakes/mistake-offsets-outside-transaction.yaml'
const restUrl = 'http://127.0.0.1:8474'
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
  const response = await fetch(`${restUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      // The gauntlet is made anew in between, and a connection that was kept would lead to the old one.
      connection: 'close',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

/** A name of their own for the topics of a run, since an earlier one's are still there. */
const topicsOf = (name: string): string[] => [
  '--set',
  `topics.input.name=${name}-in`,
  '--set',
  `topics.output.name=${name}-out`,
]

function resultIn(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))
}

/** A run inside the network: its exit code, what it said, and what landed in ./out. */
function runInside(words: readonly string[], environment: Record<string, string> = {}) {
  const before = runsNow()
  const run = ['run', '--rm', '-T', 'gauntlet', 'run', '--proxy', 'http://gauntlet:8474', ...words]
  const { code, text } = compose(run, environment)
  return { code, text, folders: newRuns(before).map((name) => join(out, name)) }
}

/** A fault of the plan has bitten both times. */
const both = (name: string): unknown =>
  expect.arrayContaining([expect.objectContaining({ name, applied: 2 })])

interface ContainerState {
  Status: string
  Paused: boolean
  StartedAt: string
}

/** What the engine says of a broker's container. */
function stateOf(service: string): ContainerState {
  const id = compose(['ps', '-aq', service]).stdout.trim()
  const { stdout } = spawnSync('docker', ['inspect', id], { encoding: 'utf8' })
  return (JSON.parse(stdout) as { State: ContainerState }[])[0]?.State as ContainerState
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

const before = runsNow()

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
  for (const name of newRuns(before)) rmSync(join(out, name), { recursive: true, force: true })
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
    expect((await fetch(`${restUrl}/v1/brokers`)).status).toBe(401)
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
    await ask('DELETE', '/v1/faults/late-answer')
  })
})

describe('docker compose run --rm gauntlet run', () => {
  it('gives the verdict of a plan with the running proxy, its exit code, and a folder in ./out that is its user’s', () => {
    const user = { GAUNTLET_USER: '4321:4321' }
    const { code, text, folders } = runInside([plan, ...onKafkajs], user)
    expect(code, text).toBe(0)
    expect(folders).toHaveLength(1)
    const [folder = ''] = folders
    expect(resultIn(folder)).toMatchObject({ verdict: 'PASS', faults: both('prepared-and-denied') })
    for (const name of ['.', 'result.json', 'report.html', 'copier-0.log']) {
      const { uid, gid } = statSync(join(folder, name))
      expect([name, uid, gid]).toEqual([name, 4321, 4321])
    }
  })

  it('ends with 1 when a wrong application does records twice', () => {
    const words = [mistaken, ...onKafkajs, ...topicsOf('wrong'), '--set', 'expect={verdict: PASS}']
    const { code, text, folders } = runInside(words)
    expect(code, text).toBe(1)
    const [folder = ''] = folders
    expect(resultIn(folder)).toMatchObject({ verdict: 'FAIL' })
    expect(text).toContain('duplicate')
  })

  it('refuses to kill a broker, and says what would make it possible', () => {
    const { code, text, folders } = runInside([killing, ...onKafkajs])
    expect(code, text).toBe(65)
    expect(text).toContain('needs to kill a broker')
    expect(text).toContain('--docker-brokers')
    expect(folders).toEqual([])
  })
})

describe('between the brokers', () => {
  it('replication and markers come through the proxy from the first moment', async () => {
    const { body } = await ask('GET', '/v1/reach')
    expect(body).toEqual({ planes: ['client', 'inter-broker'], can: [] })
    const { connections } = (await ask('GET', '/v1/connections')).body
    const senders = connections
      .filter(({ plane }: { plane: string }) => plane === 'inter-broker')
      .map(({ clientId }: { clientId?: string }) => clientId)
    for (const node of [1, 2, 3]) expect(senders).toContain(`broker-${node}-fetcher-0`)
  })

  it('a plan delays markers, and is conducted from this machine, outside the network', () => {
    const folder = join(out, `host-${process.pid}`)
    const nodes = 'localhost:19191,localhost:19192,localhost:19193'
    const words = ['run', marker, ...onKafkajs, ...topicsOf('host'), '--out', folder]
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [entryFile('gauntlet/cli.js'), ...words, '--proxy', restUrl, '--cluster', nodes],
      { encoding: 'utf8', env: { ...process.env, GAUNTLET_TOKEN: token } },
    )
    expect(status, `${stdout}${stderr}`).toBe(0)
    expect(resultIn(folder)).toMatchObject({ verdict: 'PASS', faults: both('late-marker') })
  })
})

describe('Prometheus', () => {
  it('reaches the gauntlet and has our rules', async () => {
    const query = async <Data>(path: string): Promise<Data> => {
      const response = await fetch(`http://127.0.0.1:9090/api/v1/${path}`)
      return ((await response.json()) as { data: Data }).data
    }
    type Targets = { activeTargets: { health: string }[] }
    type Rules = { groups: { rules: unknown[] }[] }
    await expect
      .poll(async () => (await query<Targets>('targets')).activeTargets[0]?.health, {
        timeout: 30_000,
      })
      .toBe('up')
    const rules = (await query<Rules>('rules')).groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(3)
    const { result } = await query<{ result: unknown[] }>('query?query=gauntlet_build_info')
    expect(result).toHaveLength(1)
  })
})

describe('with docker-compose.brokers.yml', () => {
  it('brokers are killed, stopped and paused for real, and come back', async () => {
    const up = compose([...withSocket, 'up', '-d', '--wait'], { DOCKER_GID: socketGroup })
    expect(up.code, up.text).toBe(0)
    expect((await ask('GET', '/v1/reach')).body.can).toEqual(['kill-broker', 'pause-broker'])
    const startedAt = [1, 2, 3].map((node) => stateOf(`kafka-${node}`).StartedAt)
    const { code, text } = runInside([killing, ...onKafkajs, ...topicsOf('killed')])
    expect(code, text).toBe(0)
    const after = [1, 2, 3].map((node) => stateOf(`kafka-${node}`))
    expect(after.map(({ Status }) => Status)).toEqual(['running', 'running', 'running'])
    expect(after.filter(({ StartedAt }, index) => StartedAt !== startedAt[index])).toHaveLength(1)

    const outage = (how: string) => ({
      name: how,
      when: { at: '24h' },
      inject: { 'broker-outage': { how } },
      on: { brokers: 2 },
      for: '1h',
    })
    for (const [how, state] of [
      ['pause', { Status: 'paused', Paused: true }],
      ['stop', { Status: 'exited', Paused: false }],
    ] as const) {
      expect((await ask('POST', '/v1/faults', outage(how))).status).toBe(201)
      expect((await ask('POST', `/v1/faults/${how}/fire`)).body).toMatchObject({ applied: 1 })
      expect(stateOf('kafka-2')).toMatchObject(state)
      expect((await ask('POST', `/v1/faults/${how}/heal`)).body).toMatchObject({ healed: 1 })
      expect(stateOf('kafka-2')).toMatchObject({ Status: 'running', Paused: false })
      expect((await ask('DELETE', `/v1/faults/${how}`)).status).toBe(204)
    }
  })
})

describe('docker compose --profile chaos up --exit-code-from gauntlet', () => {
  it('ends with the verdict’s exit code: 0 when it is the expected one, 1 when it is not', () => {
    const flags = (name: string): string => [...onKafkajs, ...topicsOf(name)].join(' ')
    const words = ['--profile', 'chaos', 'up', '--exit-code-from', 'gauntlet']
    const failing = `${flags('first')} --set expect.verdict=FAIL`
    const unexpected = compose(words, { GAUNTLET_PLAN: plan, GAUNTLET_RUN_FLAGS: failing })
    expect(unexpected.code, unexpected.text).toBe(1)
    const expected = compose(words, { GAUNTLET_PLAN: plan, GAUNTLET_RUN_FLAGS: flags('second') })
    expect(expected.code, expected.text).toBe(0)
  })
})
