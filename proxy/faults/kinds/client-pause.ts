// A process of the application stands still by SIGSTOP until the fault heals: to everybody else it looks like a
// long garbage collection, and it wakes believing that no time has passed.
import Type from 'typebox'
import { defineKind } from '../fault.ts'
import { instanceParam, instanceProblems } from '../instances.ts'

const params = Type.Object(
  { instance: Type.Optional(instanceParam) },
  { additionalProperties: false },
)

export const clientPause = defineKind({
  name: 'client-pause',
  summary:
    'Stops a process of the application until healed; default: the one whose message triggered it.',
  params,
  windowed: () => true,
  effect: ({ instance }) => ({
    on: 'process',
    how: 'pause',
    ...(instance === undefined ? {} : { instance }),
  }),
  problems: ({ instance }, spec) => instanceProblems(instance, spec),
  needs: () => ['pause-client'],
})
