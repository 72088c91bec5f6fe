// A process whose cost is read: CPU time and resident memory as the kernel counts them, the same yardstick
// for whatever language it is written in.
import { readdirSync, readFileSync } from 'node:fs'
import { spawnChild } from '../gauntlet/children.ts'

/** What Linux counts CPU time in, on every machine that Node runs on (USER_HZ). */
const ticksPerSecond = 100
const userTicksField = 11
const systemTicksField = 12
const bytesPerKilobyte = 1024

export interface MeasuredProcess {
  pid: number
  /** Where it listens. */
  port: number
  stop(): Promise<void>
}

/** Nanosecond-exact running time of all threads that are there; undefined on kernels that do not tell. */
function scheduledSeconds(pid: number): number | undefined {
  let milliseconds = 0
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${thread}/sched`, 'utf8')
      const found = /^se\.sum_exec_runtime\s*:\s*([0-9.]+)$/m.exec(text)
      if (found === null) return undefined
      milliseconds += Number(found[1])
    }
  } catch {
    // No such file: not every kernel is built with it.
    return undefined
  }
  return milliseconds / 1_000
}

/** User and system time in steps of ten milliseconds. */
function accountedSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The program's name comes in brackets and may hold anything; fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[userTicksField]) + Number(fields[systemTicksField])) / ticksPerSecond
}

const exact = scheduledSeconds(process.pid) !== undefined

/** CPU time that a process has used up to now, in all its threads. */
export function cpuSeconds(pid: number): number {
  return (exact ? scheduledSeconds(pid) : undefined) ?? accountedSeconds(pid)
}

export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * bytesPerKilobyte
}

/** Starts a program that prints {"port":N} once it listens. */
export async function startListening(
  name: string,
  command: string,
  args: readonly string[],
): Promise<MeasuredProcess> {
  let listening: (port: number) => void = () => undefined
  const port = new Promise<number>((resolve) => {
    listening = resolve
  })
  const child = await spawnChild({
    name,
    command,
    args,
    output: {
      onLine(line, stream) {
        if (stream === 'stderr') process.stderr.write(`${name}: ${line}\n`)
        else listening((JSON.parse(line) as { port: number }).port)
      },
    },
  })
  const ended = child.exited.then(({ code }) => {
    throw new Error(`${name} ended with ${code} before it listened`)
  })
  const stop = async (): Promise<void> => void (await child.kill())
  try {
    return { pid: child.pid, port: await Promise.race([port, ended]), stop }
  } finally {
    // Later it ends because we end it.
    ended.catch(() => undefined)
  }
}
