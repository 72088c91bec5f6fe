import { describe, expect, it } from 'vitest'
import type { Reach } from '../../../proxy/faults/reach.ts'
import { type Plan, topicAliases } from '../../../proxy/plans/plan.ts'
import { aliasesMax, planBytesMax } from '../../../proxy/plans/plan-source.ts'
import { type PlanProblem, problemText } from '../../../proxy/plans/problem.ts'
import { type ReadOptions, readPlan, readProxyPlan } from '../../../proxy/plans/read-plan.ts'
import { names } from './names.ts'

const head = `name: trial
workload: { copier: { client: java } }
load: { records: 100 }
`

function problemsOf(text: string, options: Partial<ReadOptions> = {}): PlanProblem[] {
  const result = readPlan(text, 'trial.yaml', { names, ...options })
  return 'problems' in result ? result.problems : []
}

/** The only problem of a plan. */
function problemOf(text: string, options: Partial<ReadOptions> = {}): PlanProblem {
  const problems = problemsOf(text, options)
  expect(problems.map(problemText)).toHaveLength(1)
  return problems[0] as PlanProblem
}

function planOf(text: string, options: Partial<ReadOptions> = {}): Plan {
  const result = readPlan(text, 'trial.yaml', { names, ...options })
  if ('problems' in result) throw new Error(result.problems.map(problemText).join('\n'))
  return result.plan
}

const withFault = (fault: string) => `${head}faults:\n  - ${fault}\n`

