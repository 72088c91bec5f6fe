// Keeps a firing's record and its rule's counters true: applied only when the effect is there, answered when
// the broker has spoken, healed when the effect is over. Each is told once.
import type { Emit, ExchangeIdentity, Firing } from '../events.ts'
import type { Rule } from '../faults/rules.ts'
import type { Runtime } from '../runtime.ts'

export interface FiringReport {
  rule: Rule
  firing: Firing
  applied(what: string): void
  answered(brokerAnswer: string): void
  healed(): void
  discarded(): void
  onChange(listener: (is: 'applied' | 'answered' | 'healed') => void): void
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
  const { runtime, emit } = parts
  const fault = rule.spec.name
  const kind = rule.kind.name
  if (parts.exchange !== undefined) firing.exchange = parts.exchange
  if (parts.moment !== undefined) firing.moment = parts.moment
  const listeners: Array<(is: 'applied' | 'answered' | 'healed') => void> = []
  const tell = (is: 'applied' | 'answered' | 'healed'): void => {
    for (const listener of listeners) listener(is)
    parts.changed(is, rule)
  }
  emit({ type: 'fault-fired', fault, kind, firing: { ...firing } })
  return {
    rule,
    firing,
    applied(what) {
      firing.effect = firing.effect === undefined ? what : `${firing.effect}; ${what}`
      if (firing.appliedAtMs !== undefined) return
      firing.appliedAtMs = runtime.nowMs()
      rule.applied += 1
      emit({ type: 'fault-applied', fault, kind, firing: { ...firing } })
      tell('applied')
    },
    answered(brokerAnswer) {
      if (firing.brokerAnswer !== undefined) return
      firing.brokerAnswer = brokerAnswer
      emit({ type: 'fault-answered', fault, kind, firing: { ...firing } })
      tell('answered')
    },
    healed() {
      if (firing.healedAtMs !== undefined) return
      firing.healedAtMs = runtime.nowMs()
      rule.healed += 1
      rule.active -= 1
      emit({ type: 'fault-healed', fault, kind, firing: { ...firing } })
      tell('healed')
    },
    discarded() {
      firing.discarded = true
      this.healed()
    },
    onChange(listener) {
      listeners.push(listener)
    },
  }
}
