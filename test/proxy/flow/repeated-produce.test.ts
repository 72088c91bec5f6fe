// Produce that is followed by its likeness to one before it: the same comes of it as of decoding each message, and
// nothing is decoded unless a rule could care.
import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { ProxyEventBody } from '../../../proxy/events.ts'
import type { FaultSpec } from '../../../proxy/faults/fault.ts'
import { createRuleBook } from '../../../proxy/faults/rules.ts'
import { createBrokers } from '../../../proxy/flow/brokers.ts'
import { type Connection, openConnection } from '../../../proxy/flow/connection.ts'
import { createPipeline } from '../../../proxy/flow/pipeline.ts'
import { createRecogniser } from '../../../proxy/flow/recognition.ts'
import type { Leg, LegEvents } from '../../../proxy/flow/sockets.ts'
import { createTopicNames } from '../../../proxy/flow/topic-names.ts'
import { createTraffic } from '../../../proxy/flow/traffic.ts'
import { createWindows } from '../../../proxy/flow/windows.ts'
import { createGovernor } from '../../../proxy/policies/governor.ts'
import * as codec from '../../../proxy/protocol/codec.ts'
import { errorCodeNamed } from '../../../proxy/protocol/error-codes.ts'
import { requestFrame, responseFrame } from '../../../proxy/protocol/frame.ts'
import { writeBatch } from '../../../proxy/protocol/record-batch.ts'
import { createPosture } from '../../../proxy/transactions/posture.ts'
import { createTracker, type Tracker } from '../../../proxy/transactions/tracker.ts'

const decoded = vi.hoisted(() => ({ requests: 0, replies: 0 }))
vi.mock('../../../proxy/protocol/codec.ts', async (original) => {
  const real = await original<typeof codec>()
  return {
    ...real,
    decodeRequest: (...message: Parameters<typeof real.decodeRequest>) => {
      decoded.requests += 1
      return real.decodeRequest(...message)
    },
    decodeResponse: (...message: Parameters<typeof real.decodeResponse>) => {
      decoded.replies += 1
      return real.decodeResponse(...message)
    },
  }
})
beforeEach(() => {
  decoded.requests = 0
  decoded.replies = 0
})

const produce = 0
const endTxn = 26
const topicId = 'AAAAAAAAAAAAAAAAAAAABQ'

interface Send {
  id: string
  topic: string
  partition: number
  producerId: number
  producerEpoch: number
  sequence: number
  version: number
  acks: number
  transactional: boolean
  batches: number
}

const usual: Send = {
  id: 'shop-0',
  topic: 'orders',
  partition: 4,
  producerId: 7,
  producerEpoch: 3,
  sequence: 0,
  version: 11,
  acks: -1,
  transactional: true,
  batches: 1,
}

function sendFrame(correlationId: number, send: Send): Buffer {
  const batch = writeBatch({
    producerId: send.producerId,
    producerEpoch: send.producerEpoch,
    baseSequence: send.sequence,
    transactional: send.transactional,
    records: [{ value: 'x'.repeat(40 + (send.sequence % 200)) }],
  })
  const records = Buffer.concat(Array.from({ length: send.batches }, () => batch))
  const name = send.version >= 13 ? { topicId } : { name: send.topic }
  const body = codec.encodeRequest(produce, send.version, {
    transactionalId: send.transactional ? send.id : null,
    acks: send.acks,
    timeoutMs: 1_000,
    topicData: [{ ...name, partitionData: [{ index: send.partition, records }] }],
  })
  const header = { apiKey: produce, apiVersion: send.version, correlationId, clientId: 'app' }
  return requestFrame(header, body)
}

function sendAnswer(correlationId: number, send: Send, code: string): Buffer {
  const name = send.version >= 13 ? { topicId } : { name: send.topic }
  const error = errorCodeNamed(code) ?? 0
  const body = codec.encodeResponse(produce, send.version, {
    responses: [
      {
        ...name,
        partitionResponses: [
          {
            index: send.partition,
            errorCode: error,
            baseOffset: error === 0 ? BigInt(correlationId) * 5_000_000_000n : -1n,
            logStartOffset: BigInt(correlationId % 3),
          },
        ],
      },
    ],
    throttleTimeMs: correlationId % 2,
  })
  return responseFrame(produce, send.version, correlationId, body)
}

