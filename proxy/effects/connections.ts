// Effects on whole connections until the fault heals: slowed, black-holed, refused.
import type { FaultEffect } from '../faults/fault.ts'
import type { Window } from '../flow/windows.ts'
import type { FiringReport } from './firing-report.ts'
import type { Cause, Heal, Means } from './means.ts'
import { scopeOf } from './scope.ts'

export async function connectionsEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'connections' }>,
  report: FiringReport,
  cause: Cause | undefined,
): Promise<Heal> {
  const { verdict } = effect
  const { spec, random } = report.rule
  const { concerns, nodes } = await scopeOf(means, spec.on, cause)
  if (nodes !== undefined) report.firing.targets = nodes.map((node) => `broker ${node}`)
  const window: Window = { concerns, touched: (what) => report.applied(what) }
  switch (verdict.do) {
    case 'slow': {
      const { requestMs, replyMs, jitterMs } = verdict
      window.slow = { requestMs, replyMs, jitterMs, random }
      break
    }
    case 'block':
      window.block = { toBroker: verdict.toBroker, toClient: verdict.toClient }
      break
    case 'refuse':
      window.admit = verdict.with === 'timeout' ? 'silence' : verdict.with
      break
    case 'present':
      window.certificate = verdict.certificate
      break
    case 'stop-reading':
      window.unread = { toBroker: verdict.side === 'client', toClient: verdict.side === 'broker' }
      break
    case 'narrow': {
      const { request, reply, bytesPerSecond, slicing } = verdict
      window.narrow = {
        toBroker: request,
        toClient: reply,
        random,
        ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
        ...(slicing === undefined ? {} : { slicing }),
      }
      break
    }
  }
  const opened = means.windows.open(window)
  if (verdict.do !== 'refuse' && verdict.do !== 'present')
    report.noted(`${opened.hit} open connections under it`)
  return async () => void opened.close()
}
