// One reader of the events: what it has missed, then what happens, until it leaves. A reader that cannot keep up
// is sent away, and comes back with the last id that it has seen; one that takes them in batches gets its next
// batch when it has taken the last, and is told how many it has missed.
import type { FastifyReply } from 'fastify'
import type { Runtime } from '../runtime.ts'
import { type EventFeed, type FedEvent, lastEventHeader } from './event-feed.ts'
import { RestError } from './problem.ts'

/** Readers at once. */
export const streamsMax = 50
/** Bytes waiting for a slow reader before it is sent away. */
const waitingBytesMax = 4 * 1024 * 1024
/** Batches for one reader are this far apart, so that many small ones become one. */
const batchEveryMs = 50
const batchEventsMax = 2_000

let streams = 0

export async function streamEvents(
  feed: EventFeed,
  query: { after?: number; types?: string; batched?: boolean },
  reply: FastifyReply,
  runtime: Runtime,
): Promise<void> {
  if (streams >= streamsMax) {
    const remedy = 'Close one of them first.'
    throw new RestError('too-many-streams', `${streamsMax} readers follow already`, remedy)
  }
  const types = query.types === undefined ? undefined : new Set(query.types.split(','))
  const send = (events: readonly FedEvent[]): void => {
    for (const { id, event } of events) {
      if (types !== undefined && !types.has(event.type)) continue
      if (reply.raw.writableLength > waitingBytesMax) {
        reply.sse.close()
        return
      }
      void reply.sse.send({ id: String(id), event: event.type, data: event }).catch(() => {
        // Gone in the middle of it: its close is told below.
      })
    }
  }
  streams += 1
  reply.sse.keepAlive()
  // Who comes back sees by this whether the ids still count from where it was.
  reply.header(lastEventHeader, String(feed.lastId()))
  reply.sse.sendHeaders()
  // At once: a reader of a quiet proxy must not wait for the first event to know that it is heard.
  reply.raw.flushHeaders()
  const lastSeen = Number(reply.sse.lastEventId ?? query.after ?? feed.lastId())
  const startId = Number.isSafeInteger(lastSeen) ? lastSeen : 0
  // Before anything is waited for: a reader may leave at once.
  reply.sse.onClose(() => {
    streams -= 1
  })
  if (query.batched === true) {
    await streamBatches(feed, startId, types, reply, runtime)
    return
  }
  const { events, missed } = feed.after(startId)
  if (missed > 0) await reply.sse.send({ event: 'missed', data: { events: missed } })
  send(events)
  if (reply.sse.isConnected) reply.sse.onClose(feed.follow(send))
}

/** Asks the feed for what is new, over and over: what the reader does not take waits in the feed and nowhere else. */
async function streamBatches(
  feed: EventFeed,
  startId: number,
  types: ReadonlySet<string> | undefined,
  reply: FastifyReply,
  runtime: Runtime,
): Promise<void> {
  let isOpen = true
  let wake: () => void = () => undefined
  const leave = feed.follow(() => wake())
  const closed = new Promise<void>((resolve) => {
    reply.sse.onClose(() => {
      isOpen = false
      leave()
      wake()
      resolve()
    })
  })
  let lastId = startId
  while (isOpen) {
    const { events, missed } = feed.after(lastId, batchEventsMax)
    if (missed > 0) await reply.sse.send({ event: 'missed', data: { events: missed } })
    lastId = events.at(-1)?.id ?? lastId
    const wanted = events.flatMap(({ event }) =>
      types === undefined || types.has(event.type) ? [event] : [],
    )
    if (wanted.length > 0) {
      await reply.sse.send({ id: String(lastId), event: 'batch', data: wanted })
      const { raw } = reply
      if (raw.writableNeedDrain) {
        await Promise.race([closed, new Promise<void>((resolve) => raw.once('drain', resolve))])
      }
    }
    if (events.length === batchEventsMax) continue
    if (isOpen && feed.lastId() === lastId) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    await Promise.race([
      closed,
      new Promise<void>((resolve) => runtime.after(batchEveryMs, resolve)),
    ])
  }
}
