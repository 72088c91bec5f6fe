// Makes messages late. On a message trigger without `for` only that message waits (and what follows it on
// its connection: Kafka answers in order); with `for`, or any other trigger, every message of the window.
import Type from 'typebox'
import { defineKind, type FaultSpec } from '../fault.ts'
import { Duration, durationMs } from '../vocabulary.ts'

const params = Type.Object(
  {
    by: Duration,
    jitter: Type.Optional(Duration),
    of: Type.Optional(Type.Enum(['request', 'reply', 'both'])),
  },
  { additionalProperties: false },
)

const isWindow = (spec: FaultSpec) =>
  spec.for !== undefined || (spec.when.request === undefined && spec.when.reply === undefined)

export const delay = defineKind({
  name: 'delay',
  summary: 'Messages arrive late by a fixed time plus a random share of `jitter`.',
  params,
  windowed: (_params, spec) => isWindow(spec),
  effect({ by, jitter, of }, spec) {
    const byMs = durationMs(by)
    const jitterMs = jitter === undefined ? 0 : durationMs(jitter)
    const side =
      of ?? (isWindow(spec) ? 'both' : spec.when.reply !== undefined ? 'reply' : 'request')
    const requestMs = side === 'reply' ? 0 : byMs
    const replyMs = side === 'request' ? 0 : byMs
    return isWindow(spec)
      ? { on: 'connections', verdict: { do: 'slow', requestMs, replyMs, jitterMs } }
      : { on: 'message', verdict: { do: 'delay', requestMs, replyMs, jitterMs } }
  },
  problems({ of }, spec) {
    return !isWindow(spec) && spec.when.reply !== undefined && of !== undefined && of !== 'reply'
      ? [{ path: ['of'], message: 'a `reply:` trigger can delay only the reply' }]
      : []
  },
})
