// A plan as everything after the reader sees it: defaults filled in, units resolved. Faults stay the JSON
// that they were written as, because that is what the engine arms.
import type { FaultSpec } from '../faults/fault.ts'
import { durationMs, recordsPerSecond, share } from '../faults/vocabulary.ts'
import { type Policy, policyOf } from '../policies/policy.ts'
import { type AttachPlan, attachOf, groupDefault } from './attached.ts'
import type {
  FindingKind,
  Mistake,
  PlanDocument,
  WrittenBrokerTls,
  WrittenDoorTls,
  WrittenSasl,
} from './plan-schema.ts'

/** Of a plan that names none, where the caller gives none either. */
export const seedDefault = 1
export const kafkaVersionDefault = '4.3.1'
export const brokersDefault = 3
export const partitionsDefault = 3
export const instancesDefault = 2
export const transactionSizeDefault = 100
export const ratePerSecondDefault = 1_000
export const stopGraceDefaultMs = 5_000
export const startGraceDefaultMs = 60_000
export const idPlaceDefault = 'header:gauntlet-id'

export type Configuration = Record<string, string | number | boolean>

export type ClusterPlan =
  | {
      kind: 'embedded'
      version: string
      brokers: number
      features: Record<string, number>
      config: Configuration
      isSecured: boolean
    }
  | DockerPlan
  | ExternalPlan

/** Brokers in containers. */
export interface DockerPlan {
  kind: 'docker'
  image: string
  brokers: number
  features: Record<string, number>
  config: Configuration
}

/** Files and environment variables are named here, and read by whoever connects. */
export interface ExternalPlan {
  kind: 'external'
  bootstrap: string[]
  map?: Record<string, string>
  tls?: WrittenBrokerTls
  sasl?: WrittenSasl
}

export interface TopicPlan {
  /** How faults may call it: `input`, or `output` where there is one output. */
  alias: string
  name: string
  partitions: number
  /** First leader of each partition, in order; empty: wherever the cluster puts them. */
  leaders: number[]
  config: Configuration
}

export interface CopierPlan {
  kind: 'copier'
  client: 'java' | 'kafkajs'
  clientVersion?: string
  instances: number
  transactionSize: number
  /** Between 0 and 1. */
  abortShare?: number
  abortTransactions?: number[]
  mistake?: Mistake
  restartTimes: number
  groupProtocol?: 'classic' | 'consumer'
  /** Templates with `${instance}`, `${workload}` and `${index}`. */
  transactionalId?: string
  groupInstanceId?: string
  assignment?: 'eager' | 'cooperative'
  transactionTimeoutMs?: number
  sessionTimeoutMs?: number
  compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** How long the work on one transaction takes while it is open. */
  workTimeMs?: number
  requestBytesMax?: number
}

export interface CommandPlan {
  kind: 'command'
  run: string
  cwd?: string
  env: Record<string, string>
  instances: number
  ready?: string
  restartTimes: number
  stopGraceMs: number
  /** How long an instance may take until it is ready, and then until it has committed once. */
  startGraceMs: number
  group: string
  /** `header:NAME`, `key`, `value`, `json:$.PATH` or `regex:EXPRESSION` */
  id: string
}

export type WorkloadPlan = CopierPlan | CommandPlan | AttachPlan

/** Texts may hold `${id}`, `${source}`, `${sequence}`, `${partition}` and `${amount}`. */
export type LoadPhase =
  | {
      kind: 'records'
      records: number
      ratePerSecond: number
      /** Share (0 to 1) of records written in transactions that are aborted. */
      abortedShare: number
      /** `records` is a minimum: feeding goes on until the last fault has healed and all is well again. */
      openEnded: boolean
      key?: string
      value?: string
    }
  | { kind: 'wait'; waitMs: number }

export type Contract =
  | 'one-per-input'
  | 'at-least-once'
  | 'at-most-once'
  | 'acked'
  | { 'fan-out': number }

export type Verdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE'

const latencyRanks = ['p50', 'p90', 'p95', 'p99', 'max'] as const
type LatencyRank = (typeof latencyRanks)[number]

export interface ExpectPlan {
  verdict: Verdict
  /** Findings that a FAIL must show, all of them. */
  findings: FindingKind[]
  /** Why the client at hand owes something else than the plan says of all; empty: it does not. */
  because: string
  drainMs?: number
  recoveryMs?: number
  stallMs?: number
  /** Share of the time with progress, between 0 and 1. */
  availability?: number
  /** By percentile. */
  commitLatencyMs?: Partial<Record<LatencyRank, number>>
  invariant?: { sum: string; equals: number; at: 'every-read' | 'end' }
  allow: { kind: FindingKind; reason: string }[]
}

