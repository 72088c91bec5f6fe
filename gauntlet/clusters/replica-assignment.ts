// Which brokers hold which partition: decided here and not by the controller, whose first pick is random, so
// that the same plan has the same leaders and coordinators in every run.
import { OperatorError } from '../../proxy/errors.ts'

export interface AssignmentWish {
  nodes: readonly number[]
  partitions: number
  replicas: number
  /** Leader of partition 0, 1, …, from the start again when there are more partitions. */
  leaders?: readonly number[]
}

/** Node ids per partition; the first one is the preferred leader. */
export function assignReplicas(wish: AssignmentWish): number[][] {
  const nodes = [...wish.nodes].sort((a, b) => a - b)
  if (wish.replicas > nodes.length) {
    throw new OperatorError(
      'cannot-do-here',
      `${wish.replicas} replicas were asked for, of a cluster with ${nodes.length} brokers.`,
      'Ask for fewer replicas or start more brokers.',
    )
  }
  const leaders = wish.leaders !== undefined && wish.leaders.length > 0 ? wish.leaders : nodes
  const stranger = leaders.find((node) => !nodes.includes(node))
  if (stranger !== undefined) {
    throw new OperatorError(
      'cannot-do-here',
      `Broker ${stranger} shall lead a partition, but the cluster has only brokers ${nodes.join(', ')}.`,
      'Correct the leaders in the plan, or start more brokers.',
    )
  }
  return Array.from({ length: wish.partitions }, (_, partition) => {
    const first = nodes.indexOf(leaders[partition % leaders.length] ?? -1)
    return Array.from(
      { length: wish.replicas },
      (_, replica) => nodes[(first + replica) % nodes.length] ?? -1,
    )
  })
}
