import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  behindOwnDoor,
  noteAttached,
  openForAttached,
  recognitionsOf,
} from '../../gauntlet/attached-application.ts'
import type { Instance, Instances } from '../../gauntlet/workloads/workload.ts'
import type { AttachPlan } from '../../proxy/plans/attached.ts'
import type { Plan } from '../../proxy/plans/plan.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import type { RemoteEngine } from '../../proxy/start-proxy.ts'

function planOf(attach: string): Plan & { workload: AttachPlan } {
  const text = `name: p\nworkload: { attach: ${attach} }\nload: { records: 1 }\n`
  const read = readPlan(text, 'p.yaml')
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  const { workload } = read.plan
  if (workload.kind !== 'attach') throw new Error('it is attached')
  return { ...read.plan, workload }
}

describe('an attached application', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'attached-test-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  /** Opens everything with an engine that only says what it was asked. */
  async function opened(attach: string) {
    const asked: unknown[] = []
    const engine = {
      async openDoor(...args: unknown[]) {
        asked.push(args)
        const [, port] = args as [unknown, number]
        if (port === 13) throw new Error('listen EADDRINUSE: address already in use')
        return { host: '127.0.0.1', port: port === 0 ? 40_000 + asked.length : port }
      },
      recognise: async (given: unknown) => void asked.push(given),
    } as unknown as RemoteEngine
    const plan = planOf(attach)
    const addresses = await openForAttached(plan, { proxy: { engine } as never }, folder)
    return { asked, addresses: Object.fromEntries(addresses), plan }
  }

  it('gets an address for each instance, and a file that says them', async () => {
    const { addresses } = await opened('{ instances: 2, listen: "127.0.0.1:19092" }')
    expect(addresses).toEqual({ 'attach-0': '127.0.0.1:19092', 'attach-1': '127.0.0.1:19102' })
    expect(JSON.parse(readFileSync(join(folder, 'attach.json'), 'utf8'))).toEqual(addresses)
  })

  it('shares one address where its instances say who they are', async () => {
    const instances = '[{ client-id: a* }, {}, { transactional-id: b }]'
    const { addresses, asked, plan } = await opened(`{ instances: ${instances} }`)
    expect(addresses['attach-0']).toBe(addresses['attach-2'])
    expect(addresses['attach-1']).not.toBe(addresses['attach-0'])
    expect(behindOwnDoor(plan)).toEqual(['attach-1'])
    expect(asked[1]).toEqual(recognitionsOf(plan))
    expect(recognitionsOf(plan)).toEqual([
      { instance: 'attach-0', clientId: 'a*' },
      { instance: 'attach-2', transactionalId: 'b' },
    ])
  })

  it('is told the name by which it sees this machine', async () => {
    const { asked } = await opened(
      '{ listen: "0.0.0.0:19092", advertised-host: host.docker.internal }',
    )
    expect(asked[1]).toEqual([
      'attach-0',
      19_092,
      { listenHost: '0.0.0.0', advertisedHost: 'host.docker.internal' },
    ])
  })

  it('whose port is taken is told what to do', async () => {
    await expect(opened('{ listen: "127.0.0.1:13" }')).rejects.toMatchObject({
      code: 'address-in-use',
      remedy: expect.stringContaining('`listen:`'),
    })
  })

  describe('with a pid-file', () => {
    async function instanceWith(text: string | undefined): Promise<Instance> {
      const pidFile = join(folder, 'app.pid')
      if (text !== undefined) writeFileSync(pidFile, text)
      const instances: Instances = new Map()
      const plan = planOf(`{ instances: [{ pid-file: ${pidFile} }, {}] }`)
      noteAttached(plan, instances, systemRuntime(1))
      expect([...instances.keys()]).toEqual(['attach-0'])
      return instances.get('attach-0')!
    }

    it('is killed for real', async () => {
      const child = spawn('sleep', ['60'])
      const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
      const instance = await instanceWith(`${child.pid}\n`)
      expect(await instance.kill()).toBe(child.pid)
      expect(await ended).toBe('SIGKILL')
      expect(instance.pid()).toBeUndefined()
      await expect(instance.restart()).rejects.toThrow('not started from here')
    })

    it('that is not there, or holds no id, hurts nobody', async () => {
      expect((await instanceWith(undefined)).pid()).toBeUndefined()
      for (const text of ['', '1', '-1', 'abc', String(process.pid)]) {
        const instance = await instanceWith(text)
        await expect(instance.kill()).rejects.toThrow('does not hold the id of a process')
      }
    })
  })
})
