// Runs that somebody else conducts with this proxy: a run gets listeners for its instances, keeps itself alive by
// showing up, and leaves its verdict here. A run whose conductor has gone is cleaned up after a while.
import type { Recognition } from '../flow/recognition.ts'
import type { SocketAddress } from '../flow/sockets.ts'
import type { DoorView } from '../flow/views.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import type { ArmedFaults } from './armed-faults.ts'
import { RestError } from './problem.ts'
import { bootstrapPorts, type PortRange, runPlace } from './run-ports.ts'

/** A conductor that has not shown up for this long is taken for dead. */
export const runSilenceMaxMs = 60_000
/** Ended runs remembered. */
export const runsKeptMax = 100

export type RunVerdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE'

export interface RunView {
  name: string
  state: 'running' | 'ended' | 'lost'
  startedAtMs: number
  endedAtMs?: number
  links: DoorView[]
  verdict?: RunVerdict
  /** What its plan expects to be told. */
  expected?: RunVerdict
  reasons?: string[]
}

export interface Runs {
  list(): RunView[]
  named(name: string): RunView
  /** Opens listeners for the instances; only one run at a time hurts a cluster. */
  start(
    name: string,
    instances: readonly string[],
    topicAliases: Readonly<Record<string, string>>,
    /** Instances that come by the door for everybody, and how they are known. */
    recognised: readonly Recognition[],
    /** The name by which its conductor calls this proxy. */
    calledBy?: string,
  ): Promise<RunView>
  /** Its conductor lives. */
  touch(name: string): void
  end(
    name: string,
    said?: { verdict: RunVerdict; expected?: RunVerdict; reasons: string[] },
  ): Promise<RunView>
  stop(): void
}

export function createRuns(parts: {
  engine: RemoteEngine
  runtime: Runtime
  faults: Pick<ArmedFaults, 'names' | 'disarm'>
  listeners: { host: string; ports?: PortRange }
  /** Something failed that nobody waits for. */
  failed: (cause: unknown) => void
}): Runs {
  const { engine, runtime, faults, listeners } = parts
  const runs = new Map<string, RunView>()
  let cancelSilence: () => void = () => undefined
  /** Armed before the run that is going on. */
  let foreign: ReadonlySet<string> = new Set()

  function named(name: string): RunView {
    const found = runs.get(name)
    if (found !== undefined) return found
    throw new RestError('not-found', `no run is called "${name}"`, 'GET /v1/runs lists them.')
  }

  /** The proxy as it is between runs. */
  async function leave(links: readonly DoorView[]): Promise<void> {
    await engine.journal(false)
    await engine.nameTopics({})
    await engine.recognise([])
    // Clocks of faults that come later run from their arming.
    await engine.markCold()
    await engine.markWarm()
    for (const { instance } of links) {
      if (instance !== undefined) await engine.closeDoor(instance)
    }
  }

  async function close(run: RunView, state: 'ended' | 'lost'): Promise<void> {
    cancelSilence()
    run.state = state
    run.endedAtMs = runtime.nowMs()
    // What was armed before the run is somebody else's, and stays.
    for (const fault of faults.names()) if (!foreign.has(fault)) await faults.disarm(fault)
    await leave(run.links)
    run.links = []
    for (const old of [...runs.keys()].slice(0, Math.max(0, runs.size - runsKeptMax))) {
      runs.delete(old)
    }
  }

  function watch(run: RunView): void {
    cancelSilence()
    cancelSilence = runtime.after(runSilenceMaxMs, () => {
      close(run, 'lost').catch(parts.failed)
    })
  }

  return {
    list: () => [...runs.values()],
    named,
    async start(name, instances, topicAliases, recognised, calledBy) {
      const running = [...runs.values()].find(({ state }) => state === 'running')
      if (running !== undefined) {
        throw new RestError(
          'conflict',
          `the run "${running.name}" is going on`,
          `Wait for its end, or DELETE /v1/runs/${running.name}.`,
        )
      }
      // Known from here on, so that a second one is refused while this one still begins.
      const run: RunView = { name, state: 'running', startedAtMs: runtime.nowMs(), links: [] }
      const before = runs.get(name)
      runs.delete(name)
      runs.set(name, run)
      foreign = new Set(faults.names())
      try {
        await engine.journal(true)
        await engine.nameTopics(topicAliases)
        await engine.markCold()
        await engine.recognise(recognised)
        const nodes = (await engine.brokers()).map(({ node }) => node)
        const ports = bootstrapPorts(listeners.ports, instances.length, Math.max(0, ...nodes))
        const place = runPlace(listeners, calledBy)
        for (const [index, instance] of instances.entries()) {
          const bootstrap: SocketAddress = await engine.openDoor(instance, ports[index] ?? 0, place)
          run.links.push({ instance, bootstrap, ports: [] })
        }
      } catch (cause) {
        runs.delete(name)
        if (before !== undefined) runs.set(name, before)
        await leave(run.links)
        throw cause
      }
      watch(run)
      return run
    },
    touch(name) {
      const run = named(name)
      if (run.state === 'running') watch(run)
    },
    async end(name, said) {
      const run = named(name)
      if (said !== undefined) Object.assign(run, said)
      if (run.state === 'running') await close(run, 'ended')
      return run
    },
    stop: () => cancelSilence(),
  }
}