export type SinkPlan =
  | { kind: 'file'; path: string; format: 'ndjson' | 'csv'; id: string }
  | {
      kind: 'postgres'
      /** The address holds a password, so the plan only says where it is. */
      url: { environment: string } | { file: string }
      table: string
      /** `column:NAME` or `expression:SQL` */
      id: string
    }

export interface Plan {
  name: string
  /** The question that the plan answers; empty if it does not say. */
  asks: string
  /** Words by which several plans are asked for at once. */
  tags: string[]
  seed: number
  cluster: ClusterPlan
  /** Feature levels that the proxy tells clients, e.g. `transaction.version: 1`. */
  advertise: Record<string, number>
  /** TLS between clients and the proxy. */
  doorTls?: WrittenDoorTls
  /** How clients of the proxy must write and read. */
  policies: Policy[]
  topics: { input: TopicPlan; outputs: TopicPlan[] }
  workload: WorkloadPlan
  /** What the application writes to where it is no topic, and what it owes to the input. */
  sink?: SinkPlan & { contract: Contract }
  /** False where the plan has a sink and names no output topic: nothing is expected in one then. */
  outputsJudged: boolean
  load: LoadPhase[]
  /** By the output's real name. */
  contracts: Record<string, Contract>
  declaredFailures: 'must-be-there' | 'may-be-missing'
  /** The load starts when the group is stable with so many members. */
  startWhen?: { members: number }
  faults: FaultSpec[]
  expect: ExpectPlan
  /** Client libraries to which the question cannot be put, with the reason. */
  notFor: Partial<Record<CopierPlan['client'], string>>
  /** Where it was read from. */
  file: string
  /** Its text with all overrides, which read again gives this plan. */
  text: string
}

/** What the proxy needs of a plan when it stands alone. */
export interface ProxyPlan {
  /** Absent where a plan holds nothing but faults. */
  name?: string
  seed: number
  advertise: Record<string, number>
  /** The cluster to stand in front of, where the plan names one. */
  external?: ExternalPlan
  doorTls?: WrittenDoorTls
  policies: Policy[]
  topicAliases: Record<string, string>
  faults: FaultSpec[]
}

/** What a program that drives cluster and proxy by itself wants of both. */
export interface SessionPlan extends ProxyPlan {
  cluster: ClusterPlan
  topics: Plan['topics']
}

/** Names that triggers and selectors may use for topics, with the real names. */
export function topicAliases({
  topics: { input, outputs },
}: Pick<Plan, 'topics'>): Record<string, string> {
  const topics = [input, ...outputs]
  return Object.fromEntries(topics.map(({ alias, name }) => [alias, name]))
}

/** The name of a list's entry; a fault without one is called by its kind. The entry may be malformed. */
export function entryName(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { name, inject } = entry as { name?: unknown; inject?: unknown }
  if (typeof name === 'string') return name
  return typeof inject === 'object' && inject !== null ? Object.keys(inject)[0] : undefined
}

/** The JSON that is armed: as written, with a name. */
export function namedFault(fault: NonNullable<PlanDocument['faults']>[number]): FaultSpec {
  return { ...(fault as Omit<FaultSpec, 'name'>), name: entryName(fault) ?? '' }
}

/** Turns a valid document into a plan. */
export function planOf(document: PlanDocument, place: { file: string; text: string }): Plan {
  const topics = topicsOf(document)
  return {
    name: document.name,
    asks: document.asks ?? '',
    tags: document.tags ?? [],
    seed: document.seed ?? seedDefault,
    cluster: clusterOf(document),
    advertise: document.advertise ?? {},
    ...given('doorTls', doorTlsOf(document)),
    policies: (document.policies ?? []).map(policyOf),
    topics,
    workload: workloadOf(document),
    ...given('sink', sinkOf(document)),
    outputsJudged: document.sink === undefined || document.topics?.output !== undefined,
    load: loadOf(document),
    contracts: contractsOf(document, topics.outputs),
    declaredFailures: document['declared-failures'] ?? 'must-be-there',
    ...given('startWhen', startWhenOf(document)),
    faults: (document.faults ?? []).map(namedFault),
    expect: expectOf(document),
    notFor: notForOf(document),
    ...place,
  }
}

/** Turns a valid document, of which the proxy alone was asked, into what it needs. */
export function proxyPlanOf(document: PlanDocument): ProxyPlan {
  return {
    ...given('name', document.name),
    seed: document.seed ?? seedDefault,
    advertise: document.advertise ?? {},
    ...given('external', externalOf(document)),
    ...given('doorTls', document.proxy?.tls),
    policies: (document.policies ?? []).map(policyOf),
    topicAliases: topicAliases({ topics: topicsOf(document) }),
    faults: (document.faults ?? []).map(namedFault),
  }
}

