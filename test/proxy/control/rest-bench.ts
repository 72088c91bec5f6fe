// An interface to ask in tests: the real engine in this thread, no broker behind it, a clock turned by hand.
import { buildControl, type RunListeners } from '../../../proxy/control/control.ts'
import { createEngine, type Engine, type EngineOptions } from '../../../proxy/engine.ts'
import type { ProxyEvent } from '../../../proxy/events.ts'
import type { FaultSpec } from '../../../proxy/faults/fault.ts'
import { clientPlaneOnly, type Reach } from '../../../proxy/faults/reach.ts'
import { type Runtime, randomStream } from '../../../proxy/runtime.ts'
import type { RemoteEngine } from '../../../proxy/start-proxy.ts'

export function handClock(): Runtime & { turn(byMs: number): void } {
  let nowMs = 1_000_000
  const timers = new Set<{ atMs: number; callback: () => void }>()
  return {
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    random: (stream) => randomStream(1, stream),
    turn(byMs) {
      nowMs += byMs
      for (const timer of [...timers]) {
        if (timer.atMs > nowMs) continue
        timers.delete(timer)
        timer.callback()
      }
    },
  }
}

export async function openRest(
  given: {
    token?: string
    options?: Partial<EngineOptions>
    faults?: FaultSpec[]
    pageFile?: string
    terminatesTls?: boolean
    engine?: Partial<RemoteEngine>
    reach?: Reach
    runListeners?: RunListeners
  } = {},
) {
  const runtime = handClock()
  const events: ProxyEvent[] = []
  let see: (events: ProxyEvent[]) => void = () => undefined
  const engine = createEngine(
    {
      bootstrap: [{ host: '127.0.0.1', port: 1 }],
      listenHost: '127.0.0.1',
      advertisedHost: '127.0.0.1',
      advertise: {},
      topicAliases: {},
      journalAllProduce: false,
      ...given.options,
    },
    {
      runtime,
      host: undefined,
      listener(event) {
        events.push(event)
        see([event])
      },
    },
  )
  for (const fault of given.faults ?? []) engine.arm(fault, 'plan')
  const remote = {
    ...Object.fromEntries(
      Object.entries(engine).map(([name, method]) => [
        name,
        async (...args: unknown[]) => (method as (...args: unknown[]) => unknown)(...args),
      ]),
    ),
    ...given.engine,
  } as unknown as RemoteEngine
  const problems: string[] = []
  const control = await buildControl({
    engine: remote,
    runtime,
    token: given.token,
    reach: given.reach ?? clientPlaneOnly,
    runListeners: given.runListeners ?? { host: '127.0.0.1' },
    faults: given.faults ?? [],
    terminatesTls: given.terminatesTls === true,
    ...(given.pageFile === undefined ? {} : { pageFile: given.pageFile }),
    version: '1.2.3',
    onProblem: (message) => problems.push(message),
  })
  see = control.see
  const { app } = control
  const headers = { host: 'localhost' }
  return {
    app,
    engine: engine as Engine,
    events,
    problems,
    runtime,
    see: control.see,
    async ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, body?: object | string) {
      const response = await app.inject({
        method,
        url,
        headers: {
          ...headers,
          ...(typeof body === 'string' ? { 'content-type': 'application/yaml' } : {}),
        },
        ...(body === undefined ? {} : { payload: body }),
      })
      const isJson = /json/.test(String(response.headers['content-type']))
      return {
        status: response.statusCode,
        type: String(response.headers['content-type'] ?? ''),
        body: isJson ? response.json() : response.body,
        headers: response.headers,
      }
    },
    async close() {
      await app.close()
      await engine.stop()
    },
  }
}
