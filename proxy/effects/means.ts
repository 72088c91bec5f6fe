// What every effect beyond one message is given to work with, and what it gives back; and the few acts that
// several effects share.
import type { MessageView } from '../faults/message-view.ts'
import type { RuleBook } from '../faults/rules.ts'
import type { Brokers } from '../flow/brokers.ts'
import type { Connection } from '../flow/connection.ts'
import { type ConnectionFacts, factsOf, type Windows } from '../flow/windows.ts'
import type { Runtime } from '../runtime.ts'
import type { Tracker } from '../transactions/tracker.ts'
import type { ClusterView } from './cluster-view.ts'
import type { Host } from './host.ts'
import type { Partitions } from './partitions.ts'

/** What set a fault off, when a message did. */
export interface Cause {
  connection: Connection
  view: MessageView
}

export type Heal = () => Promise<void>
export const nothingToHeal: Heal = async () => undefined

/** All that an effect may use. */
export interface Means {
  runtime: Runtime
  rules: RuleBook
  tracker: Tracker
  windows: Windows
  brokers: Brokers
  cluster: ClusterView
  partitions: Partitions
  host: Host | undefined
  connections: () => Iterable<Connection>
  /** Names of the application's instances: one for each door that was opened for one. */
  instances: () => string[]
}

export function needHost({ host }: Means): Host {
  if (host === undefined) throw new Error('this needs a cluster that the run has started')
  return host
}

/** Ends connections; how many there were. */
export function cut(
  means: Means,
  which: (facts: ConnectionFacts) => boolean,
  why: string,
  how: 'fin' | 'reset' = 'reset',
): number {
  let count = 0
  for (const connection of [...means.connections()]) {
    if (!which(factsOf(connection))) continue
    connection.cut(how, why)
    count += 1
  }
  return count
}

/** Its sockets die with it. Waiting for that to be noticed, an answer of its could still slip through. */
export async function killBroker(means: Means, node: number): Promise<void> {
  await needHost(means).killBroker(node)
  cut(means, (facts) => facts.node === node, 'the broker was killed')
}
