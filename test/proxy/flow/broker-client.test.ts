// The small client against a broker that we play ourselves.
import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  BrokerAnswerError,
  type BrokerClient,
  checkAnswer,
  connectBroker,
} from '../../../proxy/flow/broker-client.ts'
import {
  apiNamed,
  decodeRequest,
  encodeResponse,
  type Message,
} from '../../../proxy/protocol/codec.ts'
import { readRequestHeader, responseFrame } from '../../../proxy/protocol/frame.ts'

interface Asked {
  apiKey: number
  apiVersion: number
  correlationId: number
  clientId: string | null
  message: Message
  answer(message: Message): Buffer
}

let server: net.Server | undefined
let client: BrokerClient | undefined
const sockets = new Set<net.Socket>()

afterEach(() => {
  client?.close()
  for (const socket of sockets) socket.destroy()
  server?.close()
})

/** Offers EndTxn up to 4 and Metadata up to 99; hands over every other request. */
async function play(take: (asked: Asked, socket: net.Socket) => void): Promise<number> {
  server = net.createServer((socket) => {
    sockets.add(socket)
    let held = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const frame = held.subarray(4, 4 + held.readInt32BE(0))
        held = held.subarray(4 + frame.length)
        const { apiKey, apiVersion, correlationId, clientId, bodyOffset } = readRequestHeader(frame)
        const answer = (message: Message) =>
          responseFrame(
            apiKey,
            apiVersion,
            correlationId,
            encodeResponse(apiKey, apiVersion, message),
          )
        const message = decodeRequest(apiKey, apiVersion, frame.subarray(bodyOffset))
        const asked = { apiKey, apiVersion, correlationId, clientId, message, answer }
        if (apiKey === 18) {
          socket.write(
            answer({
              apiKeys: [
                { apiKey: 26, minVersion: 0, maxVersion: 4 },
                { apiKey: 3, minVersion: 0, maxVersion: 99 },
                { apiKey: 28, minVersion: 90, maxVersion: 91 },
              ],
              finalizedFeatures: [
                { name: 'transaction.version', minVersionLevel: 2, maxVersionLevel: 2 },
              ],
            }),
          )
        } else take(asked, socket)
      }
    })
  })
  const listening = server
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', () => resolve()))
  return (listening.address() as net.AddressInfo).port
}

async function connect(port: number, timeoutMs = 5_000): Promise<BrokerClient> {
  client = await connectBroker({ host: '127.0.0.1', port }, { clientId: 'tester', timeoutMs })
  return client
}

const endTxn = { transactionalId: 'x', producerId: 1n, producerEpoch: 0, committed: true }

describe('the broker client', () => {
  it('learns versions and features, and asks with the highest version that both know', async () => {
    const seen: Asked[] = []
    const port = await play((asked, socket) => {
      seen.push(asked)
      socket.write(asked.answer({ errorCode: 0 }))
    })
    const open = await connect(port)
    expect(open.versions.get('EndTxn')).toEqual({ min: 0, max: 4 })
    expect(open.features.get('transaction.version')).toBe(2)
    await open.request('EndTxn', endTxn)
    await open.request('EndTxn', endTxn, 2)
    await open.request('Metadata', { topics: null })
    expect(seen.map(({ apiVersion }) => apiVersion)).toEqual([
      4,
      2,
      apiNamed('Metadata')?.maxVersion,
    ])
    expect(seen[0]).toMatchObject({ clientId: 'tester', message: endTxn })
    await expect(open.request('TxnOffsetCommit', {})).rejects.toThrow(
      /offers no version of TxnOffsetCommit/,
    )
    await expect(open.request('NoSuchApi', {})).rejects.toThrow('no API is named NoSuchApi')
  })

  it('pipelines, and gives each answer to its question, however the bytes arrive', async () => {
    const waiting: Asked[] = []
    const port = await play((asked, socket) => {
      waiting.push(asked)
      if (waiting.length < 3) return
      const bytes = Buffer.concat(
        waiting.map((one) => one.answer({ errorCode: one.message.producerEpoch as number })),
      )
      for (let at = 0; at < bytes.length; at += 3) socket.write(bytes.subarray(at, at + 3))
    })
    const open = await connect(port)
    const answers = await Promise.all(
      [1, 2, 3].map((producerEpoch) => open.request('EndTxn', { ...endTxn, producerEpoch })),
    )
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([1, 2, 3])
  })

  it('puts the bytes of an answer where it is told, and those of others where they were', async () => {
    const port = await play(({ answer }, socket) => {
      socket.write(answer({ brokers: [], clusterId: 'a-cluster', controllerId: 1, topics: [] }))
    })
    const broker = await connect(port)
    const given: number[] = []
    const memory = Buffer.alloc(1_000)
    await Promise.all([
      broker.request('Metadata', { topics: [] }, 9),
      broker.request('Metadata', { topics: [] }, 9, (bytes) => {
        given.push(bytes)
        return memory.subarray(0, bytes)
      }),
      broker.request('Metadata', { topics: [] }, 9),
    ])
    expect(given).toHaveLength(1)
    expect(memory.includes('a-cluster')).toBe(true)
    expect(memory.subarray(given[0]).every((byte) => byte === 0)).toBe(true)
  })

  it('rejects everything under way when the connection ends, and everything after', async () => {
    const waiting: Asked[] = []
    const port = await play((asked, socket) => {
      waiting.push(asked)
      if (waiting.length === 2) socket.destroy()
    })
    const open = await connect(port)
    const outcomes = await Promise.allSettled([
      open.request('EndTxn', endTxn),
      open.request('EndTxn', endTxn),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(open.open).toBe(false)
    await expect(open.request('EndTxn', endTxn)).rejects.toThrow(`127.0.0.1:${port}`)
  })

  it('gives up a broker that does not answer in time', async () => {
    const port = await play(() => undefined)
    const open = await connect(port, 300)
    await expect(open.request('EndTxn', endTxn)).rejects.toThrow(
      'no answer to EndTxn within 300 ms',
    )
    expect(open.open).toBe(false)
  })

  it('gives up when an answer is not the one that is due, or no answer at all', async () => {
    const port = await play((asked, socket) => {
      const frame = asked.answer({ errorCode: 0 })
      frame.writeInt32BE(asked.correlationId + 1, 4)
      socket.write(frame)
    })
    const open = await connect(port)
    await expect(open.request('EndTxn', endTxn)).rejects.toThrow(/where \d+ was due/)
    expect(open.open).toBe(false)
  })

  it('says where nobody listens', async () => {
    const port = await play(() => undefined)
    await new Promise((resolve) => server?.close(resolve))
    await expect(connect(port)).rejects.toThrow(`127.0.0.1:${port}: ECONNREFUSED`)
  })

  it("turns a top-level error code into an error with Kafka's name", () => {
    expect(() => checkAnswer('EndTxn', { errorCode: 90 })).toThrow(
      new BrokerAnswerError('EndTxn', 90),
    )
    expect(() => checkAnswer('EndTxn', { errorCode: 90 })).toThrow(
      'EndTxn was answered PRODUCER_FENCED',
    )
    expect(() => checkAnswer('EndTxn', { errorCode: 0 })).not.toThrow()
  })
})
