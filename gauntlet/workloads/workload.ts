// An application under test, as a run sees it: child processes that can be killed and paused for real.

import type { InstanceLine } from '../../validators/history-line.ts'
import type { ClientAccess } from './client-access.ts'

/** Where one instance finds what it needs. All of it also reaches the process as environment variables. */
export interface InstanceSetup {
  /** Index from 0; the instance's name is `<workload>-<index>`. */
  index: number
  name: string
  /** `host:port,…` of the proxy listeners that belong to this instance alone. */
  bootstrap: string
  /** How they are reached; absent: plainly. */
  access?: ClientAccess | undefined
  inputTopic: string
  outputTopics: readonly string[]
  group: string
  transactionalId: string
  /** NDJSON file that the application may write its own beliefs to. */
  journalFile: string
  /** Standard output and error are kept here. */
  logFile: string
}

export interface InstanceExit {
  code: number | null
  signal: NodeJS.Signals | null
  atMs: number
}

/** The end of a process that nobody asked for. */
export interface OwnExit extends InstanceExit {
  /** A restart rule starts it again. */
  comesBack: boolean
}

/** A running process of the application. */
export interface Instance {
  name: string
  index: number
  /** Process id of the current incarnation; undefined when none runs. */
  pid(): number | undefined
  /** How often it was started again by a restart rule. */
  restarts(): number
  /** How many processes there have been. */
  incarnations(): number
  /** SIGKILL to the process group; resolves with its id when reaped, and undefined if none ran. */
  kill(): Promise<number | undefined>
  /** SIGSTOP to the process group. */
  pause(): Promise<void>
  /** SIGCONT to the process group. */
  resume(): Promise<void>
  /** Starts it again after a kill. */
  restart(): Promise<void>
  /** SIGCONT if paused, SIGTERM, after the grace SIGKILL; resolves when reaped. Never restarts afterwards. */
  stop(graceMs: number): Promise<InstanceExit>
  /** Called at every exit that nobody asked for. */
  onExit(listener: (exit: OwnExit) => void): void
  /** Called when a restart rule has started it again. */
  onRestart(listener: () => void): void
}

/** The instances that have been started, by name: a fault may ask for one while others still start. */
export type Instances = Map<string, Instance>
export type InstanceChange = InstanceLine['change']
