// What a schema cannot say about the rest of a plan: parts that contradict each other.
import { policyName } from '../policies/policy.ts'
import { attachFlaws } from './attached.ts'
import { brokersDefault, isContractByTopic, topicsOf } from './plan.ts'
import { mistakesOfJava, type PlanDocument } from './plan-schema.ts'
import type { Flaw } from './problem.ts'

export function planFlaws(document: PlanDocument): Flaw[] {
  return [
    ...securityFlaws(document),
    ...policyFlaws(document),
    ...topicFlaws(document),
    ...copierFlaws(document),
    ...attachFlaws(document),
    ...contractFlaws(document),
    ...sinkFlaws(document),
    ...loadFlaws(document),
    ...expectFlaws(document),
    ...clientFlaws(document),
  ]
}

/** Exactly one of two keys that say the same in different ways. */
function oneOf(
  written: object,
  keys: readonly [string, string],
  path: Flaw['path'],
  mechanism: string,
): Flaw[] {
  const there = keys.filter((key) => Object.hasOwn(written, key))
  if (there.length === 1) return []
  const [first, second] = keys
  const message =
    there.length === 0
      ? `mechanism ${mechanism} needs \`${first}\` or \`${second}\``
      : `\`${first}\` and \`${second}\` say the same: keep one`
  return [{ path, at: 'key', message }]
}

function securityFlaws({ cluster }: PlanDocument): Flaw[] {
  const { tls, sasl } = cluster?.external ?? {}
  const flaws: Flaw[] = []
  if (tls !== undefined && 'certificate-file' in tls !== 'key-file' in tls) {
    const message = '`certificate-file` and `key-file` belong together'
    flaws.push({ path: ['cluster', 'external', 'tls'], at: 'key', message })
  }
  if (sasl === undefined) return flaws
  const path = ['cluster', 'external', 'sasl']
  if (sasl.mechanism === 'oauthbearer') {
    return [...flaws, ...oneOf(sasl, ['token-env', 'token-file'], path, sasl.mechanism)]
  }
  return [
    ...flaws,
    ...oneOf(sasl, ['username', 'username-env'], path, sasl.mechanism),
    ...oneOf(sasl, ['password-env', 'password-file'], path, sasl.mechanism),
  ]
}

/** Policies are told apart by their names, in metrics and answers. */
function policyFlaws({ policies = [] }: PlanDocument): Flaw[] {
  const names = policies.map(policyName)
  return policies.flatMap((policy, index) => {
    if (names.indexOf(policyName(policy)) === index) return []
    const message =
      policy.name === undefined
        ? 'another policy has the same topics: give one of them a `name:`'
        : `two policies are called "${policy.name}"`
    const place = policy.name === undefined ? 'topics' : 'name'
    return [{ path: ['policies', index, place], at: 'value' as const, message }]
  })
}

function topicFlaws(document: PlanDocument): Flaw[] {
  const { input, outputs } = topicsOf(document)
  const brokers = document.cluster?.embedded?.brokers ?? brokersDefault
  const places = [
    { topic: input, path: ['topics', 'input'] },
    ...outputs.map((topic, index) => ({
      topic,
      path: Array.isArray(document.topics?.output)
        ? ['topics', 'output', index]
        : ['topics', 'output'],
    })),
  ]
  return places.flatMap(({ topic, path }, index) => {
    const flaws: Flaw[] = []
    if (places.some((other, before) => before < index && other.topic.name === topic.name)) {
      const message = `two topics are called "${topic.name}"`
      flaws.push({ path: [...path, 'name'], at: 'value', message })
    }
    if (topic.leaders.length > 0 && topic.leaders.length !== topic.partitions) {
      const message = `names ${topic.leaders.length} leaders for ${topic.partitions} partitions`
      flaws.push({ path: [...path, 'leaders'], at: 'key', message: `\`leaders\` ${message}` })
    }
    for (const [position, node] of topic.leaders.entries()) {
      if (document.cluster?.external !== undefined || (node >= 1 && node <= brokers)) continue
      const message = `there is no broker ${node}: they are 1 to ${brokers}`
      flaws.push({ path: [...path, 'leaders', position], at: 'value', message })
    }
    return flaws
  })
}

type Copier = NonNullable<PlanDocument['workload']['copier']>

/** Keys that only the Java client can do, and why kafkajs cannot. */
const keysOfJava = {
  'client-version': 'kafkajs comes in one version',
  'group-protocol': 'kafkajs speaks the classic protocol',
  'transactional-id': 'the kafkajs copier takes one for each input partition',
  'group-instance-id': 'kafkajs has no static members',
  assignment: 'kafkajs always gives all partitions back',
  'max-request-size': 'kafkajs has no such limit',
} as const satisfies Partial<Record<keyof Copier, string>>

const compressionsOfKafkajs: readonly string[] = ['none', 'gzip']

function copierFlaws(document: PlanDocument): Flaw[] {
  // The proxy alone has no workload, whatever the type of a whole plan says.
  const workload: PlanDocument['workload'] | undefined = document.workload
  const copier = workload?.copier
  if (copier === undefined) return []
  return copier.client === 'kafkajs' ? kafkajsFlaws(copier) : groupFlaws(copier)
}

