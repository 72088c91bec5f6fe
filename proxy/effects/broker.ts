// Brokers are gone until the fault heals: cut off on the wire, killed, stopped politely, or frozen.
import type { FaultEffect } from '../faults/fault.ts'
import type { ConnectionFacts } from '../flow/windows.ts'
import type { FiringReport } from './firing-report.ts'
import { type Cause, cut, type Heal, killBroker, type Means, needHost } from './means.ts'
import { scopeOf } from './scope.ts'

export async function brokerEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'broker' }>,
  report: FiringReport,
  cause: Cause | undefined,
): Promise<Heal> {
  const { spec } = report.rule
  const { concerns, nodes } = await scopeOf(means, spec.on, cause)
  const targets = nodes ?? (cause === undefined ? [] : [cause.connection.node])
  if (targets.length === 0) throw new Error('no broker fits the fault’s `on: { brokers: … }`')
  report.firing.targets = targets.map((node) => `broker ${node}`)
  const names = targets.join(', ')
  switch (effect.how) {
    case 'wire': {
      const down = new Set(targets)
      const isDown = (facts: ConnectionFacts): boolean =>
        down.has(facts.node) &&
        (spec.on === undefined ? facts.plane === cause?.connection.plane : concerns(facts))
      const touched = (what: string): void => report.applied(what)
      const opened = means.windows.open({ concerns: isDown, admit: 'reset', touched })
      const count = cut(means, isDown, 'the broker is out')
      if (count > 0) report.applied(`closed ${count} connections to broker ${names}`)
      return async () => void opened.close()
    }
    case 'kill':
      for (const node of targets) await killBroker(means, node)
      report.applied(`killed broker ${names}`)
      return async () => {
        for (const node of targets) await needHost(means).startBroker(node)
      }
    case 'stop':
      for (const node of targets) {
        await needHost(means).stopBroker(node)
        cut(means, (facts) => facts.node === node, 'the broker was stopped')
      }
      report.applied(`stopped broker ${names}`)
      return async () => {
        for (const node of targets) await needHost(means).startBroker(node)
      }
    case 'pause':
      for (const node of targets) await needHost(means).pauseBroker(node)
      report.applied(`paused broker ${names}`)
      return async () => {
        for (const node of targets) await needHost(means).resumeBroker(node)
      }
  }
}
