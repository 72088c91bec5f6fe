// The shape of a plan, version 1, once: YAML validation, `chaos-plans/plan.schema.json` for editors and
// later REST and OpenAPI are made from these objects. What a plan means after reading is `plan.ts`.
import Type from 'typebox'
import { faultFields } from '../faults/fault.ts'
import { faultKinds } from '../faults/registry.ts'
import { Duration, Percentage, RecordRate } from '../faults/vocabulary.ts'
import { PolicySchema, policiesMax } from '../policies/policy.ts'

/** A plan can hold this much and no more; past it the reader says so. */
export const faultsMax = 100
export const phasesMax = 1_000
export const outputsMax = 100
export const recordsMax = 50_000_000
export const brokersMax = 9
export const partitionsMax = 1_000
export const instancesMax = 64
export const tagsMax = 20
/** Copies of one id are counted in eight bits, and one too many must still be seen. */
export const fanOutMax = 200
/** What a broker takes as one request by default (socket.request.max.bytes). */
export const requestBytesMax = 104_857_600

/** What a run can find; the words of `expect.findings` and `expect.allow`. */
export const findingKinds = [
  'duplicate',
  'lost-write',
  'missing-output',
  'aborted-read',
  'torn-transaction',
  'offset-output-mismatch',
  'reordered',
  'inconsistent-offsets',
  'unexpected',
  'shared-ack',
  'zombie-write',
  'hanging-transaction',
  'stall',
  'no-recovery',
  'invariant',
  'availability',
  'commit-latency',
  'policy-violation',
  'wrong-error-class',
] as const
export type FindingKind = (typeof findingKinds)[number]

/** The deliberately wrong copiers. */
export const mistakes = [
  'acks-one',
  'auto-commit',
  'offsets-outside-transaction',
  'output-without-transaction',
  'position-not-rewound',
  'produce-after-revocation',
  'random-transactional-id',
  'read-uncommitted',
  'redo-after-unknown-commit',
  'send-failures-ignored',
  'transaction-timeout-too-short',
] as const
export type Mistake = (typeof mistakes)[number]
/** Those that only the Java copier can make. */
export const mistakesOfJava: readonly Mistake[] = [
  'auto-commit',
  'produce-after-revocation',
  'send-failures-ignored',
]

const closed = { additionalProperties: false } as const
const Text = Type.String({ minLength: 1 })
const Word = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$',
  maxLength: 100,
  title: 'name',
  description: 'Letters, digits, dots, dashes and underscores.',
})
const TopicName = Type.String({
  pattern: '^[A-Za-z0-9._-]+$',
  maxLength: 249,
  title: 'topic name',
  description: 'Letters, digits, dots, dashes and underscores.',
})
const HostAndPort = Type.String({
  pattern: '^[^\\s:,]+:[0-9]{1,5}$',
  title: 'address',
  description: 'HOST:PORT',
})
const ConfigValue = Type.Union([Type.String(), Type.Number(), Type.Boolean()])
const Configuration = Type.Record(Type.String(), ConfigValue)
const FeatureLevels = Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: 100 }))
const Release = Type.String({
  pattern: '^[0-9]+\\.[0-9]+\\.[0-9]+$',
  title: 'version',
  description: 'Three numbers: 4.3.1.',
})
const BrokerCount = Type.Integer({ minimum: 1, maximum: brokersMax })
const Instances = Type.Integer({ minimum: 1, maximum: instancesMax })

const securityEnum = () => Type.Enum(['plaintext', 'sasl-ssl'])

const FileName = Type.String({ minLength: 1, title: 'file' })
const VariableName = Type.String({
  pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
  title: 'environment variable',
})

/** Certificates and keys are files: nothing secret stands in a plan. */
const BrokerTlsSchema = Type.Object(
  {
    'ca-file': Type.Optional({
      ...FileName,
      description: 'PEM: who has signed the brokers’ certificates; default: whom Node trusts.',
    } as typeof FileName),
    'certificate-file': Type.Optional(FileName),
    'key-file': Type.Optional(FileName),
    'server-name': Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The name in the brokers’ certificates; default: the host that is dialled.',
      }),
    ),
    'check-name': Type.Optional(
      Type.Boolean({ description: 'false: the certificates may be for any name.' }),
    ),
  },
  { ...closed, description: 'TLS towards the brokers.' },
)
export type WrittenBrokerTls = Type.Static<typeof BrokerTlsSchema>

