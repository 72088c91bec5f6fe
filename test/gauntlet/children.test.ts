import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  isRunning,
  type ProcessMark,
  processMark,
  reapLeftovers,
  registryDirectory,
  removeTemporaryFolder,
  temporaryFolder,
} from '../../gauntlet/child-registry.ts'
import { type Child, runTool, spawnChild } from '../../gauntlet/children.ts'
import { entryFile } from '../../gauntlet/entry.ts'

const limitMs = 10_000

/** Waits for what another process does, of which nobody tells us. */
async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

let folder: string
const started: Child[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'children-test-'))
})

afterEach(async () => {
  for (const child of started.splice(0)) await child.kill()
  rmSync(folder, { recursive: true, force: true })
})

async function shell(script: string, lines: string[] = []): Promise<Child> {
  const child = await spawnChild({
    name: 'test',
    command: '/bin/sh',
    args: ['-c', script],
    output: { onLine: (line) => lines.push(line) },
  })
  started.push(child)
  return child
}

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
}

describe('a child', () => {
  it('tells its exit code', async () => {
    const child = await shell('exit 7')
    expect(await child.exited).toEqual({ code: 7, signal: null })
    expect(child.isRunning()).toBe(false)
  })

  it('hands its output over line by line, and into a file', async () => {
    const lines: string[] = []
    const child = await shell('echo one; echo two >&2', lines)
    await child.exited
    await until(() => lines.length === 2)
    expect(lines.sort()).toEqual(['one', 'two'])

    const file = join(folder, 'out.log')
    const other = await spawnChild({
      name: 'test',
      command: '/bin/sh',
      args: ['-c', 'echo three; echo four >&2'],
      output: { file },
    })
    await other.exited
    expect(readFileSync(file, 'utf8')).toBe('three\nfour\n')
  })

  it('that cannot be run is an operator error with the program in it', async () => {
    const start = spawnChild({
      name: 'ghost',
      command: '/nowhere/ghost',
      args: [],
      output: { file: join(folder, 'out.log') },
    })
    await expect(start).rejects.toMatchObject({
      code: 'workload-failed-to-start',
      remedy: expect.stringContaining('/nowhere/ghost'),
    })
  })

  it('is killed with everything that it started', async () => {
    const lines: string[] = []
    const child = await shell('sleep 1000 & echo $!; wait', lines)
    await until(() => lines.length === 1)
    const grandchild = processMark(Number(lines[0]))!
    expect(isRunning(grandchild)).toBe(true)
    expect(await child.kill()).toEqual({ code: null, signal: 'SIGKILL' })
    expect(isRunning(grandchild)).toBe(false)
  })

  it('takes what it started with it when it ends by itself', async () => {
    const lines: string[] = []
    const child = await shell('sleep 1000 >/dev/null 2>&1 & echo $!', lines)
    await child.exited
    await child.kill()
    await until(() => lines.length === 1)
    expect(processMark(Number(lines[0]))).toBeUndefined()
  })

  it('stands still while paused and goes on afterwards', async () => {
    const lines: string[] = []
    const child = await shell('while read -r line; do echo "$line"; done', lines)
    await child.pause()
    expect(child.isPaused()).toBe(true)
    expect(stateOf(child.pid)).toBe('T')
    child.stdin.write('hello\n')
    await child.resume()
    expect(child.isPaused()).toBe(false)
    await until(() => lines.length === 1)
    expect(lines).toEqual(['hello'])
  })

  it('is asked politely first, even when it is paused', async () => {
    const lines: string[] = []
    const child = await shell(
      'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.01; done',
      lines,
    )
    await until(() => lines.includes('ready'))
    await child.pause()
    expect(await child.stop(limitMs)).toEqual({ code: 3, signal: null })
    await until(() => lines.includes('bye'))
  })

  it('is killed when the grace is over', async () => {
    const lines: string[] = []
    const child = await shell('trap "" TERM; echo ready; while :; do sleep 0.01; done', lines)
    await until(() => lines.includes('ready'))
    expect(await child.stop(50)).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('that is a tool gives all that it said, and is killed past its limit', async () => {
    const tool = (script: string, limitMs: number) =>
      runTool({ name: 'tool', command: '/bin/sh', args: ['-c', script], limitMs })
    expect(await tool('echo out; echo err >&2; exit 4', limitMs)).toEqual({
      code: 4,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await tool('echo out; sleep 1000', 50)).toMatchObject({ signal: 'SIGKILL' })
  })

  it('can be killed twice, and after its end', async () => {
    const child = await shell('sleep 1000')
    const [first, second] = await Promise.all([child.kill(), child.kill()])
    expect(first).toEqual(second)
    expect(await child.kill()).toEqual(first)
    await child.pause()
    expect(child.isPaused()).toBe(false)
  })
})

interface Runner {
  process: ChildProcess
  children: ProcessMark[]
  folder: string
  warden: ProcessMark
}

/** A second runner, which starts two children (one of them paused) and a folder, and then waits. */
async function startRunner(): Promise<Runner> {
  const script = join(folder, 'runner.mjs')
  const url = (path: string) => JSON.stringify(pathToFileURL(entryFile(path)).href)
  writeFileSync(
    script,
    `import { spawnChild } from ${url('gauntlet/children.js')}
import { temporaryFolder } from ${url('gauntlet/child-registry.js')}
const options = { name: 'sleeper', command: '/bin/sleep', args: ['1000'], output: { onLine() {} } }
const one = await spawnChild(options)
const two = await spawnChild(options)
await two.pause()
const gone = await spawnChild(options)
await gone.kill()
console.log(JSON.stringify({ children: [one.pid, two.pid], folder: await temporaryFolder('test') }))
process.stdin.resume()
`,
  )
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const said = JSON.parse(line) as { children: number[]; folder: string }
  const warden = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number)
    .find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('gauntlet-warden'))
  return {
    process: child,
    children: said.children.map((pid) => processMark(pid)!),
    folder: said.folder,
    warden: processMark(warden!)!,
  }
}

const registryOf = (pid: number) =>
  readdirSync(registryDirectory()).filter((name) => name.startsWith(`${pid}-`))

describe('what a runner leaves', () => {
  it('is cleaned up by its warden when it is killed, paused children and folders too', async () => {
    const runner = await startRunner()
    expect(runner.children.every(isRunning)).toBe(true)
    expect(existsSync(runner.folder)).toBe(true)
    expect(registryOf(runner.process.pid!)).toHaveLength(1)
    runner.process.kill('SIGKILL')
    await until(() => registryOf(runner.process.pid!).length === 0)
    // The file goes last, and the warden with it.
    await until(() => !isRunning(runner.warden))
    await until(() => !runner.children.some(isRunning))
    expect(existsSync(runner.folder)).toBe(false)
  })

  it('is cleaned up by the next runner when the warden was killed as well', async () => {
    const runner = await startRunner()
    process.kill(runner.warden.pid, 'SIGKILL')
    runner.process.kill('SIGKILL')
    await once(runner.process, 'exit')
    await until(() => !isRunning(runner.warden))
    expect(runner.children.every(isRunning)).toBe(true)
    const reaped = await reapLeftovers()
    expect(reaped.folders).toBeGreaterThanOrEqual(1)
    expect(reaped.processes).toBeGreaterThanOrEqual(2)
    await until(() => !runner.children.some(isRunning))
    expect(existsSync(runner.folder)).toBe(false)
    expect(registryOf(runner.process.pid!)).toEqual([])
  })

  it('is left alone as long as the runner lives', async () => {
    const runner = await startRunner()
    await reapLeftovers()
    expect(runner.children.every(isRunning)).toBe(true)
    expect(existsSync(runner.folder)).toBe(true)
    runner.process.kill('SIGKILL')
    await until(() => registryOf(runner.process.pid!).length === 0)
  })

  it('is never a stranger with the same process id, nor a folder with a name of its own', async () => {
    const stranger = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' })
    const mark = processMark(stranger.pid!)!
    const precious = join(folder, 'precious')
    writeFileSync(precious, '')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const registry = mkdtempSync(join(folder, 'registry-'))
    const runner = { pid: 999_999_999, started: '1' }
    const { namespace } = JSON.parse(await registryHead()) as { namespace: string }
    writeFileSync(
      join(registry, 'dead.ndjson'),
      [
        { runner, id: 'dead', boot, namespace },
        { group: { pid: mark.pid, started: '1' }, name: 'earlier' },
        { folder: precious },
      ]
        .map((entry) => JSON.stringify(entry))
        .join('\n'),
    )
    expect(await reapLeftovers(registry)).toEqual({ processes: 0, folders: 0 })
    expect(isRunning(mark)).toBe(true)
    expect(existsSync(precious)).toBe(true)
    expect(readdirSync(registry)).toEqual([])
    stranger.kill('SIGKILL')
    await once(stranger, 'exit')
  })

  it('is nothing after a temporary folder was removed', async () => {
    const made = await temporaryFolder('test')
    expect(existsSync(made)).toBe(true)
    await removeTemporaryFolder(made)
    expect(existsSync(made)).toBe(false)
  })
})

/** The first line of our own registry file: it says where we run. */
async function registryHead(): Promise<string> {
  await removeTemporaryFolder(await temporaryFolder('test'))
  const file = readdirSync(registryDirectory()).find((name) => name.startsWith(`${process.pid}-`))!
  return readFileSync(join(registryDirectory(), file), 'utf8').split('\n')[0]!
}
