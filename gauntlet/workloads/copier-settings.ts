// What a copier is told, and how: every setting travels as an environment variable, so that a copier can
// be started by hand as well. `copierEnvironment` and `settingsFromEnvironment` are each other's inverse;
// the Java copier reads the same names.
import { isMistake, type Mistake } from './mistakes.ts'
import type { InstanceSetup } from './workload.ts'

/** A copier as a plan asks for it. */
export interface CopierSpec {
  client: 'kafkajs' | 'java'
  /** Version of the Java client; of no meaning to kafkajs. */
  clientVersion?: string
  instances: number
  /** Records per transaction at most; a transaction is smaller when no more are there. */
  transactionSize: number
  /** Share (0 to 1) of transactions that are aborted on purpose, and done again. */
  abortShare?: number
  /** Transactions that are aborted on purpose, counted from 1 per transactional id and process. */
  abortTransactions?: readonly number[]
  mistake?: Mistake
  /** How often an instance that ends by itself is started again. */
  restartTimes: number
  /** Java only: classic, or the group protocol of KIP-848. */
  groupProtocol?: 'classic' | 'consumer'
}

/**
 * Timeouts of both copiers. Far shorter than the clients' defaults, so that a run sees within seconds what
 * production sees within minutes; still longer than any pause that is none of our faults.
 */
export const copierTimeouts = {
  /** The smallest that a broker allows by default (group.min.session.timeout.ms). */
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 1_500,
  /** How long a rebalance waits for a member that is busy. */
  rebalanceTimeoutMs: 30_000,
  requestTimeoutMs: 5_000,
  transactionTimeoutMs: 15_000,
  /** Java: how long initTransactions, commitTransaction and abortTransaction wait before they are called again. */
  blockMs: 10_000,
  /** Java: how long a transaction waits for more records after its first one. */
  lingerMs: 50,
} as const

/** What one copier process works by. */
export interface CopierSettings {
  bootstrap: string
  inputTopic: string
  outputTopics: readonly string[]
  group: string
  /** The instance's own id. Kafkajs does not use it: it takes one per input partition, `<workload>-<partition>`. */
  transactionalId: string
  /** Name of the workload without the instance's number, e.g. `copier`. */
  workload: string
  index: number
  journalFile: string
  transactionSize: number
  abortShare: number
  abortTransactions: readonly number[]
  mistake: Mistake | undefined
  groupProtocol: 'classic' | 'consumer'
  seed: number
}

/** Name of the workload of an instance: `copier-0` belongs to `copier`. */
export function workloadOf(setup: InstanceSetup): string {
  return setup.name.replace(/-[0-9]+$/, '')
}

/** What every application finds in its environment, whatever program it is. */
export function instanceEnvironment(setup: InstanceSetup): Record<string, string> {
  return {
    KAFKA_BOOTSTRAP_SERVERS: setup.bootstrap,
    GAUNTLET_INPUT: setup.inputTopic,
    GAUNTLET_OUTPUT: setup.outputTopics.join(','),
    GAUNTLET_GROUP: setup.group,
    GAUNTLET_TRANSACTIONAL_ID: setup.transactionalId,
    GAUNTLET_WORKLOAD: workloadOf(setup),
    GAUNTLET_INSTANCE: String(setup.index),
    GAUNTLET_JOURNAL: setup.journalFile,
  }
}

/** What a copier finds beyond that. */
export function copierEnvironment(spec: CopierSpec, seed: number): Record<string, string> {
  return {
    GAUNTLET_TRANSACTION_SIZE: String(spec.transactionSize),
    GAUNTLET_ABORT_SHARE: String(spec.abortShare ?? 0),
    GAUNTLET_ABORT_TRANSACTIONS: (spec.abortTransactions ?? []).join(','),
    GAUNTLET_MISTAKE: spec.mistake ?? '',
    GAUNTLET_GROUP_PROTOCOL: spec.groupProtocol ?? 'classic',
    GAUNTLET_SEED: String(seed),
    GAUNTLET_SESSION_TIMEOUT_MS: String(copierTimeouts.sessionTimeoutMs),
    GAUNTLET_HEARTBEAT_INTERVAL_MS: String(copierTimeouts.heartbeatIntervalMs),
    GAUNTLET_REBALANCE_TIMEOUT_MS: String(copierTimeouts.rebalanceTimeoutMs),
    GAUNTLET_REQUEST_TIMEOUT_MS: String(copierTimeouts.requestTimeoutMs),
    GAUNTLET_TRANSACTION_TIMEOUT_MS: String(copierTimeouts.transactionTimeoutMs),
    GAUNTLET_BLOCK_MS: String(copierTimeouts.blockMs),
    GAUNTLET_LINGER_MS: String(copierTimeouts.lingerMs),
  }
}

/** Reads back what the two functions above wrote; throws if somebody else left something out. */
export function settingsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): CopierSettings {
  const text = (name: string): string => {
    const value = environment[name]
    if (value === undefined || value === '') throw new Error(`${name} is not set`)
    return value
  }
  const number = (name: string, otherwise: number): number => {
    const value = environment[name]
    if (value === undefined || value === '') return otherwise
    if (!Number.isFinite(Number(value))) throw new Error(`${name} is not a number: ${value}`)
    return Number(value)
  }
  const mistake = environment.GAUNTLET_MISTAKE ?? ''
  if (mistake !== '' && !isMistake(mistake)) throw new Error(`no such mistake: ${mistake}`)
  return {
    bootstrap: text('KAFKA_BOOTSTRAP_SERVERS'),
    inputTopic: text('GAUNTLET_INPUT'),
    outputTopics: text('GAUNTLET_OUTPUT').split(','),
    group: text('GAUNTLET_GROUP'),
    transactionalId: text('GAUNTLET_TRANSACTIONAL_ID'),
    workload: environment.GAUNTLET_WORKLOAD ?? 'copier',
    index: number('GAUNTLET_INSTANCE', 0),
    journalFile: text('GAUNTLET_JOURNAL'),
    transactionSize: number('GAUNTLET_TRANSACTION_SIZE', 100),
    abortShare: number('GAUNTLET_ABORT_SHARE', 0),
    abortTransactions: (environment.GAUNTLET_ABORT_TRANSACTIONS ?? '')
      .split(',')
      .filter((item) => item !== '')
      .map(Number),
    mistake: mistake === '' ? undefined : mistake,
    groupProtocol: environment.GAUNTLET_GROUP_PROTOCOL === 'consumer' ? 'consumer' : 'classic',
    seed: number('GAUNTLET_SEED', 0),
  }
}
