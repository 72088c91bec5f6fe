// Processes of the application die or stand still. Their names are those of the listeners that were opened for
// them, so a message always tells whose it was.
import type { FaultEffect } from '../faults/fault.ts'
import { faultNamedBy } from '../faults/instances.ts'
import { instanceTest } from '../faults/trigger.ts'
import type { FiringReport } from './firing-report.ts'
import { type Cause, cut, type Heal, type Means, needHost, nothingToHeal } from './means.ts'

type ProcessEffect = Extract<FaultEffect, { on: 'process' }>

/** What stands in front of an instance's name among the targets of a firing. */
const targetPrefix = 'instance '

function instancesMeant(
  { instances, rules }: Means,
  { instance }: ProcessEffect,
  cause: Cause | undefined,
): string[] {
  if (instance === undefined) {
    const own = cause?.connection.instance
    if (own === undefined) {
      throw new Error('the message that triggered it came from no instance of the run')
    }
    return [own]
  }
  const other = faultNamedBy(instance)
  if (other !== undefined) {
    const targets = rules.named(other)?.firings.at(-1)
    const named = targets?.targets?.filter((text) => text.startsWith(targetPrefix)) ?? []
    if (named.length > 0) return named.map((text) => text.slice(targetPrefix.length))
    const trigger = targets?.exchange?.instance
    if (trigger === undefined) throw new Error(`fault ${other} has concerned no instance yet`)
    return [trigger]
  }
  const isMeant = instanceTest(instance)
  const found = instances().filter(isMeant)
  if (found.length === 0) throw new Error(`no instance is called ${instance}`)
  return found
}

export async function processEffect(
  means: Means,
  effect: ProcessEffect,
  report: FiringReport,
  cause: Cause | undefined,
  over: () => void,
): Promise<Heal> {
  const host = needHost(means)
  const names = instancesMeant(means, effect, cause)
  report.firing.targets = names.map((name) => `${targetPrefix}${name}`)
  switch (effect.how) {
    case 'kill': {
      for (const name of names) {
        const pid = await host.killClient(name)
        if (pid === undefined) throw new Error(`${name} was not running`)
        // Its sockets died with it. Until that is noticed a message of its could still go on.
        cut(means, ({ instance }) => instance === name, 'the client was killed', 'fin')
        report.applied(`killed ${name} (process ${pid})`)
      }
      const { restartAfterMs } = effect
      if (restartAfterMs === undefined) return nothingToHeal
      means.runtime.after(restartAfterMs, over)
      return async () => {
        for (const name of names) {
          const pid = await host.startClient(name)
          if (pid === undefined) throw new Error(`${name} was not started again`)
          report.noted(`started ${name} again (process ${pid})`)
        }
      }
    }
    case 'pause':
      for (const name of names) {
        const pid = await host.pauseClient(name)
        if (pid === undefined) throw new Error(`${name} was not running`)
        report.applied(`paused ${name} (process ${pid})`)
      }
      return async () => {
        for (const name of names) await host.resumeClient(name)
      }
  }
}
