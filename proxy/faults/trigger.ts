// Turns `when` into a test on messages and a choice among the matches. Pure: the same messages in the same
// order give the same answers, whatever the clock says.
import type { Plane } from '../events.ts'
import type { MessageView, SubjectTransaction } from './message-view.ts'
import type { PastFirings } from './past-firings.ts'
import { instanceOfFault, type MessageTrigger, type Trigger } from './trigger-schema.ts'
import { globMatcher, share } from './vocabulary.ts'

/** Real names behind the roles of a plan, e.g. `output` -> `payments`. */
export type TopicAliases = Readonly<Record<string, string>>

export type MessageTest = (view: MessageView) => boolean

/** APIs that only brokers send to each other. */
const betweenBrokers: ReadonlySet<string> = new Set(['WriteTxnMarkers'])
const inQuorum: ReadonlySet<string> = new Set([
  'Vote',
  'BeginQuorumEpoch',
  'EndQuorumEpoch',
  'BrokerHeartbeat',
  'BrokerRegistration',
  'AllocateProducerIds',
  'AlterPartition',
])

/** The plane that a trigger speaks of: as it says, or the one where its API lives. */
export function planeOf(trigger: MessageTrigger): Plane {
  if (trigger.plane !== undefined) return trigger.plane
  const api = trigger.request ?? trigger.reply ?? ''
  if (betweenBrokers.has(api)) return 'inter-broker'
  if (inQuorum.has(api)) return 'controller'
  return trigger.source !== undefined || trigger.target !== undefined ? 'inter-broker' : 'client'
}

/** Instances are named by index (`0` is `copier-0`) or by glob. */
export function instanceTest(wanted: number | string): (instance: string | undefined) => boolean {
  if (typeof wanted === 'number') {
    return (instance) => instance?.endsWith(`-${wanted}`) === true
  }
  const matches = globMatcher(wanted)
  return (instance) => instance !== undefined && matches(instance)
}

/** The test on one transaction that a message names: id, result, phase and ordinal hold for the same one. */
function transactionTest(
  trigger: MessageTrigger,
): ((transaction: SubjectTransaction) => boolean) | undefined {
  const { committed, phase, enters, transaction } = trigger
  const id = trigger['transactional-id']
  const narrowing = [committed, phase, enters, transaction]
  if (narrowing.every((value) => value === undefined)) return undefined
  const matches = id === undefined ? () => true : globMatcher(id)
  return (found) =>
    matches(found.transactionalId) &&
    (committed === undefined || found.committed === committed) &&
    (phase === undefined || found.phase === phase) &&
    (enters === undefined || found.entered.includes(enters)) &&
    (transaction === undefined || found.transaction === transaction)
}

function onlyAsksForResult(trigger: MessageTrigger): boolean {
  return (
    trigger.committed !== undefined &&
    trigger['transactional-id'] === undefined &&
    trigger.phase === undefined &&
    trigger.enters === undefined &&
    trigger.transaction === undefined
  )
}

export function isMessageTrigger(trigger: Trigger): boolean {
  return trigger.request !== undefined || trigger.reply !== undefined
}

/** The test on a topic-partition that a trigger narrows to. */
export function placeTest(
  { topic, partition }: Pick<MessageTrigger, 'topic' | 'partition'>,
  aliases: TopicAliases,
): (place: { topic: string; partition: number }) => boolean {
  const matches = topic === undefined ? () => true : globMatcher(aliases[topic] ?? topic)
  return (place) =>
    matches(place.topic) && (partition === undefined || place.partition === partition)
}

