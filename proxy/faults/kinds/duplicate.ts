// The same bytes arrive once more, on another connection, as a client that did not wait for its answer (or a
// network that delivers twice) makes it. The client hears the first answer only; what the broker says to the
// copy is on record. By default the copy follows the first answer at once; `until` makes it come much later.
import Type from 'typebox'
import { defineKind, needsMessageTrigger } from '../fault.ts'
import { holdLimitDefaultMs, UntilSchema, untilOf } from '../until.ts'
import { Duration, durationMs } from '../vocabulary.ts'

const params = Type.Union([
  Type.Literal('request'),
  Type.Object(
    {
      until: Type.Optional(UntilSchema),
      plus: Type.Optional(Duration),
      limit: Type.Optional(Duration),
    },
    { additionalProperties: false },
  ),
])

export const duplicate = defineKind({
  name: 'duplicate',
  summary: 'Sends a request to the broker again on another connection.',
  params,
  windowed: () => false,
  effect(given) {
    const { until, plus, limit } = typeof given === 'string' ? {} : given
    return {
      on: 'message',
      verdict: {
        do: 'duplicate',
        until: until === undefined ? 'answered' : untilOf(until),
        plusMs: plus === undefined ? 0 : durationMs(plus),
        limitMs: limit === undefined ? holdLimitDefaultMs : durationMs(limit),
      },
    }
  },
  problems: (_params, spec) => needsMessageTrigger(spec),
})
