// Where the proxy listens and what each listener leads to: per application instance a bootstrap port and a
// port per broker, so that "which process sent this" is exact; on the other planes one port per broker.
import type { Emit, Plane } from '../events.ts'
import type { Runtime } from '../runtime.ts'
import { type BrokerAccess, type DoorTls, dialled, type KeyPair } from './access.ts'
import type { Brokers } from './brokers.ts'
import { type Connection, openConnection, type Pipeline } from './connection.ts'
import {
  dial,
  type Leg,
  type Listener,
  type ListenerTls,
  listen,
  type SocketAddress,
} from './sockets.ts'
import type { ConnectionFacts, Windows } from './windows.ts'

/** Connections that may be open at once; later ones are turned away. */
export const connectionsMax = 20_000

/** What a port of ours stands for. */
interface Link {
  plane: Plane
  /** -1 for a bootstrap port, which leads to any broker. */
  node: number
  instance: string | undefined
  /** On the client plane: the door that the port belongs to. */
  door?: ClientDoor
}

interface Target {
  node: number
  address: SocketAddress
}

/** What is known of a connection before its first request. */
function factsAt({ plane, instance }: Link, node: number): ConnectionFacts {
  return { plane, node, instance, clientId: undefined, source: undefined }
}

/** Where a door listens and what it tells, where that differs from the proxy's own. */
export interface DoorPlace {
  listenHost?: string
  /** By the port that is listened on, the port that whoever comes by it is told: something before us maps them. */
  advertisedPorts?: Readonly<Record<number, number>>
  /** The host name that whoever comes by it is told. */
  advertisedHost?: string
}

/** The listeners of one application instance (or of everybody). */
export interface ClientDoor {
  instance: string | undefined
  bootstrap: SocketAddress
  /** The port through which this door's clients reach a broker, if there is one yet. */
  addressOf(node: number): SocketAddress | undefined
  /** Opens a port for a broker seen for the first time. */
  ensure(node: number): Promise<SocketAddress>
  /** Ports per broker, as far as they are open. */
  ports(): { node: number; address: SocketAddress }[]
  /** Stops listening and closes the connections that came through it. */
  close(): Promise<void>
}

export interface Links {
  /** An instance has one door; everybody may have several, each with a name of its own for the same machine. */
  openDoor(
    instance: string | undefined,
    bootstrapPort: number,
    place?: DoorPlace,
  ): Promise<ClientDoor>
  door(instance: string | undefined): ClientDoor | undefined
  /** The door that a connection came in by: its client is told that door's addresses. */
  doorOf(connection: Connection): ClientDoor | undefined
  doors(): readonly ClientDoor[]
  /** Puts a broker's inter-broker or controller listener behind a port of ours: any that is free, or the one given. */
  openPlane(
    plane: Exclude<Plane, 'client'>,
    node: number,
    target: SocketAddress,
    place?: DoorPlace,
    port?: number,
  ): Promise<SocketAddress>
  connections(): Iterable<Connection>
  /** Nobody new is let in; who is there stays. */
  refuse(): void
  close(): Promise<void>
}

/** The ways in which a broker is found not to be there. */
const unreachable =
  /^broker: (?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|dial timed out)/

/** Behind the bootstrap port by its id; the one with the id 0 right before it. */
const nodePort = (bootstrapPort: number, node: number): number =>
  node === 0 ? bootstrapPort - 1 : bootstrapPort + node

