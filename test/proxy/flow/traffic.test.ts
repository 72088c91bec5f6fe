import { describe, expect, it } from 'vitest'
import { type Connection, countedApis } from '../../../proxy/flow/connection.ts'
import { createTraffic, durationBoundsMs } from '../../../proxy/flow/traffic.ts'

function connection(node: number, counts: Record<number, number>, plane = 'client'): Connection {
  const requestCounts = new Uint32Array(countedApis)
  for (const [key, count] of Object.entries(counts)) requestCounts[Number(key)] = count
  return { plane, node, requestCounts, bytesFrom: { client: 10, broker: 100 } } as Connection
}

describe('traffic', () => {
  it('counts what is open and what is closed, by API and broker, each once', () => {
    const traffic = createTraffic()
    const gone = connection(1, { 0: 3 })
    traffic.closed(gone)
    const counts = traffic.counts([connection(1, { 0: 2, 1: 5 }), connection(2, { 127: 1 })])
    expect(counts.requests).toEqual([
      { api: 'Produce', node: 1, count: 5 },
      { api: 'Fetch', node: 1, count: 5 },
      { api: 'other', node: 2, count: 1 },
    ])
    expect(counts.bytes).toEqual({ fromClients: 30, fromBrokers: 300 })
  })

  it('is that of clients only', () => {
    const traffic = createTraffic()
    traffic.closed(connection(1, { 0: 3 }, 'inter-broker'))
    const counts = traffic.counts([connection(1, { 0: 3 }, 'controller')])
    expect(counts.requests).toEqual([])
    expect(counts.bytes).toEqual({ fromClients: 0, fromBrokers: 0 })
  })

  it('puts a duration into the first group that is not too short', () => {
    const traffic = createTraffic()
    for (const tookMs of [0.5, 1, 1.5, 20_000]) traffic.took(26, 1, tookMs)
    const [found] = traffic.counts([]).durations
    expect(found).toMatchObject({ api: 'EndTxn', sumMs: 20_003 })
    expect(found?.groups.slice(0, 2)).toEqual([2, 1])
    expect(found?.groups.at(-1)).toBe(1)
    expect(found?.groups).toHaveLength(durationBoundsMs.length + 1)
  })

  it('tells how long coordinators take, by broker, and only of what they alone are asked', () => {
    const traffic = createTraffic()
    traffic.took(26, 1, 4)
    traffic.took(22, 1, 8)
    traffic.took(24, 2, 16)
    traffic.took(0, 3, 32)
    const sums = traffic.counts([]).coordinators.map(({ node, sumMs }) => [node, sumMs])
    expect(sums).toEqual([
      [1, 12],
      [2, 16],
    ])
  })

  it('tells what the proxy itself takes, in finer groups', () => {
    const traffic = createTraffic()
    for (const tookMs of [0.005, 0.02, 0.02, 500]) traffic.heldUp(tookMs)
    const { groups, sumMs } = traffic.counts([]).overhead
    expect([groups[0], groups[1], groups.at(-1), sumMs]).toEqual([1, 2, 1, 500.045])
  })
})
