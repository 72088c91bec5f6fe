// `eos-gauntlet/testcontainers` on a real engine, as a suite of somebody else's uses it: a network, brokers in
// containers, the gauntlet in front of them, and an application on this machine.
import { spawnSync } from 'node:child_process'
import {
  GenericContainer,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import {
  EosGauntletContainer,
  type StartedEosGauntletContainer,
} from '../../gauntlet/testcontainers.ts'
import { idsOf, writeThrough } from './writer.ts'

let network: StartedNetwork
let kafka: StartedTestContainer
let gauntlet: StartedEosGauntletContainer

beforeAll(async () => {
  const built = spawnSync('docker', ['build', '-q', '-t', 'eos-gauntlet:local', '.'], {
    cwd: packageRoot(),
    encoding: 'utf8',
  })
  expect(built.status, built.stderr).toBe(0)
  network = await new Network().start()
  kafka = await new GenericContainer('apache/kafka:4.3.1')
    .withNetwork(network)
    .withNetworkAliases('kafka')
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
      KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:9092',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@kafka:9093',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start()
  gauntlet = await new EosGauntletContainer()
    .withNetwork(network)
    .withUpstream('kafka:9092')
    .withPlan({
      faults: [
        {
          name: 'slow-second',
          when: { reply: 'EndTxn', nth: 2 },
          inject: { delay: { by: '200ms', of: 'reply' } },
        },
      ],
    })
    .start()
})
afterAll(async () => {
  await gauntlet?.stop()
  await kafka?.stop()
  await network?.stop()
})

describe('the gauntlet as a container', () => {
  it('stands in front of brokers in its network, hurts an application on this machine, and judges it', async () => {
    const lost = await gauntlet.inject({
      name: 'lost',
      when: { reply: 'EndTxn', committed: true, error: 'NONE', nth: 3 },
      inject: { disconnect: { at: 'before-reply' } },
    })
    await writeThrough(gauntlet.getBootstrapServers(), 'payments', idsOf('p', 5))
    expect((await lost.applied()).effect).toMatch(/connection/)
    expect(await gauntlet.transactions()).toMatchObject([
      { transactionalId: 'payments', phase: 'ended' },
    ])
    const result = await gauntlet.verdict({ output: 'payments' })
    expect(result, result.reasons.join('\n')).toMatchObject({
      verdict: 'PASS',
      records: { committed: 5 },
      faults: [
        { name: 'slow-second', applied: 1 },
        { name: 'lost', applied: 1 },
      ],
    })
  })

  it('tells applications in its network another address, where the same brokers are', async () => {
    expect(gauntlet.getNetworkBootstrapServers()).toBe('gauntlet:9092')
    const { output, exitCode } = await kafka.exec([
      '/opt/kafka/bin/kafka-topics.sh',
      '--bootstrap-server',
      gauntlet.getNetworkBootstrapServers(),
      '--list',
    ])
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 })
    expect(output).toContain('payments')
  })

  it('says what is wrong with a fault, and with itself when it has no brokers', async () => {
    await expect(
      gauntlet.inject({ when: { reply: 'EndTnx' }, inject: { drop: { side: 'reply' } } }),
    ).rejects.toThrow(/did you mean "EndTxn"/)
    await expect(new EosGauntletContainer().start()).rejects.toThrow(/no brokers/)
  })
})
