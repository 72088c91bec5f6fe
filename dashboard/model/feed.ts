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

/** As it is kept: most are never read, so words are found when somebody reads them. */
interface Kept {
  serial: number
  event: ProxyEvent
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
export function told(event: ProxyEvent): Pick<Entry, 'subject' | 'text'> | undefined {
  switch (event.type) {
    case 'fault-armed':
      return { subject: event.fault, text: `armed (${event.kind})` }
    case 'fault-disarmed':
      return { subject: event.fault, text: 'disarmed' }
    case 'fault-fired':
    case 'fault-applied':
    case 'fault-answered':
    case 'fault-healed': {
      const { number, effect, brokerAnswer, exchange } = event.firing
      const by = exchange === undefined ? '' : ` on ${exchange.api}`
      const what = effect === undefined ? '' : `: ${effect}`
      const answer = brokerAnswer === undefined ? '' : `; the broker answered ${brokerAnswer}`
      const text = `#${number} ${event.type.slice('fault-'.length)}${by}${what}${answer}`
      return { subject: event.fault, text }
    }
    case 'transaction': {
      const subject = `${event.transactionalId} #${event.transaction}`
      if (event.outcome === undefined) {
        const api = event.api === undefined ? '' : ` by ${event.api}`
        return { subject, text: `${event.phase}${api}` }
      }
      const how = event.evidence === undefined ? '' : ` (${event.evidence.replaceAll('-', ' ')})`
      const took = event.durationMs === undefined ? '' : ` after ${seconds(event.durationMs)}`
      return { subject, text: `${event.outcome}${how}${took}` }
    }
    case 'producer': {
      const text = `${event.change}: producer ${event.producerId} epoch ${event.producerEpoch}`
      return { subject: event.transactionalId, text }
    }
    case 'group':
      return {
        subject: event.group,
        text: `${event.state}, epoch ${event.epoch}, members ${event.members}`,
      }
    case 'oddity':
      return {
        subject: event.transactionalId ?? event.group ?? 'odd',
        text: event.message,
      }
    case 'error':
      return { subject: event.code, text: event.message }
    case 'loop-stalled':
      return {
        subject: 'proxy',
        text: `stood still for ${seconds(event.stalledMs)}`,
      }
    case 'broker-seen':
      return {
        subject: `broker ${event.node}`,
        text: `is at ${event.host}:${event.port}`,
      }
    case 'broker-gone':
      return {
        subject: `broker ${event.node}`,
        text: 'is no longer among the cluster’s',
      }
    case 'connection-opened':
      return {
        subject: `connection ${event.connection}`,
        text: `opened to ${event.node < 0 ? 'bootstrap' : `broker ${event.node}`}`,
      }
    case 'connection-closed':
      return {
        subject: `connection ${event.connection}`,
        text: `closed: ${event.cause}`,
      }
    case 'client-seen':
      return {
        subject: `connection ${event.connection}`,
        text: `is ${event.software ?? 'a client'} ${event.softwareVersion ?? ''}`.trim(),
      }
    default:
      return undefined
  }
}

/** Where an event belongs; nowhere for those that only fill charts. */
export function sortOf(event: ProxyEvent): Sort | undefined {
  switch (event.type) {
    case 'fault-armed':
    case 'fault-disarmed':
    case 'fault-fired':
    case 'fault-applied':
    case 'fault-answered':
    case 'fault-healed':
      return 'faults'
    case 'transaction':
      return event.outcome === undefined ? 'steps' : 'outcomes'
    case 'producer':
      return event.change === 'fenced' ? 'trouble' : 'steps'
    case 'group':
      return 'groups'
    case 'oddity':
    case 'error':
    case 'loop-stalled':
      return 'trouble'
    case 'broker-seen':
    case 'broker-gone':
    case 'connection-opened':
    case 'connection-closed':
    case 'client-seen':
      return 'connections'
    default:
      return undefined
  }
}

export function createFeed(): Feed {
  const rings = new Map<Sort, Kept[]>(sorts.map((sort) => [sort, []]))
  let serial = 0
  return {
    see(event) {
      const sort = sortOf(event)
      if (sort === undefined) return
      serial += 1
      const ring = rings.get(sort)!
      ring.push({ serial, event })
      // Cut in one go now and then: shifting each time would move the whole ring.
      if (ring.length > entriesMax * 2) ring.splice(0, ring.length - entriesMax)
    },
    read(wanted, search, most) {
      const needle = search.toLowerCase()
      const newest = [...wanted]
        .flatMap((sort) =>
          rings
            .get(sort)!
            .slice(-entriesMax)
            .map((kept) => ({ ...kept, sort })),
        )
        .sort((a, b) => b.serial - a.serial)
      const entries: Entry[] = []
      for (const { serial: nth, event, sort } of newest) {
        if (entries.length >= most) break
        const words = told(event)
        if (words === undefined) continue
        if (needle !== '' && !`${words.subject} ${words.text}`.toLowerCase().includes(needle))
          continue
        entries.push({ serial: nth, atMs: event.atMs, sort, ...words })
      }
      return entries
    },
    clear() {
      for (const ring of rings.values()) ring.length = 0
    },
  }
}
