// The armed faults in plan order, with their counters. A message is shown to each in turn; the first that
// fires takes it. Matching counts, firing is a decision, and `applied` grows only when the effect is there.
import type { Firing, Plane } from '../events.ts'
import type { FaultEffect, FaultKind, FaultSpec, Side } from './fault.ts'
import type { MessageView } from './message-view.ts'
import { createPastFirings } from './past-firings.ts'
import { faultKindNamed } from './registry.ts'
import { createRuleWindow, type RuleWindow } from './rule-window.ts'
import {
  compileChoice,
  compileLastingTest,
  compileMessageTest,
  isMessageTrigger,
  type MessageTest,
  planeOf,
  type TopicAliases,
  timesOf,
} from './trigger.ts'
import type { MessageTrigger } from './trigger-schema.ts'

/** Firings kept per fault for the result; later ones are counted only. */
export const firingsKeptMax = 10_000

export interface Rule {
  spec: FaultSpec
  kind: FaultKind
  effect: FaultEffect
  windowed: boolean
  timesMax: number
  matched: number
  fired: number
  applied: number
  healed: number
  firings: Firing[]
  /** Firings whose effect has not healed yet. */
  active: number
  armed: boolean
  /** Chance beyond the choice of messages, e.g. jitter; seeded per fault. */
  random: () => number
  test: MessageTest | undefined
  /** The part of the test that asks for lasting facts only. */
  lastingTest: MessageTest | undefined
  choose: ((view: MessageView) => boolean) | undefined
  /** Between `from` and `to`; outside of it, matches fire nothing and do not count towards a choice. */
  window: RuleWindow
  /** While its effect lasts, a windowed fault may claim messages of its own accord. */
  claims: ((view: MessageView) => boolean) | undefined
  /** The broker that FindCoordinator names while the coordinator is said to have moved. */
  seatTold: number | undefined
}

export type Decision =
  | { rule: Rule; why: 'fired'; firing: Firing }
  /** The message falls to the lasting effect of an earlier firing. */
  | { rule: Rule; why: 'claimed' }

/** Somebody waits for a message (a held one, a gate); told at most once. */
export interface Waiter {
  test: MessageTest
  lastingTest: MessageTest
  trigger: MessageTrigger
  found(): void
}

export interface RuleBook {
  arm(spec: FaultSpec): Rule
  disarm(name: string): boolean
  rules(): readonly Rule[]
  named(name: string): Rule | undefined
  /** A new firing of a rule, by a message or otherwise; undefined when its times are spent. */
  fire(rule: Rule, nowMs: number): Firing | undefined
  decide(view: MessageView, nowMs: number): Decision | undefined
  /** Tells waiters of a message that has happened. */
  notice(view: MessageView): void
  wait(trigger: MessageTrigger, found: () => void): () => void
  /** Whether any rule or waiter could ever care for a message with this view's lasting facts. */
  couldMatch(view: MessageView): boolean
  /** Whether any rule or waiter could care for this API on this side of this plane. */
  wants(side: Side, plane: Plane, apiName: string): boolean
  /** Called whenever `wants` may answer otherwise. */
  onChange(listener: () => void): void
  /** A windowed fault begins or ends to claim messages. */
  claim(rule: Rule, apis: readonly string[], claims: Rule['claims']): void
}

export function kindOf(spec: FaultSpec): { kind: FaultKind; params: unknown } {
  const [name, ...others] = Object.keys(spec.inject)
  const kind = name === undefined ? undefined : faultKindNamed(name)
  if (name === undefined || kind === undefined || others.length > 0) {
    throw new Error(`fault ${spec.name} was armed without being checked`)
  }
  return { kind, params: spec.inject[name] }
}