function kafkajsFlaws(copier: Copier): Flaw[] {
  const flaws: Flaw[] = []
  for (const [key, why] of Object.entries(keysOfJava)) {
    if (copier[key as keyof typeof keysOfJava] === undefined) continue
    const message = `\`${key}\` is for \`client: java\`: ${why}`
    flaws.push({ path: ['workload', 'copier', key], at: 'key', message })
  }
  const { compression, mistake } = copier
  if (compression !== undefined && !compressionsOfKafkajs.includes(compression)) {
    const message = `kafkajs brings no ${compression}: use none or gzip, or \`client: java\``
    flaws.push({ path: ['workload', 'copier', 'compression'], at: 'value', message })
  }
  if (mistake !== undefined && mistakesOfJava.includes(mistake)) {
    const message = `the kafkajs copier cannot make the mistake ${mistake}: use \`client: java\``
    flaws.push({ path: ['workload', 'copier', 'mistake'], at: 'value', message })
  }
  return flaws
}

/** In the protocol of KIP-848 the group's coordinator decides what is the client's affair in the classic one. */
function groupFlaws(copier: Copier): Flaw[] {
  if (copier['group-protocol'] !== 'consumer') return []
  return (['assignment', 'session-timeout'] as const)
    .filter((key) => copier[key] !== undefined)
    .map((key) => ({
      path: ['workload', 'copier', key],
      at: 'key',
      message: `\`${key}\` does nothing with \`group-protocol: consumer\`: the broker decides it`,
    }))
}

function contractFlaws(document: PlanDocument): Flaw[] {
  const { contract } = document
  if (contract === undefined || !isContractByTopic(contract)) return []
  const allowed = topicsOf(document).outputs.map(({ name }) => name)
  const aliases = topicsOf(document).outputs.map(({ alias }) => alias)
  return Object.keys(contract)
    .filter((topic) => !allowed.includes(topic) && !aliases.includes(topic))
    .map((topic) => ({
      path: ['contract', topic],
      at: 'key',
      message: `unknown output topic "${topic}"`,
      given: topic,
      allowed,
    }))
}

function sinkFlaws(document: PlanDocument): Flaw[] {
  const { file, postgres } = document.sink ?? {}
  if (
    postgres !== undefined &&
    (postgres['url-env'] === undefined) === (postgres['url-file'] === undefined)
  ) {
    const message = 'say once where the address of the database is: `url-env:` or `url-file:`'
    return [{ path: ['sink', 'postgres'], at: 'key', message }]
  }
  if (file === undefined) return []
  const isCsv = (file.format ?? (file.path.endsWith('.csv') ? 'csv' : 'ndjson')) === 'csv'
  if (isCsv === file.id.startsWith('column:')) return []
  const message = isCsv
    ? 'the id of a CSV file is `column:NAME`'
    : '`column:NAME` is for CSV; a line of NDJSON has value, json:$.PATH or regex:EXPRESSION'
  return [{ path: ['sink', 'file', 'id'], at: 'value', message }]
}

function loadFlaws({ load }: PlanDocument): Flaw[] {
  if (!Array.isArray(load) || load.some((phase) => 'records' in phase)) return []
  return [{ path: ['load'], at: 'key', message: '`load` has no phase with `records:`' }]
}

function expectFlaws({ expect }: PlanDocument): Flaw[] {
  if (expect === undefined) return []
  const flaws: Flaw[] = []
  if (expect.findings !== undefined && expect.verdict !== 'FAIL') {
    const message = '`findings` belong to `verdict: FAIL`: nothing is found in a PASS'
    flaws.push({ path: ['expect', 'findings'], at: 'key', message })
  }
  for (const [index, kind] of (expect.findings ?? []).entries()) {
    if (kind !== 'wrong-error-class') continue
    const message = `"${kind}" is reported only and never fails a run`
    flaws.push({ path: ['expect', 'findings', index], at: 'value', message })
  }
  for (const [index, { kind }] of (expect.allow ?? []).entries()) {
    if (!expect.findings?.includes(kind)) continue
    const message = `"${kind}" is expected to fail the run, so it cannot be allowed as well`
    flaws.push({ path: ['expect', 'allow', index, 'kind'], at: 'value', message })
  }
  return flaws
}

function clientFlaws({ expect, workload }: PlanDocument): Flaw[] {
  const flaws: Flaw[] = []
  for (const [client, own] of Object.entries(expect?.clients ?? {})) {
    const path = ['expect', 'clients', client]
    if (own.applies === false && (own.verdict !== undefined || own.findings !== undefined)) {
      const message =
        '`applies: false` leaves nothing to expect: take `verdict` and `findings` away'
      flaws.push({ path: [...path, 'applies'], at: 'key', message })
    } else if (own.applies === undefined && own.verdict === undefined) {
      const message = `say what is expected of ${client}: \`verdict:\`, or \`applies: false\``
      flaws.push({ path, at: 'key', message })
    } else if (own.findings !== undefined && own.verdict !== 'FAIL') {
      const message = '`findings` belong to `verdict: FAIL`: nothing is found in a PASS'
      flaws.push({ path: [...path, 'findings'], at: 'key', message })
    }
  }
  // The proxy alone has no workload, whatever the type of a whole plan says.
  const client = (workload as PlanDocument['workload'] | undefined)?.copier?.client
  const own = client === undefined ? undefined : expect?.clients?.[client]
  if (own?.applies === false) {
    const message = `this plan is not for ${client}: ${own.because}`
    flaws.push({ path: ['workload', 'copier', 'client'], at: 'value', message })
  }
  return flaws
}
