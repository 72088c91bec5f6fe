// No client is led to a broker past the proxy: addresses in answers become those of our ports, which are opened first
// where there are none yet.
import type { Emit } from '../events.ts'
import type { Message } from '../protocol/codec.ts'
import type { Brokers } from './brokers.ts'
import type { Connection } from './connection.ts'
import type { ReplyVerdict } from './exchange.ts'
import { createGate } from './gate.ts'
import type { ClientDoor } from './links.ts'
import { addressesIn } from './route.ts'
import type { SocketAddress } from './sockets.ts'

export interface Addressing {
  /** Rewrites the places found in an answer, then decides; without a port for one of them the connection ends. */
  whenRewritten(
    c: Connection,
    found: ReturnType<typeof addressesIn>,
    decide: () => ReplyVerdict,
  ): ReplyVerdict
  /** After a fault has changed an answer. Addresses that are no broker's stay. */
  readdress(c: Connection, apiKey: number, answer: Message): void
}

export function createAddressing(parts: {
  brokers: Brokers
  doorOf: (connection: Connection) => ClientDoor | undefined
  emit: Emit
}): Addressing {
  const { emit } = parts

  function readdress(c: Connection, apiKey: number, answer: Message): void {
    const door = c.plane === 'client' ? parts.doorOf(c) : undefined
    if (door === undefined) return
    const isSame = (one: SocketAddress | undefined, other: SocketAddress): boolean =>
      one?.host === other.host && one.port === other.port
    const nodes = parts.brokers.nodes()
    for (const { node, address, owner } of addressesIn(apiKey, answer)) {
      const meant =
        // An address of ours follows its node id, in case that was changed.
        (nodes.some((known) => isSame(door.addressOf(known), address)) ? node : undefined) ??
        nodes.find((known) => isSame(parts.brokers.address(known), address))
      if (meant === undefined) continue
      const ours = door.addressOf(meant)
      if (ours === undefined) throw new Error(`the proxy has no port for broker ${meant}`)
      owner.host = ours.host
      owner.port = ours.port
    }
  }

  function whenRewritten(
    c: Connection,
    found: ReturnType<typeof addressesIn>,
    decide: () => ReplyVerdict,
  ): ReplyVerdict {
    const door = parts.doorOf(c)
    if (door === undefined) throw new Error('a client connection came in by a door')
    const unopened: Array<Promise<unknown>> = []
    for (const place of found) {
      if (parts.brokers.note(place.node, place.address)) {
        emit({ type: 'broker-seen', node: place.node, ...place.address })
      }
      if (door.addressOf(place.node) === undefined) unopened.push(door.ensure(place.node))
    }
    const rewriteAndDecide = (): ReplyVerdict => {
      for (const place of found) {
        const address = door.addressOf(place.node)
        if (address === undefined) {
          emit({
            type: 'error',
            code: 'no-port',
            message: `no port could be opened for broker ${place.node}`,
            connection: c.id,
          })
          return { do: 'cut', part: 'none', with: 'reset' }
        }
        place.owner.host = address.host
        place.owner.port = address.port
      }
      return decide()
    }
    if (unopened.length === 0) return rewriteAndDecide()
    const gate = createGate<ReplyVerdict>()
    const cut: ReplyVerdict = { do: 'cut', part: 'none', with: 'reset' }
    Promise.allSettled(unopened)
      .then(() => (c.open ? rewriteAndDecide() : cut))
      .catch((cause): ReplyVerdict => {
        const message = cause instanceof Error ? cause.message : String(cause)
        emit({ type: 'error', code: 'connection-failed', message, connection: c.id })
        return cut
      })
      .then(gate.open)
    return { do: 'wait', gate }
  }

  return { whenRewritten, readdress }
}