/** The words of proxy/flow/access.ts; a test compares the two. */
export const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const

/** Passwords and tokens come from the environment or from files. */
const SaslSchema = Type.Object(
  {
    mechanism: Type.Enum([...saslMechanisms]),
    username: Type.Optional(Type.String({ minLength: 1 })),
    'username-env': Type.Optional(VariableName),
    'password-env': Type.Optional(VariableName),
    'password-file': Type.Optional(FileName),
    'token-env': Type.Optional(VariableName),
    'token-file': Type.Optional(FileName),
  },
  { ...closed, description: 'How our own connections authenticate; those of applications pass.' },
)
export type WrittenSasl = Type.Static<typeof SaslSchema>

const DoorTlsSchema = Type.Union([
  Type.Literal('generated'),
  Type.Object(
    {
      'certificate-file': FileName,
      'key-file': FileName,
      'ca-file': Type.Optional({
        ...FileName,
        description: 'PEM: what applications that gauntlet starts shall trust.',
      } as typeof FileName),
      'client-ca-file': Type.Optional({
        ...FileName,
        description: 'PEM: clients must show a certificate that it has signed.',
      } as typeof FileName),
      clients: Type.Optional(
        Type.Record(
          Type.String({ minLength: 1 }),
          Type.Object({ 'certificate-file': FileName, 'key-file': FileName }, closed),
          {
            description:
              'Who a client is towards the brokers, by the subject of its certificate: "CN=app,O=shop".',
          },
        ),
      ),
    },
    closed,
  ),
])
export type WrittenDoorTls = Type.Static<typeof DoorTlsSchema>

const ProxySchema = Type.Object(
  {
    tls: Type.Optional({
      ...DoorTlsSchema,
      description:
        'Clients reach the proxy with TLS; generated: by a certificate made at its start.',
    } as typeof DoorTlsSchema),
  },
  { ...closed, description: 'How clients reach the proxy.' },
)

const ClusterSchema = Type.Object(
  {
    embedded: Type.Optional(
      Type.Object(
        {
          version: Type.Optional(Release),
          brokers: Type.Optional(BrokerCount),
          features: Type.Optional(FeatureLevels),
          config: Type.Optional(Configuration),
          security: Type.Optional({
            ...Type.Enum(['plaintext', 'sasl-ssl']),
            description:
              'sasl-ssl: clients come with TLS and SCRAM-SHA-512, by certificates and a user made for the run.',
          } as ReturnType<typeof securityEnum>),
        },
        { ...closed, description: 'Real Kafka brokers on this machine, started for the run.' },
      ),
    ),
    docker: Type.Optional(
      Type.Object(
        {
          image: Type.Optional(Text),
          brokers: Type.Optional(BrokerCount),
          features: Type.Optional(FeatureLevels),
          config: Type.Optional(Configuration),
        },
        { ...closed, description: 'Kafka in containers, started for the run.' },
      ),
    ),
    external: Type.Optional(
      Type.Object(
        {
          bootstrap: Type.Array(HostAndPort, { minItems: 1, maxItems: brokersMax }),
          map: Type.Optional(
            Type.Record(Type.String({ pattern: '^[^\\s:,]+:[0-9]{1,5}$' }), HostAndPort, {
              description:
                'Where to dial for an address that the cluster tells: "kafka-1:9092": localhost:31092.',
            }),
          ),
          tls: Type.Optional(BrokerTlsSchema),
          sasl: Type.Optional(SaslSchema),
        },
        { ...closed, description: 'A cluster that somebody else runs.' },
      ),
    ),
  },
  { ...closed, minProperties: 1, maxProperties: 1, title: 'cluster' },
)

const topicFields = {
  partitions: Type.Optional(Type.Integer({ minimum: 1, maximum: partitionsMax })),
  leaders: Type.Optional(
    Type.Array(Type.Integer({ minimum: 0 }), {
      minItems: 1,
      description: 'Node id of the first leader of each partition, in order.',
    }),
  ),
  config: Type.Optional(Configuration),
}
const Topic = Type.Object({ name: Type.Optional(TopicName), ...topicFields }, closed)
const NamedTopic = Type.Object({ name: TopicName, ...topicFields }, closed)

