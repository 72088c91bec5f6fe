// What later rules may ask about earlier firings: which instance a fault hit last (`instance: same-as FAULT`), and
// which requests it was set off by (`retry-of: FAULT`).
import type { Firing } from '../events.ts'
import type { MessageView } from './message-view.ts'

/** Requests remembered per fault; the oldest are forgotten first. */
export const requestsRememberedMax = 1_000

export interface PastFirings {
  note(fault: string, firing: Firing, view: MessageView | undefined): void
  /** Instances that the fault's last firing was about: the one whose message it was, or its targets. */
  instancesOf(fault: string): readonly string[]
  isRetryOf(fault: string, view: MessageView): boolean
}

export function createPastFirings(): PastFirings {
  const last = new Map<string, Firing>()
  const requests = new Map<string, Set<string>>()
  return {
    note(fault, firing, view) {
      last.set(fault, firing)
      if (view === undefined) return
      const known = requests.get(fault) ?? new Set<string>()
      requests.set(fault, known)
      for (const identity of view.retryIdentities()) known.add(identity)
      for (const oldest of known) {
        if (known.size <= requestsRememberedMax) break
        known.delete(oldest)
      }
    },
    // Read when it is asked for: a firing's exchange and targets are filled in after it was decided.
    instancesOf(fault) {
      const { exchange, targets } = last.get(fault) ?? {}
      return exchange?.instance === undefined ? (targets ?? []) : [exchange.instance]
    },
    isRetryOf(fault, view) {
      const known = requests.get(fault)
      return known !== undefined && view.retryIdentities().some((identity) => known.has(identity))
    },
  }
}
