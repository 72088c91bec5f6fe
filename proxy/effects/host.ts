// What only the one who started the processes can do: brokers, instances of the application, commands of the
// user. A proxy that runs alone has no such processes, and plans that need them are refused before anything starts.
import type { Capability } from '../faults/fault.ts'

/** A command line that a plan asks for. */
export interface HookOrder {
  fault: string
  firing: number
  /** A command line for /bin/sh. */
  command: string
  environment: Readonly<Record<string, string>>
  timeoutMs: number
}

export interface HookResult {
  code: number | null
  signal: string | null
  timedOut: boolean
  /** The last line that it wrote to standard error; empty when it wrote none. */
  lastError: string
}

export interface Host {
  can: readonly Capability[]
  /** SIGKILL; resolves when the process is reaped. */
  killBroker(node: number): Promise<void>
  /** SIGTERM: it hands over what it leads, and ends; resolves when the process is reaped. */
  stopBroker(node: number): Promise<void>
  /** Starts a killed or stopped broker; resolves when the cluster has it back. */
  startBroker(node: number): Promise<void>
  /** SIGSTOP */
  pauseBroker(node: number): Promise<void>
  /** SIGCONT */
  resumeBroker(node: number): Promise<void>
  /** SIGKILL; resolves with the process id when it is reaped, and undefined if none ran. */
  killClient(instance: string): Promise<number | undefined>
  /** Starts a killed instance again, behind the same ports and under the same name; its process id. */
  startClient(instance: string): Promise<number | undefined>
  /** SIGSTOP; resolves with the process id when it stands still, and undefined if none ran. */
  pauseClient(instance: string): Promise<number | undefined>
  /** SIGCONT */
  resumeClient(instance: string): Promise<void>
  /** Runs a command to its end. */
  runHook(order: HookOrder): Promise<HookResult>
}
