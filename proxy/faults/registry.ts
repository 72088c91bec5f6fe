// Every fault kind, one line each, alphabetical. Plans, REST, help and docs are derived from this list.
import type { FaultKind } from './fault.ts'
import { answer } from './kinds/answer.ts'
import { block } from './kinds/block.ts'
import { brokerOutage } from './kinds/broker-outage.ts'
import { certificate } from './kinds/certificate.ts'
import { clientCrash } from './kinds/client-crash.ts'
import { clientPause } from './kinds/client-pause.ts'
import { coordinatorCrash } from './kinds/coordinator-crash.ts'
import { coordinatorMove } from './kinds/coordinator-move.ts'
import { corrupt } from './kinds/corrupt.ts'
import { delay } from './kinds/delay.ts'
import { detach } from './kinds/detach.ts'
import { disconnect } from './kinds/disconnect.ts'
import { drop } from './kinds/drop.ts'
import { duplicate } from './kinds/duplicate.ts'
import { error } from './kinds/error.ts'
import { exec } from './kinds/exec.ts'
import { fence } from './kinds/fence.ts'
import { hold } from './kinds/hold.ts'
import { leaderMove } from './kinds/leader-move.ts'
import { networkPartition } from './kinds/network-partition.ts'
import { reassignment } from './kinds/reassignment.ts'
import { rebalance } from './kinds/rebalance.ts'
import { refuse } from './kinds/refuse.ts'
import { rewrite } from './kinds/rewrite.ts'
import { slice } from './kinds/slice.ts'
import { stopReading } from './kinds/stop-reading.ts'
import { throttle } from './kinds/throttle.ts'

export const faultKinds: readonly FaultKind[] = [
  answer,
  block,
  brokerOutage,
  certificate,
  clientCrash,
  clientPause,
  coordinatorCrash,
  coordinatorMove,
  corrupt,
  delay,
  detach,
  disconnect,
  drop,
  duplicate,
  error,
  exec,
  fence,
  hold,
  leaderMove,
  networkPartition,
  reassignment,
  rebalance,
  refuse,
  rewrite,
  slice,
  stopReading,
  throttle,
]

export function faultKindNamed(name: string): FaultKind | undefined {
  return faultKinds.find((kind) => kind.name === name)
}
