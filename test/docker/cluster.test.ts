// `cluster: { docker: … }` on a real engine: brokers in containers, traffic between them through the proxy on this
// machine, and their processes hurt through the engine.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clusterAtHand } from '../../gauntlet/clusters/brokers-at-hand.ts'
import { findEngine, openNetwork } from '../../gauntlet/clusters/docker/engine.ts'
import { startDocker } from '../../gauntlet/clusters/docker.ts'
import { planEmbeddedPorts } from '../../gauntlet/clusters/embedded.ts'
import { type Gauntlet, startGauntlet } from '../../gauntlet/start-gauntlet.ts'
import { OperatorError } from '../../proxy/errors.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { idsOf, writeThrough } from './writer.ts'

const outDir = mkdtempSync(join(tmpdir(), 'gauntlet-docker-test-'))
let gauntlet: Gauntlet

const brokersRunning = (): string[] =>
  spawnSync(
    'docker',
    [
      'ps',
      '--filter',
      'label=org.testcontainers=true',
      '--filter',
      'ancestor=apache/kafka:4.3.1',
      '--format',
      '{{.ID}}',
    ],
    {
      encoding: 'utf8',
    },
  )
    .stdout.trim()
    .split('\n')
    .filter((line) => line !== '')
const before = brokersRunning().length

beforeAll(async () => {
  gauntlet = await startGauntlet({
    cluster: { docker: { brokers: 3, features: { 'transaction.version': 2 } } },
    planes: ['inter-broker'],
    outDir,
  })
})
afterAll(async () => {
  await gauntlet?.stop()
  expect(brokersRunning().length).toBe(before)
  rmSync(outDir, { recursive: true })
})

describe('brokers in containers', () => {
  it('are hurt as processes and between each other, and what an application wrote is there once', async () => {
    expect(brokersRunning().length).toBe(before + 3)
    await gauntlet.createTopics([{ name: 'written', partitions: 3, replicas: 3 }])
    const late = await gauntlet.inject({
      name: 'late-marker',
      when: { request: 'WriteTxnMarkers', plane: 'inter-broker' },
      inject: { delay: { by: '300ms', of: 'request' } },
    })
    await writeThrough(gauntlet.bootstrapServers, 'written', idsOf('first', 3))
    const { exchange } = await late.applied()
    expect(exchange).toMatchObject({ plane: 'inter-broker', api: 'WriteTxnMarkers' })

    const killed = await gauntlet.inject({
      name: 'killed',
      when: { manual: true },
      on: { brokers: 2 },
      inject: { 'broker-outage': { how: 'kill' } },
      for: '2m',
    })
    await killed.fire()
    expect((await killed.applied()).effect).toMatch(/broker 2/)
    expect(brokersRunning().length).toBe(before + 2)
    await writeThrough(gauntlet.bootstrapServers, 'written', idsOf('without', 2))
    await killed.heal()
    expect(brokersRunning().length).toBe(before + 3)

    const frozen = await gauntlet.inject({
      name: 'frozen',
      when: { manual: true },
      on: { brokers: 3 },
      inject: { 'broker-outage': { how: 'pause' } },
      for: '2m',
    })
    await frozen.fire()
    await frozen.applied()
    await writeThrough(gauntlet.bootstrapServers, 'written', idsOf('frozen', 2))
    await frozen.heal()
    await writeThrough(gauntlet.bootstrapServers, 'written', idsOf('last', 2))
    const result = await gauntlet.verdict({ output: 'written' })
    expect(result, result.reasons.join('\n')).toMatchObject({
      verdict: 'PASS',
      cluster: { kind: 'docker', version: '4.3.1', features: { 'transaction.version': 2 } },
    })
    // A commit without an answer is left to its fate.
    expect(result.records.committed).toBeGreaterThan(6)
    expect(readFileSync(join(outDir, 'broker-2.log'), 'utf8')).toContain('Kafka Server started')
  })

  it('that cannot start say why, and leave nothing', async () => {
    const ports = await planEmbeddedPorts(1)
    const network = await openNetwork()
    const wrong = startDocker(
      { image: 'apache/kafka:4.3.1', brokers: 1, features: {}, config: { 'num.io.threads': 0 } },
      {
        ports,
        network,
        planes: {},
        logDirectory: join(outDir, 'wrong'),
        signal: new AbortController().signal,
        runtime: systemRuntime(1),
      },
    )
    await expect(wrong).rejects.toMatchObject({
      code: 'cluster-unavailable',
      message: expect.stringMatching(/Broker 1 did not start .*num\.io\.threads/),
    })
    expect(brokersRunning().length).toBe(before + 3)
  })

  it('take the place of embedded ones where there is no Java', async () => {
    const said: string[] = []
    const findJava = async () => {
      throw new OperatorError('missing-prerequisite', 'no Java', 'Install it.')
    }
    const wanted = {
      kind: 'embedded',
      version: '4.3.1',
      brokers: 2,
      features: {},
      config: {},
      isSecured: false,
    } as const
    const found = await clusterAtHand(wanted, (text) => said.push(text), {
      findJava,
      findDocker: findEngine,
    })
    expect(found).toMatchObject({ kind: 'docker', image: 'apache/kafka:4.3.1', brokers: 2 })
    expect(said).toEqual(['no Java here, so the brokers run in containers (apache/kafka:4.3.1)'])
  })
})
