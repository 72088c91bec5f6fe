// A consumer group rebalances when nobody expected it.
import type { FaultEffect } from '../faults/fault.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { FiringReport } from './firing-report.ts'
import { type Cause, type Heal, type Means, nothingToHeal } from './means.ts'

const groupHeartbeats: readonly string[] = ['Heartbeat', 'ConsumerGroupHeartbeat']

function groupMeant(
  { tracker }: Means,
  effect: Extract<FaultEffect, { on: 'group' }>,
  cause: Cause | undefined,
): string {
  if (effect.group !== undefined) return effect.group
  const [own] = cause?.view.subject().groups ?? []
  if (own !== undefined) return own
  const views = tracker.groups()
  const instance = cause?.connection.instance
  const byInstance = views.find((view) =>
    view.members.some((member) => member.instance === instance && instance !== undefined),
  )
  const found = byInstance ?? views[0]
  if (found === undefined) throw new Error('no consumer group has been seen yet')
  return found.group
}

export async function groupEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'group' }>,
  report: FiringReport,
  cause: Cause | undefined,
  over: () => void,
): Promise<Heal> {
  const { cluster, rules, tracker } = means
  const name = groupMeant(means, effect, cause)
  report.firing.targets = [`group ${name}`]
  const seen = tracker.groups().find((view) => view.group === name)?.members ?? []
  const instance = cause?.connection.instance
  if (effect.how === 'evict') {
    const members = await cluster.members(name)
    const own = seen.find((member) => member.instance === instance && instance !== undefined)
    const member = members.find(({ memberId }) => memberId === own?.memberId) ?? members[0]
    if (member === undefined) throw new Error(`group ${name} has no members to evict`)
    const code = await cluster.evict(name, member)
    report.answered(errorNameOf(code))
    if (code !== 0) throw new Error(`leaving for ${member.memberId}: ${errorNameOf(code)}`)
    report.applied(`evicted ${member.memberId} from group ${name}`)
    return nothingToHeal
  }
  const told = new Set<string>()
  const membersNow = (): string[] => {
    const view = tracker.groups().find((one) => one.group === name)
    return (view?.members ?? []).map((member) => member.memberId)
  }
  rules.claim(report.rule, groupHeartbeats, (view) => {
    if (view.side !== 'request' || !groupHeartbeats.includes(view.api)) return false
    const memberId = view.memberId()
    if (memberId === undefined || told.has(memberId)) return false
    if (!view.subject().groups.includes(name)) return false
    told.add(memberId)
    // Members that have left in the meantime are not waited for.
    if (membersNow().every((member) => told.has(member))) over()
    return true
  })
  return async () => rules.claim(report.rule, [], undefined)
}
