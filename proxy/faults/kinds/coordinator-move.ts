// The coordinator of a transaction or group moves to another broker. `wire`: the old one answers
// NOT_COORDINATOR and FindCoordinator names another, which knows nothing of it, until the heal; `process`: the
// leadership of the partition that keeps the id really moves, and moves back at the heal.
import Type from 'typebox'
import {
  coordinatorFields,
  coordinatorTarget,
  coordinatorTargetProblems,
} from '../coordinator-target.ts'
import { defineKind } from '../fault.ts'

const params = Type.Object(coordinatorFields, { additionalProperties: false })

export const coordinatorMove = defineKind({
  name: 'coordinator-move',
  summary:
    'Another broker becomes the coordinator, on the wire or really; default: for what the triggering message names.',
  params,
  windowed: () => true,
  effect: (given) => ({ on: 'coordinator-seat', ...coordinatorTarget(given) }),
  problems: coordinatorTargetProblems,
})
