// What a schema cannot say about the faults of a plan: keys that do not go together, references that lead
// nowhere or in a circle, things that the cluster at hand cannot do, names that nothing bears.
import type { Capability, FaultEffect, FaultKind, FaultSpec } from '../faults/fault.ts'
import { faultNamedBy } from '../faults/instances.ts'
import type { Reach } from '../faults/reach.ts'
import { faultKindNamed } from '../faults/registry.ts'
import type { BrokerSelector } from '../faults/selectors.ts'
import {
  edgeProblems,
  type FieldProblem,
  instanceOfFault,
  type Trigger,
  triggerProblems,
} from '../faults/trigger-schema.ts'
import { attachedCount, withPid } from './attached.ts'
import { brokersDefault, entryName, instancesDefault, namedFault, topicsOf } from './plan.ts'
import type { PlanDocument } from './plan-schema.ts'
import type { Flaw, PlanPath } from './problem.ts'

type ClusterKind = 'embedded' | 'docker' | 'external'

/** What can be done to the processes of brokers that we start. */
const ourBrokers: readonly Capability[] = ['kill-broker', 'pause-broker']

/** What can be done to the application's processes, by who starts them; a hook can be run everywhere. */
const clientCapabilities: Record<'ours' | 'others', readonly Capability[]> = {
  ours: ['kill-client', 'pause-client', 'run-command'],
  others: ['run-command'],
}

/** Where the faults are to work; what is undefined only the place itself knows. */
export interface Surroundings {
  cluster: ClusterKind
  /** Of an external cluster. */
  reach: Reach
  /** Who starts the application's processes. */
  clients: 'ours' | 'others'
  /** Of clients that others start: indexes of those whose process is known. */
  withPid: readonly number[]
  /** Highest node id. */
  nodes: number | undefined
  instances: number | undefined
  topics: readonly string[] | undefined
  /** Whether the proxy terminates TLS. */
  isSecured: boolean
}

type Around = Surroundings & { names: readonly string[] }

/** `isSound(i)` says whether the schema had nothing against fault i: only those can be looked at here. */
export function faultFlaws(
  document: PlanDocument,
  isSound: (index: number) => boolean,
  surroundings: Surroundings,
): Flaw[] {
  const entries = document.faults ?? []
  const names = entries.map((entry, index) => entryName(entry) ?? `fault ${index + 1}`)
  const around = { ...surroundings, names }
  const sound = entries.flatMap((entry, index) =>
    isSound(index) ? [{ fault: namedFault(entry), index }] : [],
  )
  return [
    ...repeatedNames(names),
    ...circles(sound),
    ...sound.flatMap(({ fault, index }) => [
      ...triggerFlaws(fault.when, ['faults', index, 'when'], around),
      ...windowFlaws(fault, index, around),
      ...kindFlaws(fault, index, around),
      ...scopeFlaws(fault, index, around),
    ]),
  ]
}

export function surroundingsOfRun(document: PlanDocument, reach: Reach): Surroundings {
  const { cluster, workload } = document
  const { input, outputs } = topicsOf(document)
  const isExternal = cluster?.external !== undefined
  return {
    cluster: isExternal ? 'external' : cluster?.docker !== undefined ? 'docker' : 'embedded',
    reach,
    clients: workload.attach === undefined ? 'ours' : 'others',
    withPid: workload.attach === undefined ? [] : withPid(workload.attach),
    nodes: isExternal
      ? undefined
      : ((cluster?.docker ?? cluster?.embedded)?.brokers ?? brokersDefault),
    instances: instancesOf(workload),
    topics: [input, ...outputs].flatMap(({ alias, name }) => [alias, name]),
    isSecured: document.proxy?.tls !== undefined || cluster?.embedded?.security === 'sasl-ssl',
  }
}

function instancesOf({ copier, command, attach }: PlanDocument['workload']): number {
  if (attach !== undefined) return attachedCount(attach)
  return copier?.instances ?? command?.instances ?? instancesDefault
}

/** The proxy alone stands in front of a cluster that others run, with clients that others start. */
export function surroundingsAlone({ topics, proxy }: PlanDocument, reach: Reach): Surroundings {
  const known = topics === undefined ? undefined : topicsOf({ topics })
  return {
    cluster: 'external',
    reach,
    clients: 'others',
    withPid: [],
    nodes: undefined,
    instances: undefined,
    topics: known && [known.input, ...known.outputs].flatMap(({ alias, name }) => [alias, name]),
    isSecured: proxy?.tls !== undefined,
  }
}

