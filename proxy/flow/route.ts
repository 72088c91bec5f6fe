// Node <-> proxy address: which answers carry broker addresses, and their rewriting. Node ids stay the real
// ones. Also what the proxy tells clients in ApiVersions: versions that we can rewrite, feature levels.
// Sources: the message schemas; KIP-896, KIP-951 (NodeEndpoints), KIP-890 (transaction.version).
import type { FieldValue, Message } from '../protocol/codec.ts'
import { apiOf } from '../protocol/codec.ts'
import { hasRootTag } from '../protocol/skim.ts'
import type { SocketAddress } from './sockets.ts'

const produce = 0
const fetch = 1
const metadata = 3
const findCoordinator = 10
export const apiVersionsKey = 18
const describeCluster = 60
const shareFetch = 78
const shareAcknowledge = 79

/** Answers that must be looked at, per API: from which version on, and whether a skim tells. */
const carriers: ReadonlyMap<number, { fromVersion: number; skim: boolean }> = new Map([
  [produce, { fromVersion: 10, skim: true }],
  [fetch, { fromVersion: 16, skim: true }],
  [metadata, { fromVersion: 0, skim: false }],
  [findCoordinator, { fromVersion: 0, skim: false }],
  [apiVersionsKey, { fromVersion: 0, skim: false }],
  [describeCluster, { fromVersion: 0, skim: false }],
  [shareFetch, { fromVersion: 1, skim: false }],
  [shareAcknowledge, { fromVersion: 1, skim: false }],
])

/** Whether answers of this API at this version may hold addresses or features of ours to change. */
export function mayCarryAddresses(apiKey: number, version: number): boolean {
  const carrier = carriers.get(apiKey)
  return carrier !== undefined && version >= carrier.fromVersion
}

/** Looks into an answer by lengths only: is there anything to rewrite? True where a skim cannot tell. */
export function carriesAddresses(
  apiKey: number,
  version: number,
  frame: Buffer,
  bodyOffset: number,
): boolean {
  const carrier = carriers.get(apiKey)
  if (carrier === undefined || version < carrier.fromVersion) return false
  return carrier.skim ? hasRootTag(apiKey, version, frame, bodyOffset, 0) : true
}

/** Broker addresses found in an answer: node id and the place to rewrite. */
export interface AddressPlace {
  node: number
  address: SocketAddress
  owner: { host: FieldValue; port: FieldValue }
}

function places(list: FieldValue | undefined, nodeField: string): AddressPlace[] {
  if (!Array.isArray(list)) return []
  const found: AddressPlace[] = []
  for (const entry of list as Message[]) {
    const node = entry[nodeField]
    const host = entry.host
    const port = entry.port
    // Errors come as node -1, host "", port -1: nothing to map.
    if (typeof node !== 'number' || node < 0 || typeof host !== 'string' || host === '') continue
    if (typeof port !== 'number' || port < 0) continue
    found.push({ node, address: { host, port }, owner: entry as unknown as AddressPlace['owner'] })
  }
  return found
}

/** Every broker address in a decoded answer. */
export function addressesIn(apiKey: number, reply: Message): AddressPlace[] {
  switch (apiKey) {
    case produce:
    case fetch:
    case shareFetch:
    case shareAcknowledge:
      return places(reply.nodeEndpoints, 'nodeId')
    case metadata:
      return places(reply.brokers, 'nodeId')
    case describeCluster:
      // EndpointType 2 lists controllers, which have no port of ours on the client plane.
      return reply.endpointType === 2 ? [] : places(reply.brokers, 'brokerId')
    case findCoordinator:
      return [...places([reply], 'nodeId'), ...places(reply.coordinators, 'nodeId')]
    default:
      return []
  }
}

export interface AdvertisedFeature {
  feature: string
  level: number
  brokerLevel: number
}

/**
 * Changes an ApiVersions answer: never offers a version whose addresses we could not rewrite, and tells the
 * feature levels that the plan wants told. Returns what was told otherwise.
 */
export function rewriteApiVersions(
  reply: Message,
  advertise: Readonly<Record<string, number>>,
): { changed: boolean; features: AdvertisedFeature[] } {
  let changed = false
  const apiKeys = (reply.apiKeys ?? []) as Message[]
  for (const entry of apiKeys) {
    const apiKey = entry.apiKey as number
    if (!carriers.has(apiKey)) continue
    const known = apiOf(apiKey)
    if (known !== undefined && (entry.maxVersion as number) > known.maxVersion) {
      entry.maxVersion = known.maxVersion
      changed = true
    }
  }
  const features: AdvertisedFeature[] = []
  for (const entry of (reply.finalizedFeatures ?? []) as Message[]) {
    const feature = entry.name as string
    const level = advertise[feature]
    if (level === undefined || level === entry.maxVersionLevel) continue
    features.push({ feature, level, brokerLevel: entry.maxVersionLevel as number })
    entry.maxVersionLevel = level
    entry.minVersionLevel = Math.min(level, entry.minVersionLevel as number)
    changed = true
  }
  return { changed, features }
}
