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

/** The same text for the same cluster, in whatever order its settings are written. */
function specificationOf(cluster: ClusterPlan): string {
  return JSON.stringify(cluster, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
