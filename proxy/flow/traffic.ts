// How much passes: requests by API and broker, bytes, and how long answers take. Each connection counts for itself in
// an array of its own; the sum is made only when somebody asks.
import { apiOf } from '../protocol/codec.ts'
import {
  addOffsetsToTxnKey,
  addPartitionsToTxnKey,
  endTxnKey,
  initProducerIdKey,
} from '../transactions/api-keys.ts'
import { type Connection, countedApis } from './connection.ts'

/** Upper bounds of the groups that durations are counted in; the last group has none. */
export const durationBoundsMs: readonly number[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
]

/** The same for the time that the proxy itself takes. */
export const overheadBoundsMs: readonly number[] = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 100,
]

export interface DurationCounts {
  /** One more than there are bounds; each counts its own group only. */
  groups: number[]
  sumMs: number
}

export interface TrafficCounts {
  /** Of clients; -1 is a broker that was not known yet, `other` an API that we do not know. */
  requests: Array<{ api: string; node: number; count: number }>
  bytes: { fromClients: number; fromBrokers: number }
  /** From request to answer, of the requests that are decoded. */
  durations: Array<{ api: string } & DurationCounts>
  /** The same of what transaction coordinators are asked, by broker. */
  coordinators: Array<{ node: number } & DurationCounts>
  /** How long pieces of what passes were held up by being looked at: a sample. */
  overhead: DurationCounts
}

export interface Traffic {
  /** An answer of a broker begins so long after its request. */
  took(apiKey: number, node: number, tookMs: number): void
  heldUp(tookMs: number): void
  closed(connection: Connection): void
  counts(live: Iterable<Connection>): TrafficCounts
}

/** What only the coordinator of a transactional id is asked. */
const coordinatorKeys: ReadonlySet<number> = new Set([
  initProducerIdKey,
  addPartitionsToTxnKey,
  addOffsetsToTxnKey,
  endTxnKey,
])

const nameOf = (key: number): string =>
  (key === countedApis - 1 ? undefined : apiOf(key)?.name) ?? 'other'

interface Counted {
  groups: Float64Array
  sumMs: number
}

const newCounts = (boundsMs: readonly number[]): Counted => ({
  groups: new Float64Array(boundsMs.length + 1),
  sumMs: 0,
})

function count(own: Counted, boundsMs: readonly number[], tookMs: number): void {
  let group = 0
  while (group < boundsMs.length && tookMs > (boundsMs[group] ?? 0)) group += 1
  own.groups[group] = (own.groups[group] ?? 0) + 1
  own.sumMs += tookMs
}

const plain = ({ groups, sumMs }: Counted): DurationCounts => ({ groups: [...groups], sumMs })

export function createTraffic(): Traffic {
  /** Of connections that are closed, by node. */
  const past = new Map<number, Float64Array>()
  const pastBytes = { fromClients: 0, fromBrokers: 0 }
  const durations = new Map<number, Counted>()
  const coordinators = new Map<number, Counted>()
  const overhead = newCounts(overheadBoundsMs)

  function note(all: Map<number, Counted>, key: number, tookMs: number): void {
    const own = all.get(key) ?? newCounts(durationBoundsMs)
    all.set(key, own)
    count(own, durationBoundsMs, tookMs)
  }

  function add(into: Map<number, Float64Array>, { node, requestCounts }: Connection): void {
    const sums = into.get(node) ?? new Float64Array(countedApis)
    into.set(node, sums)
    for (let key = 0; key < requestCounts.length; key++) {
      sums[key] = (sums[key] ?? 0) + (requestCounts[key] ?? 0)
    }
  }

  return {
    took(apiKey, node, tookMs) {
      note(durations, apiKey, tookMs)
      if (coordinatorKeys.has(apiKey)) note(coordinators, node, tookMs)
    },
    heldUp: (tookMs) => count(overhead, overheadBoundsMs, tookMs),
    closed(connection) {
      if (connection.plane !== 'client') return
      add(past, connection)
      pastBytes.fromClients += connection.bytesFrom.client
      pastBytes.fromBrokers += connection.bytesFrom.broker
    },
    counts(live) {
      const sums = new Map([...past].map(([node, counts]) => [node, counts.slice()]))
      const bytes = { ...pastBytes }
      for (const connection of live) {
        if (connection.plane !== 'client') continue
        add(sums, connection)
        bytes.fromClients += connection.bytesFrom.client
        bytes.fromBrokers += connection.bytesFrom.broker
      }
      const requests = [...sums].flatMap(([node, counts]) => {
        const named = new Map<string, number>()
        counts.forEach((count, key) => {
          if (count > 0) named.set(nameOf(key), (named.get(nameOf(key)) ?? 0) + count)
        })
        return [...named].map(([api, count]) => ({ api, node, count }))
      })
      return {
        requests,
        bytes,
        durations: [...durations].map(([key, own]) => ({ api: nameOf(key), ...plain(own) })),
        coordinators: [...coordinators].map(([node, own]) => ({ node, ...plain(own) })),
        overhead: plain(overhead),
      }
    },
  }
}