describe('what a plan means', () => {
  it('fills in every default', () => {
    expect(planOf(head)).toEqual({
      name: 'trial',
      asks: '',
      tags: [],
      seed: 1,
      cluster: {
        kind: 'embedded',
        version: '4.3.1',
        brokers: 3,
        features: {},
        config: {},
        isSecured: false,
      },
      advertise: {},
      policies: [],
      topics: {
        input: { alias: 'input', name: 'input', partitions: 3, leaders: [], config: {} },
        outputs: [{ alias: 'output', name: 'output', partitions: 3, leaders: [], config: {} }],
      },
      workload: {
        kind: 'copier',
        client: 'java',
        instances: 2,
        transactionSize: 100,
        restartTimes: 0,
      },
      outputsJudged: true,
      load: [
        { kind: 'records', records: 100, ratePerSecond: 1000, abortedShare: 0, openEnded: true },
      ],
      contracts: { output: 'one-per-input' },
      declaredFailures: 'must-be-there',
      faults: [],
      expect: { verdict: 'PASS', findings: [], because: '', allow: [] },
      notFor: {},
      file: 'trial.yaml',
      text: head,
    })
  })

  it('takes the seed that is given when it has none, and writes it into its text', () => {
    const plan = planOf(head, { seedDefault: 99 })
    expect(plan.seed).toBe(99)
    expect(planOf(plan.text).seed).toBe(99)
    expect(planOf(`${head}seed: 5`, { seedDefault: 99 }).seed).toBe(5)
    expect(planOf(head, { seedDefault: 99, set: ['seed=6'] }).seed).toBe(6)
  })

  it('takes the settings of a copier', () => {
    const plan = planOf(`name: trial
workload:
  copier:
    client: java
    transactional-id: \${workload}-shared
    group-instance-id: \${instance}
    assignment: cooperative
    transaction-timeout: 4s
    session-timeout: 45s
    compression: zstd
    work-time: 250ms
    max-request-size: 2000000
load: { records: 100 }
`)
    expect(plan.workload).toMatchObject({
      transactionalId: `\${workload}-shared`,
      groupInstanceId: `\${instance}`,
      assignment: 'cooperative',
      transactionTimeoutMs: 4_000,
      sessionTimeoutMs: 45_000,
      compression: 'zstd',
      workTimeMs: 250,
      requestBytesMax: 2_000_000,
    })
  })

  it.each([
    ['transactional-id: a', 'takes one for each input partition'],
    ['group-instance-id: a', 'no static members'],
    ['assignment: eager', 'gives all partitions back'],
    ['max-request-size: 5000', 'no such limit'],
    ['group-protocol: consumer', 'speaks the classic protocol'],
    ['compression: lz4', 'kafkajs brings no lz4'],
    ['mistake: auto-commit', 'cannot make the mistake auto-commit'],
  ])('refuses %s of a kafkajs copier', (setting, why) => {
    const plan = `name: trial\nworkload: { copier: { client: kafkajs, ${setting} } }\nload: { records: 1 }\n`
    expect(problemText(problemOf(plan))).toContain(why)
    expect(planOf(plan.replace('kafkajs', 'java')).workload.kind).toBe('copier')
  })

  it.each(['assignment: eager', 'session-timeout: 9s'])(
    'refuses %s where the broker decides it',
    (setting) => {
      const plan = `name: trial\nworkload: { copier: { client: java, group-protocol: consumer, ${setting} } }\nload: { records: 1 }\n`
      expect(problemText(problemOf(plan))).toContain('the broker decides it')
      expect(planOf(plan.replace('consumer', 'classic')).workload.kind).toBe('copier')
    },
  )

  it('resolves units', () => {
    const plan = planOf(`name: trial
workload:
  command: { run: ./app, env: { PORT: 80, DEBUG: true }, stop-grace: 1.5s, restart: { times: 2 } }
load: [{ records: 2, rate: 50/s, aborted: 25% }, { wait: 2m }]
contract: at-least-once
expect: { drain: 90s, recovery: 250ms, allow: [{ kind: duplicate, reason: known }] }
`)
    expect(plan.workload).toEqual({
      kind: 'command',
      run: './app',
      env: { PORT: '80', DEBUG: 'true' },
      instances: 2,
      restartTimes: 2,
      stopGraceMs: 1500,
      startGraceMs: 60_000,
      group: 'gauntlet',
      id: 'header:gauntlet-id',
    })
    expect(plan.load).toEqual([
      { kind: 'records', records: 2, ratePerSecond: 50, abortedShare: 0.25, openEnded: false },
      { kind: 'wait', waitMs: 120_000 },
    ])
    expect(plan.expect).toEqual({
      verdict: 'PASS',
      findings: [],
      because: '',
      drainMs: 90_000,
      recoveryMs: 250,
      allow: [{ kind: 'duplicate', reason: 'known' }],
    })
  })

  it('expects of one client library what the plan says of it, with the reason', () => {
    const text = `${head}expect:
  verdict: FAIL
  findings: [duplicate]
  clients: { kafkajs: { verdict: PASS, because: it asks again } }
`
    expect(planOf(text).expect).toMatchObject({ verdict: 'FAIL', because: '' })
    const other = planOf(text, { set: ['workload.copier.client=kafkajs'] })
    expect(other.expect).toMatchObject({ verdict: 'PASS', findings: [], because: 'it asks again' })
  })

  it('knows to which client its question cannot be put, and refuses to be run with it', () => {
    const text = `${head}tags: [smoke]
expect: { clients: { kafkajs: { applies: false, because: it speaks no KIP-848 } } }
`
    expect(planOf(text)).toMatchObject({
      tags: ['smoke'],
      notFor: { kafkajs: 'it speaks no KIP-848' },
    })
    const read = readPlan(text, 'trial.yaml', { set: ['workload.copier.client=kafkajs'] })
    expect(read).toMatchObject({
      problems: [{ message: 'this plan is not for kafkajs: it speaks no KIP-848' }],
    })
  })

  it('knows when the load may start: by default with all instances in the group', () => {
    expect(planOf(head).startWhen).toBeUndefined()
    expect(planOf(`${head}start-when: { group: stable }`).startWhen).toEqual({ members: 2 })
    expect(planOf(`${head}start-when: { group: stable, members: 5 }`).startWhen).toEqual({
      members: 5,
    })
    expect(readPlan(`${head}start-when: { members: 2 }`, 'trial.yaml')).toHaveProperty('problems')
  })

  it('knows every contract', () => {
    const contractOf = (text: string) => planOf(`${head}contract: ${text}`).contracts.output
    expect(contractOf('at-most-once')).toBe('at-most-once')
    expect(contractOf('{ fan-out: 3 }')).toEqual({ 'fan-out': 3 })
    expect(contractOf('{ output: { fan-out: 3 } }')).toEqual({ 'fan-out': 3 })
    expect(readPlan(`${head}contract: { fan-out: 300 }`, 'trial.yaml')).toHaveProperty('problems')
  })

  it('refuses an expectation of one client that says nothing, or two things', () => {
    const messageOf = (own: string) => {
      const read = readPlan(`${head}expect: { clients: { kafkajs: ${own} } }`, 'trial.yaml')
      return 'problems' in read ? read.problems.map(({ message }) => message) : []
    }
    expect(messageOf('{ verdict: PASS, because: so }')).toEqual([])
    expect(messageOf('{ because: so }')).toEqual([
      'say what is expected of kafkajs: `verdict:`, or `applies: false`',
    ])
    expect(messageOf('{ applies: false, verdict: PASS, because: so }')).toEqual([
      '`applies: false` leaves nothing to expect: take `verdict` and `findings` away',
    ])
    expect(messageOf('{ verdict: PASS, findings: [duplicate], because: so }')).toEqual([
      '`findings` belong to `verdict: FAIL`: nothing is found in a PASS',
    ])
  })

  it('knows topics by their role, and several outputs by their names with a contract each', () => {
    const one = planOf(`${head}topics: { input: { name: orders }, output: { name: payments } }`)
    expect(topicAliases(one)).toEqual({ input: 'orders', output: 'payments' })
    const several = planOf(`${head}topics:
  output: [{ name: payments, leaders: [1, 2] }, { name: audit }]
contract: { audit: at-least-once }
`)
    expect(topicAliases(several)).toEqual({ input: 'input', payments: 'payments', audit: 'audit' })
    expect(several.topics.outputs[0]).toMatchObject({ partitions: 2, leaders: [1, 2] })
    expect(several.contracts).toEqual({ payments: 'one-per-input', audit: 'at-least-once' })
  })

  it('calls a fault by its kind unless it has a name, and leaves the rest as it was written', () => {
    const plan = planOf(
      withFault('{ when: { request: EndTxn, nth: 2 }, inject: { delay: { by: 3s } } }'),
    )
    expect(plan.faults).toEqual([
      { name: 'delay', when: { request: 'EndTxn', nth: 2 }, inject: { delay: { by: '3s' } } },
    ])
  })
})

