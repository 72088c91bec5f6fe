import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { healthCommand } from '../../../gauntlet/commands/health.ts'
import { processOutput } from '../../../gauntlet/reports/output.ts'

/** Answers `/health` with 200 and everything else with 503, as a proxy without its cluster does. */
async function withoutCluster(): Promise<string> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/health' ? 200 : 503
    response.end('no broker answers')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ask = (url: string, options = {}) =>
  healthCommand(url, options, { output: processOutput(), signal: new AbortController().signal })

describe('gauntlet health', () => {
  it('is content with a proxy that works, whether or not its cluster does', async () => {
    expect(await ask(await withoutCluster())).toBe(0)
  })
  it('is not, asked with --ready, as long as the cluster is away', async () => {
    await expect(ask(await withoutCluster(), { ready: true })).rejects.toMatchObject({
      exitCode: 69,
      message: expect.stringContaining('503: no broker answers'),
    })
  })
  it('says that nobody answers', async () => {
    await expect(ask('127.0.0.1:1')).rejects.toMatchObject({
      exitCode: 69,
      message: expect.stringContaining('nobody answers at http://127.0.0.1:1/health'),
    })
  })
})
