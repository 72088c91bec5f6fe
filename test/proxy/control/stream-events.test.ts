import { afterEach, describe, expect, it } from 'vitest'
import type { ProxyEvent } from '../../../proxy/events.ts'
import { openRest } from './rest-bench.ts'

const closings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closings.splice(0)) await close()
})

const stall = (stalledMs: number): ProxyEvent => ({ type: 'loop-stalled', atMs: 1, stalledMs })

async function listening() {
  const rest = await openRest()
  closings.push(rest.close)
  await rest.app.listen({ host: '127.0.0.1', port: 0 })
  const address = rest.app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { rest, address: `http://127.0.0.1:${port}` }
}

/** Reads until the text is there. */
async function reader(url: string) {
  const stop = new AbortController()
  const response = await fetch(url, { signal: stop.signal })
  closings.unshift(async () => stop.abort())
  const body = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  return {
    response,
    async until(wanted: string): Promise<string> {
      while (!text.includes(wanted)) text += decoder.decode((await body.read()).value)
      return text
    },
  }
}

describe('events in batches', () => {
  it('come as one message, with the id of the last of them', async () => {
    const { rest, address } = await listening()
    rest.see([stall(1), stall(2), stall(3)])
    const events = await reader(`${address}/v1/events?after=1&batched=true`)
    expect(events.response.headers.get('gauntlet-last-event-id')).toBe('3')
    const text = await events.until('\n\n')
    expect(text).toContain('id: 3\nevent: batch\n')
    expect(text).toContain(`data: ${JSON.stringify([stall(2), stall(3)])}\n`)
  })

  it('gather what happens between two of them, and leave out what was not asked for', async () => {
    const { rest, address } = await listening()
    rest.see([stall(1)])
    const events = await reader(`${address}/v1/events?after=0&batched=true&types=loop-stalled`)
    await events.until('id: 1\n')
    rest.see([stall(2)])
    await new Promise((resolve) => setImmediate(resolve))
    rest.see([{ type: 'error', atMs: 1, code: 'x', message: 'not asked for' }, stall(4)])
    rest.runtime.turn(1_000)
    const text = await events.until('id: 4\n')
    expect(text).not.toContain('id: 2\n')
    expect(text).not.toContain('not asked for')
    expect(text).toContain(JSON.stringify([stall(2), stall(4)]))
  })

  it('tell how many are gone, and go on with those that are kept', async () => {
    const { rest, address } = await listening()
    rest.see(Array.from({ length: 20_010 }, (_, nth) => stall(nth + 1)))
    const events = await reader(`${address}/v1/events?after=0&batched=true`)
    const text = await events.until('id: 20010\n')
    expect(text.startsWith('event: missed\ndata: {"events":10}\n\n')).toBe(true)
    expect(text).toContain('"stalledMs":11}')
    expect(text).not.toContain('"stalledMs":10}')
  })
})
