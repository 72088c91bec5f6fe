// The flags of `gauntlet proxy` that put more of a cluster within its reach than clients' connections: brokers' own, and
// brokers' processes; and where runs find their listeners.
import type { PortRange } from '../../proxy/control/run-ports.ts'
import type { InterBrokerPort } from '../standalone-proxy.ts'
import { addressOf, portMax, type RawOptions, text, texts, usageError } from './flags.ts'

/** As for clients: brokers take the ports behind it. */
const interBrokerListenDefault = '127.0.0.1:19192'

/** `1=kafka-1:9094,2=kafka-2:9094`, given once or more often: something for each node id. */
function byNode(flag: string, given: unknown, like: string): Map<number, string> {
  const entries = texts(given)
    .flatMap((list) => list.split(','))
    .map((entry): [number, string] => {
      const match = /^([0-9]{1,9})=(.+)$/.exec(entry)
      if (match === null) {
        throw usageError(
          `${flag} ${entry} names no broker`,
          `Write NODE=${like}, with its node id.`,
        )
      }
      return [Number(match[1]), match[2] ?? '']
    })
  const all = new Map(entries)
  if (all.size < entries.length) {
    throw usageError(`${flag} names a broker twice`, 'Name each node id once.')
  }
  return all
}

/** Brokers' inter-broker listeners, and the ports of ours that those brokers advertise. */
export function interBrokerFlag(options: RawOptions): InterBrokerPort[] {
  const targets = byNode('--inter-broker', options.interBroker, 'HOST:PORT')
  const first = addressOf(
    '--inter-broker-listen',
    text('--inter-broker-listen', options.interBrokerListen ?? interBrokerListenDefault),
  )
  return [...targets].map(([node, target]) => {
    const port = first.port + node
    if (port > portMax) {
      throw usageError(
        `broker ${node} would take port ${port}, which there is not`,
        'Give a lower port with --inter-broker-listen: each broker takes the one that is its node id further.',
      )
    }
    return { node, listen: { host: first.host, port }, target: addressOf('--inter-broker', target) }
  })
}

/** Containers of brokers that may be killed, stopped and paused. */
export function dockerBrokersFlag(options: RawOptions): Map<number, string> {
  const fromEnvironment = process.env.GAUNTLET_DOCKER_BROKERS ?? ''
  const given = options.dockerBrokers ?? (fromEnvironment === '' ? undefined : fromEnvironment)
  return byNode('--docker-brokers', given, 'CONTAINER')
}

/** `19200-19223` */
export function runPortsFlag({ runPorts }: RawOptions): PortRange | undefined {
  if (runPorts === undefined) return undefined
  const given = text('--run-ports', runPorts)
  const match = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(given)
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || first < 1 || last < first || last > portMax) {
    throw usageError(`--run-ports ${given} is no range of ports`, 'Write FIRST-LAST: 19200-19223.')
  }
  return { first, last }
}
