// The coordinator of a transaction or a group is gone: on the wire for those who ask it, or as a process.
import type { FaultEffect } from '../faults/fault.ts'
import type { MessageView } from '../faults/message-view.ts'
import type { FiringReport } from './firing-report.ts'
import { type Cause, cut, type Heal, killBroker, type Means, needHost } from './means.ts'

/** APIs that only a transaction's coordinator answers. */
export const transactionCoordinatorApis: readonly string[] = [
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'EndTxn',
]
/** APIs that only a group's coordinator answers, also those that name a transaction as well. */
const groupCoordinatorApis: readonly string[] = [
  'TxnOffsetCommit',
  'OffsetCommit',
  'OffsetFetch',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'ConsumerGroupHeartbeat',
]
export const coordinatorApis: readonly string[] = [
  ...transactionCoordinatorApis,
  ...groupCoordinatorApis,
]
/** How often the cluster is asked who coordinates now, after a coordinator was killed. */
const takeoverPollMs = 200

/** The ids whose coordinator is meant, and where that coordinator sits. */
export async function coordinatorMeant(
  means: Means,
  effect: { transactionalId?: string; group?: string },
  cause: Cause | undefined,
): Promise<{ transactionalIds: string[]; groups: string[]; node: number | undefined }> {
  const { transactionalId, group } = effect
  if (transactionalId !== undefined || group !== undefined) {
    const transactionalIds = transactionalId === undefined ? [] : [transactionalId]
    const groups = group === undefined ? [] : [group]
    return { transactionalIds, groups, node: await seat(means, transactionalIds, groups) }
  }
  if (cause === undefined) return { transactionalIds: [], groups: [], node: undefined }
  const { api, node } = cause.view
  const subject = cause.view.subject()
  const transactionalIds = [...subject.transactionalIds]
  const groups = [...subject.groups]
  // A message may name both; it went to the coordinator of one of them, and the other's is not meant.
  if (transactionCoordinatorApis.includes(api)) return { transactionalIds, groups: [], node }
  if (groupCoordinatorApis.includes(api)) return { transactionalIds: [], groups, node }
  return { transactionalIds, groups, node: await seat(means, transactionalIds, groups) }
}

async function seat(
  { cluster }: Means,
  [transactionalId]: readonly string[],
  [group]: readonly string[],
): Promise<number | undefined> {
  if (transactionalId !== undefined) return cluster.coordinatorOf({ transactionalId })
  return group === undefined ? undefined : cluster.coordinatorOf({ group })
}

/** The one id by which the cluster is asked who coordinates. */
export function keyOf(meant: {
  transactionalIds: readonly string[]
  groups: readonly string[]
}): { transactionalId: string } | { group: string } {
  const [transactionalId] = meant.transactionalIds
  if (transactionalId !== undefined) return { transactionalId }
  const [group] = meant.groups
  if (group === undefined) {
    throw new Error('the triggering message names no transaction and no group')
  }
  return { group }
}

async function coordinatorOnWire(
  means: Means,
  report: FiringReport,
  meant: { transactionalIds: string[]; groups: string[]; node: number },
  cause: Cause | undefined,
): Promise<Heal> {
  const { rules, tracker } = means
  const { node } = meant
  const ids = new Set(meant.transactionalIds)
  const groups = new Set(meant.groups)
  const instances = new Set<string | undefined>([
    ...tracker
      .transactions()
      .filter((view) => ids.has(view.transactionalId))
      .map((view) => view.instance),
    ...tracker
      .groups()
      .filter((view) => groups.has(view.group))
      .flatMap((view) => view.members.map((member) => member.instance)),
    ...(cause === undefined ? [] : [cause.connection.instance]),
  ])
  const concernsIds = (view: MessageView): boolean => {
    const subject = view.subject()
    return (
      subject.transactionalIds.some((id) => ids.has(id)) ||
      subject.groups.some((group) => groups.has(group))
    )
  }
  rules.claim(report.rule, [...coordinatorApis, 'FindCoordinator'], (view) => {
    if (view.side !== 'request' || view.plane !== 'client') return false
    if (view.api !== 'FindCoordinator' && view.node !== node) return false
    if (view.api !== 'FindCoordinator' && !coordinatorApis.includes(view.api)) return false
    return concernsIds(view)
  })
  const count = cut(
    means,
    (facts) =>
      facts.plane === 'client' &&
      facts.node === node &&
      (instances.size === 0 || instances.has(facts.instance)),
    'the coordinator is gone',
  )
  if (count > 0) {
    report.applied(
      `closed ${count} connections to coordinator ${node}; Produce and Fetch to it still pass, and what brokers tell it (V2: the partitions of a transaction)`,
    )
  }
  return async () => rules.claim(report.rule, [], undefined)
}

async function coordinatorAsProcess(
  means: Means,
  report: FiringReport,
  meant: { transactionalIds: string[]; groups: string[]; node: number },
): Promise<Heal> {
  const { cluster, runtime } = means
  const { node } = meant
  const key = keyOf(meant)
  const before = await cluster.coordinatorOf(key)
  await killBroker(means, node)
  report.applied(
    `killed broker ${node}, coordinator of ${'group' in key ? key.group : key.transactionalId} (the cluster said ${before ?? 'nobody'} before)`,
  )
  if (before !== node) report.noted('it was not the coordinator any more')
  const startedMs = runtime.nowMs()
  let healing = false
  const watch = async (): Promise<void> => {
    if (healing) {
      report.noted('no other broker had taken over when it was started again')
      return
    }
    const now = await cluster.coordinatorOf(key).catch(() => undefined)
    if (now === undefined || now === node) runtime.after(takeoverPollMs, () => void watch())
    else {
      const afterMs = Math.round(runtime.nowMs() - startedMs)
      report.answered(`broker ${now} coordinates after ${afterMs} ms`)
    }
  }
  void watch()
  return async () => {
    healing = true
    await needHost(means).startBroker(node)
  }
}

export async function coordinatorEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'coordinator' }>,
  report: FiringReport,
  cause: Cause | undefined,
): Promise<Heal> {
  const meant = await coordinatorMeant(means, effect, cause)
  const { node } = meant
  if (node === undefined) throw new Error('no broker coordinates what the fault names')
  report.firing.targets = [`broker ${node}`, ...meant.transactionalIds, ...meant.groups]
  return effect.how === 'wire'
    ? coordinatorOnWire(means, report, { ...meant, node }, cause)
    : coordinatorAsProcess(means, report, { ...meant, node })
}
