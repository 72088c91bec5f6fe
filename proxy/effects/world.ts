// Carries out what a fault does beyond one message, each effect in a file of its own: begins it, says when it
// is there, and gives back how to heal it.
import type { FaultEffect } from '../faults/fault.ts'
import { brokerEffect } from './broker.ts'
import { connectionsEffect } from './connections.ts'
import { coordinatorEffect } from './coordinator.ts'
import { coordinatorMoveEffect } from './coordinator-move.ts'
import { fenceEffect } from './fence.ts'
import type { FiringReport } from './firing-report.ts'
import { groupEffect } from './group.ts'
import { hookEffect } from './hook.ts'
import { leadershipEffect, replicasEffect } from './leadership.ts'
import type { Cause, Heal, Means } from './means.ts'
import { networkEffect } from './network.ts'
import { processEffect } from './process.ts'

export interface World {
  /** Resolves when the effect is there (or could not be had: then it is reported, not applied). */
  begin(
    effect: Exclude<FaultEffect, { on: 'message' }>,
    report: FiringReport,
    cause: Cause | undefined,
    /** An effect that ends by itself calls this when it is over. */
    over: () => void,
  ): Promise<Heal>
}

export function createWorld(means: Means): World {
  return {
    async begin(effect, report, cause, over) {
      switch (effect.on) {
        case 'connections':
          return connectionsEffect(means, effect, report, cause)
        case 'network':
          return networkEffect(means, effect, report)
        case 'coordinator':
          return coordinatorEffect(means, effect, report, cause)
        case 'coordinator-seat':
          return coordinatorMoveEffect(means, effect, report, cause)
        case 'leadership':
          return leadershipEffect(means, effect, report)
        case 'replicas':
          return replicasEffect(means, effect, report)
        case 'broker':
          return brokerEffect(means, effect, report, cause)
        case 'group':
          return groupEffect(means, effect, report, cause, over)
        case 'fence':
          return fenceEffect(means, effect, report, cause)
        case 'process':
          return processEffect(means, effect, report, cause, over)
        case 'hook':
          return hookEffect(means, effect, report, cause)
      }
    },
  }
}
