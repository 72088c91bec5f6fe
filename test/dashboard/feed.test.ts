import { describe, expect, it } from 'vitest'
import { createFeed, entriesMax, sorts } from '../../dashboard/model/feed.ts'
import type { ProxyEvent } from '../../proxy/events.ts'

const all = new Set(sorts)
const committed = (transaction: number): ProxyEvent => ({
  type: 'transaction',
  atMs: transaction,
  transactionalId: 'orders',
  transaction,
  phase: 'ended',
  producerId: 1,
  producerEpoch: 0,
  outcome: 'committed',
  durationMs: 40,
})
const broken: ProxyEvent = { type: 'error', atMs: 1, code: 'undecodable', message: 'no such field' }

describe('the feed of events', () => {
  it('tells events in words, newest first', () => {
    const feed = createFeed()
    feed.see(committed(1))
    feed.see(broken)
    expect(feed.read(all, '', 10).map(({ subject, text }) => `${subject} ${text}`)).toEqual([
      'undecodable no such field',
      'orders #1 committed after 40 ms',
    ])
  })

  it('narrows by sort and by words', () => {
    const feed = createFeed()
    feed.see(committed(1))
    feed.see(committed(2))
    feed.see(broken)
    expect(feed.read(new Set(['trouble']), '', 10)).toHaveLength(1)
    expect(feed.read(all, 'ORDERS #2', 10)).toMatchObject([{ subject: 'orders #2' }])
    expect(feed.read(all, '', 1)).toHaveLength(1)
  })

  it('never loses a rare event to a busy sort', () => {
    const feed = createFeed()
    feed.see(broken)
    for (let nth = 1; nth <= entriesMax * 5; nth += 1) feed.see(committed(nth))
    expect(feed.read(all, '', entriesMax * 10)).toHaveLength(entriesMax + 1)
    expect(feed.read(new Set(['trouble']), '', 10)).toHaveLength(1)
  })

  it('has nothing to tell of what only fills charts', () => {
    const feed = createFeed()
    feed.see({ type: 'progress', atMs: 1, instance: 'copier-0', via: 'EndTxn' })
    expect(feed.read(all, '', 10)).toEqual([])
  })
})
