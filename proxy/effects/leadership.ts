// Leaders move to other replicas, and replicas to other brokers, as an operator would do it; back at the heal.
import type { FaultEffect } from '../faults/fault.ts'
import type { FiringReport } from './firing-report.ts'
import type { Heal, Means } from './means.ts'
import { nameOfPartition, nextLeader, type PartitionName, replicasWithout } from './partitions.ts'

export interface MovedLeader extends PartitionName {
  before: number
  after: number
}

/** Makes another replica the leader of a partition. `heal` gives it back, with the replicas in their old order. */
export async function moveLeader(
  { partitions }: Means,
  { topic, partition }: PartitionName,
): Promise<{ moved: MovedLeader; heal: Heal }> {
  const name = `${topic}-${partition}`
  const state = (await partitions.all()).find((each) => nameOfPartition(each) === name)
  if (state?.leader === undefined) throw new Error(`nobody leads ${name}`)
  const { leader: before, replicas } = state
  const after = nextLeader(state, await partitions.alive())
  if (after === undefined) throw new Error(`no other replica of ${name} is in sync`)
  await partitions.lead(state, after)
  return {
    moved: { topic, partition, before, after },
    async heal() {
      await partitions.lead(state, before)
      if (replicas[0] !== before) await partitions.assign([{ topic, partition, replicas }])
    },
  }
}

export async function leadershipEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'leadership' }>,
  report: FiringReport,
): Promise<Heal> {
  const named = await means.cluster.partitionsNamed(effect.partitions)
  if (named.length === 0) throw new Error(`there is no partition ${effect.partitions}`)
  const heals: Heal[] = []
  report.firing.targets = named.map(nameOfPartition)
  for (const partition of named) {
    const { moved, heal } = await moveLeader(means, partition)
    heals.push(heal)
    report.applied(`moved ${nameOfPartition(moved)} from broker ${moved.before} to ${moved.after}`)
  }
  return async () => {
    for (const heal of heals) await heal()
  }
}

export async function replicasEffect(
  means: Means,
  effect: Extract<FaultEffect, { on: 'replicas' }>,
  report: FiringReport,
): Promise<Heal> {
  const { cluster, partitions } = means
  const leaving = new Set(await cluster.resolve(effect.from))
  const names = [...leaving].join(', ')
  const alive = await partitions.alive()
  const before = (await partitions.all()).filter(({ replicas }) =>
    replicas.some((node) => leaving.has(node)),
  )
  const without = before.map(({ topic, partition, replicas }, turn) => ({
    topic,
    partition,
    replicas: replicasWithout(replicas, leaving, alive, turn),
  }))
  const stuck = without.find(({ replicas }) => replicas.length === 0)
  if (stuck !== undefined) throw new Error(`nobody is left for ${nameOfPartition(stuck)}`)
  if (before.length === 0) throw new Error(`broker ${names} holds no replicas`)
  report.firing.targets = [...leaving].map((node) => `broker ${node}`)
  await partitions.assign(without)
  const fewer = without.filter(
    ({ replicas }, index) => replicas.length < (before[index]?.replicas.length ?? 0),
  ).length
  const led = before.filter(({ leader }) => leader !== undefined && leaving.has(leader))
  report.applied(
    `moved ${before.length} replicas away from broker ${names}, ${led.length} of them leaders` +
      (fewer === 0 ? '' : `; ${fewer} have one broker fewer, since none was free`),
  )
  return async () => {
    await partitions.assign(before)
    for (const state of led) {
      if (state.leader === undefined) continue
      await partitions.lead(state, state.leader)
      if (state.replicas[0] !== state.leader) await partitions.assign([state])
    }
  }
}