/** Connections over the real stages, with legs of no socket. */
function play(
  specs: readonly FaultSpec[] = [],
  change: (tracker: Tracker) => Tracker = (it) => it,
) {
  let nowMs = 1_000
  const runtime = { nowMs: () => nowMs, after: () => () => undefined, random: () => () => 0 }
  const rules = createRuleBook({ random: runtime.random, aliases: {} })
  const topics = createTopicNames()
  topics.learn(3, { topics: [{ name: 'orders', topicId, partitions: [] }] })
  const events: ProxyEventBody[] = []
  const live = new Set<Connection>()
  const tracker = createTracker({ topicName: topics.nameOf, journalProduce: 'all' })
  const pipeline = createPipeline({
    runtime,
    rules,
    tracker: change(tracker),
    topics,
    brokers: createBrokers([]),
    windows: createWindows(() => live),
    recogniser: createRecogniser(),
    doorOf: () => undefined,
    advertise: {},
    taker: {
      request: () => ({ do: 'pass' }),
      reply: (_decision, message) => message.goOn,
    },
    emit: (event) => void events.push(event),
    posture: createPosture({ topicName: topics.nameOf }),
    traffic: createTraffic(),
    governor: createGovernor({ policies: [], aliases: {}, topicName: topics.nameOf }),
    journalAllProduce: true,
    isDraining: false,
    clientLeft: () => undefined,
    closed: () => undefined,
  })
  for (const spec of specs) rules.arm(spec)
  function connect(id: number) {
    const legs: { client?: LegEvents; broker?: LegEvents } = {}
    const toBroker: Buffer[] = []
    const toClient: Buffer[] = []
    const leg = (side: 'client' | 'broker'): Leg => ({
      write: (bytes) => {
        ;(side === 'client' ? toClient : toBroker).push(Buffer.from(bytes))
        return true
      },
      flushed: () => true,
      pause: () => undefined,
      resume: () => undefined,
      end: () => undefined,
      close: () => undefined,
      open: true,
      remote: 'nowhere',
      listen(listener) {
        legs[side] = listener
      },
    })
    const connection = openConnection({
      id,
      plane: 'client',
      node: 1,
      instance: 'app-0',
      client: leg('client'),
      dial: () => leg('broker'),
      pipeline,
      nowMs: runtime.nowMs,
      after: runtime.after,
      stalled: undefined,
    })
    live.add(connection)
    const { client, broker } = legs
    if (client === undefined || broker === undefined) throw new Error('a connection has two legs')
    return { client, broker, connection, toBroker, toClient }
  }
  return {
    connect,
    rules,
    events,
    tracker,
    tick: () => {
      nowMs += 1
    },
  }
}

function spec(when: FaultSpec['when']): FaultSpec {
  return { name: 'other', when, inject: { delay: { by: '1s' } }, times: 'unlimited' }
}

/** Twenty sends of one producer, each with its answer; what was decoded for the last ten of them. */
function decodedFor(
  specs: readonly FaultSpec[],
  version = 11,
): { requests: number; replies: number } {
  const { connect, events } = play(specs)
  const { client, broker } = connect(1)
  for (let n = 1; n <= 20; n++) {
    if (n === 11) {
      decoded.requests = 0
      decoded.replies = 0
    }
    const send = { ...usual, sequence: n, version }
    const areFree = [client.bytes(sendFrame(n, send)), broker.bytes(sendAnswer(n, send, 'NONE'))]
    if (n > 10) expect(areFree).toEqual([true, true])
  }
  const sequences = events.flatMap((event) =>
    event.type === 'send' ? event.batches.map(({ baseSequence }) => baseSequence) : [],
  )
  expect(sequences).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  return { ...decoded }
}

