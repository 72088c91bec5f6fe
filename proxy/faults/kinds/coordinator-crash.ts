// The coordinator of a transaction or group dies. `wire`: for the concerned ids it looks dead from the
// client's side while the broker lives; `process`: the broker that leads it is killed and started at heal.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  {
    how: Type.Enum(['wire', 'process']),
    'transactional-id': Type.Optional(Type.String({ minLength: 1 })),
    group: Type.Optional(Type.String({ minLength: 1 })),
  },
  { additionalProperties: false },
)

export const coordinatorCrash = defineKind({
  name: 'coordinator-crash',
  summary:
    'The coordinator dies, on the wire or as a process; default: that of the triggering message.',
  params,
  windowed: () => true,
  effect: (given) => ({
    on: 'coordinator',
    how: given.how,
    ...(given['transactional-id'] === undefined
      ? {}
      : { transactionalId: given['transactional-id'] }),
    ...(given.group === undefined ? {} : { group: given.group }),
  }),
  problems(given, spec) {
    const named = given['transactional-id'] !== undefined || given.group !== undefined
    const byMessage = spec.when.request !== undefined || spec.when.reply !== undefined
    return named || byMessage
      ? []
      : [{ path: [], message: 'needs `transactional-id:` or `group:` when no message triggers it' }]
  },
  needs: ({ how }) => (how === 'process' ? ['kill-broker'] : []),
})
