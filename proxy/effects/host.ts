// What only the one who started the brokers can do. A proxy that runs alone has no host, and plans that need
// one are refused before anything starts.
import type { Capability } from '../faults/fault.ts'

export interface Host {
  can: readonly Capability[]
  /** SIGKILL; resolves when the process is reaped. */
  killBroker(node: number): Promise<void>
  /** Starts a killed broker; resolves when the cluster has it back. */
  startBroker(node: number): Promise<void>
  /** SIGSTOP */
  pauseBroker(node: number): Promise<void>
  /** SIGCONT */
  resumeBroker(node: number): Promise<void>
}
