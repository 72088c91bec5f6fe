// `gauntlet init`: a first plan of one's own, from three answers or from flags. What is written has been read by the
// reader of plans before, so it is right as it stands.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import { problemText } from '../../proxy/plans/problem.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { type CommandContext, chosenWord, type RawOptions, text, usageError } from './flags.ts'

/** What may happen to the application, as the lines of a plan's `faults`. */
const faultsByPromise = {
  'coordinator-crash': {
    asks: 'Does it stay exactly-once when its transaction coordinator dies after accepting a commit, before answering it?',
    lines: [
      '  - name: crash',
      '    when: { reply: EndTxn, committed: true, error: NONE, nth: 5 }',
      '    from: { at: 2s }   # since every instance has committed once',
      '    inject: { coordinator-crash: { how: process } }',
      '    for: 5s',
    ],
  },
  'network-partition': {
    asks: 'Does it stay exactly-once when the network between it and the leader of its output is cut?',
    lines: [
      '  - name: cut',
      '    when: { request: Produce, topic: output, nth: 5 }',
      '    from: { at: 2s }   # since every instance has committed once',
      '    inject: { network-partition: { between: [{ clients: all }, { brokers: { leader-of: output } }] } }',
      '    for: 5s',
    ],
  },
  'broker-outage': {
    asks: 'Does it stay exactly-once when a broker that holds its output dies between produce and commit?',
    lines: [
      '  - name: outage',
      '    when: { request: EndTxn, committed: true, nth: 5 }',
      '    from: { at: 2s }   # since every instance has committed once',
      '    inject: { broker-outage: { how: kill } }',
      '    on: { brokers: { leader-of: output } }',
      '    for: 5s',
    ],
  },
  rebalance: {
    asks: 'Does it stay exactly-once when its group rebalances with a transaction open?',
    lines: [
      '  - name: evicted',
      '    when: { request: EndTxn, committed: true, nth: 5 }',
      '    from: { at: 2s }   # since every instance has committed once',
      '    inject: { rebalance: { how: evict } }',
    ],
  },
  'lost-commit-answer': {
    asks: 'Does it stay exactly-once when the answer to a commit never arrives?',
    lines: [
      '  - name: lost-answer',
      '    when: { reply: EndTxn, committed: true, error: NONE, nth: 5 }',
      '    from: { at: 2s }   # since every instance has committed once',
      '    inject: { drop: { side: reply } }',
      '    for: 5s',
    ],
  },
} as const
type PromiseName = keyof typeof faultsByPromise
const promises = Object.keys(faultsByPromise) as PromiseName[]

export interface Answers {
  /** Empty: the copier that comes with the package. */
  command: string
  input: string
  output: string
  fault: string
}

const defaults: Answers = {
  command: '',
  input: 'orders',
  output: 'payments',
  fault: promises[0] ?? '',
}

export async function initCommand(
  file: string | undefined,
  options: RawOptions,
  { output, signal }: CommandContext,
): Promise<number> {
  const path = file ?? 'my-plan.yaml'
  if (existsSync(path) && options.force !== true) {
    throw usageError(`${path} is there already`, 'Give another name, or --force to replace it.')
  }
  const given: Partial<Answers> = {
    ...flag('command', options),
    ...flag('input', options),
    ...flag('output', options),
    ...flag('fault', options),
  }
  const isAsking = output.isLive && process.stdin.isTTY === true && Object.keys(given).length === 0
  const answers = { ...defaults, ...(isAsking ? await askAll(signal) : given) }
  const written = planText(nameOf(path), answers)
  const read = readPlan(written, path)
  if ('problems' in read) {
    throw usageError(
      `these answers make no plan:\n${read.problems.map(problemText).join('\n')}`,
      'Give other ones.',
    )
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, written)
  output.write(`${path} is written. ${read.plan.asks}\n\n`)
  output.write(`Check it:  gauntlet validate ${path}\nRun it:    gauntlet run ${path}\n`)
  return exitCodes.asExpected
}

function flag(name: keyof Answers, options: RawOptions): Partial<Answers> {
  return options[name] === undefined ? {} : { [name]: text(`--${name}`, options[name]) }
}

/** `chaos/orders.yaml` is the plan `orders`. */
function nameOf(path: string): string {
  const base = path.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '')
  return base.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'my-plan'
}

async function askAll(signal: AbortSignal): Promise<Answers> {
  const questions = createInterface({ input: process.stdin, output: process.stdout })
  const ask = async (question: string, fallback: string): Promise<string> => {
    const answer = (await questions.question(`${question} [${fallback}] `, { signal })).trim()
    return answer === '' ? fallback : answer
  }
  try {
    const command = await ask(
      'Which command starts your application? (empty: the copier that comes with gauntlet)',
      '',
    )
    const topics = await ask(
      'Which topic does it read, and which does it write?',
      `${defaults.input} ${defaults.output}`,
    )
    const fault = await ask(`What shall happen to it? (${promises.join(', ')})`, defaults.fault)
    const [input, written] = topics.split(/[\s,>-]+/)
    return { command, input: input ?? defaults.input, output: written ?? defaults.output, fault }
  } catch (cause) {
    if (signal.aborted) throw new OperatorError('interrupted', 'nothing was written', '')
    throw cause
  } finally {
    questions.close()
  }
}

const quotedYaml = (value: string): string => JSON.stringify(value)

/** A plan that says what each of its lines is for. */
export function planText(name: string, answers: Answers): string {
  const fault = chosenWord('fault', answers.fault, promises)
  const { asks, lines } = faultsByPromise[fault]
  const workload =
    answers.command === ''
      ? ['  copier: { client: java, instances: 2 }']
      : [
          '  command:',
          `    run: ${quotedYaml(answers.command)}`,
          '    instances: 2',
          '    # It finds KAFKA_BOOTSTRAP_SERVERS, GAUNTLET_INPUT, GAUNTLET_OUTPUT and more in its environment;',
          '    # other names for the same:',
          `    # env: { SPRING_KAFKA_BOOTSTRAP_SERVERS: "$\{bootstrap}" }`,
          '    # Its consumer group, where it does not take that from GAUNTLET_GROUP; and where it runs, as seen from here:',
          '    # group: order-service',
          '    # cwd: ..',
          '    # A line that it prints when it is up, and how often something starts it again when it crashes:',
          '    # ready: ^Started',
          '    # restart: { times: 5 }',
          '    # Where the output keeps the id of its input: header:NAME, key, value, json:$.PATH or regex:…',
          '    id: header:gauntlet-id',
        ]
  return [
    '# yaml-language-server: $schema=./node_modules/eos-gauntlet/chaos-plans/plan.schema.json',
    `name: ${quotedYaml(name)}`,
    `asks: ${quotedYaml(asks)}`,
    '',
    'topics:',
    `  input: { name: ${quotedYaml(answers.input)}, partitions: 3 }`,
    `  output: { name: ${quotedYaml(answers.output)}, partitions: 3 }`,
    '',
    'workload:',
    ...workload,
    '# A minimum: it is fed until the fault has healed and every instance has committed after it.',
    'load: { records: 3000, rate: 300/s }',
    'start-when: { group: stable }',
    'contract: one-per-input',
    '',
    'faults:',
    ...lines,
    '',
    'expect: { verdict: PASS }',
    '',
  ].join('\n')
}
