// A proxy that runs already, driven by REST as if it were on a thread of ours: every call a request, events as a
// stream. An answer is handed on only when all events that led to it have been.
import type { BrokerTransaction } from '../proxy/effects/transactions-at-brokers.ts'
import { OperatorError } from '../proxy/errors.ts'
import type { FaultStatus, ProxyEvent } from '../proxy/events.ts'
import type { Reach } from '../proxy/faults/reach.ts'
import type { Recognition } from '../proxy/flow/recognition.ts'
import type { DoorView } from '../proxy/flow/views.ts'
import type { ProxyThread, RemoteEngine } from '../proxy/start-proxy.ts'
import type { RunResult } from '../validators/result.ts'
import { askRest, followRest, type RestMethod, type RestProxy } from './rest-client.ts'

/** A run shows up so often that the proxy does not take it for dead. */
const touchEveryMs = 10_000
/** Faults of a run live as long as the run; this is for the case that nobody ends it. */
const faultsExpire = '24h'
/** How long an answer waits for the events that led to it. */
const eventsPatienceMs = 5_000

/** What a running proxy knows of its cluster. */
export interface ProxiedBroker {
  node: number
  address?: { host: string; port: number }
}

/** What the proxy is told of a run's result. */
export type ToldResult = Pick<RunResult, 'verdict' | 'expected' | 'reasons'> & {
  records: Pick<
    RunResult['records'],
    'expected' | 'committed' | 'lost' | 'duplicated' | 'unexpected'
  >
  findings: ReadonlyArray<Pick<RunResult['findings'][number], 'kind' | 'count'>>
}

export interface ProxyByRest extends ProxyThread {
  brokers(): Promise<ProxiedBroker[]>
  /** Leaves the verdict of the run with the proxy. */
  putVerdict(result: ToldResult): Promise<void>
}

const addressesOf = (brokers: readonly ProxiedBroker[]): string[] =>
  brokers.flatMap(({ address }) =>
    address === undefined ? [] : [`${address.host}:${address.port}`],
  )

/** What a running proxy may hurt: plans are checked against it. */
export async function reachOfProxy(proxy: RestProxy): Promise<Reach> {
  return (await askRest<Reach>(proxy, 'GET', '/v1/reach')).body
}

/** The brokers behind a running proxy, as `HOST:PORT`. */
export async function brokersBehind(proxy: RestProxy): Promise<string[]> {
  const { body } = await askRest<{ brokers: ProxiedBroker[] }>(proxy, 'GET', '/v1/brokers')
  const addresses = addressesOf(body.brokers)
  if (addresses.length > 0) return addresses
  throw new OperatorError(
    'cluster-unavailable',
    `the proxy at ${proxy.url} knows of no broker yet`,
    'Wait until its /ready says so.',
  )
}

