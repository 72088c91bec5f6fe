// The coordinator of a transaction or group moves to another broker. `wire`: the old one answers
// NOT_COORDINATOR and FindCoordinator names another, which knows nothing of it, until the heal; `process`: the
// leadership of the partition that keeps the id really moves, and moves back at the heal.
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

export const coordinatorMove = defineKind({
  name: 'coordinator-move',
  summary:
    'Another broker becomes the coordinator, on the wire or really; default: for what the triggering message names.',
  params,
  windowed: () => true,
  effect: (given) => ({
    on: 'coordinator-seat',
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
})
