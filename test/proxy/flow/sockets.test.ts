import { once } from 'node:events'
import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { dial, type Leg, type Listener, listen } from '../../../proxy/flow/sockets.ts'

const host = '127.0.0.1'
/** Different at every place, so that bytes in the wrong place show. */
const sent = Buffer.from(Array.from({ length: 100_000 }, (_, index) => `${index};`).join(''))
const sentPieceBytes = 700

let listener: Listener
let server: net.Server | undefined
const sockets: net.Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await listener?.close()
  server?.close()
  server = undefined
})

/** A leg of either making, and the plain socket at its other end. */
async function legBy(way: 'listen' | 'dial'): Promise<{ leg: Leg; far: net.Socket }> {
  if (way === 'listen') {
    let give: (leg: Leg) => void
    const accepted = new Promise<Leg>((resolve) => {
      give = resolve
    })
    listener = await listen({ host, port: 0 }, (leg) => give(leg))
    const far = net.connect({ host, port: listener.address.port, noDelay: true })
    sockets.push(far)
    return { leg: await accepted, far }
  }
  server = net.createServer()
  await new Promise<void>((resolve) => server?.listen(0, host, resolve))
  const accepted = once(server, 'connection')
  const { port } = server.address() as net.AddressInfo
  const leg = dial({ host, port }, () => undefined)
  const [far] = (await accepted) as [net.Socket]
  sockets.push(far)
  return { leg, far }
}

/** Sends in small writes, and collects what `take` makes of the chunks until all have come. */
async function collect<Kept>(
  way: 'listen' | 'dial',
  take: (chunk: Buffer) => { keep: Kept; reusable: boolean | undefined },
): Promise<Kept[]> {
  const { leg, far } = await legBy(way)
  const kept: Kept[] = []
  const all = new Promise<void>((resolve) => {
    let bytes = 0
    leg.listen({
      bytes(chunk) {
        bytes += chunk.length
        const { keep, reusable } = take(chunk)
        kept.push(keep)
        if (bytes === sent.length) resolve()
        return reusable
      },
      ended: () => undefined,
      closed: () => undefined,
      drained: () => undefined,
    })
  })
  for (let at = 0; at < sent.length; at += sentPieceBytes) {
    far.write(sent.subarray(at, at + sentPieceBytes))
  }
  await all
  leg.close('reset')
  return kept
}

describe.each(['listen', 'dial'] as const)('a leg that came by %s', (way) => {
  it.each([false, undefined])('never writes over a chunk that is kept (%s)', async (reusable) => {
    const chunks = await collect(way, (chunk) => ({ keep: chunk, reusable }))
    expect(Buffer.concat(chunks).equals(sent)).toBe(true)
  })

  it('never writes over those chunks of many that are kept', async () => {
    let count = 0
    const parts = await collect(way, (chunk) => {
      count += 1
      const isKept = count % 3 !== 0
      return { keep: isKept ? chunk : Buffer.from(chunk), reusable: !isKept }
    })
    expect(Buffer.concat(parts).equals(sent)).toBe(true)
  })

  it('reads into the same memory again when nobody keeps the chunks', async () => {
    const seen = await collect(way, (chunk) => ({
      keep: { memory: chunk.buffer, copy: Buffer.from(chunk) },
      reusable: true,
    }))
    expect(Buffer.concat(seen.map(({ copy }) => copy)).equals(sent)).toBe(true)
    // It grows a few times at most: 4 kB to 256 kB.
    expect(new Set(seen.map(({ memory }) => memory)).size).toBeLessThanOrEqual(7)
  })
})

describe.each(['listen', 'dial'] as const)(
  'the close of a leg that came by %s is reported',
  (way) => {
    // A run once stood still at its end: Node lost four sockets that were reset right after their FIN.
    it.each(['end', 'fin', 'nothing'] as const)('when it is reset after %s', async (before) => {
      const { leg, far } = await legBy(way)
      const closed = new Promise<void>((resolve) =>
        leg.listen({
          bytes: () => true,
          ended: () => undefined,
          closed: () => resolve(),
          drained: () => undefined,
        }),
      )
      // A reset is an error to the other end; here it is what was asked for.
      far.on('error', () => undefined)
      if (before === 'end') leg.end()
      if (before === 'fin') leg.close('fin')
      leg.close('reset')
      await closed
      expect(leg.open).toBe(false)
    })
  },
)

describe('a listener', () => {
  it('is closed only when its connections are', async () => {
    const { leg } = await legBy('listen')
    const order: string[] = []
    const gone = new Promise<void>((resolve) =>
      leg.listen({
        bytes: () => true,
        ended: () => undefined,
        closed() {
          order.push('connection')
          resolve()
        },
        drained: () => undefined,
      }),
    )
    const closed = listener.close().then(() => order.push('listener'))
    leg.close('fin')
    await Promise.all([gone, closed])
    expect(order).toEqual(['connection', 'listener'])
  })
})
