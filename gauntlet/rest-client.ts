// How this program talks to a running proxy: one request and its answer, errors told as our own, events followed as a
// stream until somebody has seen enough.
import { createParser } from 'eventsource-parser'
import { lastEventHeader } from '../proxy/control/event-feed.ts'
import { OperatorError } from '../proxy/errors.ts'
import type { ProxyEvent } from '../proxy/events.ts'

export interface RestProxy {
  /** Without a slash at its end. */
  url: string
  token: string | undefined
}

export interface RestAnswer<Body> {
  body: Body
  lastEventId: number
}

export type RestMethod = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface StreamedEvent {
  id: number
  event: ProxyEvent
}

export interface FollowHooks {
  onEvents(events: StreamedEvent[]): void
  /** Events that the proxy does not keep any more. */
  onMissed(count: number): void
}

interface ProblemBody {
  detail?: string
  remedy?: string
  problems?: { path: string; message: string }[]
}

const headersOf = ({ token }: RestProxy): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` }

export function unreachable(url: string, cause: unknown): OperatorError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const code = (inner as NodeJS.ErrnoException).code
  const why = code ?? (inner instanceof Error ? inner.message : String(inner))
  return new OperatorError(
    'cluster-unavailable',
    `no proxy answers at ${url} (${why})`,
    'Start one with `gauntlet proxy`, or check the address given with --proxy.',
  )
}

function refused(url: string, status: number, body: ProblemBody): OperatorError {
  const places = (body.problems ?? []).map(({ path, message }) => `${path}: ${message}`)
  const said = places.length > 0 ? places.join('; ') : (body.detail ?? `status ${status}`)
  const remedy = body.remedy ?? 'See the proxy’s /docs.'
  if (status === 401) {
    return new OperatorError('wrong-arguments', `the proxy at ${url} says: ${said}`, remedy)
  }
  if (status === 409) return new OperatorError('cannot-do-here', said, remedy)
  if (status === 404) return new OperatorError('unknown-fault', said, remedy)
  return new OperatorError(status >= 500 ? 'cluster-unavailable' : 'wrong-fault', said, remedy)
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    // Whatever answered there is no proxy of ours; its status says enough.
    return { detail: text.slice(0, 200) }
  }
}

export async function askRest<Body>(
  proxy: RestProxy,
  method: RestMethod,
  path: string,
  body?: unknown,
): Promise<RestAnswer<Body>> {
  let response: Response
  let text: string
  try {
    response = await fetch(`${proxy.url}${path}`, {
      method,
      headers: {
        ...headersOf(proxy),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    text = await response.text()
  } catch (cause) {
    throw unreachable(proxy.url, cause)
  }
  const answer = parsed(text)
  if (!response.ok) throw refused(proxy.url, response.status, (answer ?? {}) as ProblemBody)
  return {
    body: answer as Body,
    lastEventId: Number(response.headers.get(lastEventHeader) ?? 0),
  }
}

/** Follows the events after this id; resolves when the stream has begun, with its end. Aborted, it ends in peace. */
export async function followRest(
  proxy: RestProxy,
  after: number,
  hooks: FollowHooks,
  signal: AbortSignal,
): Promise<{ ended: Promise<void> }> {
  let response: Response
  try {
    response = await fetch(`${proxy.url}/v1/events?after=${after}`, {
      headers: headersOf(proxy),
      signal,
    })
  } catch (cause) {
    throw unreachable(proxy.url, cause)
  }
  if (!response.ok || response.body === null) {
    throw refused(proxy.url, response.status, parsed(await response.text()) as ProblemBody)
  }
  let together: StreamedEvent[] = []
  const parser = createParser({
    onEvent({ id, event, data }) {
      if (event === 'missed') hooks.onMissed((JSON.parse(data) as { events: number }).events)
      else together.push({ id: Number(id ?? 0), event: JSON.parse(data) as ProxyEvent })
    },
  })
  const decoder = new TextDecoder()
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    try {
      for await (const chunk of stream) {
        together = []
        parser.feed(decoder.decode(chunk, { stream: true }))
        if (together.length > 0) hooks.onEvents(together)
      }
    } catch (cause) {
      if (!signal.aborted) throw unreachable(proxy.url, cause)
    }
    if (!signal.aborted) throw unreachable(proxy.url, new Error('its stream of events ended'))
  }
  const ended = read(response.body)
  // Whoever cares waits for it.
  ended.catch(() => undefined)
  return { ended }
}
