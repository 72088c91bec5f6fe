// A process whose cost is read: CPU time and resident memory as the kernel counts them, the same yardstick
// for whatever language it is written in.
import { readFileSync } from 'node:fs'
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

/** User and system time of all threads of a process, those that have ended included. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The program's name comes in brackets and may hold anything; fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[userTicksField]) + Number(fields[systemTicksField])) / ticksPerSecond
}

export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * bytesPerKilobyte
}

/** Starts a compiled file of the bench that prints {"port":N} once it listens. */
export async function startListening(
  file: string,
  args: readonly string[],
  nodeFlags: readonly string[] = [],
): Promise<MeasuredProcess> {
  let listening: (port: number) => void = () => undefined
  const port = new Promise<number>((resolve) => {
    listening = resolve
  })
  const child = await spawnChild({
    name: file,
    command: process.execPath,
    args: [...nodeFlags, file, ...args],
    output: {
      onLine(line, stream) {
        if (stream === 'stderr') process.stderr.write(`${line}\n`)
        else listening((JSON.parse(line) as { port: number }).port)
      },
    },
  })
  const ended = child.exited.then(({ code }) => {
    throw new Error(`${file} ended with ${code} before it listened`)
  })
  const stop = async (): Promise<void> => void (await child.kill())
  return { pid: child.pid, port: await Promise.race([port, ended]), stop }
}
