import { describe, expect, it } from 'vitest'
import {
  createMessageCutter,
  followEvents,
  type StreamState,
} from '../../dashboard/model/event-stream.ts'
import type { ProxyEvent } from '../../proxy/events.ts'

class Refused extends Error {}

/** A server that answers each opening with the next of these: its newest id, and what it sends before it goes. */
function follow(answers: readonly ({ newestId: number; text: string } | Error)[]) {
  const stop = new AbortController()
  const paths: string[] = []
  const events: ProxyEvent[] = []
  const gaps: (number | undefined)[] = []
  const states: StreamState[] = []
  const done = followEvents(
    {
      async open(path) {
        paths.push(path)
        const answer = answers[paths.length - 1]
        if (paths.length === answers.length) queueMicrotask(() => stop.abort())
        if (answer === undefined || answer instanceof Error) throw answer ?? new Error('away')
        return new Response(answer.text, {
          headers: { 'gauntlet-last-event-id': String(answer.newestId) },
        })
      },
      isRefusal: (cause) => cause instanceof Refused,
      events: (some) => void events.push(...some),
      gap: (missed) => void gaps.push(missed),
      state: (state) => void states.push(state),
    },
    ['error'],
    stop.signal,
  )
  return { done, paths, events, gaps, states }
}

const batch = (id: number, ...stalls: number[]): string =>
  `id: ${id}\nevent: batch\ndata: ${JSON.stringify(
    stalls.map((stalledMs) => ({ type: 'loop-stalled', atMs: 1, stalledMs })),
  )}\n\n`
const afters = (paths: readonly string[]) => paths.map((path) => /after=(\d+)/.exec(path)?.[1])

describe('following the events', () => {
  it('cuts messages wherever the bytes were cut', () => {
    const text = `: alive\n\n${batch(3, 1)}event: missed\ndata: {"events":4}\n\n`
    for (let at = 0; at <= text.length; at += 1) {
      const cut = createMessageCutter()
      const messages = [...cut(text.slice(0, at)), ...cut(text.slice(at))]
      expect(messages).toMatchObject([{ id: 3, event: 'batch' }, { event: 'missed' }])
    }
  })

  it('comes back where it was after a break, and tells what it has missed', async () => {
    const { done, paths, events, gaps, states } = follow([
      { newestId: 7, text: batch(7, 1, 2) },
      new Error('connection refused'),
      { newestId: 90, text: `event: missed\ndata: {"events":40}\n\n${batch(90, 3)}` },
    ])
    await done
    expect(afters(paths)).toEqual(['0', '7', '7'])
    expect(events.map((event) => 'stalledMs' in event && event.stalledMs)).toEqual([1, 2, 3])
    expect(gaps).toEqual([40])
    expect(states).toEqual(['connecting', 'open', 'lost', 'lost', 'open'])
  })

  it('begins anew with a proxy that was started anew', async () => {
    const { done, paths, gaps } = follow([
      { newestId: 70, text: batch(70, 1) },
      { newestId: 2, text: batch(2, 1) },
      { newestId: 2, text: batch(2, 5) },
    ])
    await done
    expect(afters(paths)).toEqual(['0', '70', '0'])
    expect(gaps).toEqual([undefined])
  })

  it('does not try again when it was refused', async () => {
    const { done, paths, states } = follow([new Refused('no token'), new Error('never asked')])
    await done
    expect(paths).toHaveLength(1)
    expect(states).toEqual(['connecting', 'refused'])
  })
})
