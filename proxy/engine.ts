// The one interface that plans, REST and the command line drive: arm, disarm, fire, release, heal, status.
// It joins the parts: rules decide, effects carry out, the flow moves bytes, the tracker follows.
import { createClusterView } from './effects/cluster-view.ts'
import { createClusterWatch } from './effects/cluster-watch.ts'
import { answerMoved } from './effects/coordinator-move.ts'
import { type FiringReport, reportFiring } from './effects/firing-report.ts'
import { answerHeartbeat } from './effects/heartbeats-lost.ts'
import type { Host } from './effects/host.ts'
import { errorFrame } from './effects/made-answer.ts'
import type { Cause, Heal } from './effects/means.ts'
import { createMessageEffects } from './effects/message.ts'
import { createPartitions } from './effects/partitions.ts'
import {
  type Aborted,
  type BrokerTransaction,
  createTransactionsAtBrokers,
  type HangingTransaction,
} from './effects/transactions-at-brokers.ts'
import { createWorld } from './effects/world.ts'
import { OperatorError } from './errors.ts'
import type {
  ClientPosture,
  Emit,
  ExchangeIdentity,
  FaultStatus,
  Firing,
  Plane,
  PolicyViolationCount,
  PostureProblemKind,
  ProxyEvent,
} from './events.ts'
import type { FaultSpec } from './faults/fault.ts'
import { createRuleBook, kindOf, type Rule } from './faults/rules.ts'
import type { TopicAliases } from './faults/trigger.ts'
import type { Trigger } from './faults/trigger-schema.ts'
import { durationMs } from './faults/vocabulary.ts'
import type { BrokerAccess, DoorTls } from './flow/access.ts'
import { createBrokers } from './flow/brokers.ts'
import type { Connection } from './flow/connection.ts'
import { type Drained, drain } from './flow/drain.ts'
import type { ReplyVerdict, RequestVerdict } from './flow/exchange.ts'
import { createGate } from './flow/gate.ts'
import { createLinks, type DoorPlace } from './flow/links.ts'
import { createPipeline } from './flow/pipeline.ts'
import { createRecogniser, type Recognition } from './flow/recognition.ts'
import type { SocketAddress } from './flow/sockets.ts'
import type { TakenRequest } from './flow/taken.ts'
import { createTopicNames } from './flow/topic-names.ts'
import { createTraffic, type TrafficCounts } from './flow/traffic.ts'
import {
  type BrokerView,
  type ConnectionView,
  connectionView,
  type DoorView,
} from './flow/views.ts'
import { createWindows } from './flow/windows.ts'
import { createGovernor, type PolicyView } from './policies/governor.ts'
import type { Policy } from './policies/policy.ts'
import type { Runtime } from './runtime.ts'
import type { GroupView } from './transactions/groups.ts'
import { createPosture } from './transactions/posture.ts'
import type { TransactionSummary } from './transactions/standings.ts'
import { createTracker, type TransactionView } from './transactions/tracker.ts'

export interface EngineOptions {
  /** Own addresses of the cluster's brokers. */
  bootstrap: readonly SocketAddress[]
  /** Where listeners bind. */
  listenHost: string
  /** The host name that clients are told. */
  advertisedHost: string
  /** Feature levels told in ApiVersions, e.g. `transaction.version: 1`. */
  advertise: Readonly<Record<string, number>>
  topicAliases: TopicAliases
  /** Follow every Produce, not only transactional ones, from the start; `journal` changes it. */
  journalAllProduce: boolean
  /** What clients must keep to; absent: nothing. */
  policies?: readonly Policy[]
  /** How brokers are reached; absent: plainly. */
  access?: BrokerAccess
  /** TLS towards clients; absent: they come plainly. */
  door?: DoorTls
  /** How often the cluster is asked who its brokers are; absent: only by whoever drives the engine. */
  askBrokersEveryMs?: number
}

/** Disarmed faults kept for the record; the oldest go first. */
export const endedFaultsMax = 1_000

