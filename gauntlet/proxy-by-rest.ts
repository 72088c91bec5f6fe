// A proxy that runs already, driven by REST as if it were on a thread of ours: every call a request, events as a
// stream. An answer is handed on only when all events that led to it have been.
import { createParser } from 'eventsource-parser'
import { OperatorError } from '../proxy/errors.ts'
import type { FaultStatus, ProxyEvent } from '../proxy/events.ts'
import type { DoorView } from '../proxy/flow/views.ts'
import type { ProxyThread, RemoteEngine } from '../proxy/start-proxy.ts'

const lastEventHeader = 'gauntlet-last-event-id'
/** A run shows up so often that the proxy does not take it for dead. */
const touchEveryMs = 10_000
/** Faults of a run live as long as the run; this is for the case that nobody ends it. */
const faultsExpire = '24h'
/** How long an answer waits for the events that led to it. */
const eventsPatienceMs = 5_000

export interface RestProxy {
  url: string
  token: string | undefined
}

interface ProblemBody {
  detail?: string
  remedy?: string
  code?: string
}

function unreachable(url: string, cause: unknown): OperatorError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new OperatorError(
    'cluster-unavailable',
    `no proxy answers at ${url} (${why})`,
    'Start one with `gauntlet proxy`, or check the address given with --proxy.',
  )
}

function refused(url: string, status: number, body: ProblemBody): OperatorError {
  const said = body.detail ?? `status ${status}`
  const remedy = body.remedy ?? 'See the proxy’s /docs.'
  if (status === 401) {
    return new OperatorError('wrong-arguments', `the proxy at ${url} says: ${said}`, remedy)
  }
  if (status === 409) return new OperatorError('cannot-do-here', said, remedy)
  if (status === 404) return new OperatorError('unknown-fault', said, remedy)
  return new OperatorError(status >= 500 ? 'cluster-unavailable' : 'wrong-fault', said, remedy)
}

/** What a running proxy knows of its cluster. */
export interface ProxiedBroker {
  node: number
  address?: { host: string; port: number }
}

export interface ProxyByRest extends ProxyThread {
  brokers(): Promise<ProxiedBroker[]>
  /** Leaves the verdict of the run with the proxy. */
  putVerdict(verdict: string, reasons: readonly string[]): Promise<void>
}

