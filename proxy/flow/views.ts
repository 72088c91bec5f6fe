// What the flow shows of itself to whoever looks at a running proxy: brokers, doors, connections. Values only,
// safe to send to another thread or as JSON.
import type { Plane } from '../events.ts'
import type { Connection } from './connection.ts'
import type { SocketAddress } from './sockets.ts'

export interface BrokerView {
  node: number
  /** Its own address; absent as long as it is not known. */
  address?: SocketAddress
  connections: number
  /** Those that a lasting fault holds now. */
  hurtConnections: number
}

export interface DoorView {
  /** Absent: the door for everybody. */
  instance?: string
  bootstrap: SocketAddress
  ports: { node: number; address: SocketAddress }[]
}

/** What a lasting fault does to a connection now. */
export type Hurt = 'slow' | 'blocked' | 'cut off'

export interface ConnectionView {
  id: number
  plane: Plane
  /** -1 for a bootstrap connection to a broker that is not known yet. */
  node: number
  instance?: string
  clientId?: string
  remote: string
  hurt: Hurt[]
}

export function connectionView(connection: Connection): ConnectionView {
  const { id, plane, node, instance, clientId, remote, slow, block, stalled } = connection
  const hurt: Hurt[] = []
  if (slow !== undefined) hurt.push('slow')
  if (block !== undefined) hurt.push('blocked')
  if (stalled) hurt.push('cut off')
  return {
    id,
    plane,
    node,
    ...(instance === undefined ? {} : { instance }),
    ...(clientId === undefined || clientId === null ? {} : { clientId }),
    remote,
    hurt,
  }
}
