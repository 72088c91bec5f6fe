// A cluster that outlives the command that started it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { isRunning } from '../../gauntlet/child-registry.ts'
import { askAliveBrokers } from '../../gauntlet/clusters/probe.ts'
import { clusterDown, clusterStatus, clusterUp } from '../../gauntlet/clusters/standing.ts'
import { entryFile } from '../../gauntlet/entry.ts'

const name = `test-${process.pid}`
const spec = { version: '4.3.1', brokers: 1, features: {}, config: {} }

describe('a standing cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'standing-test-'))

  afterAll(async () => {
    await clusterDown(name)
    rmSync(folder, { recursive: true, force: true })
  })

  it('goes on after the command that started it, is found by name, and goes down by name', async () => {
    expect(await clusterStatus(name)).toEqual([])
    const script = join(folder, 'up.mjs')
    writeFileSync(
      script,
      `import { clusterUp } from ${JSON.stringify(pathToFileURL(entryFile('gauntlet/clusters/standing.js')).href)}
await clusterUp({ name: ${JSON.stringify(name)}, spec: ${JSON.stringify(spec)} })
`,
    )
    // The command ends by itself: nothing of the cluster holds it.
    const [code] = await once(spawn(process.execPath, [script], { stdio: 'inherit' }), 'exit')
    expect(code).toBe(0)
    const [status] = await clusterStatus(name)
    expect(status).toMatchObject({ cluster: { name, version: '4.3.1' }, alive: [1] })
    const { host, brokers } = status!.cluster
    expect(isRunning(host)).toBe(true)

    await expect(clusterUp({ name, spec })).rejects.toMatchObject({
      code: 'cluster-unavailable',
      message: expect.stringContaining('is up already'),
    })

    expect(await clusterDown(name)).toBe(true)
    expect(isRunning(host)).toBe(false)
    expect(await askAliveBrokers(brokers[0]!.address)).toBeUndefined()
    expect(await clusterStatus(name)).toEqual([])
    expect(await clusterDown(name)).toBe(false)
  })

  it('that cannot start says why, and leaves nothing', async () => {
    const lines: string[] = []
    const up = clusterUp({
      name,
      spec: { ...spec, config: { 'num.io.thread': 2 } },
      onLog: (line) => lines.push(line),
    })
    await expect(up).rejects.toMatchObject({
      code: 'cluster-unavailable',
      remedy: 'Did you mean num.io.threads?',
    })
    expect(lines[0]).toContain('Kafka 4.3.1')
    expect(await clusterStatus(name)).toEqual([])
  })

  it('has a name that is safe in a file name', async () => {
    await expect(clusterDown('../x')).rejects.toMatchObject({ code: 'wrong-arguments' })
  })
})
