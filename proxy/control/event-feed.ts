// The events of a running proxy for whoever follows them: numbered, the last ones kept, so that a reader who was
// away can go on where it was, or is told how much it has missed.
import type { ProxyEvent } from '../events.ts'

/** Every answer of REST says the id of the last event before it under this name. */
export const lastEventHeader = 'gauntlet-last-event-id'

/** Events kept for readers that come back. */
export const eventsKeptMax = 20_000

export interface FedEvent {
  /** Counts from 1. */
  id: number
  event: ProxyEvent
}

export interface EventFeed {
  push(events: readonly ProxyEvent[]): void
  /** Events after this id that are still kept, so many at most, and how many of them are not kept. */
  after(id: number, most?: number): { events: readonly FedEvent[]; missed: number }
  lastId(): number
  /** Told of each new group of events; returns what ends that. */
  follow(listener: (events: readonly FedEvent[]) => void): () => void
}

export function createEventFeed(keptMax: number = eventsKeptMax): EventFeed {
  // A ring: the event with id N stands at N modulo its length.
  const ring: FedEvent[] = []
  let lastId = 0
  const listeners = new Set<(events: readonly FedEvent[]) => void>()
  return {
    push(events) {
      const fed = events.map((event) => {
        lastId += 1
        const one = { id: lastId, event }
        ring[lastId % keptMax] = one
        return one
      })
      for (const listener of listeners) listener(fed)
    },
    after(id, most = keptMax) {
      const from = Math.max(id, lastId - keptMax)
      const events: FedEvent[] = []
      const to = Math.min(lastId, from + most)
      for (let next = from + 1; next <= to; next += 1) {
        const one = ring[next % keptMax]
        if (one !== undefined) events.push(one)
      }
      return { events, missed: Math.max(0, from - id) }
    },
    lastId: () => lastId,
    follow(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
