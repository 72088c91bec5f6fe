// The closed union of all lines of a run's history: what the proxy reports, and what the runner, the readers and
// the application add. One line is one JSON object (docs/history.md). Types only.
import type { ClientPosture, CommittedOffset, FaultStatus, ProxyEvent } from '../proxy/events.ts'

export type Verdict = 'PASS' | 'INCONCLUSIVE' | 'FAIL'

/** Every anomaly that a checker can find. */
export const anomalyKinds = [
  'duplicate',
  'lost-write',
  'missing-output',
  'aborted-read',
  'torn-transaction',
  'offset-output-mismatch',
  'reordered',
  'inconsistent-offsets',
  'unexpected',
  'shared-ack',
  'zombie-write',
  'hanging-transaction',
  'stall',
  'no-recovery',
  'invariant',
  'availability',
  'commit-latency',
  'policy-violation',
  'wrong-error-class',
] as const
export type AnomalyKind = (typeof anomalyKinds)[number]

/** What an output topic owes to the input. */
export type Contract =
  | 'one-per-input'
  | 'at-least-once'
  | 'at-most-once'
  | 'acked'
  | { 'fan-out': number }

/** Percentiles of commits that are reported, and that a plan may bound. */
export const latencyRanks = ['p50', 'p90', 'p95', 'p99', 'max'] as const
export type LatencyRank = (typeof latencyRanks)[number]

/** A sum over the committed outputs that must hold. */
export interface Invariant {
  /** Where a record keeps its number: `json:$.amount`, or any other place of an id. */
  sum: string
  equals: number
  /** `every-read`: also in what a concurrent reader had been handed, wherever that can be judged. */
  at: 'every-read' | 'end'
}

/** What the plan says that the run must come to. */
export interface Expectation {
  verdict: Verdict
  /** With FAIL: exactly these kinds must be found. */
  findings?: AnomalyKind[]
  allow: Array<{ kind: AnomalyKind; reason: string }>
  /** Bounds on liveness; without one nothing fails. */
  recoveryMs?: number
  stallMs?: number
  /** Share of the time with progress, between 0 and 1. */
  availability?: number
  commitLatencyMs?: Partial<Record<LatencyRank, number>>
  invariant?: Invariant
}

export type SinkKind = 'file' | 'postgres'

export interface PlannedFault {
  name: string
  kind: string
  times?: number | 'unlimited'
}

/** The first line: what was run, and what it must come to. */
export interface RunLine {
  type: 'run'
  atMs: number
  format: 1
  plan: string
  asks?: string
  seed: number
  cluster: { kind: string; version: string; brokers: number; features: Record<string, number> }
  inputs: Array<{ topic: string; partitions: number }>
  /** `sink`: no topic but something else that the application writes to, called by this name. */
  outputs: Array<{ topic: string; partitions: number; contract: Contract; sink?: SinkKind }>
  group?: string
  /** Where outputs keep their id, and inputs if it differs. */
  id: string
  inputId?: string
  instances: string[]
  /** False when the application's traffic did not go through the proxy at all. */
  proxied: boolean
  faults: PlannedFault[]
  /** Ids that the application itself reported as failed need not be there. */
  declaredFailures?: 'may-be-missing'
  expect: Expectation
}

/** Steps of a run, in their usual order. */
export type Phase =
  | 'cluster-up'
  | 'instances-started'
  | 'warm'
  | 'load-started'
  | 'load-finished'
  | 'healed'
  | 'drain-started'
  | 'instances-stopped'
  | 'audited'

export interface PhaseLine {
  type: 'phase'
  atMs: number
  phase: Phase
}

export type LogRole = 'input' | 'output'

/** A batch of records as it lies in the log. Its state is derived from the markers that follow it. */
export interface LogBatchLine {
  type: 'log-batch'
  atMs: number
  role: LogRole
  topic: string
  partition: number
  baseOffset: number
  lastOffset: number
  /** -1, -1, -1 when the producer was not idempotent. */
  producerId: number
  producerEpoch: number
  baseSequence: number
  transactional: boolean
  state: 'committed' | 'aborted' | 'open'
  codec: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** The newest timestamp in the batch. */
  timestampMs: number
  /** One per record, in order; null where a record has no id. */
  ids: Array<string | null>
  /** The records' offsets, only where they are not baseOffset, baseOffset + 1, … */
  offsets?: number[]
  /** The numbers that the plan's invariant is about, one per record; null where a record has none. */
  values?: Array<number | null>
}

