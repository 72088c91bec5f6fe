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
        },
        42,
      ),
    }
    expect(settingsFromEnvironment(environment)).toEqual({
      bootstrap: '127.0.0.1:1001,127.0.0.1:1002',
      inputTopic: 'orders',
      outputTopics: ['payments', 'audit'],
      group: 'copier-group',
      transactionalId: 'pay-2-copier-1',
      workload: 'pay-2-copier',
      index: 1,
      journalFile: '/run/copier-1.ndjson',
      transactionSize: 7,
      abortShare: 0.25,
      abortTransactions: [2, 5],
      mistake: 'read-uncommitted',
      groupProtocol: 'consumer',
      seed: 42,
    })
  })

  it('that a plan leaves out mean: no aborts, no mistake, the classic group', () => {
    const environment = {
      ...instanceEnvironment(setup),
      ...copierEnvironment(
        { client: 'kafkajs', instances: 1, transactionSize: 100, restartTimes: 0 },
        0,
      ),
    }
    expect(settingsFromEnvironment(environment)).toMatchObject({
      abortShare: 0,
      abortTransactions: [],
      mistake: undefined,
      groupProtocol: 'classic',
    })
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
  })

  it('name the workload without the number of the instance', () => {
    expect(workloadOf(setup)).toBe('pay-2-copier')
  })
})
