// Cuts the connection of a message at one of four moments. After `after-request` the broker's leg stays
// open until its answer is recorded, so the result can say what the client never heard.
import Type from 'typebox'
import { defineKind, needsMessageTrigger, needsRequestTrigger } from '../fault.ts'

const Moment = Type.Enum(['before-request', 'after-request', 'before-reply', 'mid-reply'])
const params = Type.Union([
  Moment,
  Type.Object(
    { at: Moment, with: Type.Optional(Type.Enum(['fin', 'reset'])) },
    { additionalProperties: false },
  ),
])

export const disconnect = defineKind({
  name: 'disconnect',
  summary:
    'Closes the connection before or after the request, before or in the middle of the reply.',
  params,
  windowed: () => false,
  effect(given) {
    const at = typeof given === 'string' ? given : given.at
    const ending = typeof given === 'string' ? 'reset' : (given.with ?? 'reset')
    return { on: 'message', verdict: { do: 'disconnect', at, with: ending } }
  },
  problems(given, spec) {
    const at = typeof given === 'string' ? given : given.at
    return [
      ...needsMessageTrigger(spec),
      ...(at.endsWith('-request') ? needsRequestTrigger(spec, []) : []),
    ]
  },
})
