// Follows every transaction and group on the wire. A pure state machine: it is told what passes and answers
// with events; it knows no clock, no socket, and throws at nothing that comes from the wire.
// Keyed by transactional id, never by connection: clients share, change and lose connections at will.
import type { ExchangeIdentity, Plane } from '../events.ts'
import type { BatchFacts } from '../protocol/record-batch.ts'
import {
  addOffsetsToTxnKey,
  addPartitionsToTxnKey,
  consumerGroupHeartbeatKey,
  endTxnKey,
  findCoordinatorKey,
  heartbeatKey,
  initProducerIdKey,
  joinGroupKey,
  leaveGroupKey,
  offsetCommitKey,
  produceKey,
  syncGroupKey,
  transactionKeyType,
  txnOffsetCommitKey,
  writeTxnMarkersKey,
} from './api-keys.ts'
import { type Answer, answerOf, applyLoss, applyReply } from './apply-reply.ts'
import { applyLateDelivery, applyRequest, namedProducers, openExchange } from './apply-request.ts'
import { none } from './broker-answers.ts'
import { createGroups, type GroupView } from './groups.ts'
import { locate } from './locate.ts'
import { applyMarkers } from './markers.ts'
import { numberOf, structsOf, textOf } from './message-fields.ts'
import type {
  ConnectionLost,
  Location,
  Observation,
  TransactionEffect,
  TransactionView,
} from './observation.ts'
import { offsetOutcomes } from './offsets.ts'
import { answerBatches } from './produce.ts'
import {
  acceptRepeated,
  expandRepeated,
  followRepeated,
  type RepeatableProduce,
  type RepeatedProduce,
  repeatableProduce,
} from './repeated-produce.ts'
import { createStandings, type TransactionSummary } from './standings.ts'
import { clientStep } from './steps.ts'
import { coordinatorKeysIn, groupsIn } from './subjects.ts'
import {
  createExchanges,
  evictSilent,
  type Memory,
  noteStanding,
  type Outbox,
  phaseOf,
  producerNamed,
  type TrackedExchange,
  type TrackedProducer,
} from './tracked.ts'

export type {
  ConnectionLost,
  Location,
  Observation,
  RepeatableProduce,
  RepeatedProduce,
  TransactionEffect,
  TransactionView,
}

export interface TrackerOptions {
  topicName(topicId: string): string | undefined
  /** Whether Produce without a transactional id becomes `send` events too. */
  journalProduce: 'all' | 'transactional'
}

export interface Tracker {
  /** A request is about to be forwarded, or a fault has taken it (`delivered: false`). */
  observeRequest(o: Observation): readonly TransactionEffect[]
  observeReply(o: Observation): readonly TransactionEffect[]
  connectionLost(lost: ConnectionLost): readonly TransactionEffect[]
  /** Where a message stands; to be asked before it is observed. Changes nothing. */
  locate(o: Observation): Location
  /** Which messages of an API must be decoded for the tracker. */
  concerns(api: string, plane?: Plane): 'request' | 'both' | 'none'
  /** Whether the answer to this request, once observed, matters to the tracker. */
  awaits(request: Observation['request']): boolean
  /** What a Produce, just observed, has in common with those that may follow it; undefined where it is unusual. */
  repeatable(o: Observation): RepeatableProduce | undefined
  /**
   * Follows one that differs from it in its batch alone, by that batch's header; comes to the same as observing it.
   * Undefined, with nothing changed, when it must be observed in full.
   */
  repeat(
    of: RepeatableProduce,
    batch: BatchFacts,
    sent: { correlationId: number; atMs: number },
  ): RepeatedProduce | undefined
  /** It was answered NONE, and the client gets that answer. */
  repeatAccepted(
    sent: RepeatedProduce,
    answer: { atMs: number; baseOffset: number },
  ): readonly TransactionEffect[]
  /** It as if observed in full, for an answer out of the usual or a loss. */
  expand(sent: RepeatedProduce): Observation
  transactions(nowMs?: number): TransactionView[]
  /** What metrics need of all transactional ids, without a view of each. */
  summary(nowMs: number): TransactionSummary
  /** How many are open whose client spoke last on one of these connections. */
  openOn(connections: ReadonlySet<number>): number
  groups(): GroupView[]
}

