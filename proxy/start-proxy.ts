// Starts the proxy on a thread of its own and gives back the engine as if it were here: every call becomes a
// promise, events come in groups.
import { Worker } from 'node:worker_threads'
import type { Host } from './effects/host.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { OperatorError } from './errors.ts'
import type { ProxyEvent } from './events.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './worker-messages.ts'

type Promised<Method> = Method extends (...args: infer Args) => infer Result
  ? (...args: Args) => Promise<Awaited<Result>>
  : never

/** The engine across the thread border. */
export type RemoteEngine = { [Name in keyof Engine]: Promised<Engine[Name]> }

export interface ProxyThread {
  engine: RemoteEngine
  /** Settles when the thread ends; rejects if it died of an error. */
  ended: Promise<void>
  terminate(): Promise<void>
}

const methods = [
  'arm',
  'disarm',
  'fire',
  'release',
  'heal',
  'healAll',
  'status',
  'transactions',
  'groups',
  'describeTransaction',
  'hangingTransactions',
  'abortTransaction',
  'posture',
  'policies',
  'counters',
  'markWarm',
  'markCold',
  'stopClocks',
  'discover',
  'noteBroker',
  'openDoor',
  'openPlane',
  'openConnections',
  'journal',
  'nameTopics',
  'recognise',
  'closeDoor',
  'doors',
  'brokers',
  'connections',
  'cutConnection',
  'drain',
  'stop',
] as const satisfies ReadonlyArray<keyof Engine>

export async function startProxy(setup: {
  /** The compiled worker file. */
  workerFile: string
  options: EngineOptions
  seed: number
  host: Host | undefined
  onEvents: (events: ProxyEvent[]) => void
}): Promise<ProxyThread> {
  const workerData: WorkerSetup = {
    options: setup.options,
    seed: setup.seed,
    hostCan: setup.host?.can,
  }
  // Flags of the program that we are part of are not for us: some cannot even be had by a thread.
  const worker = new Worker(setup.workerFile, { workerData, execArgv: [] })
  const post = (message: ToWorker): void => worker.postMessage(message)
  const calls = new Map<
    number,
    { resolve: (value: never) => void; reject: (cause: Error) => void }
  >()
  let lastCall = 0
  let failure: Error | undefined

  const ended = new Promise<void>((resolve, reject) => {
    worker.on('error', (cause: Error) => {
      failure = cause
    })
    worker.on('exit', () => {
      const cause = failure ?? new Error('the proxy thread has ended')
      for (const call of calls.values()) call.reject(cause)
      calls.clear()
      if (failure === undefined) resolve()
      else reject(failure)
    })
  })
  // Whoever cares asks for `ended`; a death that nobody asked about must not take the process down.
  ended.catch(() => undefined)

  function call(method: keyof Engine, args: unknown[]): Promise<never> {
    return new Promise((resolve, reject) => {
      if (failure !== undefined) {
        reject(failure)
        return
      }
      const id = ++lastCall
      calls.set(id, { resolve, reject })
      post({ type: 'call', id, method, args })
    })
  }

  await new Promise<void>((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'ready':
          resolve()
          break
        case 'events':
          setup.onEvents(message.events)
          break
        case 'return':
          calls.get(message.id)?.resolve(message.value as never)
          calls.delete(message.id)
          break
        case 'throw': {
          const cause =
            message.code === undefined
              ? new Error(message.message)
              : new OperatorError(message.code, message.message, message.remedy ?? '')
          if (message.stack !== undefined) cause.stack = message.stack
          calls.get(message.id)?.reject(cause)
          calls.delete(message.id)
          break
        }
        case 'host-call': {
          const { id, method, args } = message
          const act = setup.host?.[method] as
            | ((...given: unknown[]) => Promise<unknown>)
            | undefined
          const done = act?.(...args) ?? Promise.reject(new Error('there is no host'))
          done.then(
            (value) => post({ type: 'host-return', id, value }),
            (cause) =>
              post({
                type: 'host-return',
                id,
                failure: cause instanceof Error ? cause.message : String(cause),
              }),
          )
          break
        }
      }
    })
    ended.then(() => reject(new Error('the proxy thread ended at its start')), reject)
  })

  const engine = Object.fromEntries(
    methods.map((method) => [method, (...args: unknown[]) => call(method, args)]),
  ) as unknown as RemoteEngine
  return {
    engine,
    ended,
    terminate: async () => void (await worker.terminate()),
  }
}
