// Whether what clients write and read keeps the policies: told a Produce or a Fetch, it answers which partitions of it
// are refused, and what is worth telling. Pure and bounded; it changes no bytes.
import type { ClientName, PolicyRequirement, PolicyViolationCount, ProxyEvent } from '../events.ts'
import { globMatcher } from '../faults/vocabulary.ts'
import { ProtocolError, zeroUuid } from '../protocol/bytes.ts'
import type { Message } from '../protocol/codec.ts'
import { readBatches } from '../protocol/record-batch.ts'
import { fetchKey, produceKey } from '../transactions/api-keys.ts'
import { bytesOf, numberOf, textOf } from '../transactions/message-fields.ts'
import type { Observation } from '../transactions/observation.ts'
import { topicOf } from '../transactions/subjects.ts'
import { type GovernedKey, partitionsIn, placeOf, topicsIn } from './governed-fields.ts'
import { type Policy, writeRequirements } from './policy.ts'

/** Violations remembered, by client, policy, topic and requirement; the oldest go first. */
export const violationsMax = 2_000
/** Topics whose policies are remembered; past that they are looked up anew. */
const topicsRememberedMax = 10_000

export type PolicyEffect = Extract<ProxyEvent, { type: 'policy-violated' }>

/** What becomes of traffic of one kind: nobody governs it, it is looked at as it passes, or kept back until judged. */
export type Grip = 'none' | 'report' | 'refuse'

/** One partition of a request that does not go on to the broker. */
export interface Refusal {
  /** As the request names it: topic or topic id, and partition. */
  place: string
  /** For the client, where the answer has a place for words. */
  message: string
  /** Nobody knows yet which topic is meant, so the client shall ask for metadata again. */
  isUnknown: boolean
}

export interface Judgement {
  refusals: readonly Refusal[]
  /** Told once for each client, policy, topic and requirement. */
  told: readonly PolicyEffect[]
  /** Something broke a policy, told before or not. */
  isBroken: boolean
}

/** What one client did to one topic against one requirement of a policy. */
export interface Violation {
  client: ClientName
  topic: string
  requirement: PolicyRequirement
  count: number
  firstAtMs: number
  lastAtMs: number
}

export interface PolicyView extends Policy {
  reported: number
  refused: number
  violations: Violation[]
}

export interface Governor {
  readonly writes: Grip
  readonly reads: Grip
  /** Whether a request of this API to this topic must be judged; undefined: nobody knows which topic that is. */
  concerns(apiKey: number, topic: string | undefined): boolean
  judge(o: Observation, client: () => ClientName): Judgement
  counts(): PolicyViolationCount[]
  views(): PolicyView[]
}

/** One policy, ready to be asked. */
interface Rule {
  policy: Policy
  isTopic: (topic: string) => boolean
  isExempt: (name: ClientName | Observation) => boolean
  counts: Map<PolicyRequirement, number>
}

interface Kept extends Violation {
  rule: Rule
}

const noTopicKept: Judgement = { refusals: [], told: [], isBroken: false }
const isWriting = (requirement: PolicyRequirement): boolean =>
  (writeRequirements as readonly PolicyRequirement[]).includes(requirement)

/** Kafka's own topics are nobody's to govern. */
const isInternal = (topic: string): boolean => topic.startsWith('__')