const TopicsSchema = Type.Object(
  {
    input: Type.Optional(Topic),
    output: Type.Optional(
      Type.Union([Topic, Type.Array(NamedTopic, { minItems: 1, maxItems: outputsMax })], {
        description: 'One topic, or a list of several, each with its name.',
      }),
    ),
  },
  closed,
)

const Restart = Type.Object(
  { times: Type.Integer({ minimum: 0, maximum: 1_000 }) },
  { ...closed, description: 'How often an instance that ended by itself is started again.' },
)

const InstanceTemplate = Type.String({
  pattern: '^([A-Za-z0-9._-]|\\$\\{(instance|workload|index)\\})+$',
  maxLength: 200,
  title: 'name of an instance',
  description:
    'Letters, digits, dots, dashes and underscores; instance, workload and index in dollar braces are filled in.',
})

const CopierSchema = Type.Object(
  {
    client: Type.Enum(['java', 'kafkajs']),
    'client-version': Type.Optional(Release),
    instances: Type.Optional(Instances),
    'transaction-size': Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100_000, description: 'Records in one transaction.' }),
    ),
    abort: Type.Optional(
      Type.Union([
        Percentage,
        Type.Object(
          { transactions: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1 }) },
          { ...closed, description: 'The Nth transactions of each transactional id, from 1.' },
        ),
      ]),
    ),
    mistake: Type.Optional(Type.Enum([...mistakes])),
    'group-protocol': Type.Optional(Type.Enum(['classic', 'consumer'])),
    'transactional-id': Type.Optional(InstanceTemplate),
    'group-instance-id': Type.Optional(InstanceTemplate),
    assignment: Type.Optional(
      Type.Enum(['eager', 'cooperative'], {
        description: 'Whether a rebalance takes all partitions away, or only those that move.',
      }),
    ),
    'transaction-timeout': Type.Optional(Duration),
    'session-timeout': Type.Optional(Duration),
    compression: Type.Optional(Type.Enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])),
    'work-time': Type.Optional({
      ...Duration,
      description: 'How long the work on one transaction takes while it is open: 200ms.',
    } as typeof Duration),
    'max-request-size': Type.Optional(
      Type.Integer({
        minimum: 1_000,
        maximum: requestBytesMax,
        description: 'Bytes that the client itself refuses to send more of at once.',
      }),
    ),
    restart: Type.Optional(Restart),
  },
  {
    ...closed,
    description: 'Our own application: reads the input, writes the output, exactly once.',
  },
)

const IdPlace = Type.String({
  pattern: '^(header:.+|key|value|json:\\$.+|regex:.+)$',
  title: 'place of the id',
  description: 'header:NAME, key, value, json:$.PATH or regex:EXPRESSION.',
})

const GroupName = Type.String({
  minLength: 1,
  description: 'The consumer group by which its progress is known; default: gauntlet.',
})

const CommandSchema = Type.Object(
  {
    run: Type.String({ minLength: 1, description: 'The program, as a shell would start it.' }),
    cwd: Type.Optional({
      ...Text,
      description: 'Where it runs, as seen from the plan: `.` is the folder of the plan.',
    } as typeof Text),
    env: Type.Optional(Type.Record(Type.String(), ConfigValue)),
    instances: Type.Optional(Instances),
    ready: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'A regular expression for the line of its output that says it is ready.',
      }),
    ),
    restart: Type.Optional(Restart),
    'stop-grace': Type.Optional(Duration),
    'start-grace': Type.Optional({
      ...Duration,
      description: 'How long it may take to be ready, and then to commit once: 60s.',
    } as typeof Duration),
    group: Type.Optional(GroupName),
    id: Type.Optional(IdPlace),
  },
  { ...closed, description: 'Any program, as child processes.' },
)

const AttachedInstanceSchema = Type.Object(
  {
    'client-id': Type.Optional(Text),
    'transactional-id': Type.Optional(Text),
    'pid-file': Type.Optional({
      ...FileName,
      description: 'Holds the id of its process on this machine; needed to crash or pause it.',
    } as typeof FileName),
  },
  {
    ...closed,
    description:
      'How one instance is known: globs of its ids; with neither it has a port of its own.',
  },
)

