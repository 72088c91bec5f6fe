// A process of the application dies by SIGKILL, and is started again after a while or stays dead. A message that
// triggers it waits until the process is reaped: on `request` the broker never saw it, on `reply` it applied it.
import Type from 'typebox'
import { defineKind } from '../fault.ts'
import { instanceParam, instanceProblems } from '../instances.ts'
import { Duration, durationMs } from '../vocabulary.ts'

const params = Type.Object(
  { instance: Type.Optional(instanceParam), 'restart-after': Type.Optional(Duration) },
  { additionalProperties: false },
)

export const clientCrash = defineKind({
  name: 'client-crash',
  summary:
    'Kills a process of the application; default: the one whose message triggered it. Without `restart-after` it stays dead.',
  params,
  windowed: (given) => given['restart-after'] !== undefined,
  endsByItself: () => true,
  effect: (given) => ({
    on: 'process',
    how: 'kill',
    ...(given.instance === undefined ? {} : { instance: given.instance }),
    ...(given['restart-after'] === undefined
      ? {}
      : { restartAfterMs: durationMs(given['restart-after']) }),
  }),
  problems: (given, spec) => [
    ...instanceProblems(given.instance, spec),
    ...(spec.for === undefined || given['restart-after'] === undefined
      ? []
      : [{ path: [], message: 'takes no `for:`: say `restart-after:` instead' }]),
  ],
  needs: () => ['kill-client'],
})
