// Changes fields of a message, by their names in Kafka's schemas: of the request on a `request:` trigger, of the
// answer on a `reply:` trigger. A node id or address that is written into an answer is still led through the
// proxy; an address that no broker has stays as it was written. A message that lacks a field at its version, or
// has nothing at the path, goes on unchanged, and the fault was not applied.
import Type from 'typebox'
import { defineKind, type FaultSpec, type KindProblem, needsMessageTrigger } from '../fault.ts'
import { givenFieldProblems } from '../given-fields.ts'

const params = Type.Record(Type.String({ minLength: 1 }), Type.Unknown(), {
  minProperties: 1,
  description:
    'Path -> value: `throttleTimeMs: 500`, `topics.*.partitions.*.leaderId: 2`, `brokers.0.port: 1`',
})

export const rewrite = defineKind({
  name: 'rewrite',
  summary: 'Changes fields of a request or a reply.',
  params,
  windowed: () => false,
  effect: (fields) => ({ on: 'message', verdict: { do: 'rewrite', fields } }),
  problems: (fields, spec) => [
    ...needsMessageTrigger(spec),
    ...givenFieldProblems(spec.when.request === undefined ? 'response' : 'request', spec, fields),
    ...unansweredAcks(spec, fields),
  ],
})

/** A broker does not answer acks=0, and the client would wait for the answer that it asked for. */
function unansweredAcks({ when }: FaultSpec, { acks }: Record<string, unknown>): KindProblem[] {
  if (when.request !== 'Produce' || acks !== 0) return []
  const message = 'cannot become 0: nobody would answer the client that asked for an answer'
  return [{ path: ['acks'], message, at: 'value' }]
}
