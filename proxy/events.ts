// The closed union of everything the engine reports. Types only: whoever listens (history, terminal,
// metrics, page) reads these and nothing else. All values are JSON-safe; times are milliseconds since
// the epoch; producer ids and offsets are plain numbers.

export type Plane = 'client' | 'inter-broker' | 'controller'

/** Which exchange (one request and its answer) something is about. */
export interface ExchangeIdentity {
  connection: number
  plane: Plane
  /** Node id of the broker that the connection leads to; -1 for a bootstrap connection. */
  node: number
  /** The application instance that owns the listener, e.g. `copier-0`; absent on other planes. */
  instance?: string
  /** Between brokers: the node id of the sender, as its client id tells. */
  source?: number
  clientId: string | null
  api: string
  version: number
  correlationId: number
  transactionalIds?: string[]
  groups?: string[]
  producerId?: number
  producerEpoch?: number
  /** The Nth transaction of its transactional id, from 1. */
  transaction?: number
  /** `topic-partition` */
  topicPartitions?: string[]
}

/** What the client was told. A lost answer is `unknown`, never `failed`. */
export type Outcome = 'ok' | 'failed' | 'unknown'

/** One batch of a Produce request: what was sent, what the broker said, what the client was told. */
export interface SentBatch {
  topic: string
  partition: number
  /** -1 when the producer is not idempotent. */
  producerId: number
  producerEpoch: number
  baseSequence: number
  records: number
  transactional: boolean
  told: Outcome
  /** The broker's answer by name; absent when none was seen. */
  brokerError?: string
  /** Offset the broker gave the batch's first record; absent when not known. */
  baseOffset?: number
}

export interface CommittedOffset {
  topic: string
  partition: number
  offset: number
}

export type TransactionPhase = 'idle' | 'begun' | 'producing' | 'offsets' | 'ending' | 'ended'
export type TransactionOutcome = 'committed' | 'aborted' | 'unknown'
export type TransactionProtocol = 'V1' | 'V2'
export type TransactionDecision = 'committed' | 'aborted'

/** How an outcome became known that the client was not told by a plain answer. */
export type TransactionEvidence =
  /** A repeated EndTxn was answered NONE. */
  | 'end-retry-answered'
  /** INVALID_TXN_STATE to the one decision: the other had been taken. */
  | 'opposite-refused'
  /** The broker's NONE passed the proxy but never reached the client. */
  | 'answer-seen'
  /** The client went on with the epoch that only a decided EndTxn v5+ hands out. */
  | 'epoch-bumped'
  /** The next transaction was first refused because of a decision being carried out, then accepted. */
  | 'next-accepted'
  /** One with the next transaction, or decided alike, whichever of the two happened. */
  | 'next-decided'
  /** The coordinator wrote the markers. */
  | 'markers-seen'
  /** InitProducerId: the coordinator aborted what was open, or had nothing left to abort. */
  | 'reinitialised'
  /** The epoch was fenced, and no commit can have been decided before. */
  | 'fenced'
  /** Nothing had been added to it. */
  | 'nothing-to-end'

/** What happened to one message because of a fault. */
export interface Firing {
  /** Counts from 1 within its fault. */
  number: number
  firedAtMs: number
  appliedAtMs?: number
  healedAtMs?: number
  /** The message that set it off; absent for time, another fault or a hand. */
  exchange?: ExchangeIdentity
  moment?: 'request' | 'reply'
  /** What was really done, in words, e.g. `closed 3 connections to broker 2`. */
  effect?: string
  /** The broker's answer to a late, duplicated or detached request: NONE or an error's name. */
  brokerAnswer?: string
  /** The request was still held when its client went away, so it was never delivered. */
  discarded?: boolean
  /** Which brokers, instances or processes it hit, as resolved when it fired. */
  targets?: string[]
  /** The error code is one that no broker sends at this API version. */
  synthetic?: boolean
}

