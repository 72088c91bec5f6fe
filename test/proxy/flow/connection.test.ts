import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Connection, openConnection, type Pipeline } from '../../../proxy/flow/connection.ts'
import type {
  Effect,
  Exchange,
  ReplyVerdict,
  RequestVerdict,
} from '../../../proxy/flow/exchange.ts'
import { createGate } from '../../../proxy/flow/gate.ts'
import { dial, type Leg, type Listener, listen } from '../../../proxy/flow/sockets.ts'
import { type FrameMode, gather, stream, tee } from '../../../proxy/flow/walker.ts'
import { frameBytesMax } from '../../../proxy/protocol/frame.ts'
import {
  connect,
  type Peer,
  replyFrame,
  requestFrame,
  type Server,
  startServer,
} from './loopback.ts'

interface Script {
  requests: Map<number, RequestVerdict>
  replies: Map<number, ReplyVerdict>
  mode: FrameMode
  silent: Set<number>
}

let broker: Server
let proxy: Listener
let script: Script
let connections: Connection[]
let closed: Array<{ cause: string; unanswered: number[] }>
let failures: string[]
let clientLeft: number
let repliesShown: number
let log: string[]
let stalled: { toBroker: boolean; toClient: boolean } | undefined
let closedListeners: Array<() => void>

function effect(name: string): Effect {
  return {
    applied: (what) => void log.push(`${name} applied: ${what}`),
    answered: (frame) => void log.push(`${name} answered ${frame.readInt32BE(0)}`),
    discarded: () => void log.push(`${name} discarded`),
  }
}

const pipeline: Pipeline = {
  requestMode: () => script.mode,
  openExchange: () => ({ ...opening }),
  repeated: () => false,
  replyRepeated: () => false,
  request: (_c, exchange) =>
    script.requests.get(exchange.correlationId) ?? { do: 'pass', isFree: true },
  requestSeen: () => true,
  replyMode: () => script.mode,
  reply(_c, exchange, frame) {
    repliesShown += 1
    const about = exchange.about as Effect | undefined
    about?.answered(frame.subarray(4))
    return script.replies.get(exchange.correlationId) ?? { do: 'pass', isFree: true }
  },
  replySeen: () => true,
  clientLeft: () => {
    clientLeft += 1
  },
  closed: (_c, cause, unanswered) => {
    closed.push({ cause, unanswered: unanswered.map(({ correlationId }) => correlationId) })
    for (const listener of closedListeners) listener()
  },
  failed: (_c, code) => void failures.push(code),
}
let opening: Exchange

beforeEach(async () => {
  script = { requests: new Map(), replies: new Map(), mode: stream, silent: new Set() }
  connections = []
  closed = []
  failures = []
  clientLeft = 0
  repliesShown = 0
  log = []
  stalled = undefined
  closedListeners = []
  broker = await startServer()
  let id = 0
  proxy = await listen({ host: '127.0.0.1', port: 0 }, (client) => {
    connections.push(
      openConnection({
        id: ++id,
        plane: 'client',
        node: 1,
        instance: undefined,
        client,
        pipeline: {
          ...pipeline,
          requestMode(c, chunk, at, available) {
            const correlationId = chunk.readInt32BE(at + 8)
            opening = {
              apiKey: 900,
              version: 0,
              correlationId,
              replyMode: script.mode,
              silent: script.silent.has(correlationId),
            }
            const verdict = script.requests.get(correlationId)
            if (verdict !== undefined && 'effect' in verdict) opening.about = verdict.effect
            return pipeline.requestMode(c, chunk, at, available)
          },
        },
        dial: (connected) => dial({ host: '127.0.0.1', port: broker.port }, connected),
        nowMs: () => performance.now(),
        after: (delayMs, callback) => {
          const timer = setTimeout(callback, delayMs)
          return () => clearTimeout(timer)
        },
        stalled,
      }),
    )
  })
})

afterEach(async () => {
  for (const connection of connections) connection.cut('reset', 'test over')
  broker.close()
  await proxy.close()
})

async function pair(): Promise<{ client: Peer; server: Peer }> {
  const client = await connect(proxy.address.port)
  const server = await broker.next()
  return { client, server }
}

