import { describe, expect, it } from 'vitest'
import {
  copierEnvironment,
  instanceEnvironment,
  settingsFromEnvironment,
  workloadOf,
} from '../../../gauntlet/workloads/copier-settings.ts'

const setup = {
  index: 1,
  name: 'pay-2-copier-1',
  bootstrap: '127.0.0.1:1001,127.0.0.1:1002',
  inputTopic: 'orders',
  outputTopics: ['payments', 'audit'],
  group: 'copier-group',
  transactionalId: 'pay-2-copier-1',
  journalFile: '/run/copier-1.ndjson',
  logFile: '/run/copier-1.log',
}

describe('copier settings', () => {
  it('come out of the environment as they went in', () => {
    const environment = {
      ...instanceEnvironment(setup),
      ...copierEnvironment(
        {
          client: 'java',
          instances: 2,
          transactionSize: 7,
          abortShare: 0.25,
          abortTransactions: [2, 5],
          mistake: 'read-uncommitted',
          restartTimes: 3,
          groupProtocol: 'consumer',
          transactionalId: `\${workload}-shared`,
          groupInstanceId: `member-\${index}`,
          assignment: 'cooperative',
          transactionTimeoutMs: 4_000,
          sessionTimeoutMs: 45_000,
          compression: 'zstd',
          workTimeMs: 250,
          requestBytesMax: 2_000_000,
        },
        setup,
        42,
      ),
    }
    expect(settingsFromEnvironment(environment)).toEqual({
      bootstrap: '127.0.0.1:1001,127.0.0.1:1002',
      inputTopic: 'orders',
      outputTopics: ['payments', 'audit'],
      group: 'copier-group',
      transactionalId: 'pay-2-copier-shared',
      workload: 'pay-2-copier',
      index: 1,
      journalFile: '/run/copier-1.ndjson',
      transactionSize: 7,
      abortShare: 0.25,
      abortTransactions: [2, 5],
      mistake: 'read-uncommitted',
      groupProtocol: 'consumer',
      sessionTimeoutMs: 45_000,
      heartbeatIntervalMs: 1_500,
      transactionTimeoutMs: 4_000,
      compression: 'zstd',
      workTimeMs: 250,
      seed: 42,
    })
    // What only the Java copier reads.
    expect(environment).toMatchObject({
      GAUNTLET_GROUP_INSTANCE_ID: 'member-1',
      GAUNTLET_ASSIGNMENT: 'cooperative',
      GAUNTLET_REQUEST_BYTES_MAX: '2000000',
    })
  })

  it('that a plan leaves out mean: no aborts, no mistake, the classic group', () => {
    const environment = {
      ...instanceEnvironment(setup),
      ...copierEnvironment(
        { client: 'kafkajs', instances: 1, transactionSize: 100, restartTimes: 0 },
        setup,
        0,
      ),
    }
    expect(settingsFromEnvironment(environment)).toMatchObject({
      abortShare: 0,
      abortTransactions: [],
      mistake: undefined,
      groupProtocol: 'classic',
      transactionalId: 'pay-2-copier-1',
      sessionTimeoutMs: 6_000,
      transactionTimeoutMs: 15_000,
      compression: 'none',
      workTimeMs: 0,
    })
  })

  it('beat often enough for a short session', () => {
    const spec = { client: 'java' as const, instances: 1, transactionSize: 1, restartTimes: 0 }
    const heartbeatOf = (sessionTimeoutMs: number) =>
      copierEnvironment({ ...spec, sessionTimeoutMs }, setup, 0).GAUNTLET_HEARTBEAT_INTERVAL_MS
    expect(heartbeatOf(3_000)).toBe('750')
    expect(heartbeatOf(60_000)).toBe('1500')
  })

  it('give the copier whose mistake it is a transaction timeout that is too short', () => {
    const spec = { client: 'java' as const, instances: 1, transactionSize: 1, restartTimes: 0 }
    const mistake = 'transaction-timeout-too-short' as const
    const wrong = copierEnvironment({ ...spec, mistake }, setup, 0)
    expect(wrong.GAUNTLET_TRANSACTION_TIMEOUT_MS).toBe('1000')
  })

  it('are refused when something is missing or no setting', () => {
    const environment = instanceEnvironment(setup)
    expect(() => settingsFromEnvironment({})).toThrow('KAFKA_BOOTSTRAP_SERVERS is not set')
    expect(() =>
      settingsFromEnvironment({ ...environment, GAUNTLET_TRANSACTION_SIZE: 'many' }),
    ).toThrow('GAUNTLET_TRANSACTION_SIZE is not a number: many')
    expect(() => settingsFromEnvironment({ ...environment, GAUNTLET_MISTAKE: 'typo' })).toThrow(
      'no such mistake: typo',
    )
    expect(() => settingsFromEnvironment({ ...environment, GAUNTLET_COMPRESSION: 'rar' })).toThrow(
      'no such compression: rar',
    )
  })

  it('name the workload without the number of the instance', () => {
    expect(workloadOf(setup)).toBe('pay-2-copier')
  })
})