/** The proxy and the plan's cluster, with clients that others start: whoever uses us as a library. */
export function surroundingsOfSession(document: PlanDocument, reach: Reach): Surroundings {
  const { cluster } = document
  const alone = surroundingsAlone(document, reach)
  if (cluster?.external !== undefined) return alone
  const own = cluster?.docker ?? cluster?.embedded
  return {
    ...alone,
    cluster: cluster?.docker === undefined ? 'embedded' : 'docker',
    nodes: own?.brokers ?? brokersDefault,
    isSecured: alone.isSecured || cluster?.embedded?.security === 'sasl-ssl',
  }
}

function repeatedNames(names: readonly string[]): Flaw[] {
  return names.flatMap((name, index) => {
    if (names.indexOf(name) === index) return []
    return [
      {
        path: ['faults', index, 'name'],
        at: 'value' as const,
        message: `two faults are called "${name}": give each a \`name:\` of its own`,
      },
    ]
  })
}

/** Other faults that a trigger needs to have fired, by the key that names them. */
function faultsNamed(trigger: Trigger): Record<string, string | undefined> {
  return {
    fault: trigger.fault,
    'retry-of': trigger['retry-of'],
    instance: instanceOfFault(trigger.instance),
  }
}

/** A fault that waits for itself, over however many others, would never start. */
function circles(faults: readonly { fault: FaultSpec; index: number }[]): Flaw[] {
  const waitsFor = new Map(faults.map(({ fault }) => [fault.name, waysOf(fault)]))

  /** The names from a fault to the one that everything began with, if it leads there. */
  function wayBack(from: string, home: string, seen: Set<string>): string[] | undefined {
    for (const { to } of waitsFor.get(from) ?? []) {
      if (to === home) return [to]
      if (seen.has(to)) continue
      seen.add(to)
      const way = wayBack(to, home, seen)
      if (way !== undefined) return [to, ...way]
    }
    return undefined
  }

  return faults.flatMap(({ fault: { name }, index }) => {
    for (const { to, path } of waitsFor.get(name) ?? []) {
      const way = to === name ? [] : wayBack(to, name, new Set([to]))
      if (way === undefined) continue
      const names = [name, to, ...way]
      const message = `waits for itself: ${names.join(' waits for ')}`
      return [{ path: ['faults', index, ...path], at: 'value' as const, message }]
    }
    return []
  })
}

/** Which faults must have fired before this one can, and where it says so. Its window may end with itself. */
function waysOf({ when, from }: FaultSpec): { to: string; path: string[] }[] {
  return Object.entries({ when, from }).flatMap(([end, trigger]) =>
    Object.entries(trigger === undefined ? {} : faultsNamed(trigger)).flatMap(([key, to]) =>
      to === undefined ? [] : [{ to, path: [end, key] }],
    ),
  )
}

/** The ends of a rule's window are triggers as well. */
function windowFlaws(fault: FaultSpec, index: number, around: Around): Flaw[] {
  return (['from', 'to'] as const).flatMap((key) => {
    const trigger = fault[key]
    if (trigger === undefined) return []
    const path = ['faults', index, key]
    const flaws = triggerFlaws(trigger, path, around)
    return [...flaws, ...edgeProblems(trigger).map((problem) => asFlaw(problem, path))]
  })
}

function asFlaw({ path, message }: FieldProblem, place: PlanPath): Flaw {
  return {
    path: [...place, ...path],
    at: 'key',
    message: path.length === 0 ? message : `\`${path.join('.')}\` ${message}`,
  }
}

function triggerFlaws(when: Trigger, path: PlanPath, around: Around): Flaw[] {
  // Whether APIs and error codes exist has been seen to by the schema, which lists them.
  const known = () => true
  const flaws: Flaw[] = triggerProblems(when, known, known).map((one) => asFlaw(one, path))
  for (const [key, named] of Object.entries(faultsNamed(when))) {
    if (named === undefined || around.names.includes(named)) continue
    flaws.push({
      path: [...path, key],
      at: 'value',
      message: `no fault is called "${named}"`,
      given: named,
      allowed: around.names,
    })
  }
  flaws.push(...placeFlaws(when, path, around))
  return flaws
}

