// What a run needs of a cluster, whoever provides it: embedded JVMs, containers, or somebody else's brokers.
import type { Plane } from '../../proxy/events.ts'
import type { BrokerAccess } from '../../proxy/flow/access.ts'

export interface Address {
  host: string
  port: number
}

export interface Broker {
  node: number
  /** The broker's own client listener, not the proxy's. */
  address: Address
  /** How it is reached; absent: plainly. */
  access?: BrokerAccess | undefined
}

/** Ports reserved for one broker before anything starts: the proxy's links point at them. */
export interface BrokerPorts {
  node: number
  client: number
  interBroker: number
  controller: number
}

/** Where the traffic of a plane goes instead of straight to the broker, per node. */
export type PlaneAddresses = Partial<Record<Exclude<Plane, 'client'>, ReadonlyMap<number, Address>>>

export interface ClusterSpec {
  /** Kafka's version, e.g. `4.3.1`. */
  version: string
  brokers: number
  /** Finalized feature levels at format time, e.g. `transaction.version: 2`. */
  features: Record<string, number>
  /** Broker configuration on top of our defaults. */
  config: Record<string, string | number | boolean>
}

export type BrokerState = 'running' | 'paused' | 'stopped'

/** What can be done to processes of brokers, whoever has started them. */
export type BrokerProcesses = Pick<Cluster, 'kill' | 'pause' | 'resume' | 'start' | 'stopBroker'>

/** A running cluster. Every promise settles only when the effect is there. */
export interface Cluster {
  kind: 'embedded' | 'docker' | 'external'
  version: string
  features: Record<string, number>
  brokers: readonly Broker[]
  /** `host:port` of every broker's own client listener. */
  bootstrap: readonly string[]
  /** How its brokers are reached; absent: plainly. */
  access?: BrokerAccess | undefined
  /** What can be done to broker processes here. */
  can: { kill: boolean; pause: boolean }
  state(node: number): BrokerState
  /** SIGKILL; resolves when the process is reaped. */
  kill(node: number): Promise<void>
  /** SIGSTOP */
  pause(node: number): Promise<void>
  /** SIGCONT */
  resume(node: number): Promise<void>
  /** Starts a killed broker again on its old ports and data; resolves when it is registered and unfenced. */
  start(node: number): Promise<void>
  /** Polite stop (SIGTERM), then SIGKILL after a grace; resolves when the process is reaped. */
  stopBroker(node: number): Promise<void>
  /** Stops everything and removes the data. Safe to call twice. */
  stop(): Promise<void>
}
