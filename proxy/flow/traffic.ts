// How much passes: requests by API and broker, bytes, and how long answers take. Each connection counts for itself in
// an array of its own; the sum is made only when somebody asks.
import { apiOf } from '../protocol/codec.ts'
import { type Connection, countedApis } from './connection.ts'

/** Upper bounds of the groups that durations are counted in; the last group has none. */
export const durationBoundsMs: readonly number[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
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
}

export interface Traffic {
  /** An answer begins so long after its request. */
  took(apiKey: number, tookMs: number): void
  closed(connection: Connection): void
  counts(live: Iterable<Connection>): TrafficCounts
}

const nameOf = (key: number): string =>
  (key === countedApis - 1 ? undefined : apiOf(key)?.name) ?? 'other'

export function createTraffic(): Traffic {
  /** Of connections that are closed, by node. */
  const past = new Map<number, Float64Array>()
  const pastBytes = { fromClients: 0, fromBrokers: 0 }
  const durations = new Map<number, { groups: Float64Array; sumMs: number }>()

  function add(into: Map<number, Float64Array>, { node, requestCounts }: Connection): void {
    const sums = into.get(node) ?? new Float64Array(countedApis)
    into.set(node, sums)
    for (let key = 0; key < requestCounts.length; key++) {
      sums[key] = (sums[key] ?? 0) + (requestCounts[key] ?? 0)
    }
  }

  return {
    took(apiKey, tookMs) {
      let own = durations.get(apiKey)
      if (own === undefined) {
        own = { groups: new Float64Array(durationBoundsMs.length + 1), sumMs: 0 }
        durations.set(apiKey, own)
      }
      let group = 0
      while (group < durationBoundsMs.length && tookMs > (durationBoundsMs[group] ?? 0)) group += 1
      own.groups[group] = (own.groups[group] ?? 0) + 1
      own.sumMs += tookMs
    },
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
        durations: [...durations].map(([key, { groups, sumMs }]) => ({
          api: nameOf(key),
          groups: [...groups],
          sumMs,
        })),
      }
    },
  }
}
