// Which coordinator a fault means: the one of a named transactional id or group, or of what the triggering message
// names. The part that the kinds about coordinators share.
import Type from 'typebox'
import type { FaultSpec, KindProblem } from './fault.ts'

export const coordinatorFields = {
  how: Type.Enum(['wire', 'process']),
  'transactional-id': Type.Optional(Type.String({ minLength: 1 })),
  group: Type.Optional(Type.String({ minLength: 1 })),
}

type Given = Type.Static<Type.TObject<typeof coordinatorFields>>

/** The same as an effect has it. */
export function coordinatorTarget(given: Given): {
  how: 'wire' | 'process'
  transactionalId?: string
  group?: string
} {
  const { how, 'transactional-id': transactionalId, group } = given
  return {
    how,
    ...(transactionalId === undefined ? {} : { transactionalId }),
    ...(group === undefined ? {} : { group }),
  }
}

/** Without a name and without a message nobody is meant. */
export function coordinatorTargetProblems(given: Given, spec: FaultSpec): KindProblem[] {
  const named = given['transactional-id'] !== undefined || given.group !== undefined
  const byMessage = spec.when.request !== undefined || spec.when.reply !== undefined
  return named || byMessage
    ? []
    : [{ path: [], message: 'needs `transactional-id:` or `group:` when no message triggers it' }]
}