/** Turns a valid document, of which cluster and proxy were asked, into what both need. */
export function sessionPlanOf(document: PlanDocument): SessionPlan {
  return {
    ...proxyPlanOf(document),
    ...given('doorTls', doorTlsOf(document)),
    cluster: clusterOf(document),
    topics: topicsOf(document),
  }
}

function externalOf({ cluster }: PlanDocument): ExternalPlan | undefined {
  if (cluster?.external === undefined) return undefined
  const { bootstrap, map, tls, sasl } = cluster.external
  return {
    kind: 'external',
    bootstrap,
    ...given('map', map),
    ...given('tls', tls),
    ...given('sasl', sasl),
  }
}

/** Brokers that ask for TLS are ours to give certificates to, and so is the proxy in front of them. */
function doorTlsOf({ proxy, cluster }: PlanDocument): WrittenDoorTls | undefined {
  return proxy?.tls ?? (cluster?.embedded?.security === 'sasl-ssl' ? 'generated' : undefined)
}

/** Kafka's own image of a release. */
export const imageOf = (version: string): string => `apache/kafka:${version}`

function clusterOf(document: PlanDocument): ClusterPlan {
  const external = externalOf(document)
  if (external !== undefined) return external
  const { cluster } = document
  if (cluster?.docker !== undefined) {
    const { image, brokers, features, config } = cluster.docker
    return {
      kind: 'docker',
      image: image ?? imageOf(kafkaVersionDefault),
      brokers: brokers ?? brokersDefault,
      features: features ?? {},
      config: config ?? {},
    }
  }
  return {
    kind: 'embedded',
    version: cluster?.embedded?.version ?? kafkaVersionDefault,
    brokers: cluster?.embedded?.brokers ?? brokersDefault,
    features: cluster?.embedded?.features ?? {},
    config: cluster?.embedded?.config ?? {},
    isSecured: cluster?.embedded?.security === 'sasl-ssl',
  }
}

function startWhenOf(document: PlanDocument): Plan['startWhen'] {
  const written = document['start-when']
  if (written === undefined) return undefined
  return { members: written.members ?? workloadOf(document).instances }
}

type WrittenTopic = NonNullable<NonNullable<PlanDocument['topics']>['input']>

export function topicsOf({ topics }: Pick<PlanDocument, 'topics'>): Plan['topics'] {
  const topic = (alias: string, written: WrittenTopic = {}): TopicPlan => ({
    alias,
    name: written.name ?? alias,
    partitions: written.partitions ?? written.leaders?.length ?? partitionsDefault,
    leaders: written.leaders ?? [],
    config: written.config ?? {},
  })
  const output = topics?.output
  return {
    input: topic('input', topics?.input),
    outputs: Array.isArray(output)
      ? output.map((one) => topic(one.name, one))
      : [topic('output', output)],
  }
}

function workloadOf({ workload }: PlanDocument): WorkloadPlan {
  const { copier, command, attach } = workload
  if (copier !== undefined) {
    const { abort } = copier
    return {
      kind: 'copier',
      client: copier.client,
      ...given('clientVersion', copier['client-version']),
      instances: copier.instances ?? instancesDefault,
      transactionSize: copier['transaction-size'] ?? transactionSizeDefault,
      ...given('abortShare', typeof abort === 'string' ? share(abort) : undefined),
      ...given('abortTransactions', typeof abort === 'object' ? abort.transactions : undefined),
      ...given('mistake', copier.mistake),
      restartTimes: copier.restart?.times ?? 0,
      ...given('groupProtocol', copier['group-protocol']),
      ...given('transactionalId', copier['transactional-id']),
      ...given('groupInstanceId', copier['group-instance-id']),
      ...given('assignment', copier.assignment),
      ...given('transactionTimeoutMs', milliseconds(copier['transaction-timeout'])),
      ...given('sessionTimeoutMs', milliseconds(copier['session-timeout'])),
      ...given('compression', copier.compression),
      ...given('workTimeMs', milliseconds(copier['work-time'])),
      ...given('requestBytesMax', copier['max-request-size']),
    }
  }
  if (command !== undefined) {
    const grace = command['stop-grace']
    const env = Object.entries(command.env ?? {}).map(([key, value]) => [key, String(value)])
    return {
      kind: 'command',
      run: command.run,
      ...given('cwd', command.cwd),
      env: Object.fromEntries(env) as Record<string, string>,
      instances: command.instances ?? instancesDefault,
      ...given('ready', command.ready),
      restartTimes: command.restart?.times ?? 0,
      stopGraceMs: grace === undefined ? stopGraceDefaultMs : durationMs(grace),
      startGraceMs: milliseconds(command['start-grace']) ?? startGraceDefaultMs,
      group: command.group ?? groupDefault,
      id: command.id ?? idPlaceDefault,
    }
  }
  if (attach !== undefined) return attachOf(attach, idPlaceDefault)
  throw new Error('the reader lets no other workload through')
}