/** Begins a run with a running proxy. */
export async function connectProxy(
  proxy: RestProxy,
  run: {
    name: string
    instances: readonly string[]
    topicAliases: Readonly<Record<string, string>>
    /** Instances that come by the proxy's own listener. */
    recognised: readonly Recognition[]
  },
  onEvents: (events: ProxyEvent[]) => void,
): Promise<ProxyByRest> {
  const stream = new AbortController()
  const waiters = new Set<() => void>()
  let seenId = 0
  let isBroken = false

  const lost = (message: string): void =>
    onEvents([{ type: 'error', atMs: Date.now(), code: 'events-lost', message }])

  function caughtUp(id: number): Promise<void> {
    const isDone = (): boolean => seenId >= id || isBroken || stream.signal.aborted
    if (isDone()) return Promise.resolve()
    return new Promise((resolve) => {
      const leave = (): void => {
        clearTimeout(timer)
        waiters.delete(look)
        resolve()
      }
      const look = (): void => {
        if (isDone()) leave()
      }
      const timer = setTimeout(leave, eventsPatienceMs)
      waiters.add(look)
    })
  }

  async function ask<Body>(method: RestMethod, path: string, body?: unknown): Promise<Body> {
    const answer = await askRest<Body>(proxy, method, path, body)
    await caughtUp(answer.lastEventId)
    return answer.body
  }

  const { lastEventId } = await askRest(proxy, 'GET', '/health')
  seenId = lastEventId
  const { ended: streamEnded } = await followRest(
    proxy,
    lastEventId,
    {
      onEvents(events) {
        onEvents(events.map(({ event }) => event))
        seenId = events.at(-1)?.id ?? seenId
        for (const look of [...waiters]) look()
      },
      onMissed: (count) => lost(`${count} events of the proxy were lost`),
    },
    stream.signal,
  )
  streamEnded.catch((cause: Error) => {
    isBroken = true
    lost(`events of the proxy are missing: ${cause.message}`)
    for (const look of [...waiters]) look()
  })

  // Our instances reach it by the name by which we do.
  const calledBy = new URL(proxy.url).hostname.replace(/^\[|\]$/g, '')
  const begun = ask<{ links: DoorView[] }>('POST', '/v1/runs', { ...run, calledBy })
  const started = await begun.catch((cause) => {
    stream.abort()
    throw cause
  })
  const runPath = `/v1/runs/${encodeURIComponent(run.name)}`
  const touch = setInterval(() => {
    ask('GET', runPath).catch(() => {
      // The next call that matters says what is wrong.
    })
  }, touchEveryMs)
  const transactionPath = (id: string): string => `/v1/transactions/${encodeURIComponent(id)}`
  const faultPath = (name: string): string => `/v1/faults/${encodeURIComponent(name)}`
  /** Every fault of this run, and those of them that have not been disarmed. */
  const own = new Set<string>()
  const armed = new Set<string>()
  async function disarm(name: string): Promise<void> {
    await ask('DELETE', faultPath(name))
    armed.delete(name)
  }
  let isEnded = false
  async function end(): Promise<void> {
    if (isEnded) return
    isEnded = true
    clearInterval(touch)
    await ask('DELETE', runPath)
  }
  /** One list out of an answer that holds nothing else. */
  async function listed<Name extends keyof RemoteEngine>(
    path: string,
    key: string,
  ): Promise<Awaited<ReturnType<RemoteEngine[Name]>>> {
    const body = await ask<Record<string, Awaited<ReturnType<RemoteEngine[Name]>>>>('GET', path)
    const list = body[key]
    if (list === undefined) throw new Error(`${path} answers no ${key}`)
    return list
  }

  const engine = {
    async arm(spec) {
      await ask('POST', `/v1/faults?expires=${faultsExpire}`, spec)
      own.add(spec.name)
      armed.add(spec.name)
    },
    disarm,
    fire: (name) => ask('POST', `${faultPath(name)}/fire`),
    async release(name) {
      await ask('POST', `${faultPath(name)}/release`)
      return 0
    },
    heal: (name) => ask('POST', `${faultPath(name)}/heal`),
    /** Its own only: others may have armed faults before the run. */
    async healAll() {
      for (const name of [...armed]) await disarm(name)
    },
    async status() {
      const { faults } = await ask<{ faults: FaultStatus[] }>('GET', '/v1/faults?all=true')
      // A name that was armed before has two entries; ours is the later one.
      const newest = new Map(faults.map((fault) => [fault.name, fault]))
      return [...newest.values()].filter(({ name }) => own.has(name))
    },
    transactions: () => listed<'transactions'>('/v1/transactions', 'transactions'),
    groups: () => listed<'groups'>('/v1/groups', 'groups'),
    posture: () => listed<'posture'>('/v1/clients', 'clients'),
    policies: () => listed<'policies'>('/v1/policies', 'policies'),
    async describeTransaction(id) {
      const { cluster } = await ask<{ cluster?: BrokerTransaction }>('GET', transactionPath(id))
      return cluster
    },
    hangingTransactions: (olderThanMs) =>
      listed<'hangingTransactions'>(
        `/v1/hanging-transactions?older-than=${olderThanMs}ms`,
        'transactions',
      ),
    abortTransaction: (id) => ask('POST', `${transactionPath(id)}/abort`, { confirm: id }),
    doors: () => listed<'doors'>('/v1/links', 'links'),
    brokers: () => listed<'brokers'>('/v1/brokers', 'brokers'),
    connections: () => listed<'connections'>('/v1/connections', 'connections'),
    openConnections: async () =>
      (await listed<'connections'>('/v1/connections', 'connections')).length,
    async cutConnection(id) {
      await ask('DELETE', `/v1/connections/${id}`)
      return true
    },
    markWarm: () => ask('POST', `${runPath}/warm`),
    stopClocks: () => ask('POST', `${runPath}/stop-clocks`),
    discover: () => ask('GET', '/ready'),
    async openDoor(instance) {
      const link = started.links.find((one) => one.instance === instance)
      if (link === undefined) throw new Error(`the run has no listener for ${instance}`)
      return link.bootstrap
    },
    async openPlane(plane) {
      throw new OperatorError(
        'cannot-do-here',
        `the ${plane} plane is not behind the proxy at ${proxy.url}`,
        'Such a plan needs brokers that gauntlet starts itself: run it without --proxy.',
      )
    },
    async counters() {
      throw new Error('a running proxy shows its numbers at /metrics')
    },
    // The proxy does these by itself when a run begins and ends.
    markCold: async () => undefined,
    noteBroker: async () => undefined,
    journal: async () => undefined,
    nameTopics: async () => undefined,
    recognise: async () => undefined,
    closeDoor: async () => false,
    async drain() {
      throw new Error('a running proxy drains when it is told to stop')
    },
    stop: end,
  } satisfies RemoteEngine

  return {
    engine,
    ended: new Promise(() => undefined),
    async terminate() {
      await end().catch(() => {
        // The proxy cleans up by itself when nobody shows up any more.
      })
      stream.abort()
    },
    brokers: () => engine.brokers(),
    async putVerdict({ verdict, expected, reasons, records, findings }) {
      isEnded = true
      clearInterval(touch)
      await ask('PUT', `${runPath}/verdict`, {
        verdict,
        expected,
        reasons: reasons.slice(0, 100),
        records: {
          expected: records.expected,
          committed: records.committed,
          lost: records.lost,
          duplicated: records.duplicated,
          unexpected: records.unexpected,
        },
        anomalies: findings.map(({ kind, count }) => ({ kind, count })),
      })
    },
  }
}
