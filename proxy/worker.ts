// The proxy's own thread: an engine, driven by messages. Keeps the runner's work off the proxy's event loop,
// and watches that loop, because a proxy that stood still was a fault that nobody planned.
import { parentPort, workerData } from 'node:worker_threads'
import type { Host } from './effects/host.ts'
import { createEngine, type EngineOptions } from './engine.ts'
import { OperatorError } from './errors.ts'
import type { ProxyEvent } from './events.ts'
import { createLoopLag } from './loop-lag.ts'
import { initCompression } from './protocol/compression.ts'
import { systemRuntime } from './runtime.ts'
import type { FromWorker, HostMethod, ToWorker, WorkerSetup } from './worker-messages.ts'

/** Events leave together after this time, or when so many have gathered. */
const eventsFlushMs = 20
const eventsTogetherMax = 500
/** The loop is looked at this often; standing still for longer than the second is reported. */
const loopCheckMs = 100
const loopStallMs = 1_000

const port = parentPort
if (port === null) throw new Error('this file runs as a worker thread')
const setup = workerData as WorkerSetup
const send = (message: FromWorker): void => port.postMessage(message)

let gathered: ProxyEvent[] = []
let flushTimer: NodeJS.Timeout | undefined
function flushEvents(): void {
  clearTimeout(flushTimer)
  flushTimer = undefined
  if (gathered.length === 0) return
  const events = gathered
  gathered = []
  send({ type: 'events', events })
}
function listener(event: ProxyEvent): void {
  gathered.push(event)
  if (gathered.length >= eventsTogetherMax) flushEvents()
  else flushTimer ??= setTimeout(flushEvents, eventsFlushMs)
}

let lastCall = 0
const hostCalls = new Map<
  number,
  { resolve: (value: never) => void; reject: (cause: Error) => void }
>()
function callHost<Method extends HostMethod>(
  method: Method,
  ...args: Parameters<Host[Method]>
): ReturnType<Host[Method]> {
  return new Promise((resolve, reject) => {
    const id = ++lastCall
    hostCalls.set(id, { resolve, reject })
    send({ type: 'host-call', id, method, args })
  }) as ReturnType<Host[Method]>
}
const host: Host | undefined =
  setup.hostCan === undefined
    ? undefined
    : {
        can: setup.hostCan,
        killBroker: (node) => callHost('killBroker', node),
        stopBroker: (node) => callHost('stopBroker', node),
        startBroker: (node) => callHost('startBroker', node),
        pauseBroker: (node) => callHost('pauseBroker', node),
        resumeBroker: (node) => callHost('resumeBroker', node),
        killClient: (instance) => callHost('killClient', instance),
        startClient: (instance) => callHost('startClient', instance),
        pauseClient: (instance) => callHost('pauseClient', instance),
        resumeClient: (instance) => callHost('resumeClient', instance),
        runHook: (order) => callHost('runHook', order),
      }

const runtime = systemRuntime(setup.seed)
await initCompression()
const lag = createLoopLag()
const engine = createEngine(setup.options satisfies EngineOptions, {
  runtime,
  host,
  listener,
  loopLagMs: () => lag.longestMs(runtime.nowMs()),
})

let lastLookMs = runtime.nowMs()
setInterval(() => {
  const nowMs = runtime.nowMs()
  const stalledMs = nowMs - lastLookMs - loopCheckMs
  lastLookMs = nowMs
  lag.note(nowMs, Math.max(0, stalledMs))
  if (stalledMs > loopStallMs) {
    listener({ type: 'loop-stalled', atMs: nowMs, stalledMs: Math.round(stalledMs) })
  }
}, loopCheckMs)

async function answer(message: Extract<ToWorker, { type: 'call' }>): Promise<void> {
  try {
    const method = engine[message.method] as (...args: unknown[]) => unknown
    const value = await method(...message.args)
    // Whoever waits for the answer has then heard of all that led to it.
    flushEvents()
    send({ type: 'return', id: message.id, value })
  } catch (cause) {
    flushEvents()
    const failure = cause instanceof Error ? cause : new Error(String(cause))
    send({
      type: 'throw',
      id: message.id,
      message: failure.message,
      ...(cause instanceof OperatorError ? { code: cause.code, remedy: cause.remedy } : {}),
      ...(failure.stack === undefined ? {} : { stack: failure.stack }),
    })
  }
}

port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'call':
      void answer(message)
      break
    case 'host-return': {
      const call = hostCalls.get(message.id)
      hostCalls.delete(message.id)
      if (message.failure === undefined) call?.resolve(message.value as never)
      else call?.reject(new Error(message.failure))
      break
    }
  }
})
send({ type: 'ready' })
