import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createHooks, type Hooks } from '../../gauntlet/hooks.ts'
import type { HookOrder } from '../../proxy/effects/host.ts'

let folder: string
let hooks: Hooks

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hooks-test-'))
  hooks = createHooks({ folder })
})
afterEach(async () => {
  await hooks.stop()
  rmSync(folder, { recursive: true, force: true })
})

const order = (command: string, timeoutMs = 10_000): HookOrder => ({
  fault: 'cut',
  firing: 2,
  command,
  environment: { GAUNTLET_FAULT: 'cut' },
  timeoutMs,
})
const log = () => readFileSync(join(folder, 'hook-cut-2.log'), 'utf8')

/** Killed, whether or not somebody has reaped it yet. */
function isDead(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return true
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
}

async function untilRunning(file: string): Promise<number> {
  while (!existsSync(file) || !readFileSync(file, 'utf8').endsWith('\n')) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return Number(readFileSync(file, 'utf8'))
}

it('runs a command line with its environment, and keeps what it says', async () => {
  const result = await hooks.run(order('echo "fault $GAUNTLET_FAULT" | tr a-z A-Z'))
  expect(result).toEqual({ code: 0, signal: null, timedOut: false, lastError: '' })
  expect(log()).toBe('FAULT CUT\n')
})

it('tells the code and the last complaint of one that failed', async () => {
  const result = await hooks.run(order('echo first >&2; echo said; echo last >&2; exit 3'))
  expect(result).toMatchObject({ code: 3, timedOut: false, lastError: 'last' })
  expect(log().split('\n').sort()).toEqual(['', 'first', 'last', 'said'])
})

it('kills one that takes too long, and all that it has started', async () => {
  const file = join(folder, 'child')
  const result = hooks.run(order(`sleep 600 & echo $! > ${file}; wait`, 500))
  const child = await untilRunning(file)
  expect(await result).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: true })
  expect(isDead(child)).toBe(true)
})

it('ends what still runs when it is stopped, and starts nothing after that', async () => {
  const file = join(folder, 'own')
  const result = hooks.run(order(`echo $$ > ${file}; exec sleep 600`))
  const own = await untilRunning(file)
  await hooks.stop()
  expect(await result).toMatchObject({ signal: 'SIGKILL', timedOut: false })
  expect(isDead(own)).toBe(true)
  await expect(hooks.run(order('true'))).rejects.toThrow('stopped')
})
