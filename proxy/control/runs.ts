// Runs that somebody else conducts with this proxy: a run gets listeners for its instances, keeps itself alive by
// showing up, and leaves its verdict here. A run whose conductor has gone is cleaned up after a while.
import type { SocketAddress } from '../flow/sockets.ts'
import type { DoorView } from '../flow/views.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import { RestError } from './problem.ts'

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
  /** Heals and disarms what the run has armed. */
  healAll(): Promise<void>
}): Runs {
  const { engine, runtime } = parts
  const runs = new Map<string, RunView>()
  let cancelSilence: () => void = () => undefined

  function named(name: string): RunView {
    const found = runs.get(name)
    if (found !== undefined) return found
    throw new RestError('not-found', `no run is called "${name}"`, 'GET /v1/runs lists them.')
  }

  async function close(run: RunView, state: 'ended' | 'lost'): Promise<void> {
    cancelSilence()
    run.state = state
    run.endedAtMs = runtime.nowMs()
    await parts.healAll()
    await engine.journal(false)
    await engine.nameTopics({})
    // Clocks of faults that come later run from their arming.
    await engine.markCold()
    await engine.markWarm()
    for (const { instance } of run.links) {
      if (instance !== undefined) await engine.closeDoor(instance)
    }
    run.links = []
    for (const old of [...runs.keys()].slice(0, Math.max(0, runs.size - runsKeptMax))) {
      runs.delete(old)
    }
  }

  function watch(run: RunView): void {
    cancelSilence()
    cancelSilence = runtime.after(runSilenceMaxMs, () => void close(run, 'lost'))
  }

  return {
    list: () => [...runs.values()],
    named,
    async start(name, instances, topicAliases) {
      const running = [...runs.values()].find(({ state }) => state === 'running')
      if (running !== undefined) {
        throw new RestError(
          'conflict',
          `the run "${running.name}" is going on`,
          `Wait for its end, or DELETE /v1/runs/${running.name}.`,
        )
      }
      await engine.journal(true)
      await engine.nameTopics(topicAliases)
      await engine.markCold()
      const links: DoorView[] = []
      for (const instance of instances) {
        const bootstrap: SocketAddress = await engine.openDoor(instance, 0)
        links.push({ instance, bootstrap, ports: [] })
      }
      const run: RunView = { name, state: 'running', startedAtMs: runtime.nowMs(), links }
      runs.delete(name)
      runs.set(name, run)
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
