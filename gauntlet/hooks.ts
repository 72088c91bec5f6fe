// Commands of the user's that a plan asks for: each in a process group of its own, with a time limit, and with
// its output kept in the run's folder. What they say may be anything, so it never goes into events or reports,
// except for the last line of complaint of one that failed.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HookOrder, HookResult } from '../proxy/effects/host.ts'
import { type Child, spawnChild } from './children.ts'

/** Output kept per command. */
const outputBytesMax = 1024 * 1024
const complaintCharactersMax = 500

export interface Hooks {
  run(order: HookOrder): Promise<HookResult>
  /** Ends whatever still runs. */
  stop(): Promise<void>
}

export function createHooks(options: {
  /** Where output goes; without one it goes to our own standard error. */
  folder: string | undefined
}): Hooks {
  const running = new Set<Child>()
  let stopped = false

  return {
    async run({ fault, firing, command, environment, timeoutMs }) {
      if (stopped) throw new Error('everything has been stopped')
      const name = `${fault}-${firing}`
      let keptBytes = 0
      let lastError = ''
      const keep = (line: string): void => {
        if (keptBytes > outputBytesMax) return
        keptBytes += line.length + 1
        if (options.folder === undefined) process.stderr.write(`${name}: ${line}\n`)
        else appendFileSync(join(options.folder, `hook-${name}.log`), `${line}\n`)
      }
      const child = await spawnChild({
        name: `hook ${name}`,
        command: '/bin/sh',
        args: ['-c', command],
        env: environment,
        output: {
          onLine(line, stream) {
            if (stream === 'stderr' && line.trim() !== '') {
              lastError = line.trim().slice(0, complaintCharactersMax)
            }
            keep(line)
          },
        },
      })
      running.add(child)
      // Stopped while it was being started: whoever stopped did not see it yet.
      if (stopped) void child.kill()
      child.stdin.end()
      let timedOut = false
      const timer = setTimeout(() => {
        timedOut = true
        void child.kill()
      }, timeoutMs)
      const { code, signal } = await child.exited
      clearTimeout(timer)
      // What it left behind in its group is ended with it.
      await child.kill()
      await child.said
      running.delete(child)
      return { code, signal, timedOut, lastError }
    },
    async stop() {
      stopped = true
      await Promise.all([...running].map((child) => child.kill()))
    },
  }
}
