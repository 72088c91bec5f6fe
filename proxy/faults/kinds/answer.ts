// The proxy answers in the broker's place and does not forward: heartbeats that the coordinator never sees.
import Type from 'typebox'
import { defineKind, needsMessageTrigger, needsRequestTrigger } from '../fault.ts'
import { givenFieldProblems } from '../given-fields.ts'

const params = Type.Object(
  {
    body: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'Fields of the answer by their names in Kafka’s schema; the rest are defaults',
      }),
    ),
  },
  { additionalProperties: false },
)

export const answer = defineKind({
  name: 'answer',
  summary: 'A well-formed answer made by the proxy; the broker never sees the request.',
  params,
  windowed: () => false,
  effect: ({ body }) => ({ on: 'message', verdict: { do: 'answer', body: body ?? {} } }),
  problems({ body = {} }, spec) {
    const paths = Object.keys(body).filter((name) => name.includes('.'))
    const flaws = paths.length > 0 ? [] : givenFieldProblems('response', spec, body)
    return [
      ...needsMessageTrigger(spec),
      ...needsRequestTrigger(spec, []),
      ...paths.map((name) => ({
        path: ['body', name],
        message: 'is a path: an answer is given whole fields, with what is inside them',
        at: 'key' as const,
      })),
      ...flaws.map((flaw) => ({ ...flaw, path: ['body', ...flaw.path] })),
    ]
  },
})