/** Places of a trigger that this plan's cluster and workload do not have: it could never fire. */
function placeFlaws(when: Trigger, path: PlanPath, around: Around): Flaw[] {
  const flaws: Flaw[] = []
  for (const key of ['broker', 'source', 'target'] as const) {
    flaws.push(...nodeFlaws(when[key], [...path, key], around))
  }
  if (typeof when.instance === 'number' && when.instance >= (around.instances ?? Infinity)) {
    flaws.push({
      path: [...path, 'instance'],
      at: 'value',
      message: `there are ${around.instances} instances, numbered from 0`,
    })
  }
  const { planes } = around.reach
  if (around.cluster === 'external' && when.plane !== undefined && !planes.includes(when.plane)) {
    flaws.push({
      path: [...path, 'plane'],
      at: 'value',
      message:
        planes.length === 1
          ? 'only the client plane of a cluster that others run can be seen'
          : `the ${when.plane} plane is not behind the proxy, only the ${planes.join(' and the ')} one`,
    })
  }
  const topic = when.topic
  if (topic !== undefined) flaws.push(...topicFlaws(topic, [...path, 'topic'], around))
  return flaws
}

function nodeFlaws(node: unknown, path: PlanPath, { nodes }: Around): Flaw[] {
  if (typeof node !== 'number' || nodes === undefined || (node >= 1 && node <= nodes)) return []
  return [{ path, at: 'value', message: `there is no broker ${node}: they are 1 to ${nodes}` }]
}

/** Kafka's own topics and globs pass; any other name must be one of the plan's. */
function topicFlaws(topic: string, path: PlanPath, { topics }: Around): Flaw[] {
  if (
    topics === undefined ||
    topic.startsWith('__') ||
    /[*?]/.test(topic) ||
    topics.includes(topic)
  )
    return []
  const allowed = [...new Set(topics)]
  return [{ path, at: 'value', message: `unknown topic "${topic}"`, given: topic, allowed }]
}

function kindFlaws(fault: FaultSpec, index: number, around: Around): Flaw[] {
  const [name, given] = Object.entries(fault.inject)[0] ?? ['', undefined]
  const kind = faultKindNamed(name)
  if (kind === undefined) throw new Error(`the schema lets only registered kinds through: ${name}`)
  const path = ['faults', index, 'inject', name]
  // The schema has checked them against this very kind.
  const params = given as never
  const flaws: Flaw[] = (kind.problems?.(params, fault) ?? []).map((problem) => ({
    path: [...path, ...problem.path],
    at: problem.at ?? (problem.path.length === 0 ? 'key' : 'value'),
    message: `\`${[name, ...problem.path].join('.')}\` ${problem.message}`,
    ...(problem.given === undefined ? {} : { given: problem.given }),
    ...(problem.allowed === undefined ? {} : { allowed: problem.allowed }),
  }))
  const can = [
    ...(around.cluster === 'external' ? around.reach.can : ourBrokers),
    ...clientCapabilities[around.clients],
    ...(around.isSecured ? ['terminate-tls'] : []),
  ]
  for (const need of (kind.needs?.(params) ?? []).filter((one) => !can.includes(one))) {
    if (need === 'terminate-tls') {
      const message = `\`${name}\` is about TLS, and clients reach the proxy without: write \`proxy: { tls: generated }\``
      flaws.push({ path, at: 'key', message })
      continue
    }
    if (need.endsWith('-client')) {
      flaws.push(...foreignProcessFlaws(need, params, path, around))
      continue
    }
    const why =
      'which is not possible on an external cluster (of one in Docker, `gauntlet proxy --docker-brokers` can)'
    flaws.push({ path, at: 'key', message: `needs to ${need.replace('-', ' a ')}, ${why}` })
  }
  const instance: unknown = (given as { instance?: unknown } | null)?.instance
  if (typeof instance === 'number' || typeof instance === 'string') {
    flaws.push(...instanceFlaws(instance, [...path, 'instance'], around))
  }
  const endsByItself = kind.endsByItself?.(params) === true
  if (kind.windowed(params, fault) && fault.for === undefined && !endsByItself) {
    flaws.push({
      path: ['faults', index, 'inject'],
      at: 'key',
      message: `\`${name}\` lasts until it heals: say how long with \`for:\` beside \`inject:\``,
    })
  }
  const effect = kind.effect(params, fault)
  flaws.push(...idleKeyFlaws(kind, params, fault, index), ...moveFlaws(effect, path, around))
  // What is done to a message names fields of Kafka's, some of them called as our selectors are.
  if (effect.on !== 'message') flaws.push(...selectorFlaws(params, path, around))
  return flaws
}

