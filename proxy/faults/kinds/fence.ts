// Somebody else takes a transactional id: a real InitProducerId, sent by the proxy to the coordinator. The
// producer that is alive becomes the zombie, and what it is answered from then on is the finding.
import Type from 'typebox'
import { defineKind } from '../fault.ts'

const params = Type.Object(
  { 'transactional-id': Type.Optional(Type.String({ minLength: 1 })) },
  { additionalProperties: false },
)

export const fence = defineKind({
  name: 'fence',
  summary:
    'Takes a transactional id away from its producer; default: the id of the triggering message.',
  params,
  windowed: () => false,
  effect: (given) => ({
    on: 'fence',
    ...(given['transactional-id'] === undefined
      ? {}
      : { transactionalId: given['transactional-id'] }),
  }),
  problems: (given, spec) =>
    given['transactional-id'] !== undefined ||
    spec.when.request !== undefined ||
    spec.when.reply !== undefined
      ? []
      : [{ path: [], message: 'needs `transactional-id:` when no message triggers it' }],
})
