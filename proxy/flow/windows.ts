// Lasting effects on whole connections: delay, black hole, partition, refusal, narrow links, sockets that are not
// read. A window says which
// connections it concerns; it takes hold of those that exist and of those that come while it is open.
import type { Plane } from '../events.ts'
import type { WrongCertificate } from './access.ts'
import type { Connection } from './connection.ts'
import type { Shape, Slicing } from './shaper.ts'
import type { Direction } from './way.ts'

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
  /**
   * What happens to a new connection: turned away, at once or in its TLS handshake, or accepted and not served before
   * the window closes.
   */
  admit?: 'reset' | 'silence' | 'handshake'
  /** Presented to new connections with TLS. */
  certificate?: WrongCertificate
  stall?: { toBroker: boolean; toClient: boolean }
  slow?: { requestMs: number; replyMs: number; jitterMs: number; random: () => number }
  block?: { toBroker: boolean; toClient: boolean }
  /** Sockets that are not read, named by the way that their bytes would go. */
  unread?: { toBroker: boolean; toClient: boolean }
  narrow?: {
    toBroker: boolean
    toClient: boolean
    bytesPerSecond?: number
    slicing?: Slicing
    random: () => number
  }
  /** Told when it has really changed something: a message was late, bytes were kept, a connection refused. */
  touched(what: string): void
}

