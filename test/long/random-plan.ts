// Plans made by chance, from a seed: one to three faults at a random step each, of kinds that heal by themselves and that
// a correct copier must survive. The same seed gives the same plan.
import { randomStream } from '../../proxy/runtime.ts'

export const copiers = ['kafkajs', 'java-v1', 'java-v2'] as const
export type Copier = (typeof copiers)[number]

export interface RandomPlan {
  name: string
  copier: Copier
  /** Kinds of its faults, in order. */
  kinds: string[]
  text: string
}

/** Steps that every copier takes over and over; errors are those that a broker gives there and time heals. */
const steps = [
  { api: 'EndTxn', narrowed: 'committed: true, transactional-id: copier-*', steps: 40 },
  { api: 'Produce', narrowed: 'topic: output, transactional-id: copier-*', steps: 40 },
  { api: 'TxnOffsetCommit', narrowed: 'transactional-id: copier-*', steps: 40 },
  { api: 'AddOffsetsToTxn', narrowed: 'transactional-id: copier-*', steps: 40, not: 'java-v2' },
] as const

const healedByTime: Readonly<Record<(typeof steps)[number]['api'], readonly string[]>> = {
  EndTxn: ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'],
  Produce: ['NOT_LEADER_OR_FOLLOWER', 'NOT_ENOUGH_REPLICAS'],
  TxnOffsetCommit: ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'],
  AddOffsetsToTxn: ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS'],
}

export function randomPlan(seed: number, copier: Copier): RandomPlan {
  const random = randomStream(seed, copier)
  const whole = (from: number, to: number) => from + Math.floor(random() * (to - from + 1))
  const one = <Value>(values: readonly Value[]): Value => {
    const value = values[whole(0, values.length - 1)]
    if (value === undefined) throw new Error('there is nothing to choose from')
    return value
  }

  const when = (side: 'request' | 'reply') => {
    const step = one(steps.filter((each) => !('not' in each) || each.not !== copier))
    const fields = `${side}: ${step.api}, ${step.narrowed}, nth: ${whole(3, step.steps)}`
    return { api: step.api, text: `{ ${fields} }` }
  }
  const anySide = () => one(['request', 'reply'] as const)
  const windowMs = () => `${whole(5, 40) * 100}ms`

  const kinds: Readonly<Record<string, () => string[]>> = {
    disconnect() {
      const at = one(['before-request', 'after-request', 'before-reply', 'mid-reply'])
      const side = at.endsWith('request') ? 'request' : 'reply'
      const closed = one(['fin', 'reset'])
      return [`when: ${when(side).text}`, `inject: { disconnect: { at: ${at}, with: ${closed} } }`]
    },
    drop() {
      const side = anySide()
      return [`when: ${when(side).text}`, `inject: { drop: ${side} }`, `for: ${windowMs()}`]
    },
    delay: () => [
      `when: ${when(anySide()).text}`,
      `inject: { delay: { by: ${whole(1, 60) * 10}ms, jitter: ${whole(0, 10) * 10}ms, of: both } }`,
      'on: { clients: all }',
      `for: ${windowMs()}`,
    ],
    error() {
      const { api, text } = when('request')
      const code = one(healedByTime[api])
      return [`when: ${text}`, `inject: { error: { code: ${code}, seen-by-broker: false } }`]
    },
    slice: () => [
      `when: ${when(anySide()).text}`,
      `inject: { slice: { bytes: ${whole(1, 40)}, gap: 1ms } }`,
      `for: ${windowMs()}`,
    ],
    throttle: () => [
      `when: ${when(anySide()).text}`,
      `inject: { throttle: { rate: ${whole(8, 64)}KB/s } }`,
      `for: ${windowMs()}`,
    ],
    'coordinator-crash': () => [
      `when: { ${anySide()}: EndTxn, transactional-id: copier-*, nth: ${whole(3, 40)} }`,
      'inject: { coordinator-crash: { how: wire } }',
      `for: ${windowMs()}`,
    ],
    'broker-outage': () => [
      `when: { at: ${whole(5, 30) * 100}ms }`,
      `inject: { broker-outage: { how: ${one(['wire', 'pause', 'kill'])} } }`,
      `on: { brokers: ${whole(1, 3)} }`,
      `for: ${windowMs()}`,
    ],
    'client-crash': () => [
      `when: ${when(anySide()).text}`,
      `inject: { client-crash: { restart-after: ${whole(1, 10) * 100}ms } }`,
    ],
    'client-pause': () => [
      `when: ${when(anySide()).text}`,
      'inject: { client-pause: {} }',
      `for: ${windowMs()}`,
    ],
    rebalance: () => [`when: ${when(anySide()).text}`, 'inject: { rebalance: { how: evict } }'],
  }

  const chosen: string[] = []
  while (chosen.length < whole(1, 3)) chosen.push(one(Object.keys(kinds)))
  const faults = chosen.map((kind, index) => {
    const lines = kinds[kind]?.() ?? []
    return [`  - name: ${kind}-${index + 1}`, ...lines.map((line) => `    ${line}`)].join('\n')
  })
  const name = `random-${copier}-${seed}`
  const client = copier === 'kafkajs' ? 'kafkajs' : 'java'
  // A transaction of one record takes as long as one of fifty, so there must be fewer of them.
  const { size, load } = one([
    { size: 1, load: '{ records: 200, rate: 30/s }' },
    { size: 10, load: '{ records: 600, rate: 150/s }' },
    { size: 50, load: '{ records: 1200, rate: 300/s }' },
  ])
  const text = `name: ${name}
asks: Does a correct copier survive what chance has chosen (seed ${seed})?
seed: ${seed}
${copier === 'java-v1' ? 'advertise: { transaction.version: 1 }\n' : ''}workload:
  copier: { client: ${client}, instances: 2, transaction-size: ${size} }
load: ${load}
start-when: { group: stable, members: 2 }
faults:
${faults.join('\n')}
`
  return { name, copier, kinds: chosen, text }
}