describe('a wrong plan', () => {
  it('shows file, line, column, the source line with a caret, and the nearest right word', () => {
    const problem = problemOf(
      withFault('{ when: { reply: EndTnx, nth: 2 }, inject: { drop: reply } }'),
    )
    expect(problem).toMatchObject({
      line: 5,
      column: 22,
      length: 6,
      path: 'faults.drop.when.reply',
    })
    expect(problem.allowed).toEqual(names.apis)
    expect(problemText(problem)).toBe(
      `trial.yaml:5:22  unknown API "EndTnx", did you mean "EndTxn"?
    5 |   - { when: { reply: EndTnx, nth: 2 }, inject: { drop: reply } }
      |                      ^^^^^^`,
    )
  })

  it.each([
    ['a key', `${head}expects: {}`, '4:1', 'unknown key "expects", did you mean "expect"?'],
    [
      'a fault kind',
      withFault('{ when: { at: 1s }, inject: { delya: { by: 3s } }, for: 1s }'),
      '5:35',
      'unknown fault kind "delya", did you mean "delay"?',
    ],
    [
      'an error code',
      withFault('{ when: { reply: EndTxn, error: NOT_CORDINATOR }, inject: { drop: reply } }'),
      '5:37',
      'unknown error code "NOT_CORDINATOR", did you mean "NOT_COORDINATOR"?',
    ],
    [
      'an error code to inject',
      withFault(
        '{ when: { request: EndTxn }, inject: { error: { code: NotCoordinator, seen-by-broker: false } } }',
      ),
      '5:59',
      'unknown error code "NotCoordinator", did you mean "NOT_COORDINATOR"?',
    ],
    [
      'an API within `until`',
      withFault('{ when: { request: EndTxn }, inject: { detach: { until: { reply: Prodcue } } } }'),
      '5:70',
      'unknown API "Prodcue", did you mean "Produce"?',
    ],
    [
      'a selector',
      withFault(
        '{ when: { at: 1s }, inject: { block: {} }, on: { brokers: { leader-off: output } }, for: 1s }',
      ),
      '5:65',
      'unknown key "leader-off", did you mean "leader-of"?',
    ],
    [
      'a choice between shapes',
      withFault('{ when: { request: EndTxn }, inject: { disconnect: befor-request } }'),
      '5:56',
      'unknown disconnect "befor-request", did you mean "before-request"?',
    ],
    [
      'a finding',
      `${head}expect: { verdict: FAIL, findings: [duplicates] }`,
      '4:37',
      'unknown finding "duplicates", did you mean "duplicate"?',
    ],
    [
      'a fault that another waits for',
      withFault('{ when: { fault: crush, is: healed }, inject: { block: {} }, for: 1s }'),
      '5:22',
      'no fault is called "crush"; allowed: block',
    ],
    [
      'a topic',
      withFault('{ when: { request: Produce, topic: ouput }, inject: { drop: request } }'),
      '5:40',
      'unknown topic "ouput", did you mean "output"?',
    ],
  ])('names %s that does not exist', (_what, text, place, message) => {
    const problem = problemOf(text)
    expect(`${problem.line}:${problem.column}`).toBe(place)
    expect(problemText(problem).split('\n')[0]).toBe(`trial.yaml:${place}  ${message}`)
  })

  it.each([
    [
      'a duration without a unit',
      `${head}expect: { drain: 30 }`,
      'must be a duration (a length of time: 250ms, 5s, 2m), not 30',
    ],
    [
      'a version that YAML takes for a number',
      `${head}cluster: { embedded: { version: 4.3 } }`,
      'must be a version (three numbers: 4.3.1), not 4.3',
    ],
    [
      'a rate without its unit',
      head.replace('100', '100, rate: 10'),
      'must be a record rate (records per second: 2000/s), not 10',
    ],
    [
      'none of the shapes',
      `${head}contract: 7`,
      'must be one-per-input or at-least-once or at-most-once or acked, or a map with fan-out, or a map, not 7',
    ],
    [
      'two clusters',
      `${head}cluster: { embedded: {}, external: { bootstrap: ["a:1"] } }`,
      '`cluster` takes exactly one of its keys, not embedded and external',
    ],
    ['a missing key', head.replace('records: 100', 'rate: 5/s'), '`load` needs `records:`'],
    ['a missing part', 'name: trial\nload: { records: 1 }\n', 'the plan needs `workload:`'],
    [
      'more instances than there may be',
      head.replace('client: java', 'client: java, instances: 99'),
      'must be 64 or less',
    ],
    ['an empty fault', withFault('{ when: { at: 1s }, inject: {} }'), '`inject` is empty'],
    ['no plan at all', '- a\n- b\n', 'must be a map, not a list'],
    ['an empty file', '# nothing here\n', 'must be a map, not nothing'],
  ])('is told what was wanted instead of %s', (_what, text, message) => {
    expect(problemOf(text).message).toBe(message)
  })

  it('is told of every problem at once, in the order of the file', () => {
    const problems = problemsOf(`name: trial
wrkload: 1
workload: { copier: { client: jva } }
load: { records: many }
`)
    expect(problems.map(({ line, message }) => [line, message])).toEqual([
      [2, 'unknown key "wrkload"'],
      [3, 'unknown client "jva"'],
      [4, 'must be a whole number, not "many"'],
    ])
  })

  it('is looked at further when only one fault is wrong', () => {
    const problems = problemsOf(`${head}faults:
  - { name: a, when: { at: 1 }, inject: { block: {} }, for: 1s }
  - { name: b, when: { at: 1s }, inject: { block: {} } }
`)
    expect(problems.map(({ path }) => path)).toEqual(['faults.a.when.at', 'faults.b.inject'])
  })

  it.each([
    [
      'a reply where only a request can be lost',
      '{ when: { reply: Produce }, inject: { drop: request } }',
      '`drop` cannot happen on a `reply:` trigger: the broker has applied the request by then',
    ],
    [
      'two starts of one fault',
      '{ when: { at: 1s, request: Produce }, inject: { drop: request } }',
      '`at` cannot stand beside request: one trigger, one start',
    ],
    [
      'a window that never closes',
      '{ when: { at: 1s }, inject: { block: {} } }',
      '`block` lasts until it heals: say how long with `for:` beside `inject:`',
    ],
    [
      'an `on` that does nothing',
      '{ when: { request: Produce }, inject: { drop: request }, on: { clients: all } }',
      '`on` does nothing here: `drop` says itself what it concerns',
    ],
    [
      'a `for` that does nothing',
      '{ when: { request: Produce }, inject: { disconnect: before-request }, for: 1s }',
      '`for` does nothing here: `disconnect` is over at once',
    ],
    [
      'a broker that is not there',
      '{ when: { request: Produce, broker: 4 }, inject: { drop: request } }',
      'there is no broker 4: they are 1 to 3',
    ],
    [
      'an instance that is not there',
      '{ when: { request: Produce, instance: 2 }, inject: { drop: request } }',
      'there are 2 instances, numbered from 0',
    ],
    [
      'a fault that waits for itself',
      '{ name: a, when: { fault: a, is: healed }, inject: { block: {} }, for: 1s }',
      'waits for itself: a waits for a',
    ],
    [
      'the retry of a fault that is not there',
      '{ when: { request: Produce, retry-of: a }, inject: { drop: request } }',
      'no fault is called "a"',
    ],
    [
      'the instance of a fault that is not there',
      '{ name: b, when: { request: Produce, instance: same-as a }, inject: { drop: request } }',
      'no fault is called "a"',
    ],
    [
      'a fault that waits for its own retry',
      '{ name: a, when: { request: Produce, retry-of: a }, inject: { drop: request } }',
      'waits for itself: a waits for a',
    ],
    [
      'a window that opens by hand',
      '{ when: { request: Produce }, from: { manual: true }, inject: { drop: request } }',
      '`manual` cannot be the end of a window: give request, reply, at or fault',
    ],
    [
      'a window that ends with no fault',
      '{ name: a, when: { request: Produce }, to: { fault: b, is: healed }, inject: { drop: request } }',
      'no fault is called "b"',
    ],
    [
      'an id where no records are',
      '{ when: { request: EndTxn, id: in-1 }, inject: { drop: request } }',
      '`id` is looked for in records, which requests of EndTxn do not carry: use `request: Produce`',
    ],
    [
      'damage where no records are',
      '{ when: { reply: Produce }, inject: { corrupt: { crc: broken } } }',
      '`corrupt` has nothing to damage: records are in `reply: Fetch` and `reply: ShareFetch`, or `request: Produce`',
    ],
    [
      'a field that the message does not have',
      '{ when: { reply: Metadata }, inject: { rewrite: { brokers.*.prot: 1 } } }',
      '`rewrite.brokers.*.prot` unknown field "prot" of Metadata replies within `brokers.*`',
    ],
    [
      'a list that is not said to be one',
      '{ when: { reply: Metadata }, inject: { rewrite: { brokers.port: 1 } } }',
      '`rewrite.brokers.port` `brokers` is a list: say `brokers.*` for all of it, or `brokers.0` for its first',
    ],
    [
      'a value of another type',
      '{ when: { reply: Metadata }, inject: { rewrite: { throttleTimeMs: soon } } }',
      '`rewrite.throttleTimeMs` throttleTimeMs must be a whole number (int32), not "soon"',
    ],
    [
      'a field of another version',
      '{ when: { reply: EndTxn, version: 4 }, inject: { rewrite: { producerEpoch: 1 } } }',
      '`rewrite.producerEpoch` unknown field "producerEpoch" of EndTxn replies',
    ],
    [
      'acks that become none',
      '{ when: { request: Produce }, inject: { rewrite: { acks: 0 } } }',
      '`rewrite.acks` cannot become 0: nobody would answer the client that asked for an answer',
    ],
    [
      'an answer with a field that it does not have',
      '{ when: { request: EndTxn }, inject: { answer: { body: { errorcode: 0 } } } }',
      '`answer.body.errorcode` unknown field "errorcode" of EndTxn replies',
    ],
    [
      'an answer with an error that Kafka does not have',
      '{ when: { request: EndTxn }, inject: { answer: { body: { errorCode: NO_LUCK } } } }',
      '`answer.body.errorCode` errorCode: unknown error code "NO_LUCK"',
    ],
    [
      'an answer with a wrong value deep inside',
      '{ when: { request: Metadata }, inject: { answer: { body: { brokers: [{ port: far }] } } } }',
      '`answer.body.brokers` brokers[0].port must be a whole number (int32), not "far"',
    ],
    [
      'an answer with a field of another version',
      '{ when: { request: OffsetCommit, version: 2 }, inject: { answer: { body: { throttleTimeMs: 1 } } } }',
      '`answer.body.throttleTimeMs` unknown field "throttleTimeMs" of OffsetCommit replies',
    ],
    [
      'an answer with a path',
      '{ when: { request: Metadata }, inject: { answer: { body: { brokers.0.port: 1 } } } }',
      '`answer.body.brokers.0.port` is a path: an answer is given whole fields, with what is inside them',
    ],
    [
      'a fence of nobody',
      '{ when: { at: 1s }, inject: { fence: {} } }',
      '`fence` needs `transactional-id:` when no message triggers it',
    ],
    [
      'a crash of nobody',
      '{ when: { at: 1s }, inject: { client-crash: {} } }',
      '`client-crash` needs `instance:` when no message triggers it',
    ],
    [
      'a crash that is told how long it lasts',
      '{ when: { at: 1s }, inject: { client-crash: { instance: 0, restart-after: 1s } }, for: 5s }',
      '`client-crash` takes no `for:`: say `restart-after:` instead',
    ],
    [
      'a pause without an end',
      '{ when: { at: 1s }, inject: { client-pause: { instance: 0 } } }',
      '`client-pause` lasts until it heals: say how long with `for:` beside `inject:`',
    ],
    [
      'a pause of an instance that is not there',
      '{ when: { at: 1s }, inject: { client-pause: { instance: 2 } }, for: 5s }',
      'there are 2 instances, numbered from 0',
    ],
    [
      'a crash of whom an unknown fault hit',
      '{ when: { at: 1s }, inject: { client-crash: { instance: same-as b } } }',
      'no fault is called "b"',
    ],
    [
      'a command whose undoing has no time',
      '{ when: { at: 1s }, inject: { exec: { command: a, heal-command: b } } }',
      '`exec` lasts until it heals: say how long with `for:` beside `inject:`',
    ],
    [
      'an `on` beside what names its targets itself',
      '{ when: { at: 1s }, inject: { client-crash: { instance: 0 } }, on: { brokers: 1 } }',
      '`on` does nothing here: `client-crash` says itself what it concerns',
    ],
  ])('is refused for %s', (_what, fault, message) => {
    expect(problemOf(withFault(fault)).message).toBe(message)
  })

  it('is refused for faults that wait for each other in a circle', () => {
    const text = `${head}faults:
  - { name: a, when: { fault: b, is: healed }, inject: { block: {} }, for: 1s }
  - { name: b, when: { fault: a, is: healed }, inject: { block: {} }, for: 1s }
`
    expect(problemsOf(text).map(({ message }) => message)).toEqual([
      'waits for itself: a waits for b waits for a',
      'waits for itself: b waits for a waits for b',
    ])
  })

  it('is refused for two faults of one name', () => {
    const one = '{ when: { at: 1s }, inject: { block: {} }, for: 1s }'
    const problem = problemOf(`${head}faults:\n  - ${one}\n  - ${one}\n`)
    expect(problem).toMatchObject({ line: 6 })
    expect(problem.message).toContain('two faults are called "block"')
  })

  it.each([
    ['{ reassignment: { from: 7 } }', 'there is no broker 7: they are 1 to 3'],
    ['{ reassignment: { from: { not: 9 } } }', 'there is no broker 9: they are 1 to 3'],
    ['{ reassignment: { from: all } }', 'would leave nobody to hold the replicas'],
    ['{ leader-move: { leader-of: inptu-0 } }', 'unknown topic "inptu"'],
    ['{ coordinator-move: { how: wire } }', 'needs `transactional-id:` or `group:`'],
  ])('is refused when what is to move is not there: %s', (inject, message) => {
    const fault = `{ when: { at: 1s }, inject: ${inject}, for: 1s }`
    expect(problemOf(withFault(fault)).message).toContain(message)
  })

  it.each([
    '{ reassignment: { from: { leader-of: output-0 } } }',
    '{ leader-move: { leader-of: input } }',
    '{ leader-move: { leader-of: __consumer_offsets-3 } }',
    '{ coordinator-move: { how: process, group: gauntlet } }',
    '{ coordinator-move: { how: wire, transactional-id: copier-0 } }',
  ])('may move what is there, for as long as it says: %s', (inject) => {
    expect(problemsOf(withFault(`{ when: { at: 1s }, inject: ${inject}, for: 1s }`))).toEqual([])
    expect(problemOf(withFault(`{ when: { at: 1s }, inject: ${inject} }`)).message).toContain(
      'say how long with `for:`',
    )
  })

  describe('of an application that somebody else starts', () => {
    const attached = (attach: string, faults = '[]') =>
      `name: p\nload: { records: 1 }\nworkload: { attach: ${attach} }\nfaults: ${faults}\n`

    it('is one instance at a port of its own, unless it says otherwise', () => {
      expect(planOf(attached('{}')).workload).toEqual({
        kind: 'attach',
        id: 'header:gauntlet-id',
        group: 'gauntlet',
        instances: 1,
        known: [{}],
        startGraceMs: 300_000,
        forMs: 0,
      })
      const written =
        '{ listen: "10.0.0.1:9000", advertised-host: app, group: g, id: key, for: 2m, start-grace: 1s, instances: [{ client-id: a-* }, { transactional-id: t, pid-file: p }] }'
      expect(planOf(attached(written)).workload).toEqual({
        kind: 'attach',
        id: 'key',
        group: 'g',
        instances: 2,
        known: [{ clientId: 'a-*' }, { transactionalId: 't', pidFile: 'p' }],
        listen: { host: '10.0.0.1', port: 9_000 },
        advertisedHost: 'app',
        startGraceMs: 1_000,
        forMs: 120_000,
      })
    })

    it.each([
      'client-crash: {} }',
      'client-crash: { instance: 0 } }',
      'client-pause: {} }, for: 1s',
    ])('cannot have done to it what needs its process: %s', (inject) => {
      const fault = `[{ when: { request: EndTxn }, inject: { ${inject} }]`
      const { message } = problemOf(attached('{}', fault))
      expect(message).toContain('not possible with an application that was not started from here')
      expect(message).toContain('`pid-file:` under `workload.attach.instances`')
    })

    it('can, where the process is known', () => {
      const known = '{ instances: [{ pid-file: a }, { client-id: b }] }'
      const crash = (params: string) =>
        attached(known, `[{ when: { request: EndTxn }, inject: { client-crash: ${params} } }]`)
      expect(problemsOf(crash('{ instance: 0 }'))).toEqual([])
      expect(problemOf(crash('{ instance: 1 }')).message).toContain('pid-file')
      expect(problemOf(crash('{}')).message).toContain('pid-file')
      expect(problemOf(crash('{ instance: 0, restart-after: 1s }')).message).toContain(
        'let whoever runs this one start it again',
      )
    })

    it('is refused for an address that nobody can reach', () => {
      expect(problemOf(attached('{ listen: "0.0.0.0:19092" }')).message).toContain(
        '`advertised-host:`',
      )
      expect(problemOf(attached('{ listen: "localhost:0" }')).message).toContain(
        'leave `listen` out',
      )
    })
  })

  it('is refused when its cluster cannot do what a fault needs', () => {
    const crash =
      '{ when: { reply: EndTxn }, inject: { coordinator-crash: { how: process } }, for: 1s }'
    const external = `cluster: { external: { bootstrap: ["kafka:9092"] } }\n`
    expect(problemsOf(withFault(crash))).toEqual([])
    expect(problemOf(`${external}${withFault(crash)}`).message).toBe(
      'needs to kill a broker, which is not possible on an external cluster (of one in Docker, `gauntlet proxy --docker-brokers` can)',
    )
  })

  it('knows brokers in containers, and which of them there are', () => {
    const of = (text: string) => planOf(`${head}${text}\n`).cluster
    expect(of('cluster: { docker: {} }')).toEqual({
      kind: 'docker',
      image: 'apache/kafka:4.3.1',
      brokers: 3,
      features: {},
      config: {},
    })
    expect(of('cluster: { docker: { image: "apache/kafka:4.1.1", brokers: 1 } }')).toMatchObject({
      image: 'apache/kafka:4.1.1',
      brokers: 1,
    })
    const onSecond =
      'cluster: { docker: { brokers: 1 } }\nfaults: [{ when: { reply: EndTxn, broker: 2 }, inject: { drop: { side: reply } } }]'
    expect(problemOf(`${head}${onSecond}\n`).message).toContain('there is no broker 2')
  })

  it('names a file in the place of an output, with a contract of its own', () => {
    const of = (text: string) => planOf(`${head}${text}\n`)
    const plan = of('sink: { file: { path: out/orders.csv, id: "column:order" } }')
    expect(plan.sink).toEqual({
      kind: 'file',
      path: 'out/orders.csv',
      format: 'csv',
      id: 'column:order',
      contract: 'one-per-input',
    })
    expect(plan.outputsJudged).toBe(false)
    expect(of('sink: { file: { path: a, id: value } }\ntopics: { output: {} }')).toMatchObject({
      sink: { format: 'ndjson' },
      outputsJudged: true,
    })
    expect(problemOf(`${head}sink: { file: { path: a.csv, id: value } }\n`).message).toBe(
      'the id of a CSV file is `column:NAME`',
    )
  })

  it('names a table in the place of an output, and where its address is, never the address', () => {
    const sinkOf = (fields: string) => `${head}sink: { postgres: { ${fields} } }\n`
    const plan = planOf(sinkOf('url-env: PGURL, table: shop.orders, id: "column:id"'))
    expect(plan.sink).toEqual({
      kind: 'postgres',
      url: { environment: 'PGURL' },
      table: 'shop.orders',
      id: 'column:id',
      contract: 'one-per-input',
    })
    expect(plan.outputsJudged).toBe(false)
    const once = 'say once where the address of the database is: `url-env:` or `url-file:`'
    const rest = 'table: orders, id: "expression:body->>\'id\'"'
    expect(problemOf(sinkOf(rest)).message).toBe(once)
    expect(problemOf(sinkOf(`url-env: A, url-file: b, ${rest}`)).message).toBe(once)
    expect(planOf(sinkOf(`url-file: secret, ${rest}`)).sink).toMatchObject({
      url: { file: 'secret' },
    })
    expect(problemsOf(sinkOf('url-env: A, table: a.b.c, id: "column:id"'))).toHaveLength(1)
    expect(problemsOf(sinkOf(`url-env: "postgres://me:secret@host/db", ${rest}`))).toHaveLength(1)
  })

  it('bounds what a run must come to, in the units of the validator', () => {
    const bounds =
      'expect: { availability: 95%, commit-latency: { p95: 80ms, p99: 1s }, invariant: { sum: "json:$.amount", equals: 0 } }'
    const read = readPlan(`${head}${bounds}\n`, 'plan.yaml')
    expect('plan' in read && read.plan.expect).toMatchObject({
      availability: 0.95,
      commitLatencyMs: { p95: 80, p99: 1_000 },
      invariant: { sum: 'json:$.amount', equals: 0, at: 'every-read' },
    })
    expect(problemsOf(`${head}expect: { invariant: { sum: amount, equals: 0 } }\n`)).toHaveLength(1)
    expect(problemsOf(`${head}expect: { commit-latency: { p42: 1s } }\n`)).toHaveLength(1)
  })

  it.each([
    [
      'a finding that never fails a run',
      'expect: { verdict: FAIL, findings: [wrong-error-class] }',
    ],
    ['findings with a PASS', 'expect: { findings: [duplicate] }'],
    [
      'an expected finding that is allowed as well',
      'expect: { verdict: FAIL, findings: [duplicate], allow: [{ kind: duplicate, reason: x }] }',
    ],
    [
      'leaders that are not as many as partitions',
      'topics: { output: { partitions: 3, leaders: [1] } }',
    ],
    ['two topics of one name', 'topics: { input: { name: same }, output: { name: same } }'],
    ['a contract for a topic that is not there', 'contract: { elsewhere: acked }'],
  ])('is refused for %s', (_what, part) => {
    expect(problemOf(`${head}${part}\n`).line).toBe(4)
  })
})

