import { describe, expect, it } from 'vitest'
import {
  createDealer,
  groupByCluster,
  type PlanGroup,
} from '../../../gauntlet/suite/plan-groups.ts'
import { readPlan } from '../../../proxy/plans/read-plan.ts'

function item(name: string, rest = '') {
  const text = `name: ${name}
workload: { copier: { client: kafkajs } }
load: { records: 10 }
${rest}`
  const read = readPlan(text, `${name}.yaml`)
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  return { plan: read.plan }
}

const namesOf = (items: { plan: { name: string } }[]) => items.map(({ plan }) => plan.name)

const betweenBrokers = `faults:
  - when: { request: WriteTxnMarkers, plane: inter-broker, nth: 3 }
    inject: { delay: { by: 1s } }
`

describe('groupByCluster', () => {
  it('puts plans on one cluster that ask for the same one, however they write it', () => {
    const groups = groupByCluster([
      item('a'),
      item('b', 'cluster: { embedded: { config: { x: 1, y: 2 } } }'),
      item('c', 'cluster: { embedded: { brokers: 3 } }'),
      item('d', 'cluster: { embedded: { config: { y: 2, x: 1 } } }'),
      item('e', 'cluster: { embedded: { features: { transaction.version: 1 } } }'),
    ])
    expect(groups.map(({ items }) => namesOf(items))).toEqual([['a', 'c'], ['b', 'd'], ['e']])
    expect(groups.every(({ shared }) => shared)).toBe(true)
  })

  it('gives a plan about traffic between brokers a cluster of its own', () => {
    const groups = groupByCluster([
      item('a'),
      item('b', betweenBrokers),
      item('c', betweenBrokers),
      item('d'),
    ])
    expect(groups.map(({ items, shared }) => [namesOf(items), shared])).toEqual([
      [['a', 'd'], true],
      [['b'], false],
      [['c'], false],
    ])
  })

  it('makes no group of no plans', () => {
    expect(groupByCluster([])).toEqual([])
  })
})

describe('createDealer', () => {
  const own = 'cluster: { embedded: { brokers: 1 } }'
  const external = 'cluster: { external: { bootstrap: ["kafka:9092"] } }'

  /** Takes turns with this many until nothing is left for anybody; the plans that each was given. */
  function dealt(items: ReturnType<typeof item>[], lanes: number): string[][] {
    const dealer = createDealer(groupByCluster(items))
    const at: (PlanGroup<ReturnType<typeof item>> | undefined)[] = Array(lanes).fill(undefined)
    const given: string[][] = Array.from({ length: lanes }, () => [])
    for (let idle = 0, turn = 0; idle < lanes; turn++) {
      const lane = turn % lanes
      const next = dealer.next(at[lane])
      idle = next === undefined ? idle + 1 : 0
      if (next === undefined) continue
      at[lane] = next.group
      given[lane]?.push(next.item.plan.name)
    }
    return given
  }

  it('gives one alone group after group, in their order', () => {
    const items = [item('a'), item('b', own), item('c'), item('d', betweenBrokers)]
    expect(dealt(items, 1)).toEqual([['a', 'c', 'b', 'd']])
    expect(dealt([], 1)).toEqual([[]])
  })

  it('gives two a group each, and lets who is done first help with the longest', () => {
    const items = [item('a'), item('b'), item('c'), item('d'), item('e'), item('x', own)]
    expect(dealt(items, 2)).toEqual([
      ['a', 'b', 'd'],
      ['x', 'c', 'e'],
    ])
  })

  it('lets nobody help on a cluster that others run', () => {
    const items = ['a', 'b', 'c'].map((name) => item(name, external))
    expect(dealt(items, 2)).toEqual([['a', 'b', 'c'], []])
  })
})
