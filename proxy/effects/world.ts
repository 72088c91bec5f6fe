// Carries out what a fault does beyond one message: to connections, the network, brokers, coordinators and
// groups. Begins the effect, says when it is there, and gives back how to heal it.
import type { FaultEffect, PartitionSide } from '../faults/fault.ts'
import type { MessageView } from '../faults/message-view.ts'
import type { RuleBook } from '../faults/rules.ts'
import type { ClientSelector, Scope } from '../faults/selectors.ts'
import { globMatcher } from '../faults/vocabulary.ts'
import type { Brokers } from '../flow/brokers.ts'
import type { Connection } from '../flow/connection.ts'
import { type ConnectionFacts, factsOf, type Window, type Windows } from '../flow/windows.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { Runtime } from '../runtime.ts'
import type { Tracker } from '../transactions/tracker.ts'
import type { ClusterView } from './cluster-view.ts'
import type { FiringReport } from './firing-report.ts'
import type { Host } from './host.ts'

/** What set a fault off, when a message did. */
export interface Cause {
  connection: Connection
  view: MessageView
}

export type Heal = () => Promise<void>

export interface World {
  /** Resolves when the effect is there (or could not be had: then it is reported, not applied). */
  begin(
    effect: Exclude<FaultEffect, { on: 'message' }>,
    report: FiringReport,
    cause: Cause | undefined,
    /** An effect that ends by itself calls this when it is over. */
    over: () => void,
  ): Promise<Heal>
}

/** APIs that only a transaction's coordinator answers. */
const transactionCoordinatorApis: readonly string[] = [
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'EndTxn',
]
/** APIs that only a group's coordinator answers, also those that name a transaction as well. */
const groupCoordinatorApis: readonly string[] = [
  'TxnOffsetCommit',
  'OffsetCommit',
  'OffsetFetch',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'ConsumerGroupHeartbeat',
]
const coordinatorApis: readonly string[] = [...transactionCoordinatorApis, ...groupCoordinatorApis]
const groupHeartbeats: readonly string[] = ['Heartbeat', 'ConsumerGroupHeartbeat']

/** How often the cluster is asked who coordinates now, after a coordinator was killed. */
const takeoverPollMs = 200
const nothingToHeal: Heal = async () => undefined

function clientTest(selector: ClientSelector | undefined): (facts: ConnectionFacts) => boolean {
  if (selector === undefined || selector === 'all') return () => true
  const tests = (typeof selector === 'string' ? [selector] : selector).map(globMatcher)
  return ({ instance, clientId }) =>
    tests.some(
      (test) =>
        (instance !== undefined && test(instance)) ||
        (clientId !== null && clientId !== undefined && test(clientId)),
    )
}

