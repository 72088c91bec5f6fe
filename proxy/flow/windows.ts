// Lasting effects on whole connections: delay, black hole, partition, refusal. A window says which
// connections it concerns; it takes hold of those that exist and of those that come while it is open.
import type { Plane } from '../events.ts'
import type { Connection } from './connection.ts'

/** What is known of a connection when it is judged. */
export interface ConnectionFacts {
  plane: Plane
  node: number
  instance: string | undefined
  /** Not known before the first request. */
  clientId: string | null | undefined
  /** Node id of a sending broker, as its client id tells. */
  source: number | undefined
}

export interface Window {
  concerns(facts: ConnectionFacts): boolean
  /** What happens to a new connection: turned away, or accepted and left in silence. */
  admit?: 'reset' | 'silence'
  stall?: { toBroker: boolean; toClient: boolean }
  slow?: NonNullable<Connection['slow']>
  block?: NonNullable<Connection['block']>
}

export interface Windows {
  /** Opens a window over what exists and what comes; returns what closes it again and the count hit. */
  open(window: Window): { hit: number; close(): number }
  /** Judges a connection that has just been accepted. */
  admission(facts: ConnectionFacts): 'accept' | 'reset' | 'silence'
  /** Directions in which a new connection starts stalled. */
  stalledAtStart(facts: ConnectionFacts): { toBroker: boolean; toClient: boolean } | undefined
  /** A connection appeared, or its client id became known: windows that concern it take hold. */
  settle(connection: Connection): void
}

/** The node id in a broker's own client id: `broker-2-fetcher-0`, `raft-client-3`, `3`. */
export function sourceOf(clientId: string | null | undefined): number | undefined {
  if (clientId === null || clientId === undefined) return undefined
  const match =
    /^(?:broker-(\d+)-|raft-client-(\d+)$|AddPartitionsManager-client-(\d+)$|(\d+)$)/.exec(clientId)
  const found = match?.slice(1).find((group) => group !== undefined)
  return found === undefined ? undefined : Number(found)
}

export function factsOf(connection: Connection): ConnectionFacts {
  const { plane, node, instance, clientId } = connection
  const source = plane === 'client' ? undefined : sourceOf(clientId)
  return { plane, node, instance, clientId, source }
}

export function createWindows(connections: () => Iterable<Connection>): Windows {
  const open = new Set<Window>()
  const held = new Map<Window, Set<Connection>>()

  function apply(window: Window, connection: Connection): boolean {
    const under = held.get(window)
    if (under === undefined || under.has(connection) || !connection.open) return false
    if (!window.concerns(factsOf(connection))) return false
    under.add(connection)
    if (window.slow !== undefined) connection.slow = window.slow
    if (window.block !== undefined) connection.block = window.block
    if (window.stall !== undefined) connection.stall(window.stall)
    return true
  }

  return {
    open(window) {
      open.add(window)
      held.set(window, new Set())
      let hit = 0
      for (const connection of connections()) if (apply(window, connection)) hit += 1
      return {
        hit,
        close() {
          open.delete(window)
          const under = held.get(window) ?? new Set<Connection>()
          held.delete(window)
          for (const connection of under) {
            if (!connection.open) continue
            if (window.slow !== undefined) connection.slow = undefined
            if (window.block !== undefined) {
              connection.block = undefined
              connection.cut('reset', 'bytes of it were thrown away')
            }
            if (window.stall !== undefined) connection.unstall()
            // Another window may still be open over it.
            for (const other of open) {
              held.get(other)?.delete(connection)
              apply(other, connection)
            }
          }
          return under.size
        },
      }
    },
    admission(facts) {
      for (const window of open) {
        if (window.admit !== undefined && window.concerns(facts)) return window.admit
      }
      return 'accept'
    },
    stalledAtStart(facts) {
      for (const window of open) {
        if (window.stall !== undefined && window.concerns(facts)) return window.stall
      }
      return undefined
    },
    settle(connection) {
      for (const window of open) apply(window, connection)
    },
  }
}
