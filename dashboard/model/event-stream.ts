// Follows the proxy's events over fetch, since EventSource can send no token: cuts the stream into messages, comes
// back where it was after a break, and notices when the proxy has been started anew.
import type { ProxyEvent } from '../../proxy/events.ts'

/** Characters of one message that has no end; past it the stream is not what it should be. */
const messageCharsMax = 16 * 1024 * 1024
const retryFirstMs = 250
const retryMaxMs = 5_000
/** The server sends a sign of life every 15 s; silence for longer than this is a dead connection. */
const silenceMaxMs = 40_000

export interface StreamMessage {
  id: number | undefined
  event: string
  data: string
}

/** Takes text as it comes and gives whole messages. */
export function createMessageCutter(): (text: string) => StreamMessage[] {
  let rest = ''
  return (text) => {
    rest += text
    const parts = rest.split('\n\n')
    rest = parts.pop() ?? ''
    if (rest.length > messageCharsMax) throw new Error('a message of the event stream has no end')
    return parts.flatMap((part) => {
      let id: number | undefined
      let event = 'message'
      const data: string[] = []
      for (const line of part.split('\n')) {
        if (line.startsWith('id: ')) id = Number(line.slice(4))
        else if (line.startsWith('event: ')) event = line.slice(7)
        else if (line.startsWith('data: ')) data.push(line.slice(6))
      }
      return data.length === 0 ? [] : [{ id, event, data: data.join('\n') }]
    })
  }
}

export type StreamState = 'connecting' | 'open' | 'lost' | 'refused'

export interface StreamParts {
  /** Throws what `isRefusal` knows when there is no sense in trying again. */
  open(path: string, signal: AbortSignal): Promise<Response>
  isRefusal(cause: unknown): boolean
  events(events: readonly ProxyEvent[]): void
  /** So many events are gone, or (undefined) all that was seen belongs to a proxy that is no more. */
  gap(missed: number | undefined): void
  state(state: StreamState): void
}

const header = 'gauntlet-last-event-id'

/** Until the signal ends it, or the server refuses us. */
export async function followEvents(
  parts: StreamParts,
  types: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  let lastId = 0
  let retryMs = retryFirstMs
  parts.state('connecting')
  while (!signal.aborted) {
    const watch = new AbortController()
    const stop = () => watch.abort()
    signal.addEventListener('abort', stop, { once: true })
    let silence = setTimeout(stop, silenceMaxMs)
    try {
      const query = `after=${lastId}&batched=true&types=${types.join(',')}`
      const response = await parts.open(`v1/events?${query}`, watch.signal)
      const newestId = Number(response.headers.get(header) ?? lastId)
      if (newestId < lastId) {
        // Ids count from 1 again: another proxy, or the same one started anew. Its events are asked for from the start.
        lastId = 0
        parts.gap(undefined)
        continue
      }
      parts.state('open')
      retryMs = retryFirstMs
      const cut = createMessageCutter()
      const decoder = new TextDecoder()
      const reader = response.body!.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        clearTimeout(silence)
        silence = setTimeout(stop, silenceMaxMs)
        for (const { id, event, data } of cut(decoder.decode(value, { stream: true }))) {
          if (event === 'missed') parts.gap((JSON.parse(data) as { events: number }).events)
          if (event === 'batch') parts.events(JSON.parse(data) as ProxyEvent[])
          lastId = id ?? lastId
        }
      }
    } catch (cause) {
      if (parts.isRefusal(cause)) {
        parts.state('refused')
        return
      }
      // The connection broke, or the proxy is away: tried again below.
    } finally {
      clearTimeout(silence)
      signal.removeEventListener('abort', stop)
      watch.abort()
    }
    if (signal.aborted) return
    parts.state('lost')
    await new Promise((resolve) => setTimeout(resolve, retryMs))
    retryMs = Math.min(retryMaxMs, retryMs * 2)
  }
}
