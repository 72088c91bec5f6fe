// Changes fields of a message, by their names in Kafka's schemas: of the request on a `request:` trigger, of the
// answer on a `reply:` trigger. A node id or address that is written into an answer is still led through the
// proxy; an address that no broker has stays as it was written. A message that lacks a field at its version, or
// has nothing at the path, goes on unchanged, and the fault was not applied.
import Type from 'typebox'
import { apiNamed } from '../../protocol/codec.ts'
import { pathProblem } from '../../protocol/field-paths.ts'
import { defineKind, type FaultSpec, type KindProblem, needsMessageTrigger } from '../fault.ts'

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
  problems(fields, spec) {
    const name = spec.when.request ?? spec.when.reply
    if (name === undefined) return needsMessageTrigger(spec)
    const api = apiNamed(name)
    // An unknown API is the trigger's problem.
    if (api === undefined) return []
    const { version } = spec.when
    const versions: number[] = []
    for (let v = version ?? api.minVersion; v <= (version ?? api.maxVersion); v++) {
      if (v >= api.minVersion && v <= api.maxVersion) versions.push(v)
    }
    const direction = spec.when.request === undefined ? 'response' : 'request'
    return Object.entries(fields).flatMap(([path, value]): KindProblem[] => {
      const problem = pathProblem(direction, api.key, versions, path, value)
      if (problem === undefined) return unansweredAcks(spec, path, value)
      const { message, given, allowed, isValue } = problem
      return [
        {
          path: [path],
          message,
          at: isValue === true ? 'value' : 'key',
          ...(given === undefined || allowed === undefined ? {} : { given, allowed }),
        },
      ]
    })
  },
})

/** A broker does not answer acks=0, and the client would wait for the answer that it asked for. */
function unansweredAcks({ when }: FaultSpec, path: string, value: unknown): KindProblem[] {
  if (when.request !== 'Produce' || path !== 'acks' || value !== 0) return []
  const message = 'cannot become 0: nobody would answer the client that asked for an answer'
  return [{ path: [path], message, at: 'value' }]
}
