// What a schema cannot say about the rest of a plan: parts that contradict each other.
import { brokersDefault, isContractByTopic, topicsOf } from './plan.ts'
import type { PlanDocument } from './plan-schema.ts'
import type { Flaw } from './problem.ts'

export function planFlaws(document: PlanDocument): Flaw[] {
  return [
    ...topicFlaws(document),
    ...copierFlaws(document),
    ...contractFlaws(document),
    ...loadFlaws(document),
    ...expectFlaws(document),
    ...clientFlaws(document),
  ]
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

function copierFlaws(document: PlanDocument): Flaw[] {
  // The proxy alone has no workload, whatever the type of a whole plan says.
  const workload: PlanDocument['workload'] | undefined = document.workload
  const copier = workload?.copier
  const flaws: Flaw[] = []
  if (copier?.client === 'kafkajs') {
    for (const key of ['client-version', 'group-protocol'] as const) {
      if (copier[key] === undefined) continue
      const message = `\`${key}\` is for \`client: java\`; kafkajs comes in one version and speaks the classic protocol`
      flaws.push({ path: ['workload', 'copier', key], at: 'key', message })
    }
  }
  return flaws
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