/** A verdict that cannot be read. */
function thrower(): never {
  throw new Error('unreadable')
}

/** Whether an answer has been shown to the pipeline. */
const waitingReplies = (): boolean => repliesShown > 0

const whenClosed = (): Promise<void> =>
  new Promise((resolve) => {
    if (closed.length > 0) resolve()
    else closedListeners.push(resolve)
  })

describe('a connection that nobody hurts', () => {
  it('passes pipelined requests and answers byte for byte', async () => {
    const { client, server } = await pair()
    const requests = Buffer.concat([1, 2, 3].map((n) => requestFrame(n, Buffer.alloc(n * 1000, n))))
    client.send(requests)
    expect(await server.bytes(requests.length)).toEqual(requests)
    const replies = Buffer.concat([1, 2, 3].map((n) => replyFrame(n, Buffer.alloc(n * 777, n))))
    server.send(replies)
    expect(await client.bytes(replies.length)).toEqual(replies)
  })

  it.each([
    ['streamed', stream],
    ['teed', tee],
    ['gathered', gather],
  ])('keeps every byte of %s frames in place while its memory is used again', async (_, mode) => {
    const { client, server } = await pair()
    script.mode = mode
    const sizes = [0, 1, 900, 3_000, 5_000, 40, 70_000, 2, 300_000, 15, 1_500_000]
    const rounds = 6
    const many = (make: (id: number, body: Buffer) => Buffer): Buffer =>
      Buffer.concat(
        Array.from({ length: rounds * sizes.length }, (_, index) =>
          make(index, Buffer.alloc(sizes[index % sizes.length] ?? 0, `${index};`)),
        ),
      )
    const requests = many(requestFrame)
    const replies = many(replyFrame)
    client.send(requests)
    expect((await server.bytes(requests.length)).equals(requests)).toBe(true)
    server.send(replies)
    expect((await client.bytes(replies.length)).equals(replies)).toBe(true)
  })

  it('gives a chunk back only when all that was written of it is out, or reading waits for that', () => {
    let flushed = true
    let accepts = true
    let fromClient: ((chunk: Buffer) => boolean | undefined) | undefined
    const leg = (listen: Leg['listen']): Leg => ({
      write: () => accepts,
      flushed: () => flushed,
      pause: () => undefined,
      resume: () => undefined,
      end: () => undefined,
      close: () => undefined,
      open: true,
      remote: 'nowhere',
      listen,
    })
    openConnection({
      id: 1,
      plane: 'client',
      node: 1,
      instance: undefined,
      client: leg(({ bytes }) => {
        fromClient = bytes
      }),
      pipeline: {
        ...pipeline,
        requestMode: () => stream,
        openExchange: () => ({
          apiKey: 900,
          version: 0,
          correlationId: 1,
          replyMode: stream,
          silent: true,
        }),
      },
      dial: () => leg(() => undefined),
      nowMs: () => 0,
      after: () => () => undefined,
      stalled: undefined,
    })
    expect(fromClient?.(requestFrame(1))).toBe(true)
    flushed = false
    expect(fromClient?.(requestFrame(2))).toBe(false)
    accepts = false
    expect(fromClient?.(requestFrame(3))).toBe(true)
  })

  // The limit is of what the size says, which does not count itself: as brokers reckon it.
  it.each(['stream', 'gather'] as const)(
    'passes the largest frame there is (%s), and refuses one byte more',
    async (way) => {
      script.mode = way === 'stream' ? stream : gather
      const { client, server } = await pair()
      const largest = requestFrame(1, Buffer.alloc(frameBytesMax - 10, 7))
      expect(largest.readInt32BE(0)).toBe(frameBytesMax)
      client.send(largest)
      expect((await server.bytes(largest.length)).equals(largest)).toBe(true)
      client.send(requestFrame(2, Buffer.alloc(frameBytesMax - 9)).subarray(0, 100))
      await client.gone
      expect(failures).toEqual(['broken-request'])
    },
  )

  it('expects no answer to acks=0', async () => {
    const { client, server } = await pair()
    script.silent.add(1)
    const requests = Buffer.concat([requestFrame(1), requestFrame(2)])
    client.send(requests)
    await server.bytes(requests.length)
    server.send(replyFrame(2))
    expect(await client.bytes(8)).toEqual(replyFrame(2))
    expect(failures).toEqual([])
  })

  it('closes and reports when the broker answers what was not asked', async () => {
    const { client, server } = await pair()
    client.send(requestFrame(1))
    await server.bytes(14)
    server.send(replyFrame(5))
    await client.gone
    expect(failures).toEqual(['unexpected-answer'])
    expect(closed[0]?.unanswered).toEqual([1])
  })

  it('lets the broker answer after the client has sent its last byte', async () => {
    const { client, server } = await pair()
    client.send(requestFrame(1))
    client.socket.end()
    await server.bytes(14)
    await server.gone
    server.send(replyFrame(1))
    server.socket.end()
    expect(await client.bytes(8)).toEqual(replyFrame(1))
    expect(await client.gone).toBe('fin')
  })

  it('tells of requests without an answer when the broker dies', async () => {
    const { client, server } = await pair()
    client.send(Buffer.concat([requestFrame(1), requestFrame(2)]))
    await server.bytes(28)
    server.send(replyFrame(1))
    await client.bytes(8)
    server.socket.resetAndDestroy()
    await client.gone
    await whenClosed()
    expect(closed[0]?.unanswered).toEqual([2])
  })

  it('makes a fast sender wait for a slow reader, and loses nothing', async () => {
    const { client, server } = await pair()
    server.socket.pause()
    const body = Buffer.alloc(1_000_000, 7)
    const count = 40
    let accepted = 0
    for (let n = 1; n <= count; n++) {
      client.socket.write(requestFrame(n, body), () => {
        accepted += 1
      })
    }
    // The proxy itself keeps only a little: most of it stays with the sender until the reader reads.
    await new Promise((resolve) =>
      client.socket.once('drain', resolve).setTimeout(300, () => resolve(0)),
    )
    expect(accepted).toBeLessThan(count / 2)
    server.socket.resume()
    const total = count * (14 + body.length)
    expect((await server.bytes(total)).length).toBe(total)
  })
})

