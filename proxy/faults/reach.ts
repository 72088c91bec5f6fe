// What of a cluster that somebody else has started is within reach: the planes that lead through the proxy, and what
// can be done to broker processes. A plan is checked against it before anything starts.
import type { Plane } from '../events.ts'
import type { Capability } from './fault.ts'

export interface Reach {
  planes: readonly Plane[]
  can: readonly Capability[]
}

/** All that can be had without anybody's help. */
export const clientPlaneOnly: Reach = { planes: ['client'], can: [] }
