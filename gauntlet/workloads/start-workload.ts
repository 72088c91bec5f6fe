// Starts one instance of the application under test, and keeps it as the plan wants it: started again when it
// ends by itself (so often), left alone when we ended it.
import { appendFileSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { OperatorError } from '../../proxy/errors.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import { type Child, type ChildExit, spawnChild } from '../children.ts'
import { type CommandSpec, commandProgram } from './command.ts'
import { copierProgram } from './copier.ts'
import type { CopierSpec } from './copier-settings.ts'
import { boundLog } from './log-bound.ts'
import type { Program } from './program.ts'
import type { Instance, InstanceExit, InstanceSetup, OwnExit } from './workload.ts'

export type WorkloadSpec = { copier: CopierSpec } | { command: CommandSpec }

export interface WorkloadContext {
  runtime: Runtime
  /** The run's seed; the copiers' random choices derive from it. */
  seed: number
}

/** How long an instance may take until it says that it is up. */
const readyLimitMs = 60_000
const readyLookMs = 20
/** A line that says that it is up is shorter. */
const readyLineCharacters = 64 * 1024
/** Before an instance that ended by itself is started again. */
const restartDelayMs = 500
/** A program that prints without end is read in pieces. */
const readBytesMax = 4 * 1024 * 1024
const logTailBytes = 4_096
const logTailLines = 8

/** Resolves when the instance is up; rejects with an OperatorError if it ends before that. */
export async function startInstance(
  spec: WorkloadSpec,
  setup: InstanceSetup,
  context: WorkloadContext,
): Promise<Instance> {
  if ('copier' in spec) {
    const program = await copierProgram(spec.copier, setup, context.seed)
    return startProgram(program, setup, { ...context, restartTimes: spec.copier.restartTimes })
  }
  const program = commandProgram(spec.command, setup)
  const { restartTimes, startGraceMs } = spec.command
  return startProgram(program, setup, {
    ...context,
    restartTimes,
    ...(startGraceMs === undefined ? {} : { startGraceMs }),
  })
}

export async function startProgram(
  program: Program,
  setup: InstanceSetup,
  options: { runtime: Runtime; restartTimes: number; startGraceMs?: number },
): Promise<Instance> {
  const { runtime, restartTimes } = options
  const listeners: ((exit: OwnExit) => void)[] = []
  const restartListeners: (() => void)[] = []
  let child: Child | undefined
  /** Settles when a start that is under way is over. */
  let starting: Promise<unknown> = Promise.resolve()
  /** Children that end because we want it. */
  const ending = new WeakSet<Child>()
  let lastExit: InstanceExit | undefined
  let restarts = 0
  let incarnations = 0
  /** Before anybody listened. */
  const unheard: OwnExit[] = []
  let stopped = false
  let cancelRestart: () => void = () => undefined

  function start(): Promise<Child> {
    const spawned = spawn()
    starting = spawned.catch(() => undefined)
    return spawned
  }

  async function spawn(): Promise<Child> {
    const started = await spawnChild({
      name: setup.name,
      command: program.command,
      args: program.args,
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      env: program.env,
      output: { file: setup.logFile },
    })
    child = started
    incarnations += 1
    started.exited.then((exit) => onExit(started, exit))
    // Stopped while it was being started: nobody else would end it.
    if (stopped) {
      ending.add(started)
      await started.kill()
    }
    return started
  }

  function tell(exit: OwnExit): void {
    if (listeners.length === 0) unheard.push(exit)
    for (const listener of listeners) listener(exit)
  }

  function onExit(ended: Child, exit: ChildExit): void {
    lastExit = { ...exit, atMs: runtime.nowMs() }
    if (child === ended) child = undefined
    if (ending.has(ended)) return
    const comesBack = !stopped && restarts < restartTimes
    tell({ ...lastExit, comesBack })
    if (!comesBack) return
    cancelRestart = runtime.after(restartDelayMs, () => {
      restarts++
      const again = start().then(() => {
        for (const listener of restartListeners) listener()
      })
      again.catch((error: Error) => {
        // It ran before, so something has been taken away meanwhile: as good as an exit.
        appendFileSync(setup.logFile, `${error.message}\n`)
        lastExit = { code: null, signal: null, atMs: runtime.nowMs() }
        tell({ ...lastExit, comesBack: false })
      })
    })
  }

  const bound = boundLog(setup.logFile, runtime)
  const logStart = await sizeOf(setup.logFile)
  let first: Child | undefined
  try {
    first = await start()
    if (program.ready !== undefined) {
      const limitMs = options.startGraceMs ?? readyLimitMs
      await untilReady(first, program.ready, { setup, logStart, runtime, limitMs })
    }
  } catch (error) {
    stopped = true
    cancelRestart()
    bound.stop()
    if (first !== undefined) {
      ending.add(first)
      await first.kill()
    }
    throw error
  }

  return {
    name: setup.name,
    index: setup.index,
    pid: () => child?.pid,
    restarts: () => restarts,
    incarnations: () => incarnations,
    async kill() {
      cancelRestart()
      await starting
      if (child === undefined) return undefined
      const { pid } = child
      ending.add(child)
      await child.kill()
      return pid
    },
    async pause() {
      await starting
      await child?.pause()
    },
    async resume() {
      await child?.resume()
    },
    async restart() {
      cancelRestart()
      await starting
      if (stopped || child !== undefined) return
      await start()
    },
    async stop(graceMs) {
      stopped = true
      cancelRestart()
      await starting
      bound.stop()
      if (child !== undefined) {
        ending.add(child)
        const exit = await child.stop(graceMs)
        return { ...exit, atMs: lastExit?.atMs ?? runtime.nowMs() }
      }
      return lastExit ?? { code: null, signal: null, atMs: runtime.nowMs() }
    },
    onExit(listener) {
      listeners.push(listener)
      for (const exit of unheard.splice(0)) listener(exit)
    },
    onRestart(listener) {
      restartListeners.push(listener)
    },
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch {
    // Not written yet.
    return 0
  }
}

/** What was written to the file from an offset on. */
async function bytesFrom(file: string, start: number): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const length = Math.min(readBytesMax, Math.max(0, (await handle.stat()).size - start))
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function untilReady(
  child: Child,
  ready: RegExp,
  options: { setup: InstanceSetup; logStart: number; runtime: Runtime; limitMs: number },
): Promise<void> {
  const { setup, runtime, limitMs } = options
  const endMs = runtime.nowMs() + limitMs
  let readUpTo = options.logStart
  let rest = ''
  while (true) {
    const running = child.isRunning()
    // A log that grew beyond its bound has been cut in the meantime.
    readUpTo = Math.min(readUpTo, await sizeOf(setup.logFile))
    const bytes = await bytesFrom(setup.logFile, readUpTo)
    readUpTo += bytes.length
    const lines = (rest + bytes.toString()).split('\n')
    rest = (lines.pop() ?? '').slice(0, readyLineCharacters)
    if (lines.some((line) => ready.test(line))) return
    if (!running) {
      const { code, signal } = await child.exited
      const how = signal === null ? `with code ${code}` : `by ${signal}`
      throw await failedToStart(setup, `ended ${how} before it was ready`)
    }
    if (runtime.nowMs() > endMs) {
      throw await failedToStart(setup, `was not ready after ${limitMs / 1_000} s`)
    }
    await new Promise<void>((resolve) => runtime.after(readyLookMs, resolve))
  }
}

async function failedToStart(setup: InstanceSetup, what: string): Promise<OperatorError> {
  const size = await sizeOf(setup.logFile)
  const bytes = await bytesFrom(setup.logFile, Math.max(0, size - logTailBytes))
  const tail = bytes.toString().trimEnd().split('\n').slice(-logTailLines).join('\n')
  return new OperatorError(
    'workload-failed-to-start',
    `${setup.name} ${what}. Its last output:\n${tail}`,
    `Its whole output is in ${setup.logFile}.`,
  )
}