export interface Windows {
  /** Opens a window over what exists and what comes; returns what closes it again and the count hit. */
  open(window: Window): { hit: number; close(): number }
  /** Judges a connection that has just been accepted. */
  admission(facts: ConnectionFacts): 'accept' | 'reset'
  /** The way in which its TLS handshake goes wrong; asked before it begins. */
  handshake(
    facts: ConnectionFacts,
  ):
    | { go: 'on' | 'cut'; touched: () => void }
    | { go: 'wrong'; certificate: WrongCertificate; touched: () => void }
  /** Whether a new connection would neither be refused nor hang. */
  welcomes(facts: ConnectionFacts): boolean
  /** Directions in which a new connection starts stalled. */
  stalledAtStart(facts: ConnectionFacts): Direction | undefined
  /** A connection appeared, or its client id became known: windows that concern it take hold. */
  settle(connection: Connection): void
  /** A connection is gone. */
  forget(connection: Connection): void
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

interface OpenWindow extends Window {
  under: Set<Connection>
  /** Connections that were there first: a refusal does not concern them. */
  older: WeakSet<Connection>
}

const everyWay = { toBroker: true, toClient: true }

export function createWindows(connections: () => Iterable<Connection>): Windows {
  const open = new Set<OpenWindow>()

  /** The directions in which a window keeps bytes of a connection. */
  function stallOf(window: OpenWindow): { toBroker: boolean; toClient: boolean } | undefined {
    return window.stall ?? (window.admit === 'silence' ? everyWay : undefined)
  }

  /** What all stalls together keep; each of them is told of it. */
  function union(stalls: ReadonlyArray<{ window: OpenWindow }>): Direction | undefined {
    if (stalls.length === 0) return undefined
    const directions = stalls.map(({ window }) => stallOf(window))
    return {
      toBroker: directions.some((one) => one?.toBroker === true),
      toClient: directions.some((one) => one?.toClient === true),
      touched() {
        for (const { window } of stalls) {
          window.touched(window.admit === 'silence' ? 'new connections hang' : 'bytes kept back')
        }
      },
    }
  }

  function unreadBy(list: readonly OpenWindow[]): Direction | undefined {
    if (list.length === 0) return undefined
    return {
      toBroker: list.some(({ unread }) => unread?.toBroker === true),
      toClient: list.some(({ unread }) => unread?.toClient === true),
      touched() {
        for (const { touched } of list) touched('bytes left unread')
      },
    }
  }

  /** The rate and the slices that hold for one direction; of two windows with the same, the one opened last counts. */
  function shapeOf(narrowing: readonly OpenWindow[], way: 'toBroker' | 'toClient') {
    let shape: Shape | undefined
    for (const { narrow, touched } of narrowing) {
      if (narrow === undefined || !narrow[way]) continue
      const earlier = shape
      const isSlicing = narrow.slicing !== undefined
      shape = {
        ...earlier,
        random: narrow.random,
        ...(narrow.bytesPerSecond === undefined ? {} : { bytesPerSecond: narrow.bytesPerSecond }),
        ...(narrow.slicing === undefined ? {} : { slicing: narrow.slicing }),
        touched() {
          earlier?.touched()
          touched(isSlicing ? 'bytes sliced' : 'bytes slowed down')
        },
      }
    }
    return shape
  }

  /** Puts a connection under all windows that hold it now; the one opened last counts for delay and black hole. */
  function renew(connection: Connection): void {
    let { slow, block } = { slow: undefined, block: undefined } as Pick<
      Connection,
      'slow' | 'block'
    >
    const stalls: Array<{ window: OpenWindow }> = []
    const unread: OpenWindow[] = []
    const narrowing: OpenWindow[] = []
    for (const window of open) {
      if (!window.under.has(connection)) continue
      if (window.slow !== undefined) {
        slow = { ...window.slow, touched: () => window.touched('messages late') }
      }
      if (window.block !== undefined) {
        block = { ...window.block, touched: () => window.touched('bytes swallowed') }
      }
      if (stallOf(window) !== undefined) stalls.push({ window })
      if (window.unread !== undefined) unread.push(window)
      if (window.narrow !== undefined) narrowing.push(window)
    }
    connection.slow = slow
    connection.block = block
    connection.narrow(shapeOf(narrowing, 'toBroker'), shapeOf(narrowing, 'toClient'))
    connection.leaveUnread(unreadBy(unread))
    connection.stall(union(stalls))
  }

  function take(window: OpenWindow, connection: Connection): boolean {
    if (window.under.has(connection) || !connection.open) return false
    if (window.admit !== undefined && window.older.has(connection)) return false
    // Its handshake is behind it.
    if (window.admit === 'handshake' || window.certificate !== undefined) return false
    if (!window.concerns(factsOf(connection))) return false
    window.under.add(connection)
    return true
  }

  return {
    open(given) {
      const window: OpenWindow = { ...given, under: new Set(), older: new WeakSet() }
      open.add(window)
      for (const connection of connections()) {
        window.older.add(connection)
        if (take(window, connection)) renew(connection)
      }
      return {
        hit: window.under.size,
        close() {
          open.delete(window)
          for (const connection of window.under) {
            if (!connection.open) continue
            renew(connection)
            if (window.block !== undefined) connection.cut('reset', 'bytes of it were thrown away')
          }
          return window.under.size
        },
      }
    },
    admission(facts) {
      for (const window of open) {
        if (window.admit !== 'reset' || !window.concerns(facts)) continue
        window.touched('new connections refused')
        return 'reset'
      }
      return 'accept'
    },
    handshake(facts) {
      for (const window of open) {
        if (!window.concerns(facts)) continue
        if (window.admit === 'handshake') {
          return { go: 'cut', touched: () => window.touched('TLS handshakes cut') }
        }
        const { certificate } = window
        if (certificate === undefined) continue
        const touched = () => window.touched(`clients met the certificate that is ${certificate}`)
        return { go: 'wrong', certificate, touched }
      }
      return { go: 'on', touched: () => undefined }
    },
    welcomes(facts) {
      for (const window of open) {
        if ((window.admit ?? window.stall) !== undefined && window.concerns(facts)) return false
      }
      return true
    },
    stalledAtStart(facts) {
      const stalls = [...open]
        .filter((window) => stallOf(window) !== undefined && window.concerns(facts))
        .map((window) => ({ window }))
      const direction = union(stalls)
      direction?.touched?.()
      return direction
    },
    settle(connection) {
      let taken = false
      for (const window of open) {
        if (!take(window, connection)) continue
        if (window.admit === 'reset') {
          // Its client was not known when it was let in.
          window.touched('new connections refused')
          connection.cut('reset', 'refused')
          return
        }
        taken = true
      }
      if (taken) renew(connection)
    },
    forget(connection) {
      for (const window of open) window.under.delete(connection)
    },
  }
}