/** How a fault came to us. What reaches beyond the proxy may come from a plan on this machine's disk only. */
export type ArmSource = 'plan' | 'rest'

/** Numbers for whoever draws them, cheap to have at any moment. */
export interface Counters extends TrafficCounts {
  connections: Record<Plane, number>
  hurtConnections: number
  brokers: number
  transactions: TransactionSummary
  producerTimeouts: number
  /** How late the proxy's event loop was at most in the last seconds. */
  loopLagMs: number
  postureProblems: Partial<Record<PostureProblemKind, number>>
  policyViolations: PolicyViolationCount[]
  faults: Array<Pick<FaultStatus, 'name' | 'kind' | 'matched' | 'fired' | 'applied' | 'state'>>
}

export interface Engine {
  /** Without a source a fault is trusted as little as one from afar. */
  arm(spec: FaultSpec, source?: ArmSource): void
  disarm(name: string): Promise<void>
  /** Fires a fault by hand; resolves when its effect is in force (or could not be had). */
  fire(name: string): Promise<void>
  /** Opens the gates of messages held until `released`. */
  release(name: string): number
  heal(name: string): Promise<void>
  /** Heals everything, lets held messages go and disarms all. */
  healAll(): Promise<void>
  status(): FaultStatus[]
  transactions(): TransactionView[]
  groups(): GroupView[]
  /** What its coordinator says of a transactional id; undefined when none knows it. */
  describeTransaction(transactionalId: string): Promise<BrokerTransaction | undefined>
  /** Asks every broker for transactions that hang, or are open for longer than this. */
  hangingTransactions(olderThanMs: number): Promise<HangingTransaction[]>
  /** By transactional id, or by the id that a hanging one was listed with. */
  abortTransaction(id: string): Promise<Aborted>
  /** Every client seen, what it does, and what is wrong with that. */
  posture(): ClientPosture[]
  /** What clients must keep to, and how they do. */
  policies(): PolicyView[]
  counters(): Counters
  /** Clocks of `at:` and `every:` start now: the application is warm. */
  markWarm(): void
  /** Clocks stand still until the next `markWarm`: another application begins. */
  markCold(): void
  /** Nothing more happens by the clock: the load is over. */
  stopClocks(): void
  /** Asks the cluster for its brokers and topics. */
  discover(): Promise<void>
  /** Tells of brokers known before they run. */
  noteBroker(node: number, address: SocketAddress): void
  /** Listeners for one application instance (or for all); where it bootstraps. */
  openDoor(
    instance: string | undefined,
    bootstrapPort: number,
    place?: DoorPlace,
  ): Promise<SocketAddress>
  openPlane(
    plane: Exclude<Plane, 'client'>,
    node: number,
    target: SocketAddress,
    place?: DoorPlace,
    port?: number,
  ): Promise<SocketAddress>
  openConnections(): number
  /** Whether every Produce is followed: a run needs to know what went through it. */
  journal(all: boolean): void
  /** What faults armed from now on may call topics, beside their names. */
  nameTopics(aliases: TopicAliases): void
  /** How instances that share the door for everybody are told apart; replaces what was said before. */
  recognise(recognitions: readonly Recognition[]): void
  /** Stops listening for an instance; false when it has no door. */
  closeDoor(instance: string | undefined): Promise<boolean>
  doors(): DoorView[]
  brokers(): BrokerView[]
  connections(): ConnectionView[]
  /** Closes one connection with a reset; false when there is none of that id. */
  cutConnection(id: number): boolean
  /** Lets nobody in and no transaction begin; resolves when all that was under way is through, or the time is over. */
  drain(limitMs: number): Promise<Drained>
  stop(): Promise<void>
}

function stateOf({ active, fired, timesMax }: Rule): FaultStatus['state'] {
  if (active > 0) return 'active'
  return fired >= timesMax ? 'spent' : 'armed'
}