export interface FaultStatus {
  name: string
  kind: string
  matched: number
  fired: number
  applied: number
  healed: number
  /** armed: may still fire; active: an effect lasts; spent: all firings done and healed. */
  state: 'armed' | 'active' | 'spent'
  firings: Firing[]
}

/** What is wrong with how an application uses Kafka, seen without any fault. */
export type PostureProblemKind =
  /** Reads a topic that holds transactions, aborted ones included. */
  | 'reads-uncommitted'
  | 'acks-not-all'
  | 'not-idempotent'
  /** Commits offsets by the clock beside a transactional producer of the same application. */
  | 'auto-commit'
  /** A group's offsets are committed inside transactions and outside of them. */
  | 'offsets-beside-transactions'
  /** Two connections that are both alive use one transactional id as their own. */
  | 'shared-transactional-id'
  /** Each start takes a new transactional id, so that nobody is ever fenced. */
  | 'ids-never-repeat'
  /** A transaction lasted longer than its timeout allows. */
  | 'timeout-too-short'
  /** Writes or reads a topic otherwise than a policy of the proxy wants. */
  | 'policy-violated'

export interface PostureProblem {
  problem: PostureProblemKind
  topic?: string
  group?: string
  transactionalId?: string
  /** One sentence on what was seen and what can come of it. */
  message: string
}

/** What a policy may ask of those who write and read its topics. */
export type PolicyRequirement = 'transactions' | 'idempotence' | 'acks-all' | 'read_committed'

/** How often a policy was broken in one way, and what came of that. */
export interface PolicyViolationCount {
  policy: string
  requirement: PolicyRequirement
  action: 'reported' | 'refused'
  count: number
}

/** How a client is told from others: by the listener, its client id and its library. */
export interface ClientName {
  instance?: string
  clientId: string | null
  software?: string
  softwareVersion?: string
}

export type Acks = 'all' | 'leader' | 'none'

/** What one client was seen to do; of each thing the weakest that was seen. */
export interface ClientPosture extends ClientName {
  firstSeenAtMs: number
  lastSeenAtMs: number
  produces: Array<{ topic: string; acks: Acks; idempotent: boolean; transactional: boolean }>
  reads: Array<{ topic: string; isolation: 'read_committed' | 'read_uncommitted' }>
  groups: Array<{
    group: string
    protocol?: 'classic' | 'consumer'
    offsets: 'none' | 'in-transactions' | 'outside' | 'both'
    /** Commits come by the clock. */
    autoCommit: boolean
  }>
  /** The newest of them. */
  transactionalIds: string[]
  transactionalIdCount: number
  protocols: TransactionProtocol[]
  /** The shortest timeout that it asked for. */
  transactionTimeoutMs?: number
  longestTransactionMs?: number
  problems: PostureProblem[]
}