describe('verdicts on a request', () => {
  beforeEach(() => {
    script.mode = gather
  })

  it('lets made-up answers leave in the order of their requests', async () => {
    const { client, server } = await pair()
    script.requests.set(2, {
      do: 'answer',
      frame: replyFrame(2, Buffer.from('mine')),
      effect: effect('a'),
    })
    client.send(Buffer.concat([requestFrame(1), requestFrame(2), requestFrame(3)]))
    expect(await server.bytes(28)).toEqual(Buffer.concat([requestFrame(1), requestFrame(3)]))
    expect(client.received().length).toBe(0)
    server.send(replyFrame(1))
    const both = Buffer.concat([replyFrame(1), replyFrame(2, Buffer.from('mine'))])
    expect(await client.bytes(both.length)).toEqual(both)
    server.send(replyFrame(3))
    expect(await client.bytes(both.length + 8)).toEqual(Buffer.concat([both, replyFrame(3)]))
  })

  it('forwards nothing and answers nothing after a swallowed request', async () => {
    const { client, server } = await pair()
    script.requests.set(2, { do: 'swallow', effect: effect('drop'), forMs: 30 })
    client.send(Buffer.concat([requestFrame(1), requestFrame(2), requestFrame(3)]))
    expect(await server.bytes(14)).toEqual(requestFrame(1))
    await client.gone
    expect(server.received()).toEqual(requestFrame(1))
    expect(client.received().length).toBe(0)
    expect(log[0]).toContain('drop applied')
  })

  it('closes before the request: the broker has not seen it', async () => {
    const { client, server } = await pair()
    script.requests.set(1, { do: 'cut', forward: false, with: 'reset', effect: effect('cut') })
    client.send(requestFrame(1))
    expect(await client.gone).not.toBe('fin')
    await server.gone
    expect(server.received().length).toBe(0)
  })

  it('closes after the request: the broker has seen it, and its answer is recorded', async () => {
    const { client, server } = await pair()
    script.requests.set(1, { do: 'cut', forward: true, with: 'reset', effect: effect('cut') })
    client.send(requestFrame(1))
    await client.gone
    expect(await server.bytes(14)).toEqual(requestFrame(1))
    server.send(replyFrame(1))
    await server.gone
    expect(client.received().length).toBe(0)
    expect(log).toContain('cut answered 1')
  })

  it('delivers a detached request after its client is gone, and records the answer', async () => {
    const { client, server } = await pair()
    const gate = createGate<undefined>()
    script.requests.set(1, { do: 'detach', gate, effect: effect('late') })
    client.send(requestFrame(1))
    await client.gone
    expect(server.received().length).toBe(0)
    gate.open(undefined)
    expect(await server.bytes(14)).toEqual(requestFrame(1))
    server.send(replyFrame(1))
    await server.gone
    expect(log).toContain('late answered 1')
  })

  it('holds a message and what follows it, then lets both go on', async () => {
    const { client, server } = await pair()
    const gate = createGate<RequestVerdict>()
    script.requests.set(1, { do: 'wait', gate, discardIfClientLeaves: true })
    const sent = Buffer.concat([requestFrame(1), requestFrame(2)])
    client.send(sent)
    const other = await pair()
    other.client.send(requestFrame(9))
    expect(await other.server.bytes(14)).toEqual(requestFrame(9))
    expect(server.received().length).toBe(0)
    gate.open({ do: 'pass' })
    expect(await server.bytes(28)).toEqual(sent)
  })

  it('discards a held request whose client has left', async () => {
    const { client, server } = await pair()
    const gate = createGate<RequestVerdict>()
    script.requests.set(1, {
      do: 'wait',
      gate,
      discardIfClientLeaves: true,
      effect: effect('hold'),
    })
    client.send(requestFrame(1))
    client.socket.end()
    while (clientLeft === 0) await new Promise((resolve) => setImmediate(resolve))
    gate.open({ do: 'pass' })
    await server.gone
    expect(server.received().length).toBe(0)
    expect(log).toEqual(['hold discarded'])
  })
})