describe('text that is no YAML', () => {
  it('is shown where it breaks', () => {
    const [problem] = problemsOf('name: [trial\nload: 1\n')
    expect(problem?.message).toMatch(/^not valid YAML: /)
    expect(problem?.line).toBe(2)
  })

  it('may not hold a key twice', () => {
    const problem = problemOf(`${head}name: again\n`)
    expect(problem).toMatchObject({ line: 4, column: 1, length: 4 })
    expect(problem.message).toBe('this key stands twice in one map')
  })

  it('cannot grow by anchors beyond a bound', () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const inner = level === 0 ? '"x"' : `*l${level - 1}`
      return `  - &l${level} [${Array(9).fill(inner).join(', ')}]`
    })
    const problem = problemOf(`${head}faults:\n${levels.join('\n')}\n`)
    expect(problem.message).toContain(`more than ${aliasesMax} times`)
  })

  it('cannot be larger or nested deeper than any plan', () => {
    expect(problemOf(`${head}# ${'x'.repeat(planBytesMax)}`).message).toContain(
      'a plan has at most',
    )
    expect(problemOf('['.repeat(100_000)).message).toContain('brackets within each other')
  })

  it('may use anchors, and is shown at the anchor when something there is wrong', () => {
    const text = `${head}faults:
  - { name: a, when: &when { request: Prduce }, inject: { drop: request } }
  - { name: b, when: *when, inject: { drop: request } }
`
    expect(problemsOf(text).map(({ line, column }) => [line, column])).toEqual([[5, 39]])
  })
})