export function createWorld(parts: {
  runtime: Runtime
  rules: RuleBook
  tracker: Tracker
  windows: Windows
  brokers: Brokers
  cluster: ClusterView
  host: Host | undefined
  connections: () => Iterable<Connection>
}): World {
  const { runtime, rules, tracker, windows, cluster, host } = parts

  function needHost(): Host {
    if (host === undefined) throw new Error('this needs a cluster that the run has started')
    return host
  }

  /** Which connections a windowed fault concerns: as `on` says, or the one that triggered it. */
  async function scopeOf(
    scope: Scope | undefined,
    cause: Cause | undefined,
  ): Promise<{ concerns: (facts: ConnectionFacts) => boolean; nodes: number[] | undefined }> {
    if (scope === undefined) {
      if (cause === undefined)
        return { concerns: ({ plane }) => plane === 'client', nodes: undefined }
      const { connection } = cause
      const same = factsOf(connection)
      return {
        concerns: (facts) =>
          facts.plane === same.plane &&
          facts.node === same.node &&
          facts.instance === same.instance,
        nodes: [same.node],
      }
    }
    const plane = scope.plane ?? 'client'
    const isClient = clientTest(scope.clients)
    const nodes = scope.brokers === undefined ? undefined : await cluster.resolve(scope.brokers)
    const wanted = nodes === undefined ? undefined : new Set(nodes)
    return {
      concerns: (facts) =>
        facts.plane === plane &&
        isClient(facts) &&
        (wanted === undefined || wanted.has(facts.node)),
      nodes,
    }
  }

  function openAll(list: readonly Window[]): { hit: number; close: () => number } {
    const opened = list.map((window) => windows.open(window))
    return {
      hit: opened.reduce((sum, { hit }) => sum + hit, 0),
      close: () => opened.reduce((sum, { close }) => sum + close(), 0),
    }
  }

  function cut(which: (facts: ConnectionFacts) => boolean, why: string): number {
    let count = 0
    for (const connection of [...parts.connections()]) {
      if (!which(factsOf(connection))) continue
      connection.cut('reset', why)
      count += 1
    }
    return count
  }

  /** Its sockets die with it. Waiting for that to be noticed, an answer of its could still slip through. */
  async function kill(node: number): Promise<void> {
    await needHost().killBroker(node)
    cut((facts) => facts.node === node, 'the broker was killed')
  }

  async function connections(
    effect: Extract<FaultEffect, { on: 'connections' }>,
    report: FiringReport,
    cause: Cause | undefined,
  ): Promise<Heal> {
    const { verdict } = effect
    const { spec, random } = report.rule
    const { concerns, nodes } = await scopeOf(spec.on, cause)
    if (nodes !== undefined) report.firing.targets = nodes.map((node) => `broker ${node}`)
    const window: Window = { concerns, touched: (what) => report.applied(what) }
    switch (verdict.do) {
      case 'slow': {
        const { requestMs, replyMs, jitterMs } = verdict
        window.slow = { requestMs, replyMs, jitterMs, random }
        break
      }
      case 'block':
        window.block = { toBroker: verdict.toBroker, toClient: verdict.toClient }
        break
      case 'refuse':
        window.admit = verdict.with === 'reset' ? 'reset' : 'silence'
        break
    }
    const opened = windows.open(window)
    if (verdict.do !== 'refuse') report.noted(`${opened.hit} open connections under it`)
    return async () => void opened.close()
  }

  async function sideTests(side: PartitionSide): Promise<{
    sends: (facts: ConnectionFacts) => boolean
    receives: (facts: ConnectionFacts) => boolean
    name: string
  }> {
    if ('brokers' in side) {
      const nodes = new Set(await cluster.resolve(side.brokers))
      return {
        sends: ({ plane, source }) =>
          plane !== 'client' && source !== undefined && nodes.has(source),
        receives: ({ node }) => nodes.has(node),
        name: `brokers ${[...nodes].join(', ')}`,
      }
    }
    const isClient = clientTest(side.clients)
    return {
      sends: (facts) => facts.plane === 'client' && isClient(facts),
      receives: () => false,
      name: `clients ${[side.clients].flat().join(', ')}`,
    }
  }

  async function network(
    effect: Extract<FaultEffect, { on: 'network' }>,
    report: FiringReport,
  ): Promise<Heal> {
    const [first, second] = await Promise.all(effect.between.map(sideTests))
    if (first === undefined || second === undefined) throw new Error('a partition has two sides')
    report.firing.targets = [first.name, second.name]
    const both = { toBroker: true, toClient: true }
    const touched = (what: string): void => report.applied(what)
    const opened = openAll([
      {
        concerns: (facts) => first.sends(facts) && second.receives(facts),
        stall: effect.oneWay ? { toBroker: true, toClient: false } : both,
        touched,
      },
      {
        concerns: (facts) => second.sends(facts) && first.receives(facts),
        stall: effect.oneWay ? { toBroker: false, toClient: true } : both,
        touched,
      },
    ])
    report.noted(`${opened.hit} open connections cut off`)
    return async () => void opened.close()
  }

  /** The ids whose coordinator is meant, and where that coordinator sits. */
  async function coordinatorMeant(
    effect: Extract<FaultEffect, { on: 'coordinator' }>,
    cause: Cause | undefined,
  ): Promise<{ transactionalIds: string[]; groups: string[]; node: number | undefined }> {
    const { transactionalId, group } = effect
    if (transactionalId !== undefined || group !== undefined) {
      const transactionalIds = transactionalId === undefined ? [] : [transactionalId]
      const groups = group === undefined ? [] : [group]
      return { transactionalIds, groups, node: await seat(transactionalIds, groups) }
    }
    if (cause === undefined) return { transactionalIds: [], groups: [], node: undefined }
    const { api, node } = cause.view
    const subject = cause.view.subject()
    const transactionalIds = [...subject.transactionalIds]
    const groups = [...subject.groups]
    // A message may name both; it went to the coordinator of one of them, and the other's is not meant.
    if (transactionCoordinatorApis.includes(api)) return { transactionalIds, groups: [], node }
    if (groupCoordinatorApis.includes(api)) return { transactionalIds: [], groups, node }
    return { transactionalIds, groups, node: await seat(transactionalIds, groups) }
  }

  async function seat(
    [transactionalId]: readonly string[],
    [group]: readonly string[],
  ): Promise<number | undefined> {
    if (transactionalId !== undefined) return cluster.coordinatorOf({ transactionalId })
    return group === undefined ? undefined : cluster.coordinatorOf({ group })
  }

  async function coordinatorOnWire(
    report: FiringReport,
    meant: { transactionalIds: string[]; groups: string[]; node: number },
    cause: Cause | undefined,
  ): Promise<Heal> {
    const { node } = meant
    const ids = new Set(meant.transactionalIds)
    const groups = new Set(meant.groups)
    const instances = new Set<string | undefined>([
      ...tracker
        .transactions()
        .filter((view) => ids.has(view.transactionalId))
        .map((view) => view.instance),
      ...tracker
        .groups()
        .filter((view) => groups.has(view.group))
        .flatMap((view) => view.members.map((member) => member.instance)),
      ...(cause === undefined ? [] : [cause.connection.instance]),
    ])
    const concernsIds = (view: MessageView): boolean => {
      const subject = view.subject()
      return (
        subject.transactionalIds.some((id) => ids.has(id)) ||
        subject.groups.some((group) => groups.has(group))
      )
    }
    rules.claim(report.rule, [...coordinatorApis, 'FindCoordinator'], (view) => {
      if (view.side !== 'request' || view.plane !== 'client') return false
      if (view.api !== 'FindCoordinator' && view.node !== node) return false
      if (view.api !== 'FindCoordinator' && !coordinatorApis.includes(view.api)) return false
      return concernsIds(view)
    })
    const count = cut(
      (facts) =>
        facts.plane === 'client' &&
        facts.node === node &&
        (instances.size === 0 || instances.has(facts.instance)),
      'the coordinator is gone',
    )
    if (count > 0) {
      report.applied(
        `closed ${count} connections to coordinator ${node}; Produce and Fetch to it still pass, and what brokers tell it (V2: the partitions of a transaction)`,
      )
    }
    return async () => rules.claim(report.rule, [], undefined)
  }

  async function coordinatorAsProcess(
    report: FiringReport,
    meant: { transactionalIds: string[]; groups: string[]; node: number },
  ): Promise<Heal> {
    const { node } = meant
    const [transactionalId] = meant.transactionalIds
    const [group] = meant.groups
    const key =
      transactionalId !== undefined
        ? { transactionalId }
        : group !== undefined
          ? { group }
          : undefined
    if (key === undefined)
      throw new Error('the triggering message names no transaction and no group')
    const before = await cluster.coordinatorOf(key)
    await kill(node)
    report.applied(
      `killed broker ${node}, coordinator of ${transactionalId ?? group} (the cluster said ${before ?? 'nobody'} before)`,
    )
    if (before !== node) report.noted('it was not the coordinator any more')
    const startedMs = runtime.nowMs()
    let healing = false
    const watch = async (): Promise<void> => {
      if (healing) {
        report.noted('no other broker had taken over when it was started again')
        return
      }
      const now = await cluster.coordinatorOf(key).catch(() => undefined)
      if (now === undefined || now === node) runtime.after(takeoverPollMs, () => void watch())
      else {
        const afterMs = Math.round(runtime.nowMs() - startedMs)
        report.answered(`broker ${now} coordinates after ${afterMs} ms`)
      }
    }
    void watch()
    return async () => {
      healing = true
      await needHost().startBroker(node)
    }
  }

  async function coordinator(
    effect: Extract<FaultEffect, { on: 'coordinator' }>,
    report: FiringReport,
    cause: Cause | undefined,
  ): Promise<Heal> {
    const meant = await coordinatorMeant(effect, cause)
    const { node } = meant
    if (node === undefined) throw new Error('no broker coordinates what the fault names')
    report.firing.targets = [`broker ${node}`, ...meant.transactionalIds, ...meant.groups]
    return effect.how === 'wire'
      ? coordinatorOnWire(report, { ...meant, node }, cause)
      : coordinatorAsProcess(report, { ...meant, node })
  }

  async function broker(
    effect: Extract<FaultEffect, { on: 'broker' }>,
    report: FiringReport,
    cause: Cause | undefined,
  ): Promise<Heal> {
    const { spec } = report.rule
    const { concerns, nodes } = await scopeOf(spec.on, cause)
    const targets = nodes ?? (cause === undefined ? [] : [cause.connection.node])
    if (targets.length === 0) throw new Error('no broker fits the fault’s `on: { brokers: … }`')
    report.firing.targets = targets.map((node) => `broker ${node}`)
    const names = targets.join(', ')
    switch (effect.how) {
      case 'wire': {
        const down = new Set(targets)
        const isDown = (facts: ConnectionFacts): boolean =>
          down.has(facts.node) &&
          (spec.on === undefined ? facts.plane === cause?.connection.plane : concerns(facts))
        const touched = (what: string): void => report.applied(what)
        const opened = windows.open({ concerns: isDown, admit: 'reset', touched })
        const count = cut(isDown, 'the broker is out')
        if (count > 0) report.applied(`closed ${count} connections to broker ${names}`)
        return async () => void opened.close()
      }
      case 'kill':
        for (const node of targets) await kill(node)
        report.applied(`killed broker ${names}`)
        return async () => {
          for (const node of targets) await needHost().startBroker(node)
        }
      case 'pause':
        for (const node of targets) await needHost().pauseBroker(node)
        report.applied(`paused broker ${names}`)
        return async () => {
          for (const node of targets) await needHost().resumeBroker(node)
        }
    }
  }

  function groupMeant(
    effect: Extract<FaultEffect, { on: 'group' }>,
    cause: Cause | undefined,
  ): string {
    if (effect.group !== undefined) return effect.group
    const [own] = cause?.view.subject().groups ?? []
    if (own !== undefined) return own
    const views = tracker.groups()
    const instance = cause?.connection.instance
    const byInstance = views.find((view) =>
      view.members.some((member) => member.instance === instance && instance !== undefined),
    )
    const found = byInstance ?? views[0]
    if (found === undefined) throw new Error('no consumer group has been seen yet')
    return found.group
  }

  async function group(
    effect: Extract<FaultEffect, { on: 'group' }>,
    report: FiringReport,
    cause: Cause | undefined,
    over: () => void,
  ): Promise<Heal> {
    const name = groupMeant(effect, cause)
    report.firing.targets = [`group ${name}`]
    const seen = tracker.groups().find((view) => view.group === name)?.members ?? []
    const instance = cause?.connection.instance
    if (effect.how === 'evict') {
      const members = await cluster.members(name)
      const own = seen.find((member) => member.instance === instance && instance !== undefined)
      const member = members.find(({ memberId }) => memberId === own?.memberId) ?? members[0]
      if (member === undefined) throw new Error(`group ${name} has no members to evict`)
      const code = await cluster.evict(name, member)
      report.answered(errorNameOf(code))
      if (code !== 0) throw new Error(`leaving for ${member.memberId}: ${errorNameOf(code)}`)
      report.applied(`evicted ${member.memberId} from group ${name}`)
      return nothingToHeal
    }
    const told = new Set<string>()
    const membersNow = (): string[] => {
      const view = tracker.groups().find((one) => one.group === name)
      return (view?.members ?? []).map((member) => member.memberId)
    }
    rules.claim(report.rule, groupHeartbeats, (view) => {
      if (view.side !== 'request' || !groupHeartbeats.includes(view.api)) return false
      const memberId = view.memberId()
      if (memberId === undefined || told.has(memberId)) return false
      if (!view.subject().groups.includes(name)) return false
      told.add(memberId)
      // Members that have left in the meantime are not waited for.
      if (membersNow().every((member) => told.has(member))) over()
      return true
    })
    return async () => rules.claim(report.rule, [], undefined)
  }

  return {
    async begin(effect, report, cause, over) {
      switch (effect.on) {
        case 'connections':
          return connections(effect, report, cause)
        case 'network':
          return network(effect, report)
        case 'coordinator':
          return coordinator(effect, report, cause)
        case 'broker':
          return broker(effect, report, cause)
        case 'group':
          return group(effect, report, cause, over)
      }
    },
  }
}
