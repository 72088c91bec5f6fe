// Two sides lose sight of each other: nothing passes between them, new connections hang. As on a real
// network, bytes that were under way arrive after the heal where both ends still wait for them.
import Type from 'typebox'
import { defineKind, type PartitionSide } from '../fault.ts'
import { BrokerSelector, ClientSelector } from '../selectors.ts'

const PartitionSideSchema = Type.Union([
  Type.String({ minLength: 1, description: 'a glob of instance names or client ids' }),
  Type.Object({ clients: ClientSelector }, { additionalProperties: false }),
  Type.Object({ brokers: BrokerSelector }, { additionalProperties: false }),
])

const params = Type.Object(
  {
    between: Type.Array(PartitionSideSchema, { minItems: 2, maxItems: 2 }),
    direction: Type.Optional(Type.Enum(['both', 'one-way'])),
  },
  { additionalProperties: false },
)

function sideOf(given: Type.Static<typeof PartitionSideSchema> | undefined): PartitionSide {
  if (given === undefined) throw new Error('the schema demands two sides')
  return typeof given === 'string' ? { clients: given } : given
}

export const networkPartition = defineKind({
  name: 'network-partition',
  summary: 'No byte passes between two sides; one-way: only from the first to the second.',
  params,
  windowed: () => true,
  effect: ({ between, direction }) => ({
    on: 'network',
    between: [sideOf(between[0]), sideOf(between[1])],
    oneWay: direction === 'one-way',
  }),
})
