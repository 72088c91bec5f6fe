import { describe, expect, it } from 'vitest'
import { keepingPartition } from '../../../proxy/effects/coordinator-move.ts'
import { nextLeader, replicasWithout } from '../../../proxy/effects/partitions.ts'

describe('the partition that keeps an id', () => {
  // Values of Java's String.hashCode: "" 0, "a" 97, "copier-0" -520220683, "polygenelubricants" -2147483648.
  it.each([
    ['', 50, 0],
    ['a', 50, 47],
    ['copier-0', 50, 33],
    ['copier-0', 6, 1],
    ['polygenelubricants', 50, 0],
  ])('of "%s" among %d is %d', (id, count, partition) => {
    expect(keepingPartition(id, count)).toBe(partition)
  })
})

describe('the next leader', () => {
  const state = { topic: 't', partition: 0, replicas: [1, 2, 3] }

  it('is the next broker in a ring that is alive and in sync', () => {
    expect(nextLeader({ ...state, leader: 1, inSync: [3, 2, 1] }, [1, 2, 3])).toBe(2)
    expect(nextLeader({ ...state, leader: 3, inSync: [3, 2, 1] }, [1, 2, 3])).toBe(1)
    expect(nextLeader({ ...state, leader: 1, inSync: [3, 2, 1] }, [1, 3])).toBe(3)
    expect(nextLeader({ ...state, leader: 1, inSync: [1, 3] }, [1, 2, 3])).toBe(3)
  })

  it('is nobody when no other replica is in sync', () => {
    expect(nextLeader({ ...state, leader: 1, inSync: [1] }, [1, 2, 3])).toBeUndefined()
  })
})

describe('replicas without a broker', () => {
  it('go to brokers that are free, in turn, and keep their order', () => {
    expect(replicasWithout([1, 2], new Set([1]), [1, 2, 3, 4], 0)).toEqual([3, 2])
    expect(replicasWithout([1, 2], new Set([1]), [1, 2, 3, 4], 1)).toEqual([4, 2])
    expect(replicasWithout([1, 2], new Set([1, 2]), [1, 2, 3, 4], 0)).toEqual([3, 4])
  })

  it('are fewer where nobody is free, and the same where it has none', () => {
    expect(replicasWithout([1, 2, 3], new Set([1]), [1, 2, 3], 0)).toEqual([2, 3])
    expect(replicasWithout([2, 3], new Set([1]), [1, 2, 3], 0)).toEqual([2, 3])
    expect(replicasWithout([1], new Set([1]), [1], 0)).toEqual([])
  })
})
