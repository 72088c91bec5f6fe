import { describe, expect, it } from 'vitest'
import {
  type Bar,
  barAt,
  barsMax,
  createLanes,
  indexOf,
  type Lane,
  lanesMax,
} from '../../dashboard/model/lanes.ts'
import type { ProxyEvent } from '../../proxy/events.ts'

type TransactionEvent = Extract<ProxyEvent, { type: 'transaction' }>

const step = (
  transaction: number,
  phase: TransactionEvent['phase'],
  atMs: number,
  more: Partial<TransactionEvent> = {},
): TransactionEvent => ({
  type: 'transaction',
  transactionalId: 'orders',
  transaction,
  phase,
  producerId: 7,
  producerEpoch: 0,
  atMs,
  ...more,
})

const bar = (lane: Lane | undefined, ordinal: number): Bar | undefined =>
  lane === undefined ? undefined : barAt(lane, indexOf(lane, ordinal) ?? -1)

describe('lanes of transactions', () => {
  it('makes one bar of the steps of a transaction, and says how long its end took', () => {
    const lanes = createLanes()
    expect(lanes.see(step(1, 'begun', 100))).toBeUndefined()
    lanes.see(step(1, 'producing', 110))
    expect(bar(lanes.lane('orders'), 1)).toEqual({
      ordinal: 1,
      startMs: 100,
      state: 'open',
      wasUnknown: false,
    })
    lanes.see(step(1, 'ending', 150))
    expect(lanes.see(step(1, 'ended', 170, { outcome: 'committed' }))).toEqual({
      outcome: 'committed',
      atMs: 170,
      latencyMs: 20,
    })
    expect(bar(lanes.lane('orders'), 1)).toEqual({
      ordinal: 1,
      startMs: 100,
      endingMs: 150,
      endMs: 170,
      state: 'committed',
      wasUnknown: false,
    })
  })

  it('turns a bar unknown while it lasts, then known, and keeps that it was unknown', () => {
    const lanes = createLanes()
    lanes.see(step(1, 'begun', 100))
    lanes.see(step(1, 'ending', 150))
    const lost = step(1, 'ending', 160, { outcome: 'unknown' })
    expect(lanes.see(lost)).toEqual({ outcome: 'unknown', atMs: 160 })
    expect(lanes.see(lost)).toBeUndefined()
    expect(bar(lanes.lane('orders'), 1)).toMatchObject({ state: 'unknown' })
    const known = step(1, 'ended', 300, { outcome: 'committed', evidence: 'answer-seen' })
    expect(lanes.see(known)).toEqual({ outcome: 'committed', atMs: 300, latencyMs: 150 })
    expect(bar(lanes.lane('orders'), 1)).toMatchObject({
      state: 'committed',
      wasUnknown: true,
      endMs: 300,
      evidence: 'answer-seen',
    })
  })

  it('resolves an earlier transaction where it stands, without a latency', () => {
    const lanes = createLanes()
    lanes.see(step(1, 'begun', 100))
    expect(lanes.see(step(1, 'ended', 200, { outcome: 'unknown' }))).toMatchObject({
      outcome: 'unknown',
    })
    lanes.see(step(2, 'begun', 210))
    const resolved = step(1, 'ended', 250, { outcome: 'aborted' })
    expect(lanes.see(resolved)).toEqual({ outcome: 'aborted', atMs: 250 })
    expect(lanes.see(resolved)).toBeUndefined()
    expect(bar(lanes.lane('orders'), 1)).toMatchObject({ state: 'aborted', endMs: 200 })
    expect(bar(lanes.lane('orders'), 2)).toMatchObject({ state: 'open' })
  })

  it('draws a transaction of which only the end was seen from when it began', () => {
    const lanes = createLanes()
    lanes.see(step(5, 'ended', 500, { outcome: 'committed', durationMs: 80 }))
    expect(bar(lanes.lane('orders'), 5)).toMatchObject({ startMs: 420, endMs: 500 })
  })

  it('keeps the newest bars when there are more than it has room for', () => {
    const lanes = createLanes()
    for (let nth = 1; nth <= barsMax + 10; nth += 1) {
      lanes.see(step(nth, 'begun', nth))
      lanes.see(step(nth, 'ended', nth, { outcome: nth % 2 === 0 ? 'committed' : 'aborted' }))
    }
    const lane = lanes.lane('orders')
    expect(bar(lane, 10)).toBeUndefined()
    expect(bar(lane, 11)).toMatchObject({ ordinal: 11, startMs: 11, state: 'aborted' })
    expect(bar(lane, barsMax + 10)).toMatchObject({ state: 'committed' })
  })

  it('drops the lane that was silent for the longest', () => {
    const lanes = createLanes()
    for (let nth = 0; nth < lanesMax; nth += 1) {
      lanes.see(step(1, 'begun', 1_000 + nth, { transactionalId: `id-${nth}` }))
    }
    lanes.see(step(2, 'begun', 9_000, { transactionalId: 'id-0' }))
    lanes.see(step(1, 'begun', 9_001, { transactionalId: 'new' }))
    expect(lanes.lane('id-1')).toBeUndefined()
    expect(lanes.lane('id-0')).toBeDefined()
    expect(lanes.all()).toHaveLength(lanesMax)
  })

  it('orders lanes as people count', () => {
    const lanes = createLanes()
    for (const id of ['copier-10', 'copier-2', 'copier-1']) {
      lanes.see(step(1, 'begun', 1, { transactionalId: id }))
    }
    expect(lanes.all().map(({ id }) => id)).toEqual(['copier-1', 'copier-2', 'copier-10'])
  })

  describe('after events were missed', () => {
    const now = { transactionalId: 'orders', atMs: 900 }

    it('closes what has ended, as the proxy tells it, or as unseen', () => {
      const lanes = createLanes()
      lanes.see(step(1, 'begun', 100))
      lanes.see(step(2, 'begun', 200))
      lanes.correct({ ...now, transaction: 2, phase: 'ended', lastOutcome: 'committed' })
      expect(bar(lanes.lane('orders'), 2)).toMatchObject({ state: 'committed', endMs: 900 })
      const others = createLanes()
      others.see(step(1, 'begun', 100))
      others.correct({ ...now, transaction: 9, phase: 'producing', lastOutcome: 'committed' })
      expect(bar(others.lane('orders'), 1)).toMatchObject({ state: 'unseen' })
      expect(bar(others.lane('orders'), 9)).toMatchObject({ state: 'open' })
    })

    it('leaves what is still open, and what came later, alone', () => {
      const lanes = createLanes()
      lanes.see(step(3, 'begun', 100))
      lanes.correct({ ...now, transaction: 3, phase: 'producing' })
      lanes.correct({ ...now, transaction: 2, phase: 'ended', lastOutcome: 'aborted' })
      expect(bar(lanes.lane('orders'), 3)).toEqual({
        ordinal: 3,
        startMs: 100,
        state: 'open',
        wasUnknown: false,
      })
    })
  })
})