const AttachSchema = Type.Object(
  {
    instances: Type.Optional(
      Type.Union(
        [Instances, Type.Array(AttachedInstanceSchema, { minItems: 1, maxItems: instancesMax })],
        { description: 'How many, each at a port of its own; or how each of them is known.' },
      ),
    ),
    listen: Type.Optional({
      ...HostAndPort,
      description: 'Where it connects instead of to the brokers; default: any free port.',
    } as typeof HostAndPort),
    'advertised-host': Type.Optional({
      ...Text,
      description: 'The host name that it is told, where it sees this machine by another name.',
    } as typeof Text),
    group: Type.Optional(GroupName),
    id: Type.Optional(IdPlace),
    'start-grace': Type.Optional({
      ...Duration,
      description: 'How long it may take to connect, and then to commit once: 5m.',
    } as typeof Duration),
    for: Type.Optional({
      ...Duration,
      description: 'How long it is under load at least.',
    } as typeof Duration),
  },
  { ...closed, description: 'An application that somebody else starts.' },
)

const WorkloadSchema = Type.Object(
  {
    copier: Type.Optional(CopierSchema),
    command: Type.Optional(CommandSchema),
    attach: Type.Optional(AttachSchema),
  },
  { ...closed, minProperties: 1, maxProperties: 1, title: 'workload' },
)

const feedFields = {
  records: Type.Integer({ minimum: 1, maximum: recordsMax }),
  rate: Type.Optional(RecordRate),
  aborted: Type.Optional(Percentage),
  key: Type.Optional(Text),
  value: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'A template: id, source, sequence, partition and amount in dollar braces are filled in. Or a file that ends in .ndjson, beside the plan: its lines are such templates and are used in turn.',
    }),
  ),
}
const FeedPhase = Type.Object(feedFields, closed)
const WaitPhase = Type.Object({ wait: Duration }, closed)

const LoadSchema = Type.Union(
  [FeedPhase, Type.Array(Type.Union([FeedPhase, WaitPhase]), { minItems: 1, maxItems: phasesMax })],
  {
    description:
      'How many records at least, and how fast; `aborted` is the share written in transactions that abort. A list gives phases.',
  },
)

export const simpleContracts = ['one-per-input', 'at-least-once', 'at-most-once', 'acked'] as const
const OneContract = Type.Union([
  Type.Enum([...simpleContracts]),
  Type.Object({ 'fan-out': Type.Integer({ minimum: 1, maximum: fanOutMax }) }, closed),
])
const ContractSchema = Type.Union([OneContract, Type.Record(Type.String(), OneContract)], {
  description: 'What each output owes to the input: one for all, or one for each topic by name.',
})

const SinkSchema = Type.Object(
  {
    file: Type.Optional(
      Type.Object(
        {
          path: Text,
          format: Type.Optional(Type.Enum(['ndjson', 'csv'])),
          id: Type.String({
            pattern: '^(value|json:\\$.+|regex:.+|column:.+)$',
            title: 'place of the id',
            description: 'value, json:$.PATH or regex:EXPRESSION of a line; column:NAME of CSV.',
          }),
        },
        { ...closed, description: 'A file of NDJSON or CSV, a row for each record.' },
      ),
    ),
    postgres: Type.Optional(
      Type.Object(
        {
          'url-env': Type.Optional(
            Type.String({
              pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
              title: 'name of an environment variable',
              description: 'The variable that holds the address; passwords stay out of plans.',
            }),
          ),
          'url-file': Type.Optional(
            Type.String({ minLength: 1, description: 'A file that holds the address.' }),
          ),
          table: Type.String({
            pattern: '^[^.]+([.][^.]+)?$',
            title: 'name of a table',
            description: 'As the catalogue has it; schema.table where it is not on the path.',
          }),
          id: Type.String({
            pattern: '^(column|expression):.+$',
            title: 'place of the id',
            description: 'column:NAME or expression:SQL.',
          }),
        },
        { ...closed, description: 'A table of PostgreSQL, a row for each record.' },
      ),
    ),
  },
  {
    ...closed,
    minProperties: 1,
    maxProperties: 1,
    title: 'sink',
    description:
      'Where the application writes when it is no topic. Then only a topic that the plan names is an output too.',
  },
)

const StartWhenSchema = Type.Object(
  {
    group: Type.Enum(['stable'], { description: 'The application’s group is settled.' }),
    members: Type.Optional(
      Type.Integer({ minimum: 1, description: 'With so many members; default: one per instance.' }),
    ),
  },
  { ...closed, description: 'The load starts only then.' },
)

const VerdictWord = Type.Enum(['PASS', 'FAIL', 'INCONCLUSIVE'])
const Findings = Type.Array(Type.Enum([...findingKinds], { title: 'finding' }), { minItems: 1 })