/** What can be done to a process that somebody else has started: nothing, unless it is known which one it is. */
function foreignProcessFlaws(
  need: Capability,
  params: { instance?: unknown; 'restart-after'?: unknown },
  path: PlanPath,
  { withPid, instances }: Around,
): Flaw[] {
  const { instance } = params
  const isKnown =
    typeof instance === 'number'
      ? withPid.includes(instance)
      : withPid.length > 0 && withPid.length === instances
  if (!isKnown) {
    const message = `needs to ${need.replace('-', ' a ')}, which is not possible with an application that was not started from here: start it by \`workload.command\`, or name its process with \`pid-file:\` under \`workload.attach.instances\``
    return [{ path, at: 'key', message }]
  }
  if (params['restart-after'] === undefined) return []
  const message =
    '`restart-after` is for applications that are started from here: leave it out, and let whoever runs this one start it again'
  return [{ path: [...path, 'restart-after'], at: 'key', message }]
}

/** Brokers and partitions that are to move and that the plan does not have. */
function moveFlaws(effect: FaultEffect, path: PlanPath, around: Around): Flaw[] {
  if (effect.on === 'replicas') return brokerFlaws(effect.from, [...path, 'from'], around)
  return effect.on === 'leadership'
    ? brokerFlaws({ 'leader-of': effect.partitions }, path, around)
    : []
}

/** Effects whose reach `on` can say. */
const scoped: readonly FaultEffect['on'][] = ['connections', 'broker']

/** Keys that would silently do nothing with this kind. */
function idleKeyFlaws(kind: FaultKind, params: never, fault: FaultSpec, index: number): Flaw[] {
  const effect = kind.effect(params, fault)
  const flaws: Flaw[] = []
  const idle = (key: 'on' | 'for', why: string) =>
    flaws.push({ path: ['faults', index, key], at: 'key', message: `\`${key}\` ${why}` })
  if (fault.on !== undefined && !scoped.includes(effect.on)) {
    idle('on', `does nothing here: \`${kind.name}\` says itself what it concerns`)
  }
  const endsByTime = effect.on === 'message' && effect.verdict.do === 'drop'
  if (fault.for !== undefined && !kind.windowed(params, fault) && !endsByTime) {
    idle('for', `does nothing here: \`${kind.name}\` is over at once`)
  }
  return flaws
}

/** Processes that a kind names and this workload does not have. */
function instanceFlaws(instance: number | string, path: PlanPath, around: Around): Flaw[] {
  const other = faultNamedBy(instance)
  if (other !== undefined && !around.names.includes(other)) {
    const message = `no fault is called "${other}"`
    return [{ path, at: 'value', message, given: other, allowed: around.names }]
  }
  if (typeof instance === 'number' && instance >= (around.instances ?? Infinity)) {
    const message = `there are ${around.instances} instances, numbered from 0`
    return [{ path, at: 'value', message }]
  }
  return []
}

function scopeFlaws(fault: FaultSpec, index: number, around: Around): Flaw[] {
  return selectorFlaws(fault.on, ['faults', index, 'on'], around)
}

/** Broker selectors wherever they stand within a value: node ids and topics that the plan does not have. */
function selectorFlaws(value: unknown, path: PlanPath, around: Around): Flaw[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => selectorFlaws(item, [...path, index], around))
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'brokers'
      ? brokerFlaws(inner as BrokerSelector, [...path, key], around)
      : selectorFlaws(inner, [...path, key], around),
  )
}

function brokerFlaws(selector: BrokerSelector, path: PlanPath, around: Around): Flaw[] {
  if (typeof selector === 'number') return nodeFlaws(selector, path, around)
  if (typeof selector === 'string' || 'coordinator-of' in selector) return []
  if ('not' in selector) return brokerFlaws(selector.not, [...path, 'not'], around)
  const named = selector['leader-of']
  const topic = around.topics?.includes(named) === true ? named : named.replace(/-[0-9]+$/, '')
  return topicFlaws(topic, [...path, 'leader-of'], around)
}