describe('--set', () => {
  const text = `${head}cluster: { embedded: { features: { transaction.version: 2 } } }
faults:
  - name: crash
    when: { reply: EndTxn }   # kept
    inject: { coordinator-crash: { how: wire } }
    for: 5s
`

  it('changes values by path, faults by name, keys with dots, and what is not there yet', () => {
    const plan = planOf(text, {
      set: [
        'load.records=500',
        'faults.crash.for=2s',
        'faults.crash.when.nth=3',
        'cluster.embedded.features.transaction.version=1',
        'advertise.transaction.version=1',
        'workload.copier={ client: kafkajs, instances: 1 }',
        'expect.verdict=FAIL',
      ],
    })
    expect(plan.load[0]).toMatchObject({ records: 500 })
    expect(plan.faults[0]).toMatchObject({ for: '2s', when: { reply: 'EndTxn', nth: 3 } })
    expect(plan.cluster).toMatchObject({ features: { 'transaction.version': 1 } })
    expect(plan.advertise).toEqual({ 'transaction.version': 1 })
    expect(plan.workload).toMatchObject({ client: 'kafkajs', instances: 1 })
    expect(plan.expect.verdict).toBe('FAIL')
  })

  it('gives a text that reads to the same plan and keeps the comments', () => {
    const plan = planOf(text, { set: ['faults.crash.for=2s', 'seed=5'] })
    expect(plan.text).toContain('# kept')
    expect(planOf(plan.text)).toEqual(plan)
  })

  it('names the flag when its value is wrong', () => {
    const problem = problemOf(text, { set: ['faults.crash.for=2q'] })
    expect(problemText(problem)).toBe(
      `--set faults.crash.for=2q  must be a duration (a length of time: 250ms, 5s, 2m), not "2q"
     | faults.crash.for=2q
     |                  ^^`,
    )
  })

  it('cannot change what is repeated from an anchor', () => {
    const anchored = `${head}faults:
  - { name: a, when: &when { request: Produce }, inject: { drop: request } }
  - { name: b, when: *when, inject: { drop: request } }
`
    expect(planOf(anchored, { set: ['faults.a.when.nth=2'] }).faults[1]?.when.nth).toBe(2)
    expect(problemOf(anchored, { set: ['faults.b.when.nth=2'] }).message).toBe(
      '`faults.1.when` repeats an anchor: change it where the anchor stands',
    )
  })

  it('points into a value that is a map', () => {
    const problem = problemOf(text, { set: ['workload.copier={clent: java, client: java}'] })
    expect(problem).toMatchObject({ file: '--set', column: 18, length: 5, nearest: 'client' })
  })

  it.each([
    ['load.records', 'write it as PATH=VALUE, for example load.records=500'],
    ['faults.crush.for=1s', '`faults` has no entry "crush.for"'],
    ['load..records=1', 'the path has an empty part'],
    ['name.first=1', '`name` has no keys to set'],
    ['name.first.second=1', '`name` has no keys to set'],
    ['load.records=[1', 'the value is not valid YAML'],
    ['load.recrods=1', 'unknown key "recrods"'],
  ])('refuses %s', (flag, message) => {
    expect(problemOf(text, { set: [flag] })).toMatchObject({ file: '--set', message })
  })
})