const clientApis: ReadonlySet<string> = new Set([
  'Produce',
  'FindCoordinator',
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
  'OffsetCommit',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'ConsumerGroupHeartbeat',
])

const nothing: readonly TransactionEffect[] = []

export function createTracker(options: TrackerOptions): Tracker {
  const memory: Memory = {
    producers: new Map(),
    owners: new Map(),
    exchanges: createExchanges(),
    standings: createStandings(),
    topicName: options.topicName,
  }
  const groups = createGroups()
  let latestAtMs = 0

  function outboxAt(atMs: number): Outbox {
    latestAtMs = Math.max(latestAtMs, atMs)
    return { atMs, effects: [] }
  }

  function observeRequest(o: Observation): readonly TransactionEffect[] {
    if (o.plane !== 'client') {
      if (o.plane !== 'inter-broker' || o.apiKey !== writeTxnMarkersKey) return nothing
      if (o.late === true || o.delivered === false) return nothing
      const outbox = outboxAt(o.atMs)
      applyMarkers(outbox, memory, o)
      return outbox.effects
    }
    switch (o.apiKey) {
      case produceKey:
      case initProducerIdKey:
      case addPartitionsToTxnKey:
      case addOffsetsToTxnKey:
      case txnOffsetCommitKey:
      case endTxnKey:
        return observeTransactional(o)
      case findCoordinatorKey:
      case offsetCommitKey:
        memory.exchanges.set(o.request, openExchange(memory, o))
        return nothing
      case joinGroupKey: {
        const outbox = outboxAt(o.atMs)
        groups.observeRequest(outbox, o)
        return outbox.effects
      }
      default:
        return nothing
    }
  }

  function observeTransactional(o: Observation): readonly TransactionEffect[] {
    const known = memory.exchanges.get(o.request)
    if (o.late === true) {
      for (const entry of known?.entries ?? []) applyLateDelivery(entry)
      return nothing
    }
    if (known !== undefined) return nothing
    const journal = options.journalProduce === 'all'
    if (o.apiKey === produceKey && !journal && textOf(o.request, 'transactionalId') === undefined) {
      return nothing
    }
    const step = clientStep(o.api)
    if (step === undefined) return nothing
    const exchange = openExchange(memory, o)
    memory.exchanges.set(o.request, exchange)
    const outbox = outboxAt(o.atMs)
    if (exchange.unreadable !== undefined) {
      outbox.effects.push({ atMs: o.atMs, type: 'oddity', message: exchange.unreadable })
    }
    for (const named of namedProducers(memory, o, exchange)) {
      applyRequest(outbox, memory, o, exchange, step, named)
    }
    noteStandings(exchange)
    if (memory.producers.size > 0) evict(outbox)
    // Nobody answers a Produce with acks=0, so it is over; the client never learns more.
    if (o.apiKey === produceKey && numberOf(o.request, 'acks', -1) === 0) {
      exchange.settled = true
      pushSend(outbox, o, exchange)
    }
    return outbox.effects
  }

  function evict(outbox: Outbox): void {
    const lost = evictSilent(memory)
    if (lost === 0) return
    outbox.effects.push({
      atMs: outbox.atMs,
      type: 'oddity',
      message: `${lost} open transactions were forgotten: too many transactional ids at once`,
    })
  }

  function observeReply(o: Observation): readonly TransactionEffect[] {
    if (o.plane !== 'client' || !clientApis.has(o.api)) return nothing
    const before = memory.exchanges.has(o.request) ? nothing : observeMissed(o)
    const exchange = memory.exchanges.get(o.request)
    const outbox = outboxAt(o.atMs)
    const delivered = o.delivered ?? (o.late === true || exchange?.delivered !== false)
    const answer = answerOf(o, delivered)
    switch (o.apiKey) {
      case findCoordinatorKey:
        if (answer.broker !== undefined) noteCoordinators(o, answer.broker)
        break
      case joinGroupKey:
      case syncGroupKey:
      case heartbeatKey:
      case leaveGroupKey:
      case consumerGroupHeartbeatKey:
        if (answer.broker !== undefined) groups.observeReply(outbox, o, answer.broker)
        break
      case offsetCommitKey:
        if (exchange === undefined || (exchange.settled && o.late !== true)) break
        if (o.late !== true) exchange.settled = true
        pushOffsets(outbox, o, exchange, answer)
        break
      default:
        if (exchange === undefined || (exchange.settled && o.late !== true)) break
        if (o.late !== true) exchange.settled = true
        applyAnswer(outbox, o, exchange, answer)
    }
    return before.length === 0 ? outbox.effects : [...before, ...outbox.effects]
  }

  /** The proxy came between a request and its answer: the request is caught up on. */
  function observeMissed(o: Observation): readonly TransactionEffect[] {
    const { reply: _reply, toldReply: _toldReply, told: _told, ...request } = o
    return observeRequest({ ...request, side: 'request' })
  }

  function applyAnswer(
    outbox: Outbox,
    o: Observation,
    exchange: TrackedExchange,
    answer: Answer,
  ): void {
    // The batches of the client's own send have been reported; a late answer fills copies.
    if (o.late === true) exchange.batches = exchange.batches?.map((batch) => ({ ...batch }))
    const codes =
      exchange.batches === undefined
        ? []
        : answerBatches(exchange.batches, answer, memory.topicName)
    if (o.apiKey === produceKey) pushSend(outbox, o, exchange)
    if (o.apiKey === txnOffsetCommitKey) pushOffsets(outbox, o, exchange, answer)
    for (const entry of exchange.entries) applyReply(outbox, memory, o, entry, answer, codes)
    noteStandings(exchange)
  }

  function noteStandings({ entries }: TrackedExchange): void {
    for (const { producer } of entries) {
      // One that was forgotten in between counts no more.
      if (memory.producers.get(producer.transactionalId) === producer)
        noteStanding(memory, producer)
    }
  }

  function connectionLost(lost: ConnectionLost): readonly TransactionEffect[] {
    const outbox = outboxAt(lost.atMs)
    for (const o of lost.unanswered) {
      const exchange = memory.exchanges.get(o.request)
      if (exchange === undefined || exchange.settled) continue
      exchange.settled = true
      if (o.delivered === false) exchange.delivered = false
      const answer: Answer = {
        broker: undefined,
        client: undefined,
        stated: 'unknown',
        told: 'unknown',
      }
      if (o.apiKey === produceKey) pushSend(outbox, o, exchange)
      if (o.apiKey === txnOffsetCommitKey || o.apiKey === offsetCommitKey) {
        pushOffsets(outbox, o, exchange, answer)
      }
      for (const entry of exchange.entries) applyLoss(outbox, o, exchange, entry)
      noteStandings(exchange)
    }
    return outbox.effects
  }

  function noteCoordinators(o: Observation, reply: Observation['request']): void {
    const { keyType, keys } = coordinatorKeysIn(o.request)
    const many = structsOf(reply, 'coordinators')
    for (const [place, key] of keys.entries()) {
      const own = many.find((entry) => textOf(entry, 'key') === key) ?? many[place] ?? reply
      const node = numberOf(own, 'nodeId', -1)
      if (numberOf(own, 'errorCode', none) !== none || node < 0) continue
      if (keyType === transactionKeyType) {
        producerNamed(memory, key, o.atMs).coordinator = node
      } else groups.noteCoordinator(key, node)
    }
  }

  function pushSend(outbox: Outbox, o: Observation, exchange: TrackedExchange): void {
    const { batches, sentAtMs } = exchange
    if (batches === undefined || batches.length === 0) return
    outbox.effects.push({
      atMs: outbox.atMs,
      type: 'send',
      exchange: identityOf(o, exchange),
      sentAtMs,
      batches,
      ...(o.late === true ? { late: true } : {}),
    })
  }

  function pushOffsets(
    outbox: Outbox,
    o: Observation,
    exchange: TrackedExchange,
    answer: Answer,
  ): void {
    const group = textOf(o.request, 'groupId') ?? ''
    const transactionalId = textOf(o.request, 'transactionalId')
    const outcomes = offsetOutcomes(o.request, answer, memory.topicName)
    for (const { offsets, told, brokerError } of outcomes) {
      outbox.effects.push({
        atMs: outbox.atMs,
        type: 'offsets',
        exchange: identityOf(o, exchange),
        group,
        ...(transactionalId === undefined ? {} : { transactionalId }),
        offsets,
        told,
        ...(brokerError === undefined ? {} : { brokerError }),
        ...(o.late === true ? { late: true } : {}),
      })
    }
    const done = outcomes.length > 0 && outcomes.every((outcome) => outcome.told === 'ok')
    const accepted = outcomes.every((outcome) => outcome.brokerError === 'NONE')
    if (o.apiKey === offsetCommitKey && done && accepted && o.instance !== undefined) {
      outbox.effects.push({
        atMs: outbox.atMs,
        type: 'progress',
        instance: o.instance,
        via: 'OffsetCommit',
      })
    }
  }

  return {
    observeRequest,
    observeReply,
    connectionLost,
    locate: (o) => locate(memory, o),
    concerns(api, plane = 'client') {
      if (plane === 'client') return clientApis.has(api) ? 'both' : 'none'
      return plane === 'inter-broker' && api === 'WriteTxnMarkers' ? 'request' : 'none'
    },
    awaits: (request) => memory.exchanges.has(request),
    repeatable: (o) => repeatableProduce(memory, o),
    repeat(of, batch, sent) {
      const repeated = followRepeated(memory, of, batch, sent)
      if (repeated !== undefined) latestAtMs = Math.max(latestAtMs, sent.atMs)
      return repeated
    },
    repeatAccepted(sent, { atMs, baseOffset }) {
      const outbox = outboxAt(atMs)
      acceptRepeated(outbox, sent, baseOffset)
      return outbox.effects
    },
    expand: (sent) => expandRepeated(memory, sent),
    transactions: (nowMs = latestAtMs) =>
      [...memory.producers.values()].map((producer) => viewOf(producer, nowMs)),
    summary: memory.standings.summary,
    openOn(connections) {
      let open = 0
      for (const { lastConnection } of memory.standings.open) {
        if (connections.has(lastConnection)) open += 1
      }
      return open
    },
    groups: () => groups.views(),
  }
}

