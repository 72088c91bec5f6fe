import { describe, expect, it } from 'vitest'
import { createEventFeed, type FedEvent } from '../../../proxy/control/event-feed.ts'
import type { ProxyEvent } from '../../../proxy/events.ts'

const odd = (message: string): ProxyEvent => ({ type: 'oddity', atMs: 0, message })
const texts = (events: readonly FedEvent[]) =>
  events.map(({ id, event }) => `${id}:${event.type === 'oddity' ? event.message : ''}`)

describe('the event feed', () => {
  it('gives a reader that was away what it has missed', () => {
    const feed = createEventFeed(10)
    feed.push([odd('a'), odd('b'), odd('c')])
    expect(texts(feed.after(1).events)).toEqual(['2:b', '3:c'])
    expect(feed.after(3)).toEqual({ events: [], missed: 0 })
  })

  it('says how many are lost when it was away for too long', () => {
    const feed = createEventFeed(3)
    feed.push([odd('a'), odd('b'), odd('c'), odd('d'), odd('e')])
    const { events, missed } = feed.after(1)
    expect(texts(events)).toEqual(['3:c', '4:d', '5:e'])
    expect(missed).toBe(1)
  })

  it('tells followers of each new group until they leave', () => {
    const feed = createEventFeed(10)
    const seen: string[] = []
    const leave = feed.follow((events) => seen.push(...texts(events)))
    feed.push([odd('a')])
    leave()
    feed.push([odd('b')])
    expect(seen).toEqual(['1:a'])
    expect(feed.lastId()).toBe(2)
  })
})