/** The end of a transaction as it lies in the log. */
export interface LogMarkerLine {
  type: 'log-marker'
  atMs: number
  role: LogRole
  topic: string
  partition: number
  offset: number
  producerId: number
  producerEpoch: number
  result: 'commit' | 'abort'
  coordinatorEpoch: number
  timestampMs: number
}

/** Bytes in the log that could not be read as records. */
export interface LogDamageLine {
  type: 'log-damage'
  atMs: number
  role: LogRole
  topic: string
  partition: number
  baseOffset: number
  lastOffset: number
  problem: string
}

/** The reader of the log has reached the end of a partition. */
export interface PartitionEndLine {
  type: 'partition-end'
  atMs: number
  role: LogRole
  topic: string
  partition: number
  /** Where reading began: the log's start, or later where older records are none of our business. */
  firstOffset: number
  highWatermark: number
  lastStable: number
}

/** Records that a read_committed reader was handed. */
export interface ReadLine {
  type: 'read'
  atMs: number
  reader: 'concurrent' | 'final'
  topic: string
  partition: number
  /** Runs of offsets: [first, how many]. */
  offsets: Array<[number, number]>
  ids: Array<string | null>
}

/** A reader did not do its work; what it did deliver stands. */
export interface ReaderErrorLine {
  type: 'reader-error'
  atMs: number
  reader: 'log' | 'concurrent' | 'final' | 'drain'
  message: string
}

/** The group's committed offsets, as the coordinator tells them at the end. */
export interface GroupOffsetsLine {
  type: 'group-offsets'
  atMs: number
  group: string
  offsets: CommittedOffset[]
}

/** Whether everything came to rest, and if not, what was left. */
export interface DrainLine {
  type: 'drain'
  atMs: number
  drained: boolean
  waitedMs: number
  boundMs: number
  /** Sentences, one per thing that was not at rest. */
  left: string[]
}

/** A transaction that its coordinator still held open when the audit began. */
export interface OpenTransactionLine {
  type: 'open-transaction'
  atMs: number
  transactionalId: string
  producerId: number
  producerEpoch: number
  state: string
  timeoutMs: number
  startedAtMs: number
  topicPartitions: string[]
}

export type Belief = 'ok' | 'failed' | 'unknown'

/** What the application believed: a line of its journal. */
export type JournalEntry =
  | { read: string[]; transaction?: string }
  | { sent: string; outcome: Belief; at?: string; transaction?: string }
  | { txn: 'commit' | 'abort'; outcome: Belief; ids: string[]; transaction?: string }

export interface JournalLine {
  type: 'journal'
  atMs: number
  instance: string
  /** Number of the line in that instance's journal, from 1. */
  line: number
  entry: JournalEntry
}

export interface InstanceLine {
  type: 'instance'
  atMs: number
  instance: string
  /** `killed` by a fault or past its grace; `exited` by itself; `stopped` when asked to. */
  change: 'started' | 'exited' | 'killed' | 'paused' | 'resumed' | 'stopped'
  code?: number
  signal?: string
}

export type BrokerLine = Extract<ProxyEvent, { type: 'broker' }>

/** The engine's own count of every fault, at the end. */
export interface FaultStatusLine {
  type: 'fault-status'
  atMs: number
  faults: FaultStatus[]
}

/** Something that only the runner can know and that keeps the run from being a PASS. */
export interface GuardLine {
  type: 'guard'
  atMs: number
  guard: string
  message: string
}

export type AuditLine =
  | LogBatchLine
  | LogMarkerLine
  | LogDamageLine
  | PartitionEndLine
  | ReadLine
  | ReaderErrorLine
  | GroupOffsetsLine
  | DrainLine
  | OpenTransactionLine

/** How each of the application's clients was seen to use Kafka, once it had done its work. */
export interface PostureLine {
  type: 'posture-list'
  atMs: number
  clients: ClientPosture[]
}

export type HistoryLine =
  | ProxyEvent
  | AuditLine
  | RunLine
  | PhaseLine
  | JournalLine
  | InstanceLine
  | FaultStatusLine
  | PostureLine
  | GuardLine
