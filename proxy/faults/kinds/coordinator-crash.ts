// The coordinator of a transaction or group dies. `wire`: for the concerned ids it looks dead from the
// client's side while the broker lives; `process`: the broker that leads it is killed and started at heal.
import Type from 'typebox'
import {
  coordinatorFields,
  coordinatorTarget,
  coordinatorTargetProblems,
} from '../coordinator-target.ts'
import { defineKind } from '../fault.ts'

const params = Type.Object(coordinatorFields, { additionalProperties: false })

export const coordinatorCrash = defineKind({
  name: 'coordinator-crash',
  summary:
    'The coordinator dies, on the wire or as a process; default: that of the triggering message.',
  params,
  windowed: () => true,
  effect: (given) => ({ on: 'coordinator', ...coordinatorTarget(given) }),
  problems: coordinatorTargetProblems,
  needs: ({ how }) => (how === 'process' ? ['kill-broker'] : []),
})
