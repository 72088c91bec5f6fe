// A group rebalances when nobody expected it. `evict`: a LeaveGroup in the member's name, a real rebalance;
// `ghost-member`: a member that does no work joins, and leaves again, at once or after `for`; `error`: the proxy
// answers the members' next heartbeats with an error; `heartbeats-lost`: the proxy answers a member's heartbeats
// as if all were well, and the coordinator, which never sees them, times the member out.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  {
    how: Type.Enum(['evict', 'ghost-member', 'error', 'heartbeats-lost']),
    group: Type.Optional(Type.String({ minLength: 1 })),
  },
  { additionalProperties: false },
)

export const rebalance = defineKind({
  name: 'rebalance',
  summary: 'Forces a rebalance of a consumer group; default: the group of the triggering instance.',
  params,
  windowed: ({ how }) => how !== 'evict',
  endsByItself: ({ how }) => how === 'ghost-member',
  effect: ({ how, group }) => ({ on: 'group', how, ...(group === undefined ? {} : { group }) }),
})
