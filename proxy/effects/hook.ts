// A command of the user's, and the one that undoes it. What it is about, it finds in its environment.
import type { FaultEffect } from '../faults/fault.ts'
import type { FiringReport } from './firing-report.ts'
import { type Cause, type Heal, type Means, needHost, nothingToHeal } from './means.ts'

export function hookEnvironment(
  means: Pick<Means, 'brokers'>,
  report: FiringReport,
  cause: Cause | undefined,
  moment: 'apply' | 'heal',
): Record<string, string> {
  const addresses = means.brokers
    .nodes()
    .flatMap((node) => means.brokers.address(node) ?? [])
    .map(({ host, port }) => `${host}:${port}`)
  const subject = cause?.view.subject()
  const optional: Record<string, string | number | undefined> = {
    GAUNTLET_API: cause?.view.api,
    GAUNTLET_BROKER: cause?.connection.node,
    GAUNTLET_INSTANCE: cause?.connection.instance,
    GAUNTLET_TRANSACTIONAL_ID: subject?.transactionalIds[0],
    GAUNTLET_GROUP: subject?.groups[0],
  }
  return {
    GAUNTLET_FAULT: report.rule.spec.name,
    GAUNTLET_FIRING: String(report.firing.number),
    GAUNTLET_MOMENT: moment,
    GAUNTLET_BOOTSTRAP: addresses.join(','),
    ...Object.fromEntries(
      Object.entries(optional).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)]],
      ),
    ),
  }
}

export async function hookEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'hook' }>,
  report: FiringReport,
  cause: Cause | undefined,
): Promise<Heal> {
  const host = needHost(means)
  const { command, healCommand, timeoutMs } = effect
  const fault = report.rule.spec.name

  async function run(line: string, moment: 'apply' | 'heal'): Promise<void> {
    const startedMs = means.runtime.nowMs()
    const { code, signal, timedOut, lastError } = await host.runHook({
      fault,
      firing: report.firing.number,
      command: line,
      environment: hookEnvironment(means, report, cause, moment),
      timeoutMs,
    })
    const tookMs = Math.round(means.runtime.nowMs() - startedMs)
    const name = moment === 'apply' ? 'the command' : 'the heal command'
    if (timedOut) throw new Error(`${name} was not done after ${timeoutMs} ms`)
    if (code !== 0) {
      const how = signal === null ? `with code ${code}` : `by ${signal}`
      throw new Error(`${name} ended ${how}${lastError === '' ? '' : `: ${lastError}`}`)
    }
    const sentence = `${name} ended well after ${tookMs} ms`
    if (moment === 'apply') report.applied(sentence)
    else report.noted(sentence)
  }

  try {
    await run(command, 'apply')
  } catch (cause_) {
    // Half of it may have been done; what undoes the whole undoes the half.
    if (healCommand !== undefined) await run(healCommand, 'heal')
    throw cause_
  }
  return healCommand === undefined ? nothingToHeal : () => run(healCommand, 'heal')
}
