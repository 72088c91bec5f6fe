// Which plans can share a cluster: those that ask for the same one. A plan that speaks of traffic between brokers has
// a cluster of its own, because those brokers must be told the ports of its proxy before they start.
import { planesOf } from '../../proxy/faults/planes.ts'
import type { ClusterPlan, Plan } from '../../proxy/plans/plan.ts'

export interface PlanGroup<Item> {
  cluster: ClusterPlan
  /** Whether its cluster stays up from one plan to the next. */
  shared: boolean
  items: Item[]
}

/** Groups in the order of their first plan, plans in the order in which they were given. */
export function groupByCluster<Item extends { plan: Plan }>(
  items: readonly Item[],
): PlanGroup<Item>[] {
  const groups = new Map<string, PlanGroup<Item>>()
  for (const [index, item] of items.entries()) {
    const { cluster, faults } = item.plan
    const shared = planesOf(faults).size === 1
    const key = shared ? specificationOf(cluster) : `own ${index}`
    const group = groups.get(key) ?? { cluster, shared, items: [] }
    group.items.push(item)
    groups.set(key, group)
  }
  return [...groups.values()]
}

export interface Dealer<Item> {
  /** What is next for whoever has a cluster of this group, or none yet; undefined when nothing is left. */
  next(current: PlanGroup<Item> | undefined): { group: PlanGroup<Item>; item: Item } | undefined
}

/**
 * Deals plans out to several who run them at the same time: each stays with its group while there is one of it, then
 * takes a group that is nobody's yet, and then helps with the longest, on another cluster of the same kind. A cluster
 * that others run is there once, and its plans meet each other's topics.
 */
export function createDealer<Item>(groups: readonly PlanGroup<Item>[]): Dealer<Item> {
  const left = new Map(groups.map((group) => [group, [...group.items]]))
  const taken = new Set<PlanGroup<Item>>()
  const count = (group: PlanGroup<Item>): number => left.get(group)?.length ?? 0
  return {
    next(current) {
      const open = groups.filter((group) => count(group) > 0)
      const [longest] = open
        .filter(({ cluster }) => cluster.kind === 'embedded')
        .sort((a, b) => count(b) - count(a))
      const group =
        open.find((one) => one === current) ?? open.find((one) => !taken.has(one)) ?? longest
      const item = group === undefined ? undefined : left.get(group)?.shift()
      if (group === undefined || item === undefined) return undefined
      taken.add(group)
      return { group, item }
    },
  }
}

/** The same text for the same cluster, in whatever order its settings are written. */
function specificationOf(cluster: ClusterPlan): string {
  return JSON.stringify(cluster, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