export function createLinks(options: {
  host: string
  /** Clients see this name where it differs from the address listened on. */
  advertisedHost: string
  runtime: Runtime
  brokers: Brokers
  windows: Windows
  pipeline: Pipeline
  emit: Emit
  live: Set<Connection>
  /** Told how long what clients send and get is held up by being looked at. */
  heldUp?: (tookMs: number) => void
  /** How brokers are reached on the client plane. */
  access: BrokerAccess | undefined
  /** TLS towards clients; absent: they come plainly. */
  door: DoorTls | undefined
  /** A broker could not be reached where it was thought to be. */
  missed: () => void
}): Links {
  const { host, advertisedHost, runtime, brokers, windows, pipeline, emit, live } = options
  const { access, door: tlsOfDoor } = options
  const listeners = new Set<Listener>()
  const doors = new Set<ClientDoor>()
  const cameInBy = new WeakMap<Connection, ClientDoor>()
  let lastConnection = 0
  let closing = false
  let full = false
  const distrusted = new Set<string>()

  function accept(client: Leg, link: Link, target: () => Target | undefined): void {
    const place = target()
    const facts = factsAt(link, place?.node ?? link.node)
    if (closing || place === undefined || isFull() || windows.admission(facts) === 'reset') {
      client.close('reset')
      return
    }
    const identity = identityOf(client)
    if (identity === 'unknown') {
      const message = `there is no certificate towards brokers for ${client.subject ?? 'a client'}`
      emit({ type: 'error', code: 'client-not-mapped', message })
      client.close('reset')
      return
    }
    const tls = link.plane === 'client' ? access?.tls : undefined
    const id = ++lastConnection
    const connection = openConnection({
      id,
      plane: link.plane,
      node: facts.node,
      instance: link.instance,
      client,
      pipeline: {
        ...pipeline,
        closed(c, cause, unanswered) {
          live.delete(connection)
          windows.forget(connection)
          if (unreachable.test(cause)) {
            brokers.dialFailed(facts.node)
            if (link.plane === 'client') options.missed()
          }
          if (tls !== undefined) tellOfDistrust(facts.node, cause)
          pipeline.closed(c, cause, unanswered)
        },
      },
      nowMs: runtime.nowMs,
      after: runtime.after,
      heldUp: link.plane === 'client' ? options.heldUp : undefined,
      stalled: windows.stalledAtStart(facts),
      dial: (connected) => {
        // The bootstrap port leads to another broker each time; this connection has chosen.
        const address =
          link.node < 0
            ? (brokers.address(place.node) ?? place.address)
            : (target() ?? place).address
        const onConnected = (): void => {
          brokers.dialSucceeded(facts.node)
          connected()
        }
        return tls === undefined
          ? dial(link.plane === 'client' ? dialled(address, access) : address, onConnected)
          : dial(dialled(address, access), onConnected, { tls, identity })
      },
    })
    live.add(connection)
    if (link.door !== undefined) cameInBy.set(connection, link.door)
    windows.settle(connection)
    emit({
      type: 'connection-opened',
      connection: id,
      plane: link.plane,
      node: facts.node,
      ...(link.instance === undefined ? {} : { instance: link.instance }),
    })
  }

  /** As whom a client goes to brokers; undefined: as the proxy itself. */
  function identityOf({ subject }: Leg): KeyPair | undefined | 'unknown' {
    if (tlsOfDoor?.clients === undefined || subject === undefined) return undefined
    return tlsOfDoor.clients[subject] ?? 'unknown'
  }

  /** A broker whose certificate is not believed is told of once: every client would meet it again and again. */
  function tellOfDistrust(node: number, cause: string): void {
    const reason =
      /^broker: ((?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)\S*)/.exec(
        cause,
      )?.[1]
    if (reason === undefined || distrusted.has(`${node} ${reason}`)) return
    distrusted.add(`${node} ${reason}`)
    const message = `no TLS connection to broker ${node}: ${reason}`
    emit({ type: 'error', code: 'broker-tls-failed', message })
  }

  function terminating(link: Link, target: () => Target | undefined): ListenerTls | undefined {
    if (tlsOfDoor === undefined || link.plane !== 'client') return undefined
    return {
      door: tlsOfDoor,
      greet() {
        const facts = factsAt(link, target()?.node ?? link.node)
        if (closing || windows.admission(facts) === 'reset') return 'reset'
        const handshake = windows.handshake(facts)
        if (handshake.go === 'cut') return { cutInHandshake: handshake.touched }
        const certificate = handshake.go === 'wrong' ? handshake.certificate : undefined
        return { certificate, told: handshake.touched }
      },
      failed: (reason) =>
        emit({
          type: 'error',
          code: 'client-tls-failed',
          message: `the TLS handshake of a client failed: ${reason}`,
        }),
    }
  }

  /** Past the limit connections are turned away, and it is said once each time that the limit is reached. */
  function isFull(): boolean {
    const wasFull = full
    full = live.size >= connectionsMax
    if (full && !wasFull) {
      const message = `more than ${connectionsMax} connections at once: new ones are turned away`
      emit({ type: 'error', code: 'too-many-connections', message })
    }
    return full
  }

  async function openPort(
    port: number,
    link: Link,
    target: () => Target | undefined,
    own?: Set<Listener>,
    place: DoorPlace = {},
  ): Promise<SocketAddress> {
    const listener = await listen(
      { host: place.listenHost ?? host, port },
      (client) => accept(client, link, target),
      terminating(link, target),
    )
    listeners.add(listener)
    own?.add(listener)
    const { port: bound } = listener.address
    return {
      host: place.advertisedHost ?? advertisedHost,
      port: place.advertisedPorts?.[bound] ?? bound,
    }
  }

  async function closePorts(own: Iterable<Listener>): Promise<void> {
    await Promise.all(
      [...own].map(async (listener) => {
        listeners.delete(listener)
        await listener.close()
      }),
    )
  }

  return {
    async openDoor(instance, bootstrapPort, place) {
      const ports = new Map<number, SocketAddress>()
      const opening = new Map<number, Promise<SocketAddress>>()
      const own = new Set<Listener>()
      const link: Link = { plane: 'client', node: -1, instance }
      // As a client with a list of brokers would, it goes past one that is out.
      const bootstrap = await openPort(
        bootstrapPort,
        link,
        () => brokers.nextBootstrap((node) => windows.welcomes(factsAt(link, node))),
        own,
        place,
      )
      const door: ClientDoor = {
        instance,
        bootstrap,
        addressOf: (node) => ports.get(node),
        ensure(node) {
          const started = opening.get(node)
          if (started !== undefined) return started
          // A fixed bootstrap port gets its node ports right behind it, so that firewalls can be told.
          const wanted = bootstrapPort === 0 ? 0 : nodePort(bootstrapPort, node)
          const target = (): Target | undefined => {
            const address = brokers.address(node)
            return address === undefined ? undefined : { node, address }
          }
          const linked: Link = { plane: 'client', node, instance, door }
          const opened = openPort(wanted, linked, target, own, place).then((address) => {
            ports.set(node, address)
            return address
          })
          opening.set(node, opened)
          return opened
        },
        ports: () => [...ports].map(([node, address]) => ({ node, address })),
        async close() {
          doors.delete(door)
          for (const connection of [...live]) {
            if (cameInBy.get(connection) === door) connection.cut('fin', 'its door was closed')
          }
          await Promise.allSettled(opening.values())
          await closePorts(own)
        },
      }
      link.door = door
      doors.add(door)
      for (const node of brokers.nodes()) await door.ensure(node)
      return door
    },
    door: (instance) => [...doors].find((door) => door.instance === instance),
    doorOf: (connection) => cameInBy.get(connection),
    doors: () => [...doors],
    openPlane(plane, node, address, place, port = 0) {
      const target = { node, address }
      return openPort(port, { plane, node, instance: undefined }, () => target, undefined, place)
    },
    connections: () => live,
    refuse() {
      closing = true
      // They are closed for good, and waited for, when the last connection has gone.
      for (const listener of listeners) void listener.close()
    },
    async close() {
      closing = true
      for (const connection of [...live]) connection.cut('fin', 'the proxy stops')
      await closePorts(listeners)
    },
  }
}
