// `gauntlet proxy` as a user starts it, and what it costs: memory and descriptors by the kernel's word, the lateness of
// its event loop by its own metrics.
import { readdirSync } from 'node:fs'
import { residentBytes } from '../../../bench/measured-process.ts'
import { type Child, type ChildExit, spawnChild } from '../../../gauntlet/children.ts'
import { entryFile } from '../../../gauntlet/entry.ts'
import type { SocketAddress } from '../../../proxy/flow/sockets.ts'

export interface Sample {
  atSeconds: number
  residentMegabytes: number
  descriptors: number
  eventLoopLagMs: number
  connections: number
  committed: number
  errors: number
  stalls: number
}

export interface StandingProxy {
  child: Child
  bootstrap: SocketAddress
  rest: string
  said: string[]
  sample(): Promise<Sample>
  descriptors(): number
  /** SIGTERM; how it ended and how long it took. */
  terminate(graceMs: number): Promise<ChildExit & { tookMs: number }>
}

const startLimitMs = 60_000
const megabyte = 1024 * 1024

/** The value of a metric, summed over its labels that hold `label`. */
function valueIn(text: string, name: string, label = ''): number {
  let sum = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name} `) && !line.startsWith(`${name}{`)) continue
    if (line.includes(label)) sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}

export async function startStandingProxy(args: readonly string[]): Promise<StandingProxy> {
  const said: string[] = []
  let found: (where: { bootstrap: SocketAddress; rest: string }) => void = () => undefined
  const where = new Promise<{ bootstrap: SocketAddress; rest: string }>((resolve) => {
    found = resolve
  })
  let bootstrap: SocketAddress | undefined
  const startedMs = performance.now()
  const child = await spawnChild({
    name: 'standing-proxy',
    command: process.execPath,
    args: [
      entryFile('gauntlet/cli.js'),
      'proxy',
      ...['--listen', '127.0.0.1:0', '--rest', '127.0.0.1:0'],
      ...args,
    ],
    output: {
      onLine(line) {
        if (said.length < 1_000) said.push(line)
        const proxy = /^Proxy (\S+):(\d+)/.exec(line)
        if (proxy !== null) bootstrap = { host: proxy[1] ?? '', port: Number(proxy[2]) }
        const rest = /^REST: (http:\S+)\/docs$/.exec(line)
        if (rest?.[1] !== undefined && bootstrap !== undefined) found({ bootstrap, rest: rest[1] })
      },
    },
  })
  const early = child.exited.then(({ code }) => {
    throw new Error(`the proxy ended with ${code}: ${said.join('\n')}`)
  })
  const late = new Promise<never>((_, reject) => {
    setTimeout(
      () => reject(new Error(`no proxy in time: ${said.join('\n')}`)),
      startLimitMs,
    ).unref()
  })
  const at = await Promise.race([where, early, late])
  early.catch(() => undefined)
  late.catch(() => undefined)
  const descriptors = (): number => readdirSync(`/proc/${child.pid}/fd`).length
  return {
    child,
    ...at,
    said,
    descriptors,
    async sample() {
      const text = await (await fetch(`${at.rest}/metrics`)).text()
      return {
        atSeconds: Math.round((performance.now() - startedMs) / 1_000),
        residentMegabytes: Math.round(residentBytes(child.pid) / megabyte),
        descriptors: descriptors(),
        eventLoopLagMs: Math.round(valueIn(text, 'gauntlet_event_loop_lag_seconds') * 1_000),
        connections: valueIn(text, 'gauntlet_client_connections', 'plane="client"'),
        committed: valueIn(text, 'gauntlet_transactions_total', 'outcome="committed"'),
        errors: valueIn(text, 'gauntlet_errors_total'),
        stalls: valueIn(text, 'gauntlet_event_loop_stalls_total'),
      }
    },
    async terminate(graceMs) {
      const beganMs = performance.now()
      const exit = await child.stop(graceMs)
      return { ...exit, tookMs: Math.round(performance.now() - beganMs) }
    },
  }
}