/** The brokers behind a running proxy, as `HOST:PORT`: plans are checked for what can be done to them. */
export async function brokersBehind({ url, token }: RestProxy): Promise<string[]> {
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/v1/brokers`, { headers }).catch((cause: unknown) => {
    throw unreachable(url, cause instanceof Error ? (cause.cause ?? cause) : cause)
  })
  const body = (await response.json()) as ProblemBody & { brokers?: ProxiedBroker[] }
  if (!response.ok) throw refused(url, response.status, body)
  const addresses = (body.brokers ?? []).flatMap(({ address }) =>
    address === undefined ? [] : [`${address.host}:${address.port}`],
  )
  if (addresses.length > 0) return addresses
  throw new OperatorError(
    'cluster-unavailable',
    `the proxy at ${url} knows of no broker yet`,
    'Wait until its /ready says so.',
  )
}

/** Begins a run with a running proxy. */
export async function connectProxy(
  { url, token }: RestProxy,
  run: {
    name: string
    instances: readonly string[]
    topicAliases: Readonly<Record<string, string>>
  },
  onEvents: (events: ProxyEvent[]) => void,
): Promise<ProxyByRest> {
  const base = url.replace(/\/$/, '')
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` }
  let seenId = 0
  const waiters = new Set<() => void>()
  const stream = new AbortController()
  let streamFailure: Error | undefined

  function caughtUp(id: number): Promise<void> {
    if (seenId >= id || streamFailure !== undefined || stream.signal.aborted)
      return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        if (seenId < id && streamFailure === undefined) return
        clearTimeout(timer)
        waiters.delete(done)
        resolve()
      }
      const timer = setTimeout(() => {
        waiters.delete(done)
        resolve()
      }, eventsPatienceMs)
      waiters.add(done)
    })
  }

  async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    let response: Response
    try {
      response = await fetch(`${base}${path}`, {
        method,
        headers: {
          ...headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw unreachable(base, cause instanceof Error ? (cause.cause ?? cause) : cause)
    }
    const text = await response.text()
    const answer: unknown = text === '' ? undefined : JSON.parse(text)
    if (!response.ok) throw refused(base, response.status, (answer ?? {}) as ProblemBody)
    await caughtUp(Number(response.headers.get(lastEventHeader) ?? 0))
    return answer as Answer
  }

  /** Follows the events from the newest on. */
  async function follow(after: number): Promise<void> {
    seenId = after
    const response = await fetch(`${base}/v1/events?after=${after}`, {
      headers,
      signal: stream.signal,
    })
    if (!response.ok || response.body === null) {
      throw refused(base, response.status, {})
    }
    const parser = createParser({
      onEvent({ id, event, data }) {
        if (event === 'missed') {
          const message = `events of the proxy were lost: ${data}`
          onEvents([{ type: 'error', atMs: Date.now(), code: 'events-lost', message }])
        } else onEvents([JSON.parse(data) as ProxyEvent])
        if (id !== undefined) seenId = Number(id)
        for (const waiter of [...waiters]) waiter()
      },
    })
    const decoder = new TextDecoder()
    const reading = async (body: ReadableStream<Uint8Array>): Promise<void> => {
      for await (const chunk of body) parser.feed(decoder.decode(chunk, { stream: true }))
      throw new Error('the proxy has ended its stream of events')
    }
    reading(response.body).catch((cause: unknown) => {
      if (stream.signal.aborted) return
      streamFailure = cause instanceof Error ? cause : new Error(String(cause))
      const message = `events of the proxy are missing: ${streamFailure.message}`
      onEvents([{ type: 'error', atMs: Date.now(), code: 'events-lost', message }])
      for (const waiter of [...waiters]) waiter()
    })
  }

  const first = await fetch(`${base}/health`).catch((cause: unknown) => {
    throw unreachable(base, cause instanceof Error ? (cause.cause ?? cause) : cause)
  })
  await first.text()
  await follow(Number(first.headers.get(lastEventHeader) ?? 0))
  const started = await ask<{ links: DoorView[] }>('POST', '/v1/runs', run)
  const runPath = `/v1/runs/${encodeURIComponent(run.name)}`
  const touch = setInterval(() => {
    ask('GET', runPath).catch(() => {
      // The next call that matters says what is wrong.
    })
  }, touchEveryMs)
  const faultPath = (name: string): string => `/v1/faults/${encodeURIComponent(name)}`
  const own = new Set<string>()
  let ended = false
  async function end(): Promise<void> {
    if (ended) return
    ended = true
    clearInterval(touch)
    await ask('DELETE', runPath)
  }

  const engine: RemoteEngine = {
    async arm(spec) {
      await ask('POST', `/v1/faults?expires=${faultsExpire}`, spec)
      own.add(spec.name)
    },
    disarm: (name) => ask('DELETE', faultPath(name)),
    fire: (name) => ask('POST', `${faultPath(name)}/fire`),
    async release(name) {
      await ask('POST', `${faultPath(name)}/release`)
      return 0
    },
    heal: (name) => ask('POST', `${faultPath(name)}/heal`),
    healAll: () => ask('POST', '/v1/heal'),
    async status() {
      const { faults } = await ask<{ faults: FaultStatus[] }>('GET', '/v1/faults?all=true')
      // A name that was armed before has two entries; ours is the later one.
      const newest = new Map(faults.map((fault) => [fault.name, fault]))
      return [...newest.values()].filter(({ name }) => own.has(name))
    },
    transactions: async () =>
      (
        await ask<{ transactions: Awaited<ReturnType<RemoteEngine['transactions']>> }>(
          'GET',
          '/v1/transactions',
        )
      ).transactions,
    groups: async () =>
      (await ask<{ groups: Awaited<ReturnType<RemoteEngine['groups']>> }>('GET', '/v1/groups'))
        .groups,
    markWarm: () => ask('POST', `${runPath}/warm`),
    markCold: async () => undefined,
    stopClocks: () => ask('POST', `${runPath}/stop-clocks`),
    discover: () => ask('GET', '/ready'),
    noteBroker: async () => undefined,
    async openDoor(instance) {
      const link = started.links.find((one) => one.instance === instance)
      if (link === undefined) throw new Error(`the run has no listener for ${instance}`)
      return link.bootstrap
    },
    async openPlane(plane) {
      throw new OperatorError(
        'cannot-do-here',
        `the ${plane} plane is not behind the proxy at ${base}`,
        'Such a plan needs brokers that gauntlet starts itself: run it without --proxy.',
      )
    },
    openConnections: async () =>
      (await ask<{ connections: unknown[] }>('GET', '/v1/connections')).connections.length,
    journal: async () => undefined,
    nameTopics: async () => undefined,
    async closeDoor() {
      return false
    },
    doors: async () => (await ask<{ links: DoorView[] }>('GET', '/v1/links')).links,
    brokers: async () =>
      (await ask<{ brokers: Awaited<ReturnType<RemoteEngine['brokers']>> }>('GET', '/v1/brokers'))
        .brokers,
    connections: async () =>
      (
        await ask<{ connections: Awaited<ReturnType<RemoteEngine['connections']>> }>(
          'GET',
          '/v1/connections',
        )
      ).connections,
    async cutConnection(id) {
      await ask('DELETE', `/v1/connections/${id}`)
      return true
    },
    stop: end,
  }
  return {
    engine,
    ended: new Promise(() => undefined),
    async terminate() {
      await end().catch(() => {
        // The proxy cleans up by itself when nobody shows up any more.
      })
      stream.abort()
    },
    brokers: async () => (await ask<{ brokers: ProxiedBroker[] }>('GET', '/v1/brokers')).brokers,
    async putVerdict(verdict, reasons) {
      ended = true
      clearInterval(touch)
      await ask('PUT', `${runPath}/verdict`, { verdict, reasons: reasons.slice(0, 100) })
    },
  }
}
