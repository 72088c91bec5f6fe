// Loses a message, on a side that the plan must name: `request`, the broker never sees it; `reply`, the
// broker applied it and the client never learns. TCP cannot lose one message and pass the next, so the
// connection stays mute afterwards until the client closes it or `for` ends.
import Type from 'typebox'
import { defineKind, needsMessageTrigger, needsRequestTrigger } from '../fault.ts'

const Side = Type.Enum(['request', 'reply'])
const params = Type.Union([
  Side,
  Type.Object(
    { side: Side, unrealistic: Type.Optional(Type.Boolean()) },
    { additionalProperties: false },
  ),
])

export const drop = defineKind({
  name: 'drop',
  summary: 'Swallows a request or a reply; the connection is mute from then on.',
  params,
  windowed: () => false,
  effect(given) {
    const side = typeof given === 'string' ? given : given.side
    const unrealistic = typeof given === 'string' ? false : (given.unrealistic ?? false)
    return { on: 'message', verdict: { do: 'drop', side, unrealistic } }
  },
  problems(given, spec) {
    const side = typeof given === 'string' ? given : given.side
    return [
      ...needsMessageTrigger(spec),
      ...(side === 'request' ? needsRequestTrigger(spec, []) : []),
    ]
  },
})
