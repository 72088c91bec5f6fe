import { describe, expect, it } from 'vitest'
import { brokerSettings } from '../../../gauntlet/clusters/broker-settings.ts'
import type { BrokerPorts, PlaneAddresses } from '../../../gauntlet/clusters/cluster.ts'
import { internalTopics } from '../../../gauntlet/clusters/internal-topics.ts'

const allPorts: BrokerPorts[] = [1, 2, 3].map((node) => ({
  node,
  client: 1000 + node,
  interBroker: 2000 + node,
  controller: 3000 + node,
}))

function settings(planes: PlaneAddresses, config = {}) {
  const spec = { version: '4.3.1', brokers: 3, features: {}, config }
  return brokerSettings({ spec, ports: allPorts[1]!, allPorts, planes, dataFolder: '/data' })
}

const proxied = (base: number) =>
  new Map([1, 2, 3].map((node) => [node, { host: '127.0.0.1', port: base + node }]))

describe('the settings of a broker', () => {
  it('advertise its own addresses when no plane goes through the proxy', () => {
    const { listeners, 'advertised.listeners': advertised, ...rest } = settings({})
    expect(listeners).toBe(
      'CLIENT://127.0.0.1:1002,INTERNAL://127.0.0.1:2002,CONTROLLER://127.0.0.1:3002',
    )
    expect(advertised).toBe(listeners)
    expect(rest['controller.quorum.voters']).toBe(
      '1@127.0.0.1:3001,2@127.0.0.1:3002,3@127.0.0.1:3003',
    )
  })

  it('advertise the proxy to other brokers, and never to clients', () => {
    const found = settings({ 'inter-broker': proxied(4000) })
    expect(found.listeners).toBe(settings({}).listeners)
    expect(found['advertised.listeners']).toBe(
      'CLIENT://127.0.0.1:1002,INTERNAL://127.0.0.1:4002,CONTROLLER://127.0.0.1:3002',
    )
  })

  it('lead controllers through the proxy by the voters and by what they advertise', () => {
    const found = settings({ controller: proxied(5000) })
    expect(found['controller.quorum.voters']).toBe(
      '1@127.0.0.1:5001,2@127.0.0.1:5002,3@127.0.0.1:5003',
    )
    expect(found['advertised.listeners']).toContain('CONTROLLER://127.0.0.1:5002')
  })

  it('yield to those of the plan', () => {
    expect(settings({})['min.insync.replicas']).toBe(2)
    expect(settings({}, { 'min.insync.replicas': 1 })['min.insync.replicas']).toBe(1)
  })
})

describe('the internal topics', () => {
  it('have the partitions and replicas that the brokers expect of them', () => {
    const topics = internalTopics(settings({}, { 'transaction.state.log.num.partitions': 9 }))
    expect(topics.map(({ name, partitions, replicas }) => [name, partitions, replicas])).toEqual([
      ['__consumer_offsets', 6, 3],
      ['__transaction_state', 9, 3],
    ])
    expect(topics[1]?.config?.['min.insync.replicas']).toBe(2)
  })
})