describe('verdicts on a reply', () => {
  beforeEach(() => {
    script.mode = gather
  })

  it('answers nothing after a swallowed reply, while requests go on', async () => {
    const { client, server } = await pair()
    script.replies.set(1, { do: 'swallow', effect: effect('drop') })
    client.send(requestFrame(1))
    await server.bytes(14)
    server.send(replyFrame(1))
    while (log.length === 0) await new Promise((resolve) => setImmediate(resolve))
    client.send(requestFrame(2))
    await server.bytes(28)
    server.send(replyFrame(2))
    client.socket.end()
    await server.gone
    expect(client.received().length).toBe(0)
  })

  it.each([
    ['fin', 'fin'],
    ['reset', 'ECONNRESET'],
  ] as const)('cuts in the middle of a reply with %s, behind half of it', async (how, seen) => {
    const { client, server } = await pair()
    script.replies.set(1, { do: 'cut', part: 'some', with: how, effect: effect('cut') })
    client.send(requestFrame(1))
    await server.bytes(14)
    server.send(replyFrame(1, Buffer.alloc(100, 1)))
    expect(await client.gone).toBe(seen)
    expect(client.received().length).toBe(54)
  })

  it('holds a reply, and answers keep their order behind it', async () => {
    const { client, server } = await pair()
    const gate = createGate<ReplyVerdict>()
    script.replies.set(1, { do: 'wait', gate })
    client.send(Buffer.concat([requestFrame(1), requestFrame(2)]))
    await server.bytes(28)
    server.send(Buffer.concat([replyFrame(1), replyFrame(2)]))
    const other = await pair()
    other.client.send(requestFrame(9))
    await other.server.bytes(14)
    other.server.send(replyFrame(9))
    await other.client.bytes(8)
    expect(client.received().length).toBe(0)
    gate.open({ do: 'replace', frame: replyFrame(1, Buffer.from('new')) })
    const expected = Buffer.concat([replyFrame(1, Buffer.from('new')), replyFrame(2)])
    expect(await client.bytes(expected.length)).toEqual(expected)
  })
})