function identityOf(message: TakenRequest): ExchangeIdentity {
  const { connection, exchange, view } = message
  const subject = view.subject()
  const [producerId] = subject.producerIds
  return {
    connection: connection.id,
    plane: connection.plane,
    node: connection.node,
    ...(connection.instance === undefined ? {} : { instance: connection.instance }),
    ...(view.source === undefined ? {} : { source: view.source }),
    clientId: view.clientId,
    api: view.api,
    version: exchange.version,
    correlationId: exchange.correlationId,
    ...(subject.transactionalIds.length > 0
      ? { transactionalIds: [...subject.transactionalIds] }
      : {}),
    ...(subject.groups.length > 0 ? { groups: [...subject.groups] } : {}),
    ...(producerId === undefined ? {} : { producerId }),
    ...(subject.producerEpoch === undefined ? {} : { producerEpoch: subject.producerEpoch }),
    ...(subject.transaction === undefined ? {} : { transaction: subject.transaction }),
    ...(subject.topicPartitions.length > 0
      ? {
          topicPartitions: subject.topicPartitions.map(
            ({ topic, partition }) => `${topic}-${partition}`,
          ),
        }
      : {}),
  }
}

/** A firing whose effect lasts, with the way to end it. */
interface Lasting {
  report: FiringReport
  heal: Heal
  healing: Promise<void> | undefined
}