export function createRuleBook(options: {
  random: (stream: string) => () => number
  aliases: TopicAliases
}): RuleBook {
  const rules: Rule[] = []
  const past = createPastFirings()
  const waiters = new Set<Waiter>()
  const claimed = new Map<Rule, ReadonlySet<string>>()
  const listeners: Array<() => void> = []
  const changed = (): void => {
    for (const listener of listeners) listener()
  }

  function fire(rule: Rule, nowMs: number, view?: MessageView): Firing | undefined {
    if (rule.fired >= rule.timesMax) return undefined
    rule.fired += 1
    rule.active += 1
    const firing: Firing = { number: rule.fired, firedAtMs: nowMs }
    if (rule.firings.length < firingsKeptMax) rule.firings.push(firing)
    past.note(rule.spec.name, firing, view)
    return firing
  }

  return {
    arm(spec) {
      const { kind, params } = kindOf(spec)
      const { when } = spec
      const isMessage = isMessageTrigger(when)
      const { random, aliases } = options
      const rule: Rule = {
        spec,
        kind,
        effect: kind.effect(params as never, spec),
        windowed: kind.windowed(params as never, spec),
        timesMax: timesOf(when, spec.times),
        matched: 0,
        fired: 0,
        applied: 0,
        healed: 0,
        firings: [],
        active: 0,
        armed: true,
        random: random(`effect ${spec.name}`),
        test: isMessage ? compileMessageTest(when, aliases, past) : undefined,
        lastingTest: isMessage ? compileLastingTest(when, aliases, past) : undefined,
        choose: isMessage ? compileChoice(when, random(`fault ${spec.name}`)) : undefined,
        window: createRuleWindow(spec, { aliases, past, random }),
        claims: undefined,
        seatTold: undefined,
      }
      rules.push(rule)
      changed()
      return rule
    },
    disarm(name) {
      const at = rules.findIndex((rule) => rule.spec.name === name)
      const rule = rules[at]
      if (rule === undefined) return false
      rule.armed = false
      rules.splice(at, 1)
      claimed.delete(rule)
      changed()
      return true
    },
    rules: () => rules,
    named: (name) => rules.find((rule) => rule.spec.name === name),
    fire,
    decide(view, nowMs) {
      for (const rule of rules) {
        if (rule.claims?.(view)) return { rule, why: 'claimed' }
        if (rule.test === undefined || rule.choose === undefined || !rule.test(view)) continue
        rule.matched += 1
        if (!rule.window.admits(view) || !rule.choose(view)) continue
        const firing = fire(rule, nowMs, view)
        if (firing !== undefined) return { rule, why: 'fired', firing }
      }
      return undefined
    },
    notice(view) {
      for (const rule of rules) rule.window.notice(view)
      for (const waiter of waiters) {
        if (!waiter.test(view)) continue
        waiters.delete(waiter)
        changed()
        waiter.found()
      }
    },
    wait(trigger, found) {
      const { aliases } = options
      const waiter: Waiter = {
        trigger,
        test: compileMessageTest(trigger, aliases, past),
        lastingTest: compileLastingTest(trigger, aliases, past),
        found,
      }
      waiters.add(waiter)
      changed()
      return () => {
        if (waiters.delete(waiter)) changed()
      }
    },
    couldMatch(view) {
      for (const rule of rules) {
        if (rule.claims !== undefined || rule.lastingTest?.(view) === true) return true
        if (rule.window.couldTurn(view)) return true
      }
      for (const waiter of waiters) if (waiter.lastingTest(view)) return true
      return false
    },
    wants(side, plane, apiName) {
      const fits = (trigger: MessageTrigger): boolean =>
        (side === 'request' ? trigger.request : trigger.reply) === apiName &&
        planeOf(trigger) === plane
      for (const { spec } of rules) {
        const { when, from, to } = spec
        if ([when, from, to].some((trigger) => trigger !== undefined && fits(trigger))) return true
      }
      for (const waiter of waiters) if (fits(waiter.trigger)) return true
      if (side === 'request') {
        for (const apis of claimed.values()) if (apis.has(apiName)) return true
      }
      return false
    },
    onChange(listener) {
      listeners.push(listener)
    },
    claim(rule, apis, claims) {
      rule.claims = claims
      if (claims === undefined) claimed.delete(rule)
      else claimed.set(rule, new Set(apis))
      changed()
    },
  }
}