describe('windows over a connection', () => {
  it('keeps bytes while stalled and delivers them in order afterwards', async () => {
    const { client, server } = await pair()
    connections[0]?.stall({ toBroker: true, toClient: true })
    client.send(requestFrame(1))
    client.send(requestFrame(2))
    const other = await pair()
    other.client.send(requestFrame(9))
    await other.server.bytes(14)
    expect(server.received().length).toBe(0)
    connections[0]?.stall(undefined)
    expect(await server.bytes(28)).toEqual(Buffer.concat([requestFrame(1), requestFrame(2)]))
    server.send(replyFrame(1))
    expect(await client.bytes(8)).toEqual(replyFrame(1))
  })

  it('dials only when the partition ends', async () => {
    stalled = { toBroker: true, toClient: true }
    const client = await connect(proxy.address.port)
    client.send(requestFrame(1))
    while (connections.length === 0) await new Promise((resolve) => setImmediate(resolve))
    connections[0]?.stall(undefined)
    const server = await broker.next()
    expect(await server.bytes(14)).toEqual(requestFrame(1))
  })

  it('delays every message by its own arrival, not one after the other', async () => {
    const { client, server } = await pair()
    const connection = connections[0]
    if (connection === undefined) throw new Error('there is a connection')
    connection.slow = { requestMs: 60, replyMs: 0, jitterMs: 0, random: () => 0 }
    const startedMs = performance.now()
    client.send(Buffer.concat([1, 2, 3, 4, 5].map((n) => requestFrame(n))))
    await server.bytes(70)
    const tookMs = performance.now() - startedMs
    expect(tookMs).toBeGreaterThanOrEqual(59)
    expect(tookMs).toBeLessThan(5 * 60)
  })

  const openOne = (): Connection => {
    const [connection] = connections
    if (connection === undefined) throw new Error('there is a connection')
    return connection
  }
  const unheard = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 0))

  it.each([
    ['client', { toBroker: true, toClient: false }],
    ['broker', { toBroker: false, toClient: true }],
  ] as const)(
    'leaves what the %s sends unread, so that it has to wait, and loses nothing',
    async (side, way) => {
      const { client, server } = await pair()
      const asked = Array.from({ length: 40 }, (_, n) => requestFrame(n + 1))
      client.send(Buffer.concat(asked))
      await server.bytes(40 * 14)
      const touches: string[] = []
      openOne().leaveUnread({ ...way, touched: () => void touches.push('unread') })
      expect(touches).toEqual([])
      const [from, to] = side === 'client' ? [client, server] : [server, client]
      const before = to.received().length
      const body = Buffer.alloc(1_000_000, 5)
      const frames = asked.map((_, n) =>
        side === 'client' ? requestFrame(n + 41, body) : replyFrame(n + 1, body),
      )
      const whole = Buffer.concat(frames)
      let isWritten = false
      from.socket.write(whole, () => {
        isWritten = true
      })
      while (touches.length === 0) await unheard()
      // The other way still passes, and by then nothing of this one has.
      const [back, forth] = side === 'client' ? [server, replyFrame(1)] : [client, requestFrame(99)]
      back.send(forth)
      await from.bytes(forth.length)
      expect(to.received().length).toBe(before)
      expect(from.socket.bufferSize ?? from.socket.writableLength).toBeGreaterThan(0)
      expect(isWritten).toBe(false)
      openOne().leaveUnread(undefined)
      expect((await to.bytes(before + whole.length)).subarray(before).equals(whole)).toBe(true)
    },
  )

  it('that nobody sends anything on is touched by no stopped reading', async () => {
    const { client, server } = await pair()
    let touches = 0
    openOne().leaveUnread({ toBroker: true, toClient: true, touched: () => void touches++ })
    const other = await pair()
    other.client.send(requestFrame(9))
    await other.server.bytes(14)
    expect(touches).toBe(0)
    openOne().leaveUnread(undefined)
    client.send(requestFrame(1))
    expect(await server.bytes(14)).toEqual(requestFrame(1))
  })

  it('leaves the other end in the middle of a message when the rest is not read', async () => {
    const { client, server } = await pair()
    const frame = requestFrame(1, Buffer.alloc(1_000, 3))
    client.send(frame.subarray(0, 600))
    await server.bytes(600)
    openOne().leaveUnread({ toBroker: true, toClient: false })
    client.send(frame.subarray(600))
    const other = await pair()
    other.client.send(requestFrame(9))
    await other.server.bytes(14)
    expect(server.received().length).toBe(600)
    openOne().leaveUnread(undefined)
    expect(await server.bytes(frame.length)).toEqual(frame)
  })

  describe.each([
    ['streamed', stream],
    ['teed', tee],
    ['gathered', gather],
  ])('with a narrow link, %s', (_, mode) => {
    const random = (): number => 0.5

    it('passes bytes no faster than its rate, in order, and makes a fast sender wait', async () => {
      script.mode = mode
      const { client, server } = await pair()
      let touches = 0
      const touched = (): void => void touches++
      openOne().narrow({ bytesPerSecond: 2_000_000, random, touched }, undefined)
      const startedMs = performance.now()
      const bytes = Buffer.concat(
        Array.from({ length: 20 }, (_, n) => requestFrame(n + 1, Buffer.alloc(50_000, `${n},`))),
      )
      client.send(bytes)
      expect((await server.bytes(bytes.length)).equals(bytes)).toBe(true)
      expect(performance.now() - startedMs).toBeGreaterThan(400)
      expect(touches).toBeGreaterThan(0)
    })

    it('sends what is left at once when the window closes', async () => {
      script.mode = mode
      const { client, server } = await pair()
      client.send(requestFrame(1))
      await server.bytes(14)
      const touched = (): void => void log.push('slow')
      openOne().narrow(undefined, { bytesPerSecond: 1, random, touched })
      const answer = replyFrame(1, Buffer.alloc(5_000, 9))
      server.send(answer)
      while (log.length === 0) await unheard()
      expect(client.received().length).toBeLessThan(10)
      openOne().narrow(undefined, undefined)
      expect(await client.bytes(answer.length)).toEqual(answer)
      client.send(requestFrame(2, Buffer.alloc(300_000, 1)))
      expect((await server.bytes(14 + 300_014)).length).toBe(14 + 300_014)
    })

    it('sends slices as writes of their own', async () => {
      script.mode = mode
      const { client, server } = await pair()
      let pieces = 0
      server.socket.on('data', () => {
        pieces += 1
      })
      const slicing = { bytes: 1, variationBytes: 0, gapMs: 2, jitterMs: 0 }
      openOne().narrow({ slicing, random, touched: () => undefined }, undefined)
      const frame = requestFrame(1, Buffer.from('abcdef'))
      client.send(frame)
      expect(await server.bytes(frame.length)).toEqual(frame)
      expect(pieces).toBeGreaterThan(frame.length / 2)
    })

    it('lets the goodbye come behind the last byte', async () => {
      script.mode = mode
      const { client, server } = await pair()
      const slicing = { bytes: 5, variationBytes: 0, gapMs: 2, jitterMs: 0 }
      openOne().narrow(
        { slicing, random, touched: () => undefined },
        { slicing, random, touched: () => undefined },
      )
      const frame = requestFrame(1, Buffer.alloc(60, 1))
      client.send(frame)
      client.socket.end()
      await server.gone
      expect(server.received()).toEqual(frame)
      const answer = replyFrame(1, Buffer.alloc(60, 2))
      server.send(answer)
      server.socket.end()
      await client.gone
      expect(client.received()).toEqual(answer)
    })
  })

  it('throws bytes away in a black hole and is torn', async () => {
    const { client, server } = await pair()
    const connection = connections[0]
    if (connection === undefined) throw new Error('there is a connection')
    connection.block = { toBroker: true, toClient: false }
    client.send(requestFrame(1))
    while (!connection.torn) await new Promise((resolve) => setImmediate(resolve))
    expect(server.received().length).toBe(0)
  })

  // Kept requests were freed first: one that we answer ourselves overtook an answer that was kept.
  it('frees kept answers before kept requests', async () => {
    script.mode = gather
    const { client, server } = await pair()
    const gate = createGate<ReplyVerdict>()
    script.replies.set(1, { do: 'wait', gate })
    script.requests.set(2, { do: 'answer', frame: replyFrame(2, Buffer.from('made')) })
    client.send(requestFrame(1))
    await server.bytes(14)
    server.send(replyFrame(1))
    while (!waitingReplies()) await new Promise((resolve) => setImmediate(resolve))
    connections[0]?.stall({ toBroker: true, toClient: true })
    gate.open({ do: 'pass' })
    client.send(requestFrame(2))
    const other = await pair()
    other.client.send(requestFrame(9))
    await other.server.bytes(14)
    connections[0]?.stall(undefined)
    const expected = Buffer.concat([replyFrame(1), replyFrame(2, Buffer.from('made'))])
    expect(await client.bytes(expected.length)).toEqual(expected)
  })

  // One that ended while the next partition began stayed for ever, with nobody on either side.
  it('ends when both sides have left, partition or not', async () => {
    const { client, server } = await pair()
    client.socket.end()
    await server.gone
    connections[0]?.stall({ toBroker: true, toClient: true })
    server.socket.end()
    await new Promise((resolve) => server.socket.once('close', resolve))
    const other = await pair()
    other.client.send(requestFrame(9))
    await other.server.bytes(14)
    connections[0]?.stall(undefined)
    // The next one begins before the goodbye has reached the client.
    connections[0]?.stall({ toBroker: true, toClient: true })
    await whenClosed()
    expect(connections[0]?.open).toBe(false)
  })

  it.each(['end', 'resetAndDestroy'] as const)(
    'delivers nothing of a connection that was never made (client: %s)',
    async (leave) => {
      stalled = { toBroker: true, toClient: true }
      const client = await connect(proxy.address.port)
      client.send(requestFrame(1))
      while (connections.length === 0) await new Promise((resolve) => setImmediate(resolve))
      client.socket[leave]()
      stalled = undefined
      const other = await pair()
      connections[0]?.stall(undefined)
      await whenClosed()
      // The only connection that the broker ever got.
      expect(other.server.received().length).toBe(0)
      const last = await pair()
      last.client.send(requestFrame(9))
      expect(await last.server.bytes(14)).toEqual(requestFrame(9))
    },
  )

  it('frees one direction and keeps the other', async () => {
    const { client, server } = await pair()
    connections[0]?.stall({ toBroker: true, toClient: true })
    client.send(requestFrame(1))
    connections[0]?.stall({ toBroker: false, toClient: true })
    expect(await server.bytes(14)).toEqual(requestFrame(1))
    server.send(replyFrame(1))
    const other = await pair()
    other.client.send(requestFrame(9))
    await other.server.bytes(14)
    expect(client.received().length).toBe(0)
    connections[0]?.stall(undefined)
    expect(await client.bytes(8)).toEqual(replyFrame(1))
  })
})

describe('what nobody foresaw', () => {
  // One broken frame took the whole proxy down.
  it('ends its own connection with an error, and no other', async () => {
    script.mode = gather
    const { client } = await pair()
    const other = await pair()
    script.requests.set(13, new Proxy({} as RequestVerdict, { get: thrower }))
    client.send(requestFrame(13))
    await client.gone
    expect(failures).toEqual(['connection-failed'])
    other.client.send(requestFrame(1))
    expect(await other.server.bytes(14)).toEqual(requestFrame(1))
  })

  it('looks at nothing behind a request that was swallowed', async () => {
    script.mode = gather
    const { client, server } = await pair()
    script.requests.set(1, { do: 'swallow', effect: effect('drop') })
    script.requests.set(2, { do: 'answer', frame: replyFrame(2), effect: effect('never') })
    client.send(Buffer.concat([requestFrame(1), requestFrame(2)]))
    while (log.length === 0) await new Promise((resolve) => setImmediate(resolve))
    client.socket.destroy()
    await server.gone
    expect(log).toEqual(['drop applied: request swallowed, connection mute'])
    await whenClosed()
    expect(closed[0]?.unanswered).toEqual([])
  })
})
