// What the proxy's thread and its starter say to each other. Types only.
import type { Host } from './effects/host.ts'
import type { Engine, EngineOptions } from './engine.ts'
import type { OperatorErrorCode } from './errors.ts'
import type { ProxyEvent } from './events.ts'
import type { Capability } from './faults/fault.ts'

export interface WorkerSetup {
  options: EngineOptions
  seed: number
  /** What the starter can do to processes; absent when it started none. */
  hostCan: readonly Capability[] | undefined
}

export type HostMethod = Exclude<keyof Host, 'can'>

export type ToWorker =
  | { type: 'call'; id: number; method: keyof Engine; args: unknown[] }
  | { type: 'host-return'; id: number; value?: unknown; failure?: string }

export type FromWorker =
  | { type: 'ready' }
  | { type: 'events'; events: ProxyEvent[] }
  | { type: 'return'; id: number; value: unknown }
  | {
      type: 'throw'
      id: number
      message: string
      code?: OperatorErrorCode
      remedy?: string
      stack?: string
    }
  | { type: 'host-call'; id: number; method: HostMethod; args: unknown[] }
