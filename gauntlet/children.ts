// Every process that we start: brokers, application instances, anything of a plan. Each one leads a process
// group of its own, so that signals reach all of it and Ctrl-C reaches none of it before we have healed; its
// standard input is a pipe that we hold, so it can notice our end; and the registry sees to it that it ends
// even if it does not look. Signals here go to the whole group.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { OperatorError } from '../proxy/errors.ts'
import {
  forgetGroup,
  isGroupAlive,
  registerGroup,
  runnerEnvironment,
  signalGroup,
} from './child-registry.ts'

/** How often a signal's effect is looked for; there is no event to wait for. */
const pollMs = 5
/** What is left of a killed group is gone within this time, unless it sits in an uninterruptible call. */
const groupEndMs = 2_000
/** A stop signal takes effect at once, unless the process sits in an uninterruptible call. */
const pauseMs = 5_000
/** More than this of a tool's output is of no use to anybody. */
const toolOutputCharacters = 4 * 1024 * 1024

export interface ChildExit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface ChildOptions {
  /** For messages and the registry. */
  name: string
  command: string
  args: readonly string[]
  cwd?: string
  /** On top of our own environment; `undefined` takes a variable away. */
  env?: Readonly<Record<string, string | undefined>>
  /** Where standard output and error go: appended to a file, or line by line to a callback. */
  output: { file: string } | { onLine: (line: string, stream: 'stdout' | 'stderr') => void }
}

/** A process group that we started. Promises settle when the effect is there. */
export interface Child {
  readonly name: string
  /** Of the leader, and thereby of the group. */
  readonly pid: number
  readonly stdin: Writable
  /** Settles when the leader is reaped. */
  readonly exited: Promise<ChildExit>
  /** Settles when the callback has got the last line; at once if the output goes to a file. */
  readonly said: Promise<void>
  isRunning(): boolean
  isPaused(): boolean
  /** Any signal, without waiting for what it does. */
  signal(signal: NodeJS.Signals): void
  /** SIGKILL; resolves when the whole group is gone. */
  kill(): Promise<ChildExit>
  /** SIGSTOP; resolves when the leader stands still. */
  pause(): Promise<void>
  /** SIGCONT */
  resume(): Promise<void>
  /** SIGCONT if paused, SIGTERM, and SIGKILL when the grace is over or the leader has ended. */
  stop(graceMs: number): Promise<ChildExit>
}

const sleep = (delayMs: number) => new Promise<void>((resolve) => setTimeout(resolve, delayMs))

/** Waits for a condition that has no event; false if it did not come in time. */
async function eventually(condition: () => boolean, limitMs: number): Promise<boolean> {
  const endMs = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > endMs) return false
    await sleep(pollMs)
  }
  return true
}

/** Whether all threads of a process have stopped; only Linux tells, elsewhere the signal is trusted. */
function hasStopped(pid: number): boolean {
  if (process.platform !== 'linux') return true
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
      return /^[TtZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
    })
  } catch {
    // A thread or the process has ended in between; the next look tells.
    return false
  }
}

function environmentOf(options: ChildOptions): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env, ...runnerEnvironment() }
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (value === undefined) delete environment[name]
    else environment[name] = value
  }
  return environment
}

/** Starts a process; rejects with an OperatorError if the program cannot be run at all. */
export async function spawnChild(options: ChildOptions): Promise<Child> {
  const environment = environmentOf(options)
  const file = 'file' in options.output ? openSync(options.output.file, 'a') : undefined
  const process_ = spawn(options.command, options.args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: environment,
    detached: true,
    stdio: ['pipe', file ?? 'pipe', file ?? 'pipe'],
  })
  if (file !== undefined) closeSync(file)
  const pid = process_.pid
  if (pid !== undefined) registerGroup(pid, options.name)
  const stdin = process_.stdin
  if (stdin === null) throw new Error('a child was started without standard input')
  // It may end, or close its input, while we write: its exit tells all that matters.
  stdin.on('error', () => undefined)

  let exit: ChildExit | undefined
  let paused = false
  const exited = new Promise<ChildExit>((resolve) => {
    process_.once('exit', (code, signal) => {
      exit = { code, signal }
      resolve(exit)
    })
  })
  const { output } = options
  const ends = (['stdout', 'stderr'] as const).map((stream) => {
    const input = process_[stream]
    if (!('onLine' in output) || input === null) return Promise.resolve()
    const lines = createInterface({ input })
    lines.on('line', (line) => output.onLine(line, stream))
    return new Promise<void>((resolve) => lines.once('close', resolve))
  })
  const said = Promise.all(ends).then(() => undefined)
  await new Promise<void>((resolve, reject) => {
    process_.once('spawn', resolve)
    process_.once('error', (error) => {
      reject(
        new OperatorError(
          'workload-failed-to-start',
          `${options.name} could not be started: ${error.message}`,
          `Check that "${options.command}" exists and may be run.`,
        ),
      )
    })
  })
  if (pid === undefined) throw new Error('a started process has no id')

  // A group lives no longer than its leader: what it left behind is ended at once, because the group's id
  // may belong to a stranger as soon as the last of it is gone.
  const groupEnded = exited.then(async (result) => {
    if (signalGroup(pid, 'SIGKILL')) await eventually(() => !isGroupAlive(pid), groupEndMs)
    forgetGroup(pid)
    return result
  })
  const kill = () => {
    if (exit === undefined) signalGroup(pid, 'SIGKILL')
    return groupEnded
  }
  return {
    name: options.name,
    pid,
    stdin,
    exited,
    said,
    isRunning: () => exit === undefined,
    isPaused: () => exit === undefined && paused,
    signal: (signal) => {
      if (exit === undefined) signalGroup(pid, signal)
    },
    kill,
    pause: async () => {
      if (exit !== undefined) return
      paused = true
      signalGroup(pid, 'SIGSTOP')
      await eventually(() => exit !== undefined || hasStopped(pid), pauseMs)
    },
    resume: async () => {
      if (exit !== undefined) return
      paused = false
      signalGroup(pid, 'SIGCONT')
      await eventually(() => exit !== undefined || !hasStopped(pid), pauseMs)
    },
    stop: async (graceMs) => {
      if (exit === undefined) {
        if (paused) {
          paused = false
          signalGroup(pid, 'SIGCONT')
        }
        signalGroup(pid, 'SIGTERM')
        let timer: NodeJS.Timeout | undefined
        const grace = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, graceMs)
        })
        await Promise.race([exited, grace])
        clearTimeout(timer)
      }
      return kill()
    },
  }
}

export interface ToolResult extends ChildExit {
  stdout: string
  stderr: string
}

/** Runs a program to its end and collects what it says; past the limit it is killed. */
export async function runTool(
  options: Omit<ChildOptions, 'output'> & { limitMs: number },
): Promise<ToolResult> {
  const said = { stdout: '', stderr: '' }
  const child = await spawnChild({
    ...options,
    output: {
      onLine(line, stream) {
        if (said[stream].length < toolOutputCharacters) said[stream] += `${line}\n`
      },
    },
  })
  child.stdin.end()
  const timer = setTimeout(() => void child.kill(), options.limitMs)
  const exit = await child.exited
  clearTimeout(timer)
  await child.said
  return { ...exit, ...said }
}
