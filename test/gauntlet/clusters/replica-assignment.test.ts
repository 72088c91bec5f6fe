import { describe, expect, it } from 'vitest'
import { assignReplicas } from '../../../gauntlet/clusters/replica-assignment.ts'

describe('replicas', () => {
  it('are led by the brokers in turn when nobody is named', () => {
    expect(assignReplicas({ nodes: [3, 1, 2], partitions: 4, replicas: 2 })).toEqual([
      [1, 2],
      [2, 3],
      [3, 1],
      [1, 2],
    ])
  })

  it('are led by those that are named, from the start again when there are more partitions', () => {
    const wish = { nodes: [1, 2, 3], partitions: 3, replicas: 3, leaders: [2, 1] }
    expect(assignReplicas(wish)).toEqual([
      [2, 3, 1],
      [1, 2, 3],
      [2, 3, 1],
    ])
  })

  it('cannot be more than the brokers, nor be led by a stranger', () => {
    expect(() => assignReplicas({ nodes: [1, 2], partitions: 1, replicas: 3 })).toThrow(
      '3 replicas were asked for, of a cluster with 2 brokers.',
    )
    expect(() =>
      assignReplicas({ nodes: [1, 2], partitions: 1, replicas: 1, leaders: [7] }),
    ).toThrow('Broker 7 shall lead a partition')
  })
})
