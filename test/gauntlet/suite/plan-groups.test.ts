import { describe, expect, it } from 'vitest'
import { groupByCluster } from '../../../gauntlet/suite/plan-groups.ts'
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
