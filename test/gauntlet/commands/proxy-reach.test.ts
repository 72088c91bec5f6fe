import { afterEach, describe, expect, it } from 'vitest'
import {
  dockerBrokersFlag,
  interBrokerFlag,
  runPortsFlag,
} from '../../../gauntlet/commands/proxy-reach.ts'

describe('what is put within a proxy’s reach', () => {
  afterEach(() => {
    delete process.env.GAUNTLET_DOCKER_BROKERS
  })

  it('a broker’s inter-broker port is its node id further than the place given', () => {
    const given = {
      interBroker: '1=kafka-1:9094,7=kafka-7:9094',
      interBrokerListen: '0.0.0.0:9100',
    }
    expect(interBrokerFlag(given)).toEqual([
      {
        node: 1,
        listen: { host: '0.0.0.0', port: 9101 },
        target: { host: 'kafka-1', port: 9094 },
      },
      {
        node: 7,
        listen: { host: '0.0.0.0', port: 9107 },
        target: { host: 'kafka-7', port: 9094 },
      },
    ])
    expect(interBrokerFlag({})).toEqual([])
  })

  it.each([
    [{ interBroker: 'kafka-1:9094' }, 'names no broker'],
    [{ interBroker: '1=kafka-1' }, 'is no address'],
    [{ interBroker: ['1=a:1', '1=b:1'] }, 'names a broker twice'],
    [{ interBroker: '9=a:1', interBrokerListen: '0.0.0.0:65530' }, 'port 65539'],
  ])('refuses %j', (given, message) => {
    expect(() => interBrokerFlag(given)).toThrow(message)
  })

  it('containers come from the flag, or else from the environment', () => {
    expect(dockerBrokersFlag({})).toEqual(new Map())
    process.env.GAUNTLET_DOCKER_BROKERS = '1=kafka-1,2=kafka-2'
    expect(dockerBrokersFlag({})).toEqual(
      new Map([
        [1, 'kafka-1'],
        [2, 'kafka-2'],
      ]),
    )
    expect(dockerBrokersFlag({ dockerBrokers: '3=c' })).toEqual(new Map([[3, 'c']]))
  })

  it('ports for runs are a range, or refused', () => {
    expect(runPortsFlag({ runPorts: '19200-19223' })).toEqual({ first: 19_200, last: 19_223 })
    expect(() => runPortsFlag({ runPorts: '19223-19200' })).toThrow('is no range')
    expect(() => runPortsFlag({ runPorts: 19_200 })).toThrow('is no range')
  })
})
