// How a fault names the brokers and clients it concerns. The same words everywhere in the plan language;
// a selector is resolved when its fault fires, and what it meant then is written to the result.
import Type from 'typebox'

const LeaderOf = Type.Object(
  { 'leader-of': Type.String({ description: 'TOPIC or TOPIC-PARTITION' }) },
  { additionalProperties: false },
)
const CoordinatorOf = Type.Object(
  {
    'coordinator-of': Type.String({
      description: 'A transactional id, or `group NAME` for a consumer group',
    }),
  },
  { additionalProperties: false },
)
const Positive = Type.Union([
  Type.Integer({ minimum: 0, description: 'a node id' }),
  Type.Enum(['all', 'controller']),
  LeaderOf,
  CoordinatorOf,
])
const Not = Type.Object({ not: Positive }, { additionalProperties: false })

export const BrokerSelector = Type.Union([Positive, Not], {
  title: 'broker selector',
  description:
    'A node id, `all`, `controller`, `leader-of: TOPIC[-PARTITION]`, `coordinator-of: ID` or `not: …`',
})
export type BrokerSelector = Type.Static<typeof BrokerSelector>

/** Clients by name: `all`, or globs of instance names and client ids. */
export const ClientSelector = Type.Union(
  [Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })],
  {
    title: 'client selector',
    description: '`all`, or one or more globs of instance names or client ids',
  },
)
export type ClientSelector = Type.Static<typeof ClientSelector>

/** Which connections a windowed fault concerns. Without it: the one that triggered the fault. */
export const Scope = Type.Object(
  {
    clients: Type.Optional(ClientSelector),
    brokers: Type.Optional(BrokerSelector),
    plane: Type.Optional(Type.Enum(['client', 'inter-broker', 'controller'])),
  },
  { additionalProperties: false, title: 'scope' },
)
export type Scope = Type.Static<typeof Scope>
