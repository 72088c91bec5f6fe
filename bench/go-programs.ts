// What the bench has built by the Go toolchain: Toxiproxy from its public module, and a peer that is cheaper
// than one in Node can be. Without Go there is no comparison, and it says so.
import { execFile } from 'node:child_process'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory, exists } from '../gauntlet/clusters/cache.ts'
import { packageRoot } from '../gauntlet/entry.ts'
import { findProgram } from '../gauntlet/prerequisites.ts'

export const toxiproxyVersion = '2.12.0'
const toxiproxyModule = 'github.com/Shopify/toxiproxy/v2/cmd/server'
/** Toxiproxy itself asks for this version. */
const leastGo = '1.23'
const buildTimeoutMs = 10 * 60_000
const run = promisify(execFile)

export interface GoPrograms {
  toxiproxy: string
  peer: string
}

/** Builds in a folder of its own and moves the program into place whole. */
async function built(go: string, program: string, args: (into: string) => string[]): Promise<void> {
  const temporary = `${program}.${process.pid}.part`
  await mkdir(temporary, { recursive: true })
  try {
    await run(go, args(temporary), {
      env: { ...process.env, GOBIN: temporary },
      timeout: buildTimeoutMs,
    })
    await rename(join(temporary, 'server'), program)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** The programs, or undefined (and said) where they cannot be built. */
export async function buildGoPrograms(
  say: (line: string) => void,
): Promise<GoPrograms | undefined> {
  const go = await findProgram('go')
  if (go === undefined) {
    say(
      `Go is not installed, so Toxiproxy is left out and no bar can be judged; install Go ${leastGo} or later.`,
    )
    return undefined
  }
  const folder = join(cacheDirectory(), 'bench')
  const toxiproxy = join(folder, `toxiproxy-${toxiproxyVersion}`)
  const peer = join(folder, 'peer')
  try {
    if (!(await exists(toxiproxy))) {
      say(`building Toxiproxy ${toxiproxyVersion}`)
      await built(go, toxiproxy, () => ['install', `${toxiproxyModule}@v${toxiproxyVersion}`])
    }
    const source = join(packageRoot(), 'bench', 'peer.go')
    await built(go, peer, (into) => ['build', '-o', join(into, 'server'), source])
    return { toxiproxy, peer }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    say(`Toxiproxy could not be built and is left out: ${message}`)
    return undefined
  }
}