export function compileMessageTest(
  trigger: MessageTrigger,
  aliases: TopicAliases,
  past: PastFirings,
): MessageTest {
  const side = trigger.request !== undefined ? 'request' : 'reply'
  const api = trigger.request ?? trigger.reply
  const plane = planeOf(trigger)
  const tests: MessageTest[] = []
  const { broker, target, source, version, committed, error } = trigger
  const node = broker ?? target
  if (node !== undefined) tests.push((view) => view.node === node)
  if (source !== undefined) tests.push((view) => view.source === source)
  if (version !== undefined) tests.push((view) => view.version === version)
  if (trigger.client !== undefined) {
    const matches = globMatcher(trigger.client)
    tests.push((view) => view.clientId !== null && matches(view.clientId))
  }
  const sameAs = instanceOfFault(trigger.instance)
  if (sameAs !== undefined) {
    tests.push(
      ({ instance }) => instance !== undefined && past.instancesOf(sameAs).includes(instance),
    )
  } else if (trigger.instance !== undefined) {
    const matches = instanceTest(trigger.instance)
    tests.push((view) => matches(view.instance))
  }
  const some = (
    glob: string | undefined,
    values: (view: MessageView) => readonly string[],
  ): void => {
    if (glob === undefined) return
    const matches = globMatcher(aliases[glob] ?? glob)
    const quantifier = trigger.only === true ? 'every' : 'some'
    tests.push((view) => {
      const found = values(view)
      return found.length > 0 && found[quantifier](matches)
    })
  }
  some(trigger['transactional-id'], (view) => view.subject().transactionalIds)
  some(trigger.group, (view) => view.subject().groups)
  if (trigger.topic !== undefined || trigger.partition !== undefined) {
    const isMeant = placeTest(trigger, aliases)
    tests.push((view) => view.subject().topicPartitions.some(isMeant))
  }
  const producerId = trigger['producer-id']
  if (producerId !== undefined)
    tests.push((view) => view.subject().producerIds.includes(producerId))
  const one = transactionTest(trigger)
  if (one !== undefined) {
    const quantifier = trigger.only === true ? 'every' : 'some'
    tests.push((view) => {
      const { transactions, committed: result } = view.subject()
      // An EndTxn of an id never seen, or markers of unknown producers, still say commit or abort.
      if (transactions.length === 0) return onlyAsksForResult(trigger) && result === committed
      return transactions[quantifier](one)
    })
  }
  if (error !== undefined) {
    tests.push((view) =>
      error === 'NONE' ? view.errors().length === 0 : view.errors().includes(error),
    )
  }
  // These open what a message carries: only when everything else fits.
  const retryOf = trigger['retry-of']
  if (retryOf !== undefined) tests.push((view) => past.isRetryOf(retryOf, view))
  some(trigger.id, (view) => view.recordIds())
  return (view) =>
    view.side === side &&
    view.api === api &&
    view.plane === plane &&
    tests.every((test) => test(view))
}

/**
 * The test on what all messages of one client, API and place have in common; it passes wherever the whole one may.
 * Where it fails, messages of that kind need not be read for the rule.
 */
export function compileLastingTest(
  trigger: MessageTrigger,
  aliases: TopicAliases,
  past: PastFirings,
): MessageTest {
  const lasting: MessageTrigger = {}
  const { broker, target, source, version, partition, instance, client, topic } = trigger
  const id = trigger['transactional-id']
  if (trigger.request !== undefined) lasting.request = trigger.request
  if (trigger.reply !== undefined) lasting.reply = trigger.reply
  lasting.plane = planeOf(trigger)
  // A selector that is neither a number nor a glob may stand for something else tomorrow.
  if (typeof broker === 'number') lasting.broker = broker
  if (typeof target === 'number') lasting.target = target
  if (typeof source === 'number') lasting.source = source
  if (version !== undefined) lasting.version = version
  if (partition !== undefined) lasting.partition = partition
  // `same-as` may mean another instance tomorrow.
  if (instance !== undefined && instanceOfFault(instance) === undefined) lasting.instance = instance
  if (typeof client === 'string') lasting.client = client
  if (typeof topic === 'string') lasting.topic = topic
  if (typeof id === 'string') lasting['transactional-id'] = id
  if (trigger.only !== undefined) lasting.only = trigger.only
  return compileMessageTest(lasting, aliases, past)
}

/** Chooses among the matches of one rule: every one gets its ordinal from 1, counted per key. */
export function compileChoice(
  trigger: Trigger,
  random: () => number,
): (view: MessageView) => boolean {
  const counts = new Map<string, number>()
  const key = (view: MessageView): string => {
    if (trigger.per === 'instance') return view.instance ?? ''
    if (trigger.per === 'transactional-id') return view.subject().transactionalIds[0] ?? ''
    return ''
  }
  const { nth, first, every, probability } = trigger
  const chance = probability === undefined ? undefined : share(probability)
  return (view) => {
    const name = key(view)
    const ordinal = (counts.get(name) ?? 0) + 1
    counts.set(name, ordinal)
    if (nth !== undefined) return ordinal === nth
    if (first !== undefined) return ordinal <= first
    if (typeof every === 'number') return ordinal % every === 0
    if (chance !== undefined) return random() < chance
    return true
  }
}

/** How often a fault fires unless the plan says `times`. */
export function timesOf(trigger: Trigger, times: number | 'unlimited' | undefined): number {
  if (times === 'unlimited') return Number.POSITIVE_INFINITY
  if (times !== undefined) return times
  if (trigger.first !== undefined) return trigger.first
  if (typeof trigger.every === 'string' || trigger.manual === true) return Number.POSITIVE_INFINITY
  return 1
}