describe('the proxy alone', () => {
  function proxyProblems(text: string): string[] {
    const result = readProxyPlan(text, 'rules.yaml', { names })
    return 'problems' in result ? result.problems.map(({ message }) => message) : []
  }

  it('needs no workload and no load, and takes what concerns it', () => {
    const text = `advertise: { transaction.version: 1 }
topics: { output: { name: payments } }
faults: [{ when: { request: Produce, topic: output }, inject: { drop: request } }]
`
    expect(readProxyPlan(text, 'rules.yaml', { names, seedDefault: 3 })).toEqual({
      plan: {
        seed: 3,
        advertise: { 'transaction.version': 1 },
        policies: [],
        topicAliases: { input: 'input', output: 'payments' },
        faults: [
          {
            name: 'drop',
            when: { request: 'Produce', topic: 'output' },
            inject: { drop: 'request' },
          },
        ],
      },
    })
  })

  it('does not know the topics and brokers of a cluster that others run', () => {
    const fault =
      '{ when: { request: Produce, topic: any, broker: 1001 }, inject: { drop: request } }'
    expect(proxyProblems(`faults: [${fault}]`)).toEqual([])
  })

  it('cannot kill what others run', () => {
    const fault =
      '{ when: { reply: EndTxn }, inject: { coordinator-crash: { how: process } }, for: 1s }'
    expect(proxyProblems(`faults: [${fault}]`)).toEqual([
      'needs to kill a broker, which is not possible on an external cluster (of one in Docker, `gauntlet proxy --docker-brokers` can)',
    ])
  })
})