describe('a rule costs only the messages that it could match', () => {
  const free: Array<[string, FaultSpec[]]> = [
    ['no rule', []],
    ['a rule on another API', [spec({ request: 'EndTxn' })]],
    ['another transactional id', [spec({ request: 'Produce', 'transactional-id': 'other-*' })]],
    ['an answer to another id', [spec({ reply: 'Produce', 'transactional-id': 'other' })]],
    ['another topic', [spec({ request: 'Produce', topic: 'payments' })]],
    ['another partition', [spec({ reply: 'Produce', partition: 5, error: 'NONE' })]],
    ['another client', [spec({ request: 'Produce', client: 'else' })]],
    ['another instance', [spec({ request: 'Produce', instance: 1 })]],
    ['another broker', [spec({ request: 'Produce', broker: 2 })]],
    ['another plane', [spec({ request: 'Produce', plane: 'inter-broker' })]],
  ]
  it.each(free)('decodes nothing of what repeats, with %s', (_, specs) => {
    expect(decodedFor(specs)).toEqual({ requests: 0, replies: 0 })
  })

  it.each([7, 8, 9, 10, 12, 13])('so in Produce v%i', (version) => {
    expect(decodedFor([], version)).toEqual({ requests: 0, replies: 0 })
  })

  it.each([
    ['the same id', spec({ request: 'Produce', 'transactional-id': 'shop-*', phase: 'ending' })],
    ['a phase', spec({ request: 'Produce', phase: 'ending' })],
    ['an error in the answer', spec({ reply: 'Produce', error: 'NOT_LEADER_OR_FOLLOWER' })],
  ])('decodes each request that it could match by %s', (_, rule) => {
    const { connect } = play([rule])
    const { client, broker } = connect(1)
    for (let n = 1; n <= 5; n++) {
      client.bytes(sendFrame(n, { ...usual, sequence: n }))
      broker.bytes(sendAnswer(n, usual, 'NONE'))
    }
    expect(decoded.requests).toBe(5)
  })

  it('decodes again from the moment that a rule is armed, and stops when it is disarmed', () => {
    const { connect, rules } = play()
    const { client, broker } = connect(1)
    const counts: number[] = []
    for (let n = 1; n <= 30; n++) {
      if (n === 11) rules.arm(spec({ request: 'Produce', 'transactional-id': 'shop-0' }))
      if (n === 21) rules.disarm('other')
      client.bytes(sendFrame(n, { ...usual, sequence: n }))
      broker.bytes(sendAnswer(n, usual, 'NONE'))
      if (n % 10 === 0) counts.push(decoded.requests)
    }
    const [first = 0, second = 0, third = 0] = counts
    expect([second - first, third - second]).toEqual([10, 0])
  })
})

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      connection: fc.constantFrom(0, 0, 0, 1),
      count: fc.integer({ min: 2, max: 6 }),
      from: fc.nat(100),
      producerEpoch: fc.constantFrom(3, 3, 3, 3, 4),
      version: fc.constantFrom(11, 11, 11, 12),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      of: fc.record({
        id: fc.constantFrom('shop-0', 'shop-0', 'shop-1'),
        topic: fc.constant('orders'),
        partition: fc.constantFrom(0, 0, 0, 1),
        producerId: fc.constantFrom(7, 7, 7, 7, 8),
        producerEpoch: fc.constantFrom(3, 3, 3, 3, 4),
        sequence: fc.nat(2_000),
        version: fc.constantFrom(11, 11, 11, 12, 13),
        acks: fc.constantFrom(-1, -1, -1, -1, -1, 1, 0),
        transactional: fc.constantFrom(true, true, true, true, true, false),
        batches: fc.constantFrom(1, 1, 1, 1, 2),
      }),
      connection: fc.constantFrom(0, 0, 0, 1),
      /** Where the frame is cut in two pieces; 0: not at all. */
      cut: fc.constantFrom(0, 0, 0, 50),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      connection: fc.constantFrom(0, 0, 0, 1),
      code: fc.constantFrom(
        'NONE',
        'NONE',
        'NONE',
        'NONE',
        'NONE',
        'REQUEST_TIMED_OUT',
        'INVALID_PRODUCER_EPOCH',
        'CONCURRENT_TRANSACTIONS',
        'NOT_LEADER_OR_FOLLOWER',
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      id: fc.constantFrom('shop-0', 'shop-1'),
      committed: fc.boolean(),
      connection: fc.constantFrom(0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('lose' as const), connection: fc.constantFrom(0, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('arm' as const, 'disarm' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

/** Plays the steps; everything that can be seen afterwards. */
function outcomeOf(steps: readonly Step[], change?: (tracker: Tracker) => Tracker) {
  const stage = play([], change)
  let connections = 0
  let correlationId = 0
  const open = () => ({
    ...stage.connect(++connections),
    waiting: [] as Array<(code: string) => Buffer>,
  })
  const both = [open(), open()]
  for (const now of steps) {
    stage.tick()
    if (now.do === 'arm' || now.do === 'disarm') {
      if (now.do === 'disarm') stage.rules.disarm('other')
      else if (stage.rules.named('other') === undefined) {
        stage.rules.arm(spec({ request: 'Produce', 'transactional-id': 'shop-0', nth: 1_000 }))
      }
      continue
    }
    const side =
      both[
        now.do === 'send' || now.do === 'answer' || now.do === 'lose' || now.do === 'end'
          ? now.connection
          : 0
      ]
    if (side === undefined) continue
    const id = ++correlationId
    switch (now.do) {
      case 'burst':
        for (let n = 0; n < now.count; n++) {
          const { producerEpoch, version } = now
          const send = { ...usual, sequence: now.from + n, producerEpoch, version }
          const own = ++correlationId
          side.client.bytes(sendFrame(own, send))
          side.waiting.push((code) => sendAnswer(own, send, code))
        }
        for (let n = 1; n < now.count; n++) {
          const answer = side.waiting.shift()
          if (answer !== undefined) side.broker.bytes(answer('NONE'))
        }
        break
      case 'send': {
        const frame = sendFrame(id, now.of)
        const pieces =
          now.cut === 0 ? [frame] : [frame.subarray(0, now.cut), frame.subarray(now.cut)]
        for (const piece of pieces) side.client.bytes(Buffer.from(piece))
        if (now.of.acks !== 0) side.waiting.push((code) => sendAnswer(id, now.of, code))
        break
      }
      case 'end': {
        const header = { apiKey: endTxn, apiVersion: 4, correlationId: id, clientId: 'app' }
        const fields = {
          transactionalId: now.id,
          producerId: 7n,
          producerEpoch: 3,
          committed: now.committed,
        }
        side.client.bytes(requestFrame(header, codec.encodeRequest(endTxn, 4, fields)))
        const body = codec.encodeResponse(endTxn, 4, { throttleTimeMs: 0, errorCode: 0 })
        side.waiting.push(() => responseFrame(endTxn, 4, id, body))
        break
      }
      case 'answer': {
        const answer = side.waiting.shift()
        if (answer !== undefined) side.broker.bytes(answer(now.code))
        break
      }
      case 'lose':
        side.connection.cut('reset', 'lost')
        both[now.connection] = open()
        break
    }
  }
  for (const side of both) side.connection.cut('reset', 'over')
  // Posture looks at samples of what is decoded, so how much it has seen is no part of the likeness.
  const events = stage.events.filter(({ type }) => type !== 'posture')
  return { events, transactions: stage.tracker.transactions() }
}

describe('Produce followed by likeness', () => {
  it('comes to the same events and the same view of every transaction as Produce decoded', () => {
    let saved = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        decoded.requests = 0
        const quick = outcomeOf(steps)
        const decodedQuick = decoded.requests
        decoded.requests = 0
        const full = outcomeOf(steps, (tracker) => ({ ...tracker, repeatable: () => undefined }))
        saved += decoded.requests - decodedQuick
        expect(quick).toEqual(full)
      }),
      { numRuns: 150 },
    )
    // Otherwise both ways were the same way.
    expect(saved).toBeGreaterThan(300)
  })

  it('leaves the bytes as they are, both ways', () => {
    const { connect } = play()
    const { client, broker, toBroker, toClient } = connect(1)
    const requests = Array.from({ length: 9 }, (_, n) => sendFrame(n, { ...usual, sequence: n }))
    const answers = Array.from({ length: 9 }, (_, n) => sendAnswer(n, usual, 'NONE'))
    client.bytes(Buffer.concat(requests))
    broker.bytes(Buffer.concat(answers))
    expect(Buffer.concat(toBroker)).toEqual(Buffer.concat(requests))
    expect(Buffer.concat(toClient)).toEqual(Buffer.concat(answers))
    expect(decoded).toEqual({ requests: 1, replies: 1 })
  })
})
