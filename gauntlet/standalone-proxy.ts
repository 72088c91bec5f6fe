// `gauntlet proxy`: the proxy alone, in front of somebody's cluster, with the faults of a plan armed. It runs
// until it is told to stop, heals first, and then leaves.
import { OperatorError } from '../proxy/errors.ts'
import type { ProxyEvent } from '../proxy/events.ts'
import type { FaultSpec } from '../proxy/faults/fault.ts'
import type { SocketAddress } from '../proxy/flow/sockets.ts'
import { startProxy } from '../proxy/start-proxy.ts'
import { entryFile } from './entry.ts'
import { createHooks } from './hooks.ts'
import { createHost } from './host.ts'

export interface StandaloneOptions {
  bootstrap: readonly SocketAddress[]
  listen: SocketAddress
  /** The host name that clients are told; default: where it listens. */
  advertisedHost?: string
  advertise: Readonly<Record<string, number>>
  topicAliases: Readonly<Record<string, string>>
  faults: readonly FaultSpec[]
  seed: number
  onEvents: (events: ProxyEvent[]) => void
}

/** Starts it, tells where clients connect, and resolves when the signal has ended it. */
export async function runProxy(
  options: StandaloneOptions,
  signal: AbortSignal,
  listening: (bootstrap: SocketAddress) => void,
): Promise<void> {
  const hooks = createHooks({ folder: undefined })
  const proxy = await startProxy({
    workerFile: entryFile('proxy/worker.js'),
    seed: options.seed,
    host: createHost({ hooks }),
    onEvents: options.onEvents,
    options: {
      bootstrap: options.bootstrap,
      listenHost: options.listen.host,
      advertisedHost: options.advertisedHost ?? options.listen.host,
      advertise: options.advertise,
      topicAliases: options.topicAliases,
      journalAllProduce: false,
    },
  })
  const { engine } = proxy
  try {
    for (const fault of options.faults) await engine.arm(fault, 'plan')
    try {
      await engine.discover()
    } catch (cause) {
      const tried = options.bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')
      throw new OperatorError(
        'cluster-unavailable',
        `no broker answered at ${tried} (${cause instanceof Error ? cause.message : cause})`,
        'Check the addresses given with --bootstrap, and that the cluster runs.',
      )
    }
    const bootstrap = await engine.openDoor(undefined, options.listen.port).catch((cause) => {
      throw new OperatorError(
        'address-in-use',
        `cannot listen on ${options.listen.host}:${options.listen.port} (${cause instanceof Error ? cause.message : cause})`,
        'Give another address with --listen; brokers take the ports right behind it.',
      )
    })
    await engine.markWarm()
    listening(bootstrap)
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([stopped, proxy.ended])
    await engine.healAll()
    await engine.stop()
  } finally {
    await hooks.stop()
    await proxy.terminate()
  }
}
