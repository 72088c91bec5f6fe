// The neighbour to compare with: Toxiproxy, built once from its public module by the Go toolchain.
import { execFile } from 'node:child_process'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { spawnChild } from '../gauntlet/children.ts'
import { cacheDirectory, exists } from '../gauntlet/clusters/cache.ts'
import { reservePorts } from '../gauntlet/clusters/ports.ts'
import { findProgram } from '../gauntlet/prerequisites.ts'
import type { MeasuredProcess } from './measured-process.ts'

export const toxiproxyVersion = '2.12.0'
const module = 'github.com/Shopify/toxiproxy/v2/cmd/server'
const buildTimeoutMs = 10 * 60_000
const startLimitMs = 10_000
const host = '127.0.0.1'
const run = promisify(execFile)

/** The program, or undefined (and said) where it cannot be built. */
export async function buildToxiproxy(say: (line: string) => void): Promise<string | undefined> {
  const folder = join(cacheDirectory(), 'bench')
  const program = join(folder, `toxiproxy-${toxiproxyVersion}`)
  if (await exists(program)) return program
  const go = await findProgram('go')
  if (go === undefined) {
    say(
      'Go is not installed, so Toxiproxy is left out. Install Go 1.23 or later to compare with it.',
    )
    return undefined
  }
  say(`building Toxiproxy ${toxiproxyVersion}`)
  const temporary = join(folder, `build-${process.pid}`)
  await mkdir(temporary, { recursive: true })
  try {
    await run(go, ['install', `${module}@v${toxiproxyVersion}`], {
      env: { ...process.env, GOBIN: temporary },
      timeout: buildTimeoutMs,
    })
    await rename(join(temporary, 'server'), program)
    return program
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    say(`Toxiproxy could not be built and is left out: ${message}`)
    return undefined
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function post(port: number, path: string, body: unknown): Promise<void> {
  const endMs = performance.now() + startLimitMs
  for (;;) {
    try {
      const answer = await fetch(`http://${host}:${port}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      if (answer.ok) return
      throw new Error(`Toxiproxy answered ${answer.status}: ${await answer.text()}`)
    } catch (cause) {
      // Refused until it listens; anything else, or too long, is a failure.
      const refused = cause instanceof TypeError && performance.now() < endMs
      if (!refused) throw cause
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** One proxy without toxics in front of a port. */
export async function startToxiproxy(
  program: string,
  upstreamPort: number,
  listenPort?: number,
): Promise<MeasuredProcess> {
  const [apiPort, anyPort] = await reservePorts(2)
  const port = listenPort ?? anyPort
  if (apiPort === undefined || port === undefined) throw new Error('two ports were asked for')
  const child = await spawnChild({
    name: 'toxiproxy',
    command: program,
    args: ['-host', host, '-port', String(apiPort)],
    env: { LOG_LEVEL: 'error' },
    output: { onLine: (line) => process.stderr.write(`toxiproxy: ${line}\n`) },
  })
  const stop = async (): Promise<void> => void (await child.kill())
  try {
    await post(apiPort, '/populate', [
      {
        name: 'kafka',
        listen: `${host}:${port}`,
        upstream: `${host}:${upstreamPort}`,
        enabled: true,
      },
    ])
  } catch (cause) {
    await stop()
    throw cause
  }
  return { pid: child.pid, port, stop }
}
