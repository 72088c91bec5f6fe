// The true late message: the client's leg is closed at once, the request is kept with the broker's leg open
// and delivered later, whatever became of the client; its answer is recorded and thrown away.
import Type from 'typebox'
import { defineKind, needsMessageTrigger, needsRequestTrigger } from '../fault.ts'
import { holdLimitDefaultMs, UntilSchema, untilOf } from '../until.ts'
import { Duration, durationMs } from '../vocabulary.ts'

const params = Type.Object(
  {
    until: UntilSchema,
    plus: Type.Optional(Duration),
    limit: Type.Optional(Duration),
  },
  { additionalProperties: false },
)

export const detach = defineKind({
  name: 'detach',
  summary: 'Closes the client’s leg, keeps the request and delivers it late.',
  params,
  windowed: () => false,
  effect: ({ until, plus, limit }) => ({
    on: 'message',
    verdict: {
      do: 'detach',
      until: untilOf(until),
      plusMs: plus === undefined ? 0 : durationMs(plus),
      limitMs: limit === undefined ? holdLimitDefaultMs : durationMs(limit),
    },
  }),
  problems: (_params, spec) => [...needsMessageTrigger(spec), ...needsRequestTrigger(spec, [])],
})
