// Keeps a firing's record and its rule's counters true: applied only when the effect is there, answered when
// the broker has spoken, healed when the effect is over. Each is told once. A firing of which nothing can come
// any more is given up, so that its rule does not stay active for ever.
import type { Emit, ExchangeIdentity, Firing } from '../events.ts'
import type { Rule } from '../faults/rules.ts'
import type { Runtime } from '../runtime.ts'

/** Different sentences kept about one firing; what repeats is counted. */
export const effectSentencesMax = 20

export interface FiringReport {
  rule: Rule
  firing: Firing
  applied(what: string): void
  /** Something about the firing that is worth knowing but changes nothing. */
  noted(what: string): void
  answered(brokerAnswer: string): void
  healed(): void
  discarded(): void
  /** What it was about is gone: it ends here, applied or not. */
  abandoned(why: string): void
  /** Healed or given up. */
  readonly over: boolean
  whenOver(listener: () => void): void
}

export function reportFiring(
  rule: Rule,
  firing: Firing,
  parts: {
    runtime: Runtime
    emit: Emit
    changed: (is: 'applied' | 'answered' | 'healed', rule: Rule) => void
    exchange?: ExchangeIdentity
    moment?: 'request' | 'reply'
  },
): FiringReport {
  const { runtime, emit, changed } = parts
  const fault = rule.spec.name
  const kind = rule.kind.name
  if (parts.exchange !== undefined) firing.exchange = parts.exchange
  if (parts.moment !== undefined) firing.moment = parts.moment
  const sentences = new Map<string, number>()
  const overListeners: Array<() => void> = []
  let over = false

  function noted(what: string): void {
    if (!sentences.has(what) && sentences.size >= effectSentencesMax) return
    sentences.set(what, (sentences.get(what) ?? 0) + 1)
    firing.effect = [...sentences]
      .map(([sentence, times]) => (times === 1 ? sentence : `${sentence} (${times} times)`))
      .join('; ')
  }
  function end(): void {
    over = true
    firing.healedAtMs = runtime.nowMs()
    rule.healed += 1
    rule.active -= 1
    for (const listener of overListeners) listener()
    emit({ type: 'fault-healed', fault, kind, firing: { ...firing } })
  }
  function healed(): void {
    if (over) return
    end()
    changed('healed', rule)
  }

  emit({ type: 'fault-fired', fault, kind, firing: { ...firing } })
  return {
    rule,
    firing,
    applied(what) {
      noted(what)
      if (over || firing.appliedAtMs !== undefined) return
      firing.appliedAtMs = runtime.nowMs()
      rule.applied += 1
      emit({ type: 'fault-applied', fault, kind, firing: { ...firing } })
      changed('applied', rule)
    },
    noted,
    answered(brokerAnswer) {
      if (firing.brokerAnswer !== undefined) return
      firing.brokerAnswer = brokerAnswer
      emit({ type: 'fault-answered', fault, kind, firing: { ...firing } })
      changed('answered', rule)
    },
    healed,
    discarded() {
      firing.discarded = true
      healed()
    },
    abandoned(why) {
      if (over) return
      noted(why)
      // Nothing was there that could have healed, so no fault waits for it; it is over all the same.
      if (firing.appliedAtMs === undefined) end()
      else healed()
    },
    get over() {
      return over
    },
    whenOver: (listener) => void overListeners.push(listener),
  }
}