describe('another cluster than the plan’s', () => {
  const text = `${head}cluster: { embedded: { brokers: 5 } }\n`

  it('keeps the plan’s settings when it is of the same kind', () => {
    expect(planOf(text, { cluster: 'embedded' }).cluster).toMatchObject({ brokers: 5 })
  })

  it('takes addresses for a cluster that others run', () => {
    expect(planOf(text, { cluster: 'kafka-1:9092,kafka-2:9092' }).cluster).toEqual({
      kind: 'external',
      bootstrap: ['kafka-1:9092', 'kafka-2:9092'],
    })
  })

  it('checks the faults against that cluster', () => {
    const fault = '{ when: { reply: EndTxn }, inject: { broker-outage: { how: kill } }, for: 1s }'
    const problem = problemOf(withFault(fault), { cluster: 'kafka:9092' })
    expect(problem.message).toContain('not possible on an external cluster')
  })

  it('takes what the proxy in front of that cluster has within its reach', () => {
    const kill = '{ when: { reply: EndTxn }, inject: { broker-outage: { how: kill } }, for: 1s }'
    const marker =
      '{ when: { request: WriteTxnMarkers, plane: inter-broker }, inject: { drop: request } }'
    const cluster = 'kafka:9092'
    const reach: Reach = { planes: ['client', 'inter-broker'], can: ['kill-broker'] }
    expect(problemsOf(withFault(kill), { cluster, reach })).toEqual([])
    expect(problemsOf(withFault(marker), { cluster, reach })).toEqual([])
    expect(problemOf(withFault(marker), { cluster }).message).toContain('only the client plane')
    const vote = '{ when: { request: Fetch, plane: controller }, inject: { drop: request } }'
    expect(problemOf(withFault(vote), { cluster, reach }).message).toBe(
      'the controller plane is not behind the proxy, only the client and the inter-broker one',
    )
  })
})
