// One reader of the events: what it has missed, then what happens, until it leaves. A reader that cannot keep up
// is sent away, and comes back with the last id that it has seen.
import type { FastifyReply } from 'fastify'
import type { EventFeed, FedEvent } from './event-feed.ts'
import { RestError } from './problem.ts'

/** Readers at once. */
export const streamsMax = 50
/** Bytes waiting for a slow reader before it is sent away. */
const waitingBytesMax = 4 * 1024 * 1024

let streams = 0

export async function streamEvents(
  feed: EventFeed,
  query: { after?: number; types?: string },
  reply: FastifyReply,
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
  reply.sse.sendHeaders()
  const lastSeen = Number(reply.sse.lastEventId ?? query.after ?? feed.lastId())
  const { events, missed } = feed.after(Number.isSafeInteger(lastSeen) ? lastSeen : 0)
  if (missed > 0) await reply.sse.send({ event: 'missed', data: { events: missed } })
  send(events)
  const leave = feed.follow(send)
  reply.sse.onClose(() => {
    streams -= 1
    leave()
  })
}