export function createEngine(
  options: EngineOptions,
  parts: {
    runtime: Runtime
    host: Host | undefined
    listener: (event: ProxyEvent) => void
    /** How late the event loop was at most lately; absent: nobody looks. */
    loopLagMs?: () => number
  },
): Engine {
  const { runtime, host } = parts
  /** Where each broker was told to be. */
  const toldAddresses = new Map<number, string>()
  // The tracker's events have their time already; there are too many of them to copy each.
  const emit: Emit = (event) => {
    const stamped = ('atMs' in event ? event : { atMs: runtime.nowMs(), ...event }) as ProxyEvent
    parts.listener(stamped)
    if (stamped.type === 'broker-seen') {
      toldAddresses.set(stamped.node, `${stamped.host}:${stamped.port}`)
    }
    if (stamped.type !== 'transaction' && stamped.type !== 'producer') return
    for (const found of posture.seeEvent(stamped)) parts.listener(found)
  }
  const aliases: Record<string, string> = { ...options.topicAliases }
  const rules = createRuleBook({ random: runtime.random, aliases })
  const topics = createTopicNames()
  const brokers = createBrokers(options.bootstrap, options.access)
  let journalsAll = options.journalAllProduce
  const tracker = createTracker({
    topicName: topics.nameOf,
    get journalProduce() {
      return journalsAll ? 'all' : 'transactional'
    },
  })
  const traffic = createTraffic()
  const recogniser = createRecogniser()
  const posture = createPosture({ topicName: topics.nameOf })
  const governor = createGovernor({
    policies: options.policies ?? [],
    aliases: options.topicAliases,
    topicName: topics.nameOf,
  })
  const live = new Set<Connection>()
  const windows = createWindows(() => live)
  const cluster = createClusterView(brokers, topics, aliases)
  const atBrokers = createTransactionsAtBrokers({ brokers, cluster, runtime })
  const messages = createMessageEffects({
    runtime,
    rules,
    placeNames: (place) => topics.placeNames(place, options.topicAliases),
    aliases: options.topicAliases,
    topicName: topics.nameOf,
    failed: (about, cause) => giveUp(about, cause),
  })
  const world = createWorld({
    runtime,
    rules,
    tracker,
    windows,
    brokers,
    cluster,
    partitions: createPartitions(brokers, runtime),
    host,
    connections: () => live,
    instances: () => [...instances],
  })
  const instances = new Set<string>()
  const lasting = new Set<Lasting>()
  /** Effects that are being begun, and whose. */
  const starting = new Map<Promise<void>, Rule>()
  const clocks = new Set<() => void>()
  /** Disarmed rules, kept for the record. */
  const ended: Rule[] = []
  let isWarm = false
  let clocksStopped = false
  let isDraining = false

  function keepEnded(rule: Rule): void {
    ended.push(rule)
    if (ended.length > endedFaultsMax) ended.shift()
  }

  function tellBrokers(): void {
    for (const node of brokers.nodes()) {
      const address = brokers.address(node)
      if (address === undefined) continue
      if (toldAddresses.get(node) === `${address.host}:${address.port}`) continue
      emit({ type: 'broker-seen', node, ...address })
    }
  }

  const watch = createClusterWatch({
    runtime,
    everyMs: options.askBrokersEveryMs ?? 0,
    async ask() {
      for (const node of await cluster.refreshBrokers()) emit({ type: 'broker-gone', node })
      tellBrokers()
      // Firewalls and clients find a port for a new broker before anybody is led there.
      await Promise.allSettled(
        links.doors().flatMap((door) => brokers.nodes().map((node) => door.ensure(node))),
      )
    },
  })

  function failed(what: string, cause: unknown): void {
    const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`
    emit({ type: 'error', code: 'fault-not-applied', message })
  }

  /** An effect that could not be had: told as an error, and the firing is over. */
  function giveUp(about: FiringReport, cause: unknown): void {
    failed(`fault ${about.rule.spec.name}`, cause)
    about.abandoned(`not applied: ${cause instanceof Error ? cause.message : String(cause)}`)
  }

  /** Once, later, unless everything is healed before. */
  function later(delayMs: number, work: () => void): void {
    const cancel = runtime.after(delayMs, () => {
      clocks.delete(cancel)
      work()
    })
    clocks.add(cancel)
  }

  function changed(is: 'applied' | 'answered' | 'healed', rule: Rule): void {
    const follows = ({ fault, is: wanted }: Trigger): boolean =>
      fault === rule.spec.name && wanted === is
    const delayOf = ({ plus }: Trigger): number => (plus === undefined ? 0 : durationMs(plus))
    for (const other of rules.rules()) {
      const { when } = other.spec
      if (follows(when)) later(delayOf(when), () => void fireAlone(other))
      for (const { trigger, turn } of other.window.edges) {
        if (!follows(trigger)) continue
        // At once, or the very next message might pass before a timer of no length goes off.
        if (delayOf(trigger) === 0) turn()
        else later(delayOf(trigger), turn)
      }
    }
  }

  function report(rule: Rule, firing: Firing, message?: TakenRequest): FiringReport {
    return reportFiring(rule, firing, {
      runtime,
      emit,
      changed,
      ...(message === undefined
        ? {}
        : { exchange: identityOf(message), moment: message.view.side }),
    })
  }

  function healLasting(entry: Lasting): Promise<void> {
    entry.healing ??= entry.heal().then(
      () => {
        lasting.delete(entry)
        entry.report.healed()
      },
      (cause) => {
        lasting.delete(entry)
        failed(`healing ${entry.report.rule.spec.name}`, cause)
        entry.report.abandoned('its heal failed')
      },
    )
    return entry.healing
  }

  /** Begins an effect beyond one message; resolves when it is there or has failed. */
  function beginWorld(about: FiringReport, cause: Cause | undefined): Promise<void> {
    const { rule } = about
    const { effect } = rule
    if (effect.on === 'message') throw new Error('a message’s effect is not the world’s')
    let entry: Lasting | undefined
    let isOver = false
    const over = (): void => {
      isOver = true
      if (entry !== undefined) void healLasting(entry)
    }
    const begun = world.begin(effect, about, cause, over).then(
      async (heal) => {
        entry = { report: about, heal, healing: undefined }
        lasting.add(entry)
        const { for: forText } = rule.spec
        if (!rule.windowed || isOver) await healLasting(entry)
        else if (forText !== undefined) {
          const lasted = entry
          runtime.after(durationMs(forText), () => void healLasting(lasted))
        }
      },
      (problem) => giveUp(about, problem),
    )
    starting.set(begun, rule)
    void begun.then(() => starting.delete(begun))
    return begun
  }

  /** Fires without a message: by the clock, another fault, or a hand. */
  async function fireAlone(rule: Rule): Promise<void> {
    if (!rule.armed) return
    rule.matched += 1
    if (!rule.window.isOpen) return
    const firing = rules.fire(rule, runtime.nowMs())
    if (firing === undefined) return
    const about = report(rule, firing)
    if (rule.effect.on === 'message') {
      giveUp(about, new Error('it changes a message, and none triggered it'))
      return
    }
    await beginWorld(about, undefined)
  }

  function startClock(rule: Rule): void {
    const { at, every } = rule.spec.when
    for (const { trigger, turn } of rule.window.edges) {
      if (trigger.at !== undefined) later(durationMs(trigger.at), turn)
    }
    if (at !== undefined) {
      later(durationMs(at), () => {
        if (!clocksStopped) void fireAlone(rule)
      })
    }
    if (typeof every === 'string') {
      const periodMs = durationMs(every)
      const tick = (): void => {
        if (clocksStopped || !rule.armed) return
        void fireAlone(rule)
        later(periodMs, tick)
      }
      later(periodMs, tick)
    }
  }

  function activeReport(rule: Rule): FiringReport | undefined {
    for (const entry of lasting) if (entry.report.rule === rule) return entry.report
    return undefined
  }

  /** A message that falls to the lasting effect of a fault. */
  function claimed(rule: Rule, message: TakenRequest): RequestVerdict {
    const about = activeReport(rule)
    if (rule.effect.on === 'group' && rule.effect.how === 'heartbeats-lost') {
      return answerHeartbeat(about, message)
    }
    if (rule.effect.on === 'group') {
      const code =
        message.view.api === 'Heartbeat' ? 'REBALANCE_IN_PROGRESS' : 'FENCED_MEMBER_EPOCH'
      about?.applied(`answered ${code} to ${message.view.clientId ?? 'a member'}`)
      return { do: 'answer', frame: errorFrame(message, code) }
    }
    if (rule.effect.on === 'coordinator-seat') {
      return answerMoved(message, rule.seatTold, links.doorOf(message.connection), about)
    }
    about?.applied(`${message.view.api} met a dead coordinator`)
    return message.view.api === 'FindCoordinator'
      ? { do: 'answer', frame: errorFrame(message, 'COORDINATOR_NOT_AVAILABLE') }
      : { do: 'cut', forward: false, with: 'reset' }
  }

  const links = createLinks({
    host: options.listenHost,
    advertisedHost: options.advertisedHost,
    runtime,
    brokers,
    windows,
    emit,
    live,
    heldUp: traffic.heldUp,
    access: options.access,
    door: options.door,
    missed: watch.missed,
    pipeline: createPipeline({
      runtime,
      rules,
      tracker,
      topics,
      brokers,
      windows,
      recogniser,
      doorOf: (connection) => links.doorOf(connection),
      advertise: options.advertise,
      emit,
      posture,
      governor,
      traffic,
      get journalAllProduce() {
        return journalsAll
      },
      get isDraining() {
        return isDraining
      },
      clientLeft: messages.clientLeft,
      closed: messages.closed,
      taker: {
        request(decision, message) {
          const { rule } = decision
          if (decision.why === 'claimed') return claimed(rule, message)
          const about = report(rule, decision.firing, message)
          if (rule.effect.on === 'message') {
            return messages.onRequest(rule.effect.verdict, about, message)
          }
          const gate = createGate<RequestVerdict>()
          void beginWorld(about, message).then(() => {
            // Where the coordinator has moved away on the wire, nobody is there for this message either.
            const isClaimed = rule.seatTold !== undefined && rule.claims?.(message.view) === true
            gate.open(isClaimed ? claimed(rule, message) : { do: 'pass' })
          })
          return { do: 'wait', gate, discardIfClientLeaves: false }
        },
        reply(decision, message) {
          const { rule } = decision
          if (decision.why === 'claimed') return message.goOn
          const about = report(rule, decision.firing, message)
          if (rule.effect.on === 'message') {
            return messages.onReply(rule.effect.verdict, about, message)
          }
          const gate = createGate<ReplyVerdict>()
          void beginWorld(about, message).then(() => gate.open(message.goOn))
          return { do: 'wait', gate }
        },
      },
    }),
  })

  function named(name: string): Rule {
    const rule = rules.named(name)
    if (rule === undefined) {
      const known = rules.rules().map(({ spec }) => spec.name)
      throw new OperatorError(
        'unknown-fault',
        `no fault is called "${name}"`,
        known.length === 0 ? 'Arm one first.' : `There are: ${known.join(', ')}.`,
      )
    }
    return rule
  }

  /** Ends what a rule does now: held messages go on, an effect that is just beginning is waited for. */
  async function healRule(rule: Rule): Promise<void> {
    messages.release(rule)
    const beginning = [...starting].filter(([, whose]) => whose === rule)
    await Promise.all(beginning.map(([begun]) => begun))
    const entries = [...lasting].filter((entry) => entry.report.rule === rule)
    await Promise.all(entries.map(healLasting))
  }

  return {
    arm(spec, source) {
      if (source !== 'plan' && kindOf(spec).kind.fromDiskOnly === true) {
        throw new OperatorError(
          'cannot-do-here',
          `fault "${spec.name}" runs a command, and only a plan on disk may do that`,
          'Write it into a plan, and start the run or the proxy with that plan.',
        )
      }
      if (rules.named(spec.name) !== undefined) {
        throw new OperatorError(
          'wrong-fault',
          `a fault called "${spec.name}" is armed already`,
          'Disarm it first, or give this one another name.',
        )
      }
      const rule = rules.arm(spec)
      for (const need of rule.kind.needs?.(spec.inject[rule.kind.name] as never) ?? []) {
        if (host?.can.includes(need) === true) continue
        if (need === 'terminate-tls' && options.door !== undefined) continue
        rules.disarm(spec.name)
        if (need === 'terminate-tls') {
          throw new OperatorError(
            'cannot-do-here',
            `fault "${spec.name}" is about TLS, and clients reach this proxy without`,
            'Let the proxy terminate TLS: `proxy: { tls: generated }` in a plan, or --tls-cert with --tls-key.',
          )
        }
        throw new OperatorError(
          'cannot-do-here',
          `fault "${spec.name}" needs to ${need.replace('-', ' a ')}, which cannot be done here`,
          need.endsWith('-broker')
            ? 'Use `how: wire`, a cluster that gauntlet starts itself, or a proxy with --docker-brokers.'
            : 'Use `gauntlet run` with a workload that it starts itself.',
        )
      }
      emit({ type: 'fault-armed', fault: spec.name, kind: rule.kind.name })
      if (isWarm) startClock(rule)
    },
    async disarm(name) {
      const rule = named(name)
      // First of all it fires no more; its claims on messages must still be taken back by its heal.
      rules.disarm(name)
      keepEnded(rule)
      await healRule(rule)
      emit({ type: 'fault-disarmed', fault: name, kind: rule.kind.name })
    },
    async fire(name) {
      const rule = named(name)
      if (rule.effect.on === 'message') {
        throw new OperatorError(
          'wrong-fault',
          `fault "${name}" changes a message, so it cannot be fired by hand`,
          'Arm it with a `request:` or `reply:` trigger and let a message set it off.',
        )
      }
      if (rule.fired >= rule.timesMax) {
        throw new OperatorError(
          'wrong-fault',
          `fault "${name}" has fired as often as its \`times\` allow`,
          'Arm another one, or give it more `times`.',
        )
      }
      await fireAlone(rule)
    },
    release: (name) => messages.release(named(name)),
    heal: (name) => healRule(named(name)),
    async healAll() {
      clocksStopped = true
      for (const cancel of clocks) cancel()
      clocks.clear()
      for (const rule of [...rules.rules()]) {
        rules.disarm(rule.spec.name)
        keepEnded(rule)
      }
      messages.healAll()
      await Promise.allSettled([...starting.keys()])
      await Promise.all([...lasting].map(healLasting))
    },
    status: () =>
      [...ended, ...rules.rules()].map((rule) => ({
        name: rule.spec.name,
        kind: rule.kind.name,
        matched: rule.matched,
        fired: rule.fired,
        applied: rule.applied,
        healed: rule.healed,
        state: stateOf(rule),
        firings: rule.firings.map((firing) => ({ ...firing })),
      })),
    transactions: () => tracker.transactions(runtime.nowMs()),
    describeTransaction: atBrokers.describe,
    hangingTransactions: atBrokers.hanging,
    abortTransaction: atBrokers.abort,
    groups: () => tracker.groups(),
    posture: () => posture.clients(),
    policies: () => governor.views(),
    counters() {
      const connections = { client: 0, 'inter-broker': 0, controller: 0 }
      let hurtConnections = 0
      for (const connection of live) {
        connections[connection.plane] += 1
        if (connectionView(connection).hurt.length > 0) hurtConnections += 1
      }
      return {
        ...traffic.counts(live),
        connections,
        hurtConnections,
        brokers: brokers.nodes().length,
        transactions: tracker.summary(runtime.nowMs()),
        producerTimeouts: posture.timeouts(),
        loopLagMs: parts.loopLagMs?.() ?? 0,
        postureProblems: posture.problemCounts(),
        policyViolations: governor.counts(),
        faults: [...ended, ...rules.rules()].map((rule) => ({
          name: rule.spec.name,
          kind: rule.kind.name,
          matched: rule.matched,
          fired: rule.fired,
          applied: rule.applied,
          state: stateOf(rule),
        })),
      }
    },
    markWarm() {
      if (isWarm) return
      isWarm = true
      for (const rule of rules.rules()) startClock(rule)
    },
    markCold() {
      isWarm = false
      clocksStopped = false
    },
    stopClocks() {
      clocksStopped = true
    },
    async discover() {
      await cluster.refresh()
      tellBrokers()
    },
    noteBroker: (node, address) => void brokers.note(node, address),
    async openDoor(instance, bootstrapPort, place) {
      if (instance !== undefined) instances.add(instance)
      return (await links.openDoor(instance, bootstrapPort, place)).bootstrap
    },
    openPlane: links.openPlane,
    openConnections: () => live.size,
    nameTopics(given) {
      for (const alias of Object.keys(aliases)) delete aliases[alias]
      Object.assign(aliases, options.topicAliases, given)
    },
    journal(all) {
      journalsAll = all
    },
    recognise(recognitions) {
      for (const { instance } of recognitions) instances.add(instance)
      recogniser.set(recognitions, live)
      for (const connection of live) windows.settle(connection)
    },
    async closeDoor(instance) {
      const door = links.door(instance)
      await door?.close()
      return door !== undefined
    },
    doors: () =>
      links.doors().map((door) => ({
        ...(door.instance === undefined ? {} : { instance: door.instance }),
        bootstrap: door.bootstrap,
        ports: door.ports(),
      })),
    brokers: () =>
      brokers.nodes().map((node) => {
        const own = [...live].filter((connection) => connection.node === node)
        const address = brokers.address(node)
        return {
          node,
          ...(address === undefined ? {} : { address }),
          connections: own.length,
          hurtConnections: own.filter((connection) => connectionView(connection).hurt.length > 0)
            .length,
        }
      }),
    connections: () => [...live].map(connectionView),
    cutConnection(id) {
      for (const connection of live) {
        if (connection.id !== id) continue
        connection.cut('reset', 'closed by hand')
        return true
      }
      return false
    },
    drain(limitMs) {
      isDraining = true
      links.refuse()
      return drain({
        runtime,
        limitMs,
        connections: () => live,
        openTransactions: () => tracker.openOn(new Set([...live].map(({ id }) => id))),
      })
    },
    async stop() {
      watch.stop()
      // Brokers and instances go down with us; what a command of the user's has done to the world would stay.
      const hooks = [...lasting].filter(({ report: { rule } }) => rule.effect.on === 'hook')
      await Promise.all(hooks.map(healLasting))
      messages.stop()
      await links.close()
      brokers.close()
    },
  }
}