export function createGovernor(options: {
  policies: readonly Policy[]
  /** What policies may call topics, beside their names. */
  aliases: Readonly<Record<string, string>>
  topicName(topicId: string): string | undefined
}): Governor {
  const { aliases, topicName } = options
  const rules = options.policies.map((policy): Rule => {
    const topics = policy.topics.map((glob) => globMatcher(aliases[glob] ?? glob))
    const except = policy.except.map(globMatcher)
    return {
      policy,
      isTopic: (topic) => topics.some((matches) => matches(topic)),
      isExempt: ({ clientId, instance }) =>
        except.some(
          (matches) => matches(clientId ?? '') || (instance !== undefined && matches(instance)),
        ),
      counts: new Map(policy.require.map((requirement) => [requirement, 0])),
    }
  })
  const writing = rules.filter(({ policy }) => policy.require.some(isWriting))
  const reading = rules.filter(({ policy }) => policy.require.includes('read_committed'))
  const kept = new Map<string, Kept>()
  const byTopic = {
    writing: new Map<string, readonly Rule[]>(),
    reading: new Map<string, readonly Rule[]>(),
  }

  function gripOf(some: readonly Rule[]): Grip {
    if (some.some(({ policy }) => policy.onViolation === 'refuse')) return 'refuse'
    return some.length > 0 ? 'report' : 'none'
  }
  const writes = gripOf(writing)
  const reads = gripOf(reading)

  function rulesFor(way: 'writing' | 'reading', topic: string): readonly Rule[] {
    const known = byTopic[way].get(topic)
    if (known !== undefined) return known
    const some = way === 'writing' ? writing : reading
    const found = isInternal(topic) ? [] : some.filter(({ isTopic }) => isTopic(topic))
    if (byTopic[way].size >= topicsRememberedMax) byTopic[way].clear()
    byTopic[way].set(topic, found)
    return found
  }

  /** A topic by its name; undefined for an id that nobody has named. */
  function nameIn(struct: Message): string | undefined {
    const topic = topicOf(struct, topicName)
    const topicId = textOf(struct, 'topicId')
    return topicId !== undefined && topicId !== zeroUuid && topic === topicId ? undefined : topic
  }

  /** Counts a violation; the event where it is the first of its kind. */
  function note(
    rule: Rule,
    o: Observation,
    client: ClientName,
    { topic, requirement }: { topic: string; requirement: PolicyRequirement },
  ): PolicyEffect | undefined {
    rule.counts.set(requirement, (rule.counts.get(requirement) ?? 0) + 1)
    const { policy } = rule
    const key = JSON.stringify([client, policy.name, topic, requirement])
    const known = kept.get(key)
    if (known !== undefined) {
      known.count += 1
      known.lastAtMs = o.atMs
      return undefined
    }
    if (kept.size >= violationsMax) {
      const oldest = kept.keys().next()
      if (oldest.done !== true) kept.delete(oldest.value)
    }
    const { atMs } = o
    kept.set(key, {
      rule,
      client,
      topic,
      requirement,
      count: 1,
      firstAtMs: atMs,
      lastAtMs: atMs,
    })
    return {
      atMs,
      type: 'policy-violated',
      policy: policy.name,
      requirement,
      topic,
      action: policy.onViolation === 'refuse' ? 'refused' : 'reported',
      client,
      connection: o.connection,
      api: o.api,
      message: `${isWriting(requirement) ? 'writes to' : 'reads'} ${topic} ${lacks[requirement]}, which policy ${policy.name} ${policy.onViolation === 'refuse' ? 'refuses' : 'does not want'}`,
    }
  }

  /** Goes over the topics of a request; `unmet` says what a partition of one lacks. */
  function judgeTopics(
    o: Observation,
    client: () => ClientName,
    parts: {
      apiKey: GovernedKey
      way: 'writing' | 'reading'
      grip: Grip
      meets(requirement: PolicyRequirement, partition: Message): boolean
    },
  ): Judgement {
    const refusals: Refusal[] = []
    const told: PolicyEffect[] = []
    let isBroken = false
    for (const struct of topicsIn(parts.apiKey, o.request)) {
      const topic = nameIn(struct)
      const partitions = partitionsIn(parts.apiKey, struct)
      if (topic === undefined) {
        if (parts.grip !== 'refuse') continue
        const message = 'the proxy does not know this topic id yet: ask for metadata again'
        for (const partition of partitions) {
          refusals.push({
            place: placeOf(parts.apiKey, struct, partition),
            message,
            isUnknown: true,
          })
        }
        continue
      }
      const binding = rulesFor(parts.way, topic).filter(({ isExempt }) => !isExempt(o))
      if (binding.length === 0) continue
      const noted = new Set<string>()
      for (const partition of partitions) {
        let refusal: Refusal | undefined
        for (const rule of binding) {
          const { policy } = rule
          const requirement = policy.require.find(
            (one) => isWriting(one) === (parts.way === 'writing') && !parts.meets(one, partition),
          )
          if (requirement === undefined) continue
          isBroken = true
          // Once for the request, however many partitions of the topic it names.
          const once = `${policy.name} ${requirement}`
          if (!noted.has(once)) {
            noted.add(once)
            const event = note(rule, o, client(), { topic, requirement })
            if (event !== undefined) told.push(event)
          }
          if (policy.onViolation === 'refuse') {
            refusal ??= {
              place: placeOf(parts.apiKey, struct, partition),
              message: `policy ${policy.name} of the proxy requires ${requirement}`,
              isUnknown: false,
            }
          }
        }
        if (refusal !== undefined) refusals.push(refusal)
      }
    }
    return { refusals, told, isBroken }
  }

  function judgeProduce(o: Observation, client: () => ClientName): Judgement {
    const { request } = o
    const isAcksAll = numberOf(request, 'acks', -1) === -1
    const isTransactional = textOf(request, 'transactionalId') !== undefined
    return judgeTopics(o, client, {
      apiKey: produceKey,
      way: 'writing',
      grip: writes,
      meets(requirement, partition) {
        if (requirement === 'acks-all') return isAcksAll
        const isMet =
          requirement === 'transactions'
            ? (batch: { transactional: boolean }) => isTransactional && batch.transactional
            : (batch: { producerId: number }) => batch.producerId >= 0
        return batchesOf(partition).every(isMet)
      },
    })
  }

  function judgeFetch(o: Observation, client: () => ClientName): Judgement {
    if (numberOf(o.request, 'isolationLevel', 0) === 1) return noTopicKept
    return judgeTopics(o, client, {
      apiKey: fetchKey,
      way: 'reading',
      grip: reads,
      meets: () => false,
    })
  }

  return {
    writes,
    reads,
    concerns(apiKey, topic) {
      const [grip, way] =
        apiKey === produceKey ? ([writes, 'writing'] as const) : ([reads, 'reading'] as const)
      if (topic === undefined) return grip === 'refuse'
      return rulesFor(way, topic).length > 0
    },
    judge(o, client) {
      if (o.apiKey === produceKey) return judgeProduce(o, client)
      return o.apiKey === fetchKey ? judgeFetch(o, client) : noTopicKept
    },
    counts: () =>
      rules.flatMap(({ policy, counts }) =>
        [...counts].map(([requirement, count]) => ({
          policy: policy.name,
          requirement,
          action: policy.onViolation === 'refuse' ? ('refused' as const) : ('reported' as const),
          count,
        })),
      ),
    views: () =>
      rules.map((rule) => {
        const { policy, counts } = rule
        const sum = [...counts.values()].reduce((total, count) => total + count, 0)
        const isRefusing = policy.onViolation === 'refuse'
        return {
          ...policy,
          reported: isRefusing ? 0 : sum,
          refused: isRefusing ? sum : 0,
          violations: [...kept.values()]
            .filter((one) => one.rule === rule)
            .map(({ rule: _rule, ...violation }) => violation),
        }
      }),
  }
}

const lacks: Readonly<Record<PolicyRequirement, string>> = {
  transactions: 'outside of transactions',
  idempotence: 'without idempotence',
  'acks-all': 'without acks=all',
  read_committed: 'without read_committed',
}

const unmarked = [{ transactional: false, producerId: -1 }]

/** Headers of a partition's batches; a format older than idempotence counts as one batch without it. */
function batchesOf(
  partition: Message,
): ReadonlyArray<{ transactional: boolean; producerId: number }> {
  const records = bytesOf(partition, 'records')
  if (records === undefined) return []
  try {
    const batches = readBatches(records)
    return batches.length === 0 ? unmarked : batches
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    return unmarked
  }
}