/** A key only where there is a value. */
function given<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { [key in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [key in Key]?: Value }
}

/** One object is a minimum; the phases of a list are taken as they stand. */
function loadOf({ load }: PlanDocument): LoadPhase[] {
  return (Array.isArray(load) ? load : [load]).map((phase): LoadPhase => {
    if ('wait' in phase) return { kind: 'wait', waitMs: durationMs(phase.wait) }
    return {
      kind: 'records',
      records: phase.records,
      ratePerSecond: phase.rate === undefined ? ratePerSecondDefault : recordsPerSecond(phase.rate),
      abortedShare: phase.aborted === undefined ? 0 : share(phase.aborted),
      openEnded: !Array.isArray(load),
      ...given('key', phase.key),
      ...given('value', phase.value),
    }
  })
}

type WrittenContract = Exclude<PlanDocument['contract'], undefined>

/** A map of contracts by topic, as against one contract that is a map. */
export function isContractByTopic(
  contract: WrittenContract,
): contract is Exclude<WrittenContract, string | { 'fan-out': number }> {
  return typeof contract === 'object' && !('fan-out' in contract)
}

function contractsOf({ contract }: PlanDocument, outputs: readonly TopicPlan[]): Plan['contracts'] {
  const byTopic = contract !== undefined && isContractByTopic(contract)
  return Object.fromEntries(
    outputs.map(({ alias, name }) => {
      const written = byTopic ? (contract[name] ?? contract[alias]) : contract
      return [name, written ?? 'one-per-input']
    }),
  )
}

function milliseconds(text: string | undefined): number | undefined {
  return text === undefined ? undefined : durationMs(text)
}

function notForOf({ expect }: PlanDocument): Plan['notFor'] {
  const reasons = Object.entries(expect?.clients ?? {}).flatMap(([client, { applies, because }]) =>
    applies === false ? [[client, because]] : [],
  )
  return Object.fromEntries(reasons) as Plan['notFor']
}

function expectOf({ expect, workload }: PlanDocument): ExpectPlan {
  const client = workload.copier?.client
  const own = client === undefined ? undefined : expect?.clients?.[client]
  // A verdict of its own comes with its own findings: those of the plan belong to the plan's verdict.
  const { verdict, findings } = own?.verdict === undefined ? (expect ?? {}) : own
  return {
    verdict: verdict ?? 'PASS',
    findings: findings ?? [],
    because: own?.because ?? '',
    ...given('drainMs', milliseconds(expect?.drain)),
    ...given('recoveryMs', milliseconds(expect?.recovery)),
    ...given('stallMs', milliseconds(expect?.stall)),
    ...given(
      'availability',
      expect?.availability === undefined ? undefined : share(expect.availability),
    ),
    ...given('commitLatencyMs', latencyBounds(expect?.['commit-latency'])),
    ...given(
      'invariant',
      expect?.invariant === undefined
        ? undefined
        : { at: 'every-read' as const, ...expect.invariant },
    ),
    allow: expect?.allow ?? [],
  }
}

function latencyBounds(
  written: NonNullable<PlanDocument['expect']>['commit-latency'],
): Partial<Record<LatencyRank, number>> | undefined {
  if (written === undefined) return undefined
  return Object.fromEntries(
    latencyRanks.flatMap((rank) => {
      const bound = written[rank]
      return bound === undefined ? [] : [[rank, durationMs(bound)]]
    }),
  )
}

function sinkOf({ sink, contract }: PlanDocument): Plan['sink'] {
  const byTopic = contract !== undefined && isContractByTopic(contract)
  const owed = byTopic ? 'one-per-input' : (contract ?? 'one-per-input')
  if (sink?.file !== undefined) {
    const { path, format, id } = sink.file
    const guessed = path.endsWith('.csv') ? 'csv' : 'ndjson'
    return { kind: 'file', path, format: format ?? guessed, id, contract: owed }
  }
  if (sink?.postgres !== undefined) {
    const { table, id, 'url-env': environment, 'url-file': file } = sink.postgres
    const url = file === undefined ? { environment: environment ?? '' } : { file }
    return { kind: 'postgres', url, table, id, contract: owed }
  }
  return undefined
}
