// The events that people read, newest first. Each sort of event has room of its own, so that a busy one never
// pushes out a rare one.
import type { ProxyEvent } from '../../proxy/events.ts'

/** Entries kept of one sort. */
export const entriesMax = 300

export const sorts = ['faults', 'outcomes', 'steps', 'groups', 'connections', 'trouble'] as const
export type Sort = (typeof sorts)[number]

export interface Entry {
  /** Grows with each entry. */
  serial: number
  atMs: number
  sort: Sort
  subject: string
  text: string
}

export interface Feed {
  see(event: ProxyEvent): void
  /** Newest first. */
  read(wanted: ReadonlySet<Sort>, search: string, most: number): Entry[]
  clear(): void
}

const seconds = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`

/** What people read of an event; nothing for those that only fill charts. */
export function told(event: ProxyEvent): Omit<Entry, 'serial' | 'atMs'> | undefined {
  switch (event.type) {
    case 'fault-armed':
      return { sort: 'faults', subject: event.fault, text: `armed (${event.kind})` }
    case 'fault-disarmed':
      return { sort: 'faults', subject: event.fault, text: 'disarmed' }
    case 'fault-fired':
    case 'fault-applied':
    case 'fault-answered':
    case 'fault-healed': {
      const { number, effect, brokerAnswer, exchange } = event.firing
      const by = exchange === undefined ? '' : ` on ${exchange.api}`
      const what = effect === undefined ? '' : `: ${effect}`
      const answer = brokerAnswer === undefined ? '' : `; the broker answered ${brokerAnswer}`
      const text = `#${number} ${event.type.slice('fault-'.length)}${by}${what}${answer}`
      return { sort: 'faults', subject: event.fault, text }
    }
    case 'transaction': {
      const subject = `${event.transactionalId} #${event.transaction}`
      if (event.outcome === undefined) {
        const api = event.api === undefined ? '' : ` by ${event.api}`
        return { sort: 'steps', subject, text: `${event.phase}${api}` }
      }
      const how = event.evidence === undefined ? '' : ` (${event.evidence.replaceAll('-', ' ')})`
      const took = event.durationMs === undefined ? '' : ` after ${seconds(event.durationMs)}`
      return { sort: 'outcomes', subject, text: `${event.outcome}${how}${took}` }
    }
    case 'producer': {
      const text = `${event.change}: producer ${event.producerId} epoch ${event.producerEpoch}`
      const sort = event.change === 'fenced' ? 'trouble' : 'steps'
      return { sort, subject: event.transactionalId, text }
    }
    case 'group':
      return {
        sort: 'groups',
        subject: event.group,
        text: `${event.state}, epoch ${event.epoch}, members ${event.members}`,
      }
    case 'oddity':
      return {
        sort: 'trouble',
        subject: event.transactionalId ?? event.group ?? 'odd',
        text: event.message,
      }
    case 'error':
      return { sort: 'trouble', subject: event.code, text: event.message }
    case 'loop-stalled':
      return {
        sort: 'trouble',
        subject: 'proxy',
        text: `stood still for ${seconds(event.stalledMs)}`,
      }
    case 'broker-seen':
      return {
        sort: 'connections',
        subject: `broker ${event.node}`,
        text: `is at ${event.host}:${event.port}`,
      }
    case 'broker-gone':
      return {
        sort: 'connections',
        subject: `broker ${event.node}`,
        text: 'is no longer among the cluster’s',
      }
    case 'connection-opened':
      return {
        sort: 'connections',
        subject: `connection ${event.connection}`,
        text: `opened to ${event.node < 0 ? 'bootstrap' : `broker ${event.node}`}`,
      }
    case 'connection-closed':
      return {
        sort: 'connections',
        subject: `connection ${event.connection}`,
        text: `closed: ${event.cause}`,
      }
    case 'client-seen':
      return {
        sort: 'connections',
        subject: `connection ${event.connection}`,
        text: `is ${event.software ?? 'a client'} ${event.softwareVersion ?? ''}`.trim(),
      }
    default:
      return undefined
  }
}

export function createFeed(): Feed {
  const rings = new Map<Sort, Entry[]>(sorts.map((sort) => [sort, []]))
  let serial = 0
  return {
    see(event) {
      const entry = told(event)
      if (entry === undefined) return
      serial += 1
      const ring = rings.get(entry.sort)!
      ring.push({ serial, atMs: event.atMs, ...entry })
      // Cut in one go now and then: shifting each time would move the whole ring.
      if (ring.length > entriesMax * 2) ring.splice(0, ring.length - entriesMax)
    },
    read(wanted, search, most) {
      const needle = search.toLowerCase()
      const fits = ({ subject, text }: Entry) =>
        needle === '' || `${subject} ${text}`.toLowerCase().includes(needle)
      return [...wanted]
        .flatMap((sort) => rings.get(sort)!.slice(-entriesMax))
        .filter(fits)
        .sort((a, b) => b.serial - a.serial)
        .slice(0, most)
    },
    clear() {
      for (const ring of rings.values()) ring.length = 0
    },
  }
}
