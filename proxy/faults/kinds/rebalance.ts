// A group rebalances when nobody expected it. `evict`: a LeaveGroup in the member's name, a real rebalance;
// `error`: the proxy answers the members' next heartbeats with REBALANCE_IN_PROGRESS.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  {
    how: Type.Enum(['evict', 'error']),
    group: Type.Optional(Type.String({ minLength: 1 })),
  },
  { additionalProperties: false },
)

export const rebalance = defineKind({
  name: 'rebalance',
  summary: 'Forces a rebalance of a consumer group; default: the group of the triggering instance.',
  params,
  windowed: ({ how }) => how === 'error',
  effect: ({ how, group }) => ({ on: 'group', how, ...(group === undefined ? {} : { group }) }),
})
