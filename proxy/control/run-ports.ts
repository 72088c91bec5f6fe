// Where the listeners of runs go when they have to be where a firewall or a container has left a way: a range of
// ports, shared out by the instance.
import type { SocketAddress } from '../flow/sockets.ts'
import { RestError } from './problem.ts'

export interface PortRange {
  first: number
  last: number
}

/**
 * A bootstrap port for each instance; the brokers' ports are right behind it, by node id. Without a range any port
 * that is free will do.
 */
export function bootstrapPorts(
  range: PortRange | undefined,
  instances: number,
  nodeMax: number,
): number[] {
  if (range === undefined) return Array.from({ length: instances }, () => 0)
  const portsEach = nodeMax + 1
  const room = Math.floor((range.last - range.first + 1) / portsEach)
  if (instances > room) {
    throw new RestError(
      'conflict',
      `the run has ${instances} instances, and there are ports for ${room}`,
      `Start the proxy with more of them: --run-ports ${range.first}-${range.first + instances * portsEach - 1}.`,
    )
  }
  return Array.from({ length: instances }, (_, index) => range.first + index * portsEach)
}

/**
 * The name by which a run's instances come: whoever reaches REST by it reaches the other ports of the same machine by
 * it, too, if they are open to everybody.
 */
export function runPlace(
  { host }: Pick<SocketAddress, 'host'>,
  calledBy: string | undefined,
): { advertisedHost?: string } {
  const isOpen = host === '0.0.0.0' || host === '::'
  return isOpen && calledBy !== undefined ? { advertisedHost: calledBy } : {}
}