export type ProxyEvent = { atMs: number } & (
  | { type: 'connection-opened'; connection: number; plane: Plane; node: number; instance?: string }
  | { type: 'connection-closed'; connection: number; cause: string }
  | {
      type: 'client-seen'
      connection: number
      instance?: string
      clientId: string | null
      software?: string
      softwareVersion?: string
    }
  /** Something is wrong with a client's use of Kafka; told once per client and thing. */
  | ({ type: 'posture'; client: ClientName } & PostureProblem)
  /** Traffic breaks a policy; told once for each client, policy, topic and requirement. */
  | {
      type: 'policy-violated'
      policy: string
      requirement: PolicyRequirement
      topic: string
      action: 'reported' | 'refused'
      client: ClientName
      connection: number
      api: string
      /** What it does, in words. */
      message: string
    }
  /** A Produce exchange is over: answered, or its connection closed without an answer. */
  | {
      type: 'send'
      exchange: ExchangeIdentity
      sentAtMs: number
      batches: SentBatch[]
      /** Delivered by a fault; the client's own send of the same batches is another event. */
      late?: true
    }
  /** Offsets were committed, inside a transaction (TxnOffsetCommit) or outside (OffsetCommit). */
  | {
      type: 'offsets'
      exchange: ExchangeIdentity
      group: string
      transactionalId?: string
      offsets: CommittedOffset[]
      told: Outcome
      brokerError?: string
      /** Delivered by a fault. */
      late?: true
    }
  /** A transaction changed its phase. `ended` carries the outcome as the client side knows it. */
  | {
      type: 'transaction'
      transactionalId: string
      instance?: string
      transaction: number
      phase: TransactionPhase
      producerId: number
      producerEpoch: number
      protocol?: TransactionProtocol
      /** The client's request that led to the phase; absent where an answer or a conclusion did. */
      api?: string
      outcome?: TransactionOutcome
      /** What the broker has decided as far as the proxy saw, told to the client or not. */
      decided?: TransactionDecision
      /** Present when the outcome was concluded, not simply answered. */
      evidence?: TransactionEvidence
      /** What the broker said to EndTxn, known even when the answer never reached the client. */
      brokerError?: string
      /** What every EndTxn that the client sent in this transaction asked for. */
      asked?: 'commit' | 'abort' | 'both'
      partitions?: string[]
      durationMs?: number
    }
  | {
      type: 'producer'
      transactionalId: string
      producerId: number
      producerEpoch: number
      instance?: string
      change: 'initialised' | 'bumped' | 'fenced'
    }
  /** A group got a new generation (classic) or member epoch (KIP-848), or settled in it. */
  | {
      type: 'group'
      group: string
      protocol: 'classic' | 'consumer'
      state: 'empty' | 'rebalancing' | 'stable'
      epoch: number
      members: number
      rebalances: number
    }
  /** Something the tracker did not expect; reported, never thrown. */
  | { type: 'oddity'; transactionalId?: string; group?: string; message: string }
  /** An instance finished a unit of work: EndTxn(commit) or OffsetCommit answered NONE. */
  | { type: 'progress'; instance: string; via: 'EndTxn' | 'OffsetCommit' }
  | { type: 'fault-armed'; fault: string; kind: string }
  | { type: 'fault-fired'; fault: string; kind: string; firing: Firing }
  | { type: 'fault-applied'; fault: string; kind: string; firing: Firing }
  | { type: 'fault-answered'; fault: string; kind: string; firing: Firing }
  | { type: 'fault-healed'; fault: string; kind: string; firing: Firing }
  | { type: 'fault-disarmed'; fault: string; kind: string }
  /** The proxy could not do what it must (decode, rewrite, apply): the run cannot be PASS. */
  | { type: 'error'; code: string; message: string; connection?: number }
  /** The proxy's event loop stood still: a fault that nobody planned. */
  | { type: 'loop-stalled'; stalledMs: number }
  /** Something was done to a broker's process, or it ended by itself. */
  | { type: 'broker'; node: number; change: BrokerChange }
  /** A broker was found, or found again at another address. */
  | { type: 'broker-seen'; node: number; host: string; port: number; listen?: string }
  /** The cluster no longer names a broker: it is down, or gone. Told again if it comes and goes. */
  | { type: 'broker-gone'; node: number }
  /** A request newer than we know: passed as it is, unfollowed. Told once for each API and version. */
  | {
      type: 'version-unknown'
      plane: Plane
      connection: number
      apiKey: number
      version: number
      api?: string
    }
  | { type: 'feature-advertised'; feature: string; level: number; brokerLevel: number }
)

/** What became of a broker's process. */
export type BrokerChange = 'started' | 'exited' | 'killed' | 'paused' | 'resumed' | 'stopped'

/** An event before the clock has stamped it. */
export type ProxyEventBody = ProxyEvent extends infer Event
  ? Event extends ProxyEvent
    ? Omit<Event, 'atMs'>
    : never
  : never

export type Emit = (event: ProxyEventBody) => void
