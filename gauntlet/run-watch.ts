// Follows a run by the proxy's events: who has committed and when, what each fault has done, how many
// transactions ended how. The run's decisions (warm, load done, healed) are read off here.
import type { ProxyEvent } from '../proxy/events.ts'
import type { FaultSpec } from '../proxy/faults/fault.ts'
import { timesOf } from '../proxy/faults/trigger.ts'
import type { InstanceChange } from './workloads/workload.ts'

export interface FaultProgress {
  name: string
  timesMax: number
  /** Fired only by hand: nobody waits for it. */
  manual: boolean
  fired: number
  applied: number
  healed: number
  failed: number
  lastHealedAtMs: number
}

export interface RunWatch {
  see(events: readonly ProxyEvent[]): void
  /** A fault did this to a process: one that it killed is not waited for, unless it is started again. */
  seeInstance(instance: string, change: InstanceChange): void
  /** It has ended by itself, and nothing starts it again. */
  seeGone(instance: string): void
  /** Nobody is left who could do any work. */
  isDeserted(): boolean
  /** Of whom no connection has been seen. */
  unconnected(): string[]
  /** Every instance that lives has committed at least once. */
  isWarm(): boolean
  /** Living instances that have not committed after the given time. */
  idleSince(atMs: number): string[]
  faults(): readonly FaultProgress[]
  /** Faults that must still fire. */
  unfired(): string[]
  /** Faults that have fired and whose effect lasts. */
  unhealed(): string[]
  lastHealedAtMs(): number
  /** When something last changed about the faults. */
  faultsChangedAtMs(): number
  transactions(): { begun: number; committed: number; aborted: number; unknown: number }
  errors(): readonly string[]
}

export function watchRun(instances: readonly string[], specs: readonly FaultSpec[]): RunWatch {
  const progress = new Map<string, number>(instances.map((name) => [name, 0]))
  const faults = new Map<string, FaultProgress>(
    specs.map((spec) => [
      spec.name,
      {
        name: spec.name,
        timesMax: timesOf(spec.when, spec.times),
        manual: spec.when.manual === true,
        fired: 0,
        applied: 0,
        healed: 0,
        failed: 0,
        lastHealedAtMs: 0,
      },
    ]),
  )
  const killed = new Set<string>()
  const gone = new Set<string>()
  const connected = new Set<string>()
  const transactions = { begun: 0, committed: 0, aborted: 0, unknown: 0 }
  const errors: string[] = []
  let changedAtMs = 0

  function seeOne(event: ProxyEvent): void {
    switch (event.type) {
      case 'connection-opened':
      case 'client-seen':
        if (event.instance !== undefined) connected.add(event.instance)
        break
      case 'progress':
        connected.add(event.instance)
        progress.set(event.instance, event.atMs)
        break
      case 'transaction':
        if (event.phase === 'begun') transactions.begun += 1
        if (event.phase === 'ended' && event.outcome !== undefined) transactions[event.outcome] += 1
        break
      case 'fault-fired':
      case 'fault-applied':
      case 'fault-healed': {
        const fault = faults.get(event.fault)
        if (fault === undefined) break
        changedAtMs = event.atMs
        if (event.type === 'fault-fired') fault.fired += 1
        else if (event.type === 'fault-applied') fault.applied += 1
        else {
          fault.healed += 1
          fault.lastHealedAtMs = event.atMs
        }
        break
      }
      case 'error':
        if (event.code === 'fault-not-applied') {
          const name = /^(?:fault|healing) ([^:]+):/.exec(event.message)?.[1]
          const fault = name === undefined ? undefined : faults.get(name)
          if (fault !== undefined) fault.failed += 1
        }
        errors.push(event.message)
        break
      default:
        break
    }
  }

  const idleSince = (since: number): string[] =>
    [...progress]
      .filter(([name, atMs]) => !killed.has(name) && !gone.has(name) && atMs <= since)
      .map(([name]) => name)

  return {
    see(events) {
      for (const event of events) seeOne(event)
    },
    seeInstance(instance, change) {
      if (change === 'killed') killed.add(instance)
      else if (change === 'started') {
        killed.delete(instance)
        gone.delete(instance)
      }
    },
    seeGone: (instance) => void gone.add(instance),
    isDeserted: () => instances.length > 0 && instances.every((name) => gone.has(name)),
    unconnected: () => instances.filter((name) => !connected.has(name)),
    isWarm: () => idleSince(0).length === 0 && gone.size < instances.length,
    idleSince,
    faults: () => [...faults.values()],
    unfired: () =>
      [...faults.values()]
        .filter(
          ({ manual, timesMax, fired }) => !manual && Number.isFinite(timesMax) && fired < timesMax,
        )
        .map(({ name }) => name),
    unhealed: () =>
      [...faults.values()]
        .filter(({ healed, failed, fired }) => healed + failed < fired)
        .map(({ name }) => name),
    lastHealedAtMs: () => Math.max(0, ...[...faults.values()].map((fault) => fault.lastHealedAtMs)),
    faultsChangedAtMs: () => changedAtMs,
    transactions: () => ({ ...transactions }),
    errors: () => errors,
  }
}
