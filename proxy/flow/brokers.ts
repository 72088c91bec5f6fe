// The brokers that the proxy knows: node ids and their own addresses, learnt at the start, from answers that
// pass, and by asking. One client connection of ours per broker, opened when first needed.
import type { BrokerAccess } from './access.ts'
import { type BrokerClient, BrokerConnectionError, connectBroker } from './broker-client.ts'
import type { SocketAddress } from './sockets.ts'

export interface Brokers {
  /** Notes a broker's address; true when it is new or has changed. */
  note(node: number, address: SocketAddress): boolean
  /** The cluster has named these brokers and no other. Gives those that it no longer names since the last time. */
  noteAll(nodes: ReadonlySet<number>): number[]
  address(node: number): SocketAddress | undefined
  nodes(): number[]
  /**
   * Where a bootstrap connection goes next: brokers in turn, those that refused lately last, and those that
   * are not welcome only when no other is left. When all have refused, the addresses of the start are tried in between:
   * a name may lead elsewhere by now.
   */
  nextBootstrap(
    isWelcome: (node: number) => boolean,
  ): { node: number; address: SocketAddress } | undefined
  dialFailed(node: number): void
  dialSucceeded(node: number): void
  /** How brokers are reached. */
  readonly access: BrokerAccess | undefined
  /** A client of ours to this broker. */
  client(node: number): Promise<BrokerClient>
  /** Asks one broker after the other until one answers: any may be dead, frozen or cut off. */
  askAny<Answer>(ask: (client: BrokerClient) => Promise<Answer>): Promise<Answer>
  close(): void
}

/** A healthy broker answers in milliseconds; after this the next one is asked. */
const clientTimeoutMs = 3_000

export function createBrokers(bootstrap: readonly SocketAddress[], access?: BrokerAccess): Brokers {
  const known = new Map<number, SocketAddress>()
  const clients = new Map<number, Promise<BrokerClient>>()
  const failures = new Map<number, number>()
  const silent = new Set<number>()
  /** Known, and not named by the cluster's last answer: down, or gone for good. */
  const absent = new Set<number>()
  let turn = 0

  function nextGiven(): { node: number; address: SocketAddress } | undefined {
    const address = bootstrap[turn++ % Math.max(1, bootstrap.length)]
    return address === undefined ? undefined : { node: -1, address }
  }

  const isKnown = ({ host, port }: SocketAddress): boolean =>
    [...known.values()].some((address) => address.host === host && address.port === port)

  async function connect(node: number, address: SocketAddress): Promise<BrokerClient> {
    const existing = clients.get(node)
    if (existing !== undefined) {
      const client = await existing.catch(() => undefined)
      const isThere = client?.address.host === address.host && client.address.port === address.port
      if (client?.open === true && isThere) return client
      client?.close()
    }
    const fresh = connectBroker(address, {
      clientId: 'gauntlet-proxy',
      timeoutMs: clientTimeoutMs,
      access,
    })
    clients.set(node, fresh)
    return fresh
  }

  return {
    access,
    note(node, address) {
      const before = known.get(node)
      if (before?.host === address.host && before.port === address.port) return false
      known.set(node, address)
      failures.delete(node)
      return true
    },
    noteAll(nodes) {
      for (const node of nodes) absent.delete(node)
      const fresh = [...known.keys()].filter((node) => !nodes.has(node) && !absent.has(node))
      for (const node of fresh) absent.add(node)
      return fresh
    },
    address: (node) => known.get(node),
    nodes: () => [...known.keys()].sort((a, b) => a - b),
    nextBootstrap(isWelcome) {
      const all = [...known.entries()].map(([node, address]) => ({ node, address }))
      if (all.length === 0) return nextGiven()
      const welcome = all.filter(({ node }) => isWelcome(node))
      const candidates = welcome.length > 0 ? welcome : all
      const refusals = (node: number): number =>
        (failures.get(node) ?? 0) + (absent.has(node) ? 1 : 0)
      const fewest = Math.min(...candidates.map(({ node }) => refusals(node)))
      if (fewest > 0 && turn % 2 === 1 && welcome.length > 0) return nextGiven()
      const best = candidates.filter(({ node }) => refusals(node) === fewest)
      return best[turn++ % best.length]
    },
    dialFailed(node) {
      failures.set(node, (failures.get(node) ?? 0) + 1)
    },
    dialSucceeded: (node) => void failures.delete(node),
    async client(node) {
      const address = known.get(node)
      if (address === undefined) throw new Error(`broker ${node} is not known`)
      return connect(node, address)
    },
    async askAny(ask) {
      const given = bootstrap.flatMap((address, i) =>
        isKnown(address) ? [] : [[-1 - i, address] as const],
      )
      const places: Array<readonly [number, SocketAddress]> = [...known]
      // One that did not answer the last time is asked last.
      places.sort(([a], [b]) => Number(silent.has(a)) - Number(silent.has(b)))
      // All of them may have moved since.
      places.push(...given)
      let failure: unknown = new Error('no broker is known')
      for (const [node, address] of places) {
        try {
          const answer = await ask(await connect(node, address))
          silent.delete(node)
          return answer
        } catch (cause) {
          // Only a connection that failed says that another broker might do better.
          if (!(cause instanceof BrokerConnectionError)) throw cause
          silent.add(node)
          failure = cause
        }
      }
      throw failure
    },
    close() {
      for (const client of clients.values()) {
        client.then(
          (open) => open.close(),
          () => undefined,
        )
      }
    },
  }
}