const ClientExpectation = Type.Object(
  {
    verdict: Type.Optional(VerdictWord),
    findings: Type.Optional(Findings),
    applies: Type.Optional(
      Type.Literal(false, { description: 'The question cannot be put to this client.' }),
    ),
    because: Type.String({
      minLength: 1,
      description: 'What this client does otherwise than the others; printed in the table.',
    }),
  },
  closed,
)

const ExpectSchema = Type.Object(
  {
    verdict: Type.Optional(VerdictWord),
    findings: Type.Optional(Findings),
    clients: Type.Optional(
      Type.Object(
        {
          java: Type.Optional(ClientExpectation),
          kafkajs: Type.Optional(ClientExpectation),
        },
        {
          ...closed,
          minProperties: 1,
          description:
            'What the copier owes where it runs on one client library in particular, and why.',
        },
      ),
    ),
    drain: Type.Optional(Duration),
    recovery: Type.Optional(Duration),
    stall: Type.Optional(Duration),
    allow: Type.Optional(
      Type.Array(
        Type.Object(
          {
            kind: Type.Enum([...findingKinds], { title: 'finding' }),
            reason: Type.String({ minLength: 1, description: 'Why it does not fail the run.' }),
          },
          closed,
        ),
      ),
    ),
    invariant: Type.Optional(
      Type.Object(
        {
          sum: IdPlace,
          equals: Type.Number(),
          at: Type.Optional(
            Type.Enum(['every-read', 'end'], {
              description:
                'At the end only, or also in every mid-run read that sees whole transactions.',
            }),
          ),
        },
        {
          ...closed,
          description:
            'A sum over the committed outputs that must hold: the number in each record.',
        },
      ),
    ),
    availability: Type.Optional({
      ...Percentage,
      description: 'Share of one-second windows of the load with progress: 95%.',
    } as typeof Percentage),
    'commit-latency': Type.Optional(
      Type.Object(
        {
          p50: Type.Optional(Duration),
          p90: Type.Optional(Duration),
          p95: Type.Optional(Duration),
          p99: Type.Optional(Duration),
          max: Type.Optional(Duration),
        },
        { ...closed, minProperties: 1 },
      ),
    ),
  },
  closed,
)

const InjectSchema = Type.Object(
  Object.fromEntries(
    faultKinds.map((kind) => [
      kind.name,
      Type.Optional({ ...kind.params, description: kind.summary } as Type.TSchema),
    ]),
  ),
  { ...closed, minProperties: 1, maxProperties: 1, title: 'fault kind' },
)

const FaultSchema = Type.Object(
  { ...faultFields, name: Type.Optional(faultFields.name), inject: InjectSchema },
  closed,
)

export const PlanSchema = Type.Object(
  {
    name: Word,
    asks: Type.Optional(
      Type.String({ minLength: 1, description: 'The question that the plan answers.' }),
    ),
    tags: Type.Optional(
      Type.Array(Word, {
        maxItems: tagsMax,
        uniqueItems: true,
        description:
          'By which `gauntlet suite` and `gauntlet plans` find it beside its folder: smoke.',
      }),
    ),
    seed: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 0xffff_ffff,
        description: 'Every random choice of the run derives from it.',
      }),
    ),
    cluster: Type.Optional(ClusterSchema),
    advertise: Type.Optional({
      ...FeatureLevels,
      description: 'Feature levels that the proxy tells clients: transaction.version: 1.',
    } as typeof FeatureLevels),
    proxy: Type.Optional(ProxySchema),
    policies: Type.Optional(
      Type.Array(PolicySchema, {
        maxItems: policiesMax,
        description: 'How topics must be written and read by whoever comes through the proxy.',
      }),
    ),
    topics: Type.Optional(TopicsSchema),
    workload: WorkloadSchema,
    load: LoadSchema,
    sink: Type.Optional(SinkSchema),
    contract: Type.Optional(ContractSchema),
    'declared-failures': Type.Optional(Type.Enum(['may-be-missing'])),
    'start-when': Type.Optional(StartWhenSchema),
    faults: Type.Optional(Type.Array(FaultSchema, { maxItems: faultsMax })),
    expect: Type.Optional(ExpectSchema),
  },
  { ...closed, title: 'plan' },
)
/** A plan as it is written. */
export type PlanDocument = Type.Static<typeof PlanSchema>
