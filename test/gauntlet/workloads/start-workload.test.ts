import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CommandSpec } from '../../../gauntlet/workloads/command.ts'
import { startInstance } from '../../../gauntlet/workloads/start-workload.ts'
import type { Instance, InstanceExit } from '../../../gauntlet/workloads/workload.ts'
import { systemRuntime } from '../../../proxy/runtime.ts'

const graceMs = 10_000
const lookMs = 10

describe('an instance', () => {
  let folder: string
  const started: Instance[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'instance-test-'))
  })

  afterEach(async () => {
    await Promise.all(started.splice(0).map((instance) => instance.stop(0)))
    rmSync(folder, { recursive: true, force: true })
  })

  /** Runs a shell command line; `$GAUNTLET_JOURNAL` is a file of its own. */
  async function start(spec: Partial<CommandSpec> & { run: string }): Promise<Instance> {
    const instance = await startInstance(
      { command: { instances: 1, restartTimes: 0, cwd: folder, ...spec } },
      {
        index: 0,
        name: 'app-0',
        bootstrap: '127.0.0.1:1',
        inputTopic: 'input',
        outputTopics: ['output'],
        group: 'group',
        transactionalId: 'app-0',
        journalFile: join(folder, 'journal'),
        logFile: join(folder, 'log'),
      },
      { runtime: systemRuntime(1), seed: 1 },
    )
    started.push(instance)
    return instance
  }

  const log = () => readFileSync(join(folder, 'log'), 'utf8')

  /** Resolves when the condition holds; the test's own time limit is the only one. */
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, lookMs))
  }

  function exitsOf(instance: Instance): InstanceExit[] {
    const exits: InstanceExit[] = []
    instance.onExit((exit) => exits.push(exit))
    return exits
  }

  /** Writes a line a time for as long as it lives. */
  const running = 'echo up; while :; do echo tick; sleep 0.05; done'

  it('is up when its output says so, and its output is in its file', async () => {
    await start({
      run: 'echo starting; sleep 0.2; echo up $GAUNTLET_INSTANCE; sleep 60',
      ready: '^up 0$',
    })
    expect(log()).toBe('starting\nup 0\n')
  })

  it('that ends before it is up is an error with its last words', async () => {
    await expect(start({ run: 'echo no database >&2; exit 3', ready: 'up' })).rejects.toMatchObject(
      {
        code: 'workload-failed-to-start',
        message: 'app-0 ended with code 3 before it was ready. Its last output:\nno database',
      },
    )
  })

  it('is not taken for ready because of what an earlier one wrote to the same file', async () => {
    const first = await start({ run: 'echo up; sleep 60', ready: 'up' })
    await first.stop(graceMs)
    await expect(start({ run: 'exit 0', ready: 'up' })).rejects.toMatchObject({
      code: 'workload-failed-to-start',
    })
  })

  it('that ends by itself is started again as often as the plan allows, and no more', async () => {
    const instance = await start({ run: 'echo run; sleep 0.3; exit 7', restartTimes: 2 })
    const exits = exitsOf(instance)
    await until(() => exits.length === 3)
    expect(instance.restarts()).toBe(2)
    expect(exits.map(({ code }) => code)).toEqual([7, 7, 7])
    expect(instance.pid()).toBeUndefined()
    expect(log()).toBe('run\nrun\nrun\n')
  })

  it('that we killed stays dead until we start it again, and no exit is reported', async () => {
    const instance = await start({ run: running, ready: 'up', restartTimes: 5 })
    const exits = exitsOf(instance)
    const before = instance.pid()
    await instance.kill()
    expect(instance.pid()).toBeUndefined()
    expect(() => process.kill(before!, 0)).toThrow('ESRCH')
    await instance.restart()
    expect(instance.pid()).not.toBe(before)
    await until(() => log().split('up').length === 3)
    expect(instance.restarts()).toBe(0)
    expect(exits).toEqual([])
  })

  it('does nothing while it is paused, goes on when resumed, and can be stopped while paused', async () => {
    const instance = await start({ run: running, ready: 'tick' })
    await instance.pause()
    const before = log()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(log()).toBe(before)
    await instance.resume()
    await until(() => log().length > before.length)
    await instance.pause()
    await instance.stop(graceMs)
    expect(instance.pid()).toBeUndefined()
  })

  it('is asked to leave, has the time for it, and is not started again', async () => {
    const leaving = `exec node -e "
      process.on('SIGTERM', () => setTimeout(() => { console.log('left'); process.exit(5) }, 200))
      setInterval(() => undefined, 1000)
      console.log('up')"`
    const instance = await start({ run: leaving, ready: 'up', restartTimes: 5 })
    const exits = exitsOf(instance)
    expect(await instance.stop(graceMs)).toMatchObject({ code: 5, signal: null })
    expect(log()).toBe('up\nleft\n')
    await instance.restart()
    expect(instance.pid()).toBeUndefined()
    expect(exits).toEqual([])
  })

  it('run by several commands in a shell leaves as politely', async () => {
    const leaving = `true && node -e "
      process.on('SIGTERM', () => setTimeout(() => { console.log('left'); process.exit(5) }, 200))
      setInterval(() => undefined, 1000)
      console.log('up')"`
    const instance = await start({ run: leaving, ready: 'up' })
    expect(await instance.stop(graceMs)).toMatchObject({ code: 5 })
    expect(log()).toBe('up\nleft\n')
  })

  it('that does not leave in its time is killed', async () => {
    const deaf = `exec node -e "process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000); console.log('up')"`
    const instance = await start({ run: deaf, ready: 'up' })
    expect(await instance.stop(200)).toMatchObject({ signal: 'SIGKILL' })
  })
})
