// Against an engine that exists only as HTTP on a socket: what is asked of it, and what its answers turn into. The real
// one is met in test/docker.
import { mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerBrokers } from '../../../gauntlet/clusters/docker-brokers.ts'
import { systemRuntime } from '../../../proxy/runtime.ts'
import { type FakeBroker, startFakeBroker } from '../../proxy/fake-broker.ts'

let server: Server
let asked: string[]
let answers: Map<string, { status: number; body?: unknown }>
let broker: FakeBroker

beforeEach(async () => {
  asked = []
  answers = new Map([['GET /_ping', { status: 200 }]])
  server = createServer((request, response) => {
    const line = `${request.method} ${decodeURIComponent(request.url ?? '')}`
    asked.push(line)
    const { status, body } = answers.get(line) ?? { status: 404, body: { message: 'no such' } }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(body === undefined ? '' : JSON.stringify(body))
  })
  const socket = join(mkdtempSync(join(tmpdir(), 'engine-')), 'docker.sock')
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  process.env.DOCKER_HOST = `unix://${socket}`
  broker = await startFakeBroker(2)
  broker.says.set('ApiVersions', () => ({
    errorCode: 0,
    apiKeys: [
      { apiKey: 3, minVersion: 0, maxVersion: 12 },
      { apiKey: 18, minVersion: 0, maxVersion: 3 },
    ],
  }))
  broker.says.set('Metadata', () => ({ brokers: [{ nodeId: 2, host: 'x', port: 1, rack: null }] }))
})

afterEach(async () => {
  delete process.env.DOCKER_HOST
  await broker.close()
  await new Promise((resolve) => server.close(resolve))
})

const brokersIn = (containers: Record<number, string>) =>
  dockerBrokers({
    containers: new Map(Object.entries(containers).map(([node, name]) => [Number(node), name])),
    addressOf: async () => broker.address,
    access: undefined,
    runtime: systemRuntime(1),
  })

describe('brokers in containers of others', () => {
  it('are killed, stopped, paused, resumed and started by five requests, each waited for', async () => {
    answers.set('GET /containers/kafka-b/json', { status: 200, body: { Id: 'b0b' } })
    for (const act of [
      'kill?signal=SIGKILL',
      'wait?condition=not-running',
      'stop?t=20',
      'pause',
      'unpause',
      'start',
    ]) {
      answers.set(`POST /containers/b0b/${act}`, { status: act === 'start' ? 304 : 204 })
    }
    const brokers = await brokersIn({ 2: 'kafka-b' })
    await brokers.kill(2)
    await brokers.stopBroker(2)
    await brokers.pause(2)
    await brokers.resume(2)
    await brokers.start(2)
    expect(asked.filter((line) => line.startsWith('POST'))).toEqual([
      'POST /containers/b0b/kill?signal=SIGKILL',
      'POST /containers/b0b/wait?condition=not-running',
      'POST /containers/b0b/stop?t=20',
      'POST /containers/b0b/pause',
      'POST /containers/b0b/unpause',
      'POST /containers/b0b/start',
    ])
    expect(broker.received.map(({ api }) => api)).toContain('Metadata')
  })

  it('may be named by their service, looked up in the compose project that we are part of', async () => {
    const labels = { 'com.docker.compose.project': 'shop' }
    answers.set(`GET /containers/${hostname()}/json`, {
      status: 200,
      body: { Id: 'self', Config: { Labels: labels } },
    })
    const label = [
      'com.docker.compose.project=shop',
      'com.docker.compose.service=kafka-2',
      'com.docker.compose.oneoff=False',
    ]
    answers.set(`GET /containers/json?all=true&filters=${JSON.stringify({ label })}`, {
      status: 200,
      body: [{ Id: 'c0c' }],
    })
    answers.set('POST /containers/c0c/pause', { status: 204 })
    await (await brokersIn({ 2: 'kafka-2' })).pause(2)
    expect(asked.at(-1)).toBe('POST /containers/c0c/pause')
  })

  it('that are not there, or that the engine will not touch, are told of with what to do', async () => {
    answers.set('GET /containers/kafka-b/json', { status: 200, body: { Id: 'b0b' } })
    const conflict = { status: 409, body: { message: 'Container b0b is not paused' } }
    answers.set('POST /containers/b0b/unpause', conflict)
    const brokers = await brokersIn({ 1: 'nowhere', 2: 'kafka-b' })
    await expect(brokers.kill(1)).rejects.toMatchObject({
      code: 'cannot-do-here',
      message: expect.stringContaining('"nowhere" for broker 1'),
    })
    await expect(brokers.kill(3)).rejects.toMatchObject({
      remedy: 'Name it: --docker-brokers 3=CONTAINER.',
    })
    await expect(brokers.resume(2)).rejects.toThrow('is not paused')
  })

  it('are refused at once where no engine answers', async () => {
    process.env.DOCKER_HOST = 'unix:///nowhere/docker.sock'
    await expect(brokersIn({ 2: 'kafka-b' })).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: 'the Docker socket /nowhere/docker.sock cannot be used (ENOENT)',
    })
    process.env.DOCKER_HOST = 'tcp://far:2375'
    await expect(brokersIn({ 2: 'kafka-b' })).rejects.toThrow('only a Unix socket')
  })
})
