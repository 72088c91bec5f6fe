// One message waits, and what follows it on its connection; other connections go on. A request still held
// when its client closes is discarded, and the firing says so.
import Type from 'typebox'
import { defineKind, needsMessageTrigger, needsRequestTrigger } from '../fault.ts'
import { holdLimitDefaultMs, UntilSchema, untilOf } from '../until.ts'
import { Duration, durationMs } from '../vocabulary.ts'

const params = Type.Object(
  {
    side: Type.Enum(['request', 'reply']),
    until: Type.Optional(UntilSchema),
    plus: Type.Optional(Duration),
    limit: Type.Optional(Duration),
  },
  { additionalProperties: false },
)

export const hold = defineKind({
  name: 'hold',
  summary: 'One message waits until something else happens, then goes on.',
  params,
  windowed: () => false,
  effect: ({ side, until, plus, limit }) => ({
    on: 'message',
    verdict: {
      do: 'hold',
      side,
      until: until === undefined ? 'released' : untilOf(until),
      plusMs: plus === undefined ? 0 : durationMs(plus),
      limitMs: limit === undefined ? holdLimitDefaultMs : durationMs(limit),
    },
  }),
  problems: ({ side, until, limit }, spec) => [
    ...needsMessageTrigger(spec),
    ...(side === 'request' ? needsRequestTrigger(spec, ['side']) : []),
    ...(until === undefined && limit === undefined
      ? [{ path: [], message: 'needs `until:` (what it waits for) or `limit:` (how long at most)' }]
      : []),
  ],
})
