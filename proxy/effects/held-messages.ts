// Messages that wait for something else to happen: held ones, detached ones, and copies that are sent again.
// Each waits at a gate that opens when `until` comes true, at its limit, by hand, or when everything is healed.
import type { Until } from '../faults/fault.ts'
import type { Rule, RuleBook } from '../faults/rules.ts'
import type { Connection } from '../flow/connection.ts'
import { createGate, type OpenableGate } from '../flow/gate.ts'
import type { Runtime } from '../runtime.ts'
import type { FiringReport } from './firing-report.ts'

/** A copy waits by itself, whatever becomes of the connection that its original came on. */
export type HeldWhat = 'request' | 'reply' | 'detached' | 'copy'

export interface HeldMessages {
  /** A gate that opens when `until` comes true, or at the limit, `plus` later. */
  waitUntil<Verdict>(
    verdict: { until: Until; plusMs: number; limitMs: number },
    what: HeldWhat,
    report: FiringReport,
    connection: Connection,
    then: () => Verdict,
  ): OpenableGate<Verdict>
  /** Lets everything go that a rule holds; the number let go. */
  release(rule: Rule): number
  /** The original of a copy was answered. */
  answered(report: FiringReport): void
  healAll(): void
  clientLeft(connection: Connection): void
  closed(connection: Connection, cause: string): void
}

interface Held {
  report: FiringReport
  connection: Connection
  what: HeldWhat
  until: Until
  /** What it waited for has come; at most `plus` is still to pass. */
  readonly isDue: boolean
  open: (why: string) => void
  /** It can go nowhere any more. */
  lose: (why: string) => void
}

export function createHeldMessages(parts: { runtime: Runtime; rules: RuleBook }): HeldMessages {
  const { runtime, rules } = parts
  const heldMessages = new Set<Held>()

  /** Lets it go now, whatever `plus` says. */
  function letGo(held: Held, why: string): void {
    held.open(why)
    if (heldMessages.has(held)) held.open(why)
  }

  function end(held: Held, why: string): void {
    if (held.what === 'copy') {
      held.report.abandoned(why)
      return
    }
    held.report.noted(why)
    switch (held.what) {
      case 'reply':
        held.report.healed()
        return
      case 'request':
        held.report.discarded()
        return
      case 'detached':
        held.report.discarded()
        // Nobody but the message itself kept the broker's leg open.
        if (held.connection.open) held.connection.cut('fin', why)
    }
  }

  return {
    waitUntil(verdict, what, report, connection, then) {
      const { until, plusMs, limitMs } = verdict
      const gate = createGate<ReturnType<typeof then>>()
      let reason: string | undefined
      let cancelWait: () => void = () => undefined
      let cancelPlus: () => void = () => undefined
      const leave = (): void => {
        heldMessages.delete(held)
        cancelWait()
        cancelLimit()
        cancelPlus()
      }
      const go = (): void => {
        leave()
        report.noted(`goes on: ${reason}`)
        gate.open(then())
      }
      const held: Held = {
        report,
        connection,
        what,
        until,
        get isDue() {
          return reason !== undefined
        },
        open(why) {
          // Let go by hand, it does not wait for `plus` any more.
          const byHand = reason !== undefined
          reason ??= why
          if (byHand || plusMs === 0) go()
          else {
            cancelWait()
            cancelLimit()
            cancelPlus = runtime.after(plusMs, go)
          }
        },
        lose(why) {
          leave()
          end(held, why)
        },
      }
      heldMessages.add(held)
      const cancelLimit = runtime.after(limitMs, () => held.open(`limit of ${limitMs} ms`))
      if (typeof until !== 'string') {
        cancelWait = rules.wait(until.trigger, () => held.open('what it waited for has come'))
      } else if (until === 'client-gave-up' && what === 'detached') {
        // Its client is sent away at once.
        runtime.after(0, () => held.open('the client is gone'))
      }
      return gate
    },
    release(rule) {
      const waiting = [...heldMessages].filter((held) => held.report.rule === rule)
      for (const held of waiting) letGo(held, 'released')
      return waiting.length
    },
    answered(report) {
      for (const held of [...heldMessages]) {
        if (held.report === report && held.until === 'answered' && !held.isDue) {
          held.open('the original was answered')
        }
      }
    },
    healAll() {
      for (const held of [...heldMessages]) {
        // Delivered now, a detached request would hurt somebody after the end of all faults.
        const isLate = held.what === 'detached' || held.what === 'copy'
        if (isLate) held.lose('not delivered: everything was healed')
        else letGo(held, 'everything was healed')
      }
    },
    clientLeft(connection) {
      for (const held of [...heldMessages]) {
        if (held.connection !== connection || held.what === 'copy') continue
        if (held.what === 'request') held.report.discarded()
        letGo(held, 'the client gave up')
      }
    },
    closed(connection, cause) {
      for (const held of [...heldMessages]) {
        if (held.connection !== connection) continue
        if (held.what === 'copy' && held.isDue) continue
        if (held.what !== 'copy' || held.until === 'answered') held.lose(`lost: ${cause}`)
        else if (held.until === 'client-gave-up') held.open('the client gave up')
      }
    },
  }
}
