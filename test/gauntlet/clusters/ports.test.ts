import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { releasePorts, reservePorts } from '../../../gauntlet/clusters/ports.ts'
import { entryFile } from '../../../gauntlet/entry.ts'

async function listen(port: number): Promise<() => Promise<void>> {
  const server = createServer()
  server.listen({ port, host: '127.0.0.1', exclusive: true })
  await once(server, 'listening')
  return () => new Promise((resolve) => server.close(() => resolve()))
}

describe('reserved ports', () => {
  it('are distinct, free to listen on, and below those that the system hands out', async () => {
    const ports = await reservePorts(40)
    expect(new Set(ports).size).toBe(40)
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    expect(Math.max(...ports)).toBeLessThan(Number(range.split(/\s+/)[0]))
    const closers = await Promise.all(ports.map(listen))
    await Promise.all(closers.map((close) => close()))
    await releasePorts(ports)
  })

  it('are never given to two who ask at once', async () => {
    const [one, two] = await Promise.all([reservePorts(20), reservePorts(20)])
    expect(new Set([...one, ...two]).size).toBe(40)
    await releasePorts([...one, ...two])
  })

  it('leave out a port on which somebody listens', async () => {
    const first = await reservePorts(30)
    await releasePorts(first)
    const taken = first[3]!
    const close = await listen(taken)
    const second = await reservePorts(30)
    expect(second).not.toContain(taken)
    // The same places were searched again, or this would prove nothing.
    expect(second).toContain(first[4])
    await close()
    await releasePorts(second)
  })

  it('are not given to another process, and come back when their owner is killed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ports-test-'))
    const script = join(folder, 'reserve.mjs')
    writeFileSync(
      script,
      `// The same first choice as the process that started this one.
Object.defineProperty(process, 'pid', { value: Number(process.argv[2]) })
const { reservePorts } = await import(${JSON.stringify(pathToFileURL(entryFile('gauntlet/clusters/ports.js')).href)})
console.log(JSON.stringify(await reservePorts(15)))
process.stdin.resume()
`,
    )
    const other = spawn(process.execPath, [script, String(process.pid)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: other.stdout }), 'line')) as [string]
    const theirs = JSON.parse(line) as number[]
    const ours = await reservePorts(15)
    expect(ours.filter((port) => theirs.includes(port))).toEqual([])
    await releasePorts(ours)
    other.kill('SIGKILL')
    await once(other, 'exit')
    const later = await reservePorts(15)
    expect(later).toEqual(theirs)
    await releasePorts(later)
    rmSync(folder, { recursive: true, force: true })
  })
})
