// What a copier is told, and how: every setting travels as an environment variable, so that a copier can
// be started by hand as well. `copierEnvironment` and `settingsFromEnvironment` are each other's inverse;
// the Java copier reads the same names.
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { accessEnvironment, accessFromEnvironment } from './client-access.ts'
import { isMistake, type Mistake } from './mistakes.ts'
import { fillTemplate } from './template.ts'
import type { InstanceSetup } from './workload.ts'

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

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
  /** Java only: a template with `${instance}`, `${workload}` and `${index}`; two instances may share one. */
  transactionalId?: string
  /** Java only: a template likewise; makes the instance a static member of its group. */
  groupInstanceId?: string
  /** Java only: whether a rebalance takes all partitions away, or only those that move. */
  assignment?: 'eager' | 'cooperative'
  transactionTimeoutMs?: number
  sessionTimeoutMs?: number
  /** Kafkajs brings none and gzip. */
  compression?: Compression
  /** How long the work on one transaction takes, while the transaction is open. */
  workTimeMs?: number
  /** Java only: what the client itself refuses to send. */
  requestBytesMax?: number
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
  /** How that is reached; absent: plainly. */
  access?: BrokerAccess
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
  sessionTimeoutMs: number
  heartbeatIntervalMs: number
  transactionTimeoutMs: number
  compression: Compression
  workTimeMs: number
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
    ...accessEnvironment(setup.access),
  }
}

/** A session must outlast several heartbeats. */
const heartbeatsPerSession = 4

/** Of a copier whose mistake it is: shorter than a transaction on a slow network takes. */
const shortTransactionTimeoutMs = 1_000

function transactionTimeoutOf({ mistake, transactionTimeoutMs }: CopierSpec): number {
  if (mistake === 'transaction-timeout-too-short') return shortTransactionTimeoutMs
  return transactionTimeoutMs ?? copierTimeouts.transactionTimeoutMs
}

/** What a copier finds beyond that; where a name stands in both, this one counts. */
export function copierEnvironment(
  spec: CopierSpec,
  setup: InstanceSetup,
  seed: number,
): Record<string, string> {
  const sessionTimeoutMs = spec.sessionTimeoutMs ?? copierTimeouts.sessionTimeoutMs
  const heartbeatIntervalMs = Math.min(
    copierTimeouts.heartbeatIntervalMs,
    Math.floor(sessionTimeoutMs / heartbeatsPerSession),
  )
  const names = {
    instance: setup.transactionalId,
    workload: workloadOf(setup),
    index: String(setup.index),
  }
  return {
    ...(spec.transactionalId === undefined
      ? {}
      : { GAUNTLET_TRANSACTIONAL_ID: fillTemplate(spec.transactionalId, names) }),
    GAUNTLET_GROUP_INSTANCE_ID:
      spec.groupInstanceId === undefined ? '' : fillTemplate(spec.groupInstanceId, names),
    GAUNTLET_ASSIGNMENT: spec.assignment ?? '',
    GAUNTLET_COMPRESSION: spec.compression ?? 'none',
    GAUNTLET_WORK_TIME_MS: String(spec.workTimeMs ?? 0),
    GAUNTLET_REQUEST_BYTES_MAX: String(spec.requestBytesMax ?? ''),
    GAUNTLET_TRANSACTION_SIZE: String(spec.transactionSize),
    GAUNTLET_ABORT_SHARE: String(spec.abortShare ?? 0),
    GAUNTLET_ABORT_TRANSACTIONS: (spec.abortTransactions ?? []).join(','),
    GAUNTLET_MISTAKE: spec.mistake ?? '',
    GAUNTLET_GROUP_PROTOCOL: spec.groupProtocol ?? 'classic',
    GAUNTLET_SEED: String(seed),
    GAUNTLET_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
    GAUNTLET_HEARTBEAT_INTERVAL_MS: String(heartbeatIntervalMs),
    GAUNTLET_REBALANCE_TIMEOUT_MS: String(copierTimeouts.rebalanceTimeoutMs),
    GAUNTLET_REQUEST_TIMEOUT_MS: String(copierTimeouts.requestTimeoutMs),
    GAUNTLET_TRANSACTION_TIMEOUT_MS: String(transactionTimeoutOf(spec)),
    GAUNTLET_BLOCK_MS: String(copierTimeouts.blockMs),
    GAUNTLET_LINGER_MS: String(copierTimeouts.lingerMs),
  }
}

const compressions: readonly string[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

function isCompression(word: string): word is Compression {
  return compressions.includes(word)
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
  const compression = environment.GAUNTLET_COMPRESSION ?? 'none'
  if (!isCompression(compression)) throw new Error(`no such compression: ${compression}`)
  const mistake = environment.GAUNTLET_MISTAKE ?? ''
  if (mistake !== '' && !isMistake(mistake)) throw new Error(`no such mistake: ${mistake}`)
  const access = accessFromEnvironment(environment)
  return {
    ...(access === undefined ? {} : { access }),
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
    sessionTimeoutMs: number('GAUNTLET_SESSION_TIMEOUT_MS', copierTimeouts.sessionTimeoutMs),
    heartbeatIntervalMs: number(
      'GAUNTLET_HEARTBEAT_INTERVAL_MS',
      copierTimeouts.heartbeatIntervalMs,
    ),
    transactionTimeoutMs: number(
      'GAUNTLET_TRANSACTION_TIMEOUT_MS',
      copierTimeouts.transactionTimeoutMs,
    ),
    compression,
    workTimeMs: number('GAUNTLET_WORK_TIME_MS', 0),
    seed: number('GAUNTLET_SEED', 0),
  }
}
