// Which planes a plan's faults speak of. Only those are put behind the proxy, so that a busy proxy never
// causes an election that nobody injected.
import type { Plane } from '../events.ts'
import type { FaultSpec } from './fault.ts'
import { kindOf } from './rules.ts'
import { isMessageTrigger, planeOf } from './trigger.ts'

export function planesOf(specs: readonly FaultSpec[]): ReadonlySet<Plane> {
  const planes = new Set<Plane>(['client'])
  for (const spec of specs) {
    for (const trigger of [spec.when, spec.from, spec.to]) {
      if (trigger !== undefined && isMessageTrigger(trigger)) planes.add(planeOf(trigger))
    }
    if (spec.on?.plane !== undefined) planes.add(spec.on.plane)
    const { kind, params } = kindOf(spec)
    const effect = kind.effect(params as never, spec)
    if (effect.on === 'network' && effect.between.every((side) => 'brokers' in side)) {
      planes.add('inter-broker')
      planes.add('controller')
    }
    if (effect.on === 'message' && 'until' in effect.verdict) {
      const { until } = effect.verdict
      if (typeof until !== 'string') planes.add(planeOf(until.trigger))
    }
  }
  return planes
}