/** Made for every Produce, so field by field: spreading optional ones costs an object each. */
function identityOf(o: Observation, exchange: TrackedExchange): ExchangeIdentity {
  const { entries, batches } = exchange
  const [entry] = entries
  const first = batches?.[0]
  const identity: ExchangeIdentity = {
    connection: o.connection,
    plane: o.plane,
    node: o.node,
    clientId: o.clientId,
    api: o.api,
    version: o.version,
    correlationId: o.correlationId,
  }
  if (o.instance !== undefined) identity.instance = o.instance
  if (o.source !== undefined) identity.source = o.source
  if (entries.length > 0) {
    identity.transactionalIds = entries.map(({ producer }) => producer.transactionalId)
  }
  const groups = groupsIn(o.apiKey, o.request)
  if (groups.length > 0) identity.groups = [...groups]
  const producerId = entry?.producerId ?? first?.producerId ?? -1
  const producerEpoch = entry?.producerEpoch ?? first?.producerEpoch ?? -1
  if (producerId >= 0) identity.producerId = producerId
  if (producerEpoch >= 0) identity.producerEpoch = producerEpoch
  const transaction = entry?.transaction?.ordinal
  if (transaction !== undefined) identity.transaction = transaction
  if (batches !== undefined) {
    identity.topicPartitions = batches.map((batch) => `${batch.topic}-${batch.partition}`)
  }
  return identity
}

function viewOf(producer: TrackedProducer, nowMs: number): TransactionView {
  const { current, recent, instance, coordinator, timeoutMs } = producer
  const phase = phaseOf(producer)
  const open = current !== undefined && phase !== 'idle' && phase !== 'ended'
  const last = current?.phase === 'ended' ? current : recent[0]
  return {
    transactionalId: producer.transactionalId,
    ...(instance === undefined ? {} : { instance }),
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    phase,
    transaction: producer.ordinal,
    ...(current?.protocol === undefined ? {} : { protocol: current.protocol }),
    partitions: [...(current?.partitions ?? [])],
    groups: [...(current?.groups ?? [])],
    ...(last?.outcome === undefined ? {} : { lastOutcome: last.outcome }),
    ...(current?.decided === undefined ? {} : { decided: current.decided }),
    ...(current?.asked === undefined ? {} : { asked: current.asked }),
    ...(coordinator === undefined ? {} : { coordinator }),
    ageMs: open ? Math.max(0, nowMs - current.startedAtMs) : 0,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    fenced: producer.fenced,
    registered: current?.registered === true,
    unsure:
      producer.fenced ||
      producer.initLost ||
      producer.untold !== undefined ||
      current?.reinitialising === true,
  }
}
