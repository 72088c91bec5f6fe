// Answers with an error code. `seen-by-broker` has no default: either the broker applied the request and
// the client is told otherwise, or it never saw it. A code that no broker sends here is marked synthetic.
import Type from 'typebox'
import { isErrorName } from '../../protocol/error-codes.ts'
import { defineKind, needsMessageTrigger, needsRequestTrigger } from '../fault.ts'
import { ErrorName } from '../vocabulary.ts'

const params = Type.Object(
  {
    code: ErrorName,
    'seen-by-broker': Type.Boolean(),
    partitions: Type.Optional(
      Type.Union([Type.Enum(['all', 'first']), Type.Array(Type.String(), { minItems: 1 })]),
    ),
  },
  { additionalProperties: false },
)

export const error = defineKind({
  name: 'error',
  summary:
    'A well-formed answer with an error code, with or without the broker having seen the request.',
  params,
  windowed: () => false,
  effect: (given) => ({
    on: 'message',
    verdict: {
      do: 'error',
      code: given.code,
      seenByBroker: given['seen-by-broker'],
      partitions: given.partitions ?? 'all',
    },
  }),
  problems(given, spec) {
    const unknown = isErrorName(given.code)
      ? []
      : [{ path: ['code'], message: `unknown error code "${given.code}"` }]
    return [
      ...needsMessageTrigger(spec),
      ...unknown,
      ...(given['seen-by-broker'] ? [] : needsRequestTrigger(spec, ['seen-by-broker'])),
    ]
  },
})
