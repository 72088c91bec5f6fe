// The shapes of what REST answers, for OpenAPI and whoever makes a client from it. The values come from the engine
// and are JSON already; a shape here says what a reader may rely on.
import Type, { type TSchema } from 'typebox'
import { Problem, type ProblemCode, problemMediaType, statusOf } from './problem.ts'

const open = { additionalProperties: true } as const
const Milliseconds = (description: string) => Type.Number({ description })

/** An object with one list. */
export const list = (schema: TSchema, key: string): TSchema =>
  Type.Object({ [key]: Type.Array(schema) })

/** What every route may refuse before it looks at what is asked. */
const everywhere: readonly ProblemCode[] = [
  'not-authorized',
  'foreign-origin',
  'unknown-host',
  'too-many-requests',
  'internal-error',
]

/** The answers of a route: the good ones, and one for each status of the problems that it can tell of. */
export function withProblems(
  good: Record<number, TSchema>,
  ...codes: readonly ProblemCode[]
): Record<number, object> {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of [...codes, ...everywhere]) {
    const status = statusOf(code)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const problems = [...byStatus].map(([status, told]) => [
    status,
    {
      description: `Code ${told.map((code) => `\`${code}\``).join(', ')}`,
      content: { [problemMediaType]: { schema: Problem } },
    },
  ])
  return { ...good, ...Object.fromEntries(problems) }
}
/** What a body can do wrong. */
export const bodyProblems = ['wrong-body', 'body-too-large', 'unsupported-media-type'] as const
export const noContent = Type.Null({ description: 'Done; there is nothing to say' })

export const Address = Type.Object({ host: Type.String(), port: Type.Integer() })

export const Firing = Type.Object(
  {
    number: Type.Integer({ description: 'Counts from 1 within its fault' }),
    firedAtMs: Milliseconds('Since the epoch'),
    appliedAtMs: Type.Optional(Milliseconds('When the effect was there')),
    healedAtMs: Type.Optional(Milliseconds('When it was over')),
    effect: Type.Optional(Type.String({ description: 'What was really done, in words' })),
    brokerAnswer: Type.Optional(Type.String({ description: 'NONE or an error’s name' })),
    targets: Type.Optional(Type.Array(Type.String())),
  },
  { ...open, title: 'Firing' },
)

export const Fault = Type.Object(
  {
    name: Type.String(),
    kind: Type.String(),
    state: Type.Enum(['armed', 'active', 'spent']),
    matched: Type.Integer(),
    fired: Type.Integer(),
    applied: Type.Integer({ description: 'Grows only when the effect is there' }),
    healed: Type.Integer(),
    spec: Type.Optional(
      Type.Object({}, { ...open, description: 'As it was armed: a plan’s entry' }),
    ),
    plan: Type.Optional(Type.String()),
    expiresAtMs: Type.Optional(Milliseconds('When it is disarmed by itself')),
    firings: Type.Array(Firing),
  },
  { ...open, title: 'ArmedFault' },
)

export const Transaction = Type.Object(
  {
    transactionalId: Type.String(),
    producerId: Type.Integer(),
    producerEpoch: Type.Integer(),
    phase: Type.Enum(['idle', 'begun', 'producing', 'offsets', 'ending', 'ended']),
    instance: Type.Optional(Type.String()),
    transaction: Type.Integer({ description: 'Counts from 1; 0 before the first' }),
    protocol: Type.Optional(Type.Enum(['V1', 'V2'])),
    partitions: Type.Array(Type.String()),
    lastOutcome: Type.Optional(Type.Enum(['committed', 'aborted', 'unknown'])),
    coordinator: Type.Optional(Type.Integer({ description: 'Node id' })),
    ageMs: Milliseconds('Since the current transaction began; 0 when none is open'),
    fenced: Type.Boolean(),
    marks: Type.Array(Type.Enum(['hanging', 'zombie']), {
      description: 'hanging: open past its timeout; zombie: its producer has been fenced',
    }),
  },
  { ...open, title: 'Transaction', description: 'One transactional id, as the tracker sees it' },
)

/** As its coordinator describes it. */
export const BrokerTransaction = Type.Object(
  {
    transactionalId: Type.String(),
    coordinator: Type.Integer(),
    state: Type.String({ description: 'Ongoing, PrepareCommit, CompleteAbort, …' }),
    producerId: Type.Integer(),
    producerEpoch: Type.Integer(),
    timeoutMs: Type.Integer(),
    startedAtMs: Type.Optional(Milliseconds('Absent when none is open')),
    partitions: Type.Array(Type.String()),
  },
  { ...open, title: 'BrokerTransaction' },
)

export const HangingTransaction = Type.Object(
  {
    id: Type.String({ description: 'What `abort` is to be given' }),
    why: Type.Enum(['nobody-knows-it', 'past-its-timeout', 'open-for-long']),
    transactionalId: Type.Optional(Type.String()),
    producerId: Type.Integer(),
    producerEpoch: Type.Integer(),
    ageMs: Milliseconds('Since it began, or since its last record where only the log knows'),
    partitions: Type.Array(Type.String()),
  },
  { ...open, title: 'HangingTransaction' },
)

export const Aborted = Type.Object(
  {
    id: Type.String(),
    how: Type.Enum(['producer-fenced', 'markers-written']),
    producerId: Type.Integer(),
    producerEpoch: Type.Integer(),
  },
  { ...open, title: 'Aborted' },
)

export const Group = Type.Object(
  {
    group: Type.String(),
    protocol: Type.Enum(['classic', 'consumer']),
    state: Type.Enum(['empty', 'rebalancing', 'stable']),
    epoch: Type.Integer(),
    rebalances: Type.Integer(),
    coordinator: Type.Optional(Type.Integer({ description: 'Node id' })),
    members: Type.Array(Type.Object({ memberId: Type.String() }, open)),
  },
  { ...open, title: 'Group' },
)

const PostureProblem = Type.Object(
  {
    problem: Type.Enum([
      'reads-uncommitted',
      'acks-not-all',
      'not-idempotent',
      'auto-commit',
      'offsets-beside-transactions',
      'shared-transactional-id',
      'ids-never-repeat',
      'timeout-too-short',
      'policy-violated',
    ]),
    topic: Type.Optional(Type.String()),
    group: Type.Optional(Type.String()),
    transactionalId: Type.Optional(Type.String()),
    message: Type.String({ description: 'What was seen, and what can come of it' }),
  },
  open,
)

export const Client = Type.Object(
  {
    instance: Type.Optional(Type.String()),
    clientId: Type.Union([Type.String(), Type.Null()]),
    software: Type.Optional(Type.String({ description: 'The library, by its own word' })),
    softwareVersion: Type.Optional(Type.String()),
    firstSeenAtMs: Milliseconds('Since the epoch'),
    lastSeenAtMs: Milliseconds('When its requests were last looked at'),
    produces: Type.Array(
      Type.Object({
        topic: Type.String(),
        acks: Type.Enum(['all', 'leader', 'none']),
        idempotent: Type.Boolean(),
        transactional: Type.Boolean(),
      }),
    ),
    reads: Type.Array(
      Type.Object({
        topic: Type.String(),
        isolation: Type.Enum(['read_committed', 'read_uncommitted']),
      }),
    ),
    groups: Type.Array(
      Type.Object(
        {
          group: Type.String(),
          protocol: Type.Optional(Type.Enum(['classic', 'consumer'])),
          offsets: Type.Enum(['none', 'in-transactions', 'outside', 'both']),
          autoCommit: Type.Boolean(),
        },
        open,
      ),
    ),
    transactionalIds: Type.Array(Type.String(), { description: 'The newest of them' }),
    transactionalIdCount: Type.Integer(),
    protocols: Type.Array(Type.Enum(['V1', 'V2'])),
    transactionTimeoutMs: Type.Optional(Milliseconds('The shortest that it asked for')),
    longestTransactionMs: Type.Optional(Milliseconds('From its first send to its end')),
    problems: Type.Array(PostureProblem),
  },
  {
    ...open,
    title: 'Client',
    description: 'What one client was seen to do; of each thing the weakest that was seen',
  },
)

export const Policy = Type.Object(
  {
    name: Type.String(),
    topics: Type.Array(Type.String()),
    require: Type.Array(Type.Enum(['transactions', 'idempotence', 'acks-all', 'read_committed'])),
    onViolation: Type.Enum(['report', 'refuse']),
    except: Type.Array(Type.String(), { description: 'Clients that it does not bind' }),
    reported: Type.Integer({ description: 'Requests that broke it and passed' }),
    refused: Type.Integer({ description: 'Requests of which it refused at least a part' }),
    violations: Type.Array(
      Type.Object(
        {
          client: Type.Object({ clientId: Type.Union([Type.String(), Type.Null()]) }, open),
          topic: Type.String(),
          requirement: Type.String(),
          count: Type.Integer(),
          firstAtMs: Milliseconds('Since the epoch'),
          lastAtMs: Milliseconds('Since the epoch'),
        },
        open,
      ),
      { description: 'Who broke it, the newest kinds of it' },
    ),
  },
  { ...open, title: 'Policy', description: 'How topics must be written and read' },
)

export const Broker = Type.Object(
  {
    node: Type.Integer(),
    address: Type.Optional(Address),
    connections: Type.Integer(),
    hurtConnections: Type.Integer({ description: 'Those that a lasting fault holds now' }),
  },
  { ...open, title: 'Broker' },
)

export const Reach = Type.Object(
  {
    planes: Type.Array(Type.Enum(['client', 'inter-broker', 'controller'])),
    can: Type.Array(Type.String(), { description: 'kill-broker, pause-broker' }),
  },
  { ...open, title: 'Reach' },
)

export const Link = Type.Object(
  {
    instance: Type.Optional(Type.String({ description: 'Absent: for everybody' })),
    bootstrap: Address,
    ports: Type.Array(Type.Object({ node: Type.Integer(), address: Address })),
  },
  { ...open, title: 'Link', description: 'Where the proxy listens, and for whom' },
)

export const Connection = Type.Object(
  {
    id: Type.Integer(),
    plane: Type.Enum(['client', 'inter-broker', 'controller']),
    node: Type.Integer(),
    instance: Type.Optional(Type.String()),
    clientId: Type.Optional(Type.String()),
    remote: Type.String(),
    hurt: Type.Array(Type.Enum(['slow', 'blocked', 'cut off'])),
  },
  { ...open, title: 'Connection' },
)

export const ArmedPlan = Type.Object(
  {
    name: Type.String(),
    startedAtMs: Milliseconds('Since the epoch'),
    expiresAtMs: Milliseconds('When its faults are disarmed by themselves'),
    faults: Type.Array(Fault),
  },
  { ...open, title: 'ArmedPlan' },
)

export const Run = Type.Object(
  {
    name: Type.String(),
    state: Type.Enum(['running', 'ended', 'lost']),
    startedAtMs: Milliseconds('Since the epoch'),
    endedAtMs: Type.Optional(Milliseconds('Since the epoch')),
    links: Type.Array(Link),
    verdict: Type.Optional(Type.Enum(['PASS', 'FAIL', 'INCONCLUSIVE'])),
    expected: Type.Optional(Type.Enum(['PASS', 'FAIL', 'INCONCLUSIVE'])),
    reasons: Type.Optional(Type.Array(Type.String())),
  },
  { ...open, title: 'Run' },
)

export const Health = Type.Object(
  { status: Type.Literal('ok'), version: Type.String(), upSeconds: Type.Number() },
  { ...open, title: 'Health' },
)

export const RollingVerdict = Type.Object(
  {
    verdict: Type.Enum(['PASS', 'FAIL', 'INCONCLUSIVE']),
    reasons: Type.Array(Type.String()),
    run: Type.Optional(Type.String({ description: 'The run that said so' })),
    atMs: Type.Optional(Milliseconds('When it was said')),
    windowMs: Type.Number({ description: 'How far back it looks' }),
    counts: Type.Object(
      {
        committed: Type.Number(),
        aborted: Type.Number(),
        unknown: Type.Number(),
        fences: Type.Number(),
        errors: Type.Number(),
        loopStalls: Type.Number(),
      },
      { ...open, description: 'What passed in that time' },
    ),
  },
  { ...open, title: 'RollingVerdict' },
)
