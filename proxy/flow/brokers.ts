// The brokers that the proxy knows: node ids and their own addresses, learnt at the start, from answers that
// pass, and by asking. One client connection of ours per broker, opened when first needed.
import { type BrokerClient, connectBroker } from './broker-client.ts'
import type { SocketAddress } from './sockets.ts'

export interface Brokers {
  /** Notes a broker's address; true when it is new or has changed. */
  note(node: number, address: SocketAddress): boolean
  address(node: number): SocketAddress | undefined
  nodes(): number[]
  /** Where a bootstrap connection goes next: brokers in turn, those that refused lately last. */
  nextBootstrap(): { node: number; address: SocketAddress } | undefined
  dialFailed(node: number): void
  /** A client of ours to this broker, or to any when no node is given. */
  client(node?: number): Promise<BrokerClient>
  close(): void
}

const clientTimeoutMs = 5_000

export function createBrokers(bootstrap: readonly SocketAddress[]): Brokers {
  const known = new Map<number, SocketAddress>()
  const clients = new Map<number, Promise<BrokerClient>>()
  const failures = new Map<number, number>()
  let turn = 0

  async function connect(node: number, address: SocketAddress): Promise<BrokerClient> {
    const existing = clients.get(node)
    if (existing !== undefined) {
      const client = await existing.catch(() => undefined)
      if (client?.open === true) return client
    }
    const fresh = connectBroker(address, { clientId: 'gauntlet-proxy', timeoutMs: clientTimeoutMs })
    clients.set(node, fresh)
    return fresh
  }

  return {
    note(node, address) {
      const before = known.get(node)
      if (before?.host === address.host && before.port === address.port) return false
      known.set(node, address)
      return true
    },
    address: (node) => known.get(node),
    nodes: () => [...known.keys()].sort((a, b) => a - b),
    nextBootstrap() {
      const candidates = [...known.entries()]
        .map(([node, address]) => ({ node, address }))
        .sort((a, b) => (failures.get(a.node) ?? 0) - (failures.get(b.node) ?? 0))
      if (candidates.length === 0) {
        const address = bootstrap[turn++ % Math.max(1, bootstrap.length)]
        return address === undefined ? undefined : { node: -1, address }
      }
      const fewest = failures.get(candidates[0]?.node ?? -1) ?? 0
      const best = candidates.filter(({ node }) => (failures.get(node) ?? 0) === fewest)
      return best[turn++ % best.length]
    },
    dialFailed(node) {
      failures.set(node, (failures.get(node) ?? 0) + 1)
    },
    async client(node) {
      const places: Array<{ node: number; address: SocketAddress }> = []
      const wanted = node === undefined ? undefined : known.get(node)
      if (node !== undefined && wanted === undefined) throw new Error(`broker ${node} is not known`)
      if (node !== undefined && wanted !== undefined) places.push({ node, address: wanted })
      else {
        for (const [id, address] of known) places.push({ node: id, address })
        if (places.length === 0) {
          for (const [index, address] of bootstrap.entries())
            places.push({ node: -1 - index, address })
        }
      }
      let failure: unknown = new Error('no broker is known')
      for (const place of places) {
        try {
          return await connect(place.node, place.address)
        } catch (cause) {
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
