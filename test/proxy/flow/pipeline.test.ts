import { describe, expect, it } from 'vitest'
import type { ProxyEventBody } from '../../../proxy/events.ts'
import { createRuleBook } from '../../../proxy/faults/rules.ts'
import { createBrokers } from '../../../proxy/flow/brokers.ts'
import { type Connection, openConnection } from '../../../proxy/flow/connection.ts'
import { createPipeline } from '../../../proxy/flow/pipeline.ts'
import { createRecogniser } from '../../../proxy/flow/recognition.ts'
import type { Leg, LegEvents } from '../../../proxy/flow/sockets.ts'
import { createTopicNames } from '../../../proxy/flow/topic-names.ts'
import { createTraffic } from '../../../proxy/flow/traffic.ts'
import { createWindows } from '../../../proxy/flow/windows.ts'
import { createGovernor, type Governor } from '../../../proxy/policies/governor.ts'
import { encodeRequest, encodeResponse } from '../../../proxy/protocol/codec.ts'
import { requestFrame, responseFrame } from '../../../proxy/protocol/frame.ts'
import { writeBatch } from '../../../proxy/protocol/record-batch.ts'
import type { Runtime } from '../../../proxy/runtime.ts'
import { createPosture, type Posture } from '../../../proxy/transactions/posture.ts'
import { createTracker } from '../../../proxy/transactions/tracker.ts'

const produce = 0
const fetchKey = 1
const version = 11

const runtime: Runtime = {
  nowMs: () => 1,
  after: () => () => undefined,
  random: () => () => 0,
}

function produceFrame(correlationId: number): Buffer {
  const batch = writeBatch({
    producerId: 7,
    producerEpoch: 3,
    baseSequence: correlationId,
    transactional: true,
    records: [{ value: `value ${correlationId}` }],
  })
  const body = encodeRequest(produce, version, {
    transactionalId: 'shop-0',
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: 'orders', partitionData: [{ index: 4, records: batch }] }],
  })
  return requestFrame(
    { apiKey: produce, apiVersion: version, correlationId, clientId: 'app' },
    body,
  )
}

function answerFrame(correlationId: number): Buffer {
  const body = encodeResponse(produce, version, {
    responses: [
      {
        name: 'orders',
        partitionResponses: [{ index: 4, errorCode: 0, baseOffset: 100 + correlationId }],
      },
    ],
  })
  return responseFrame(produce, version, correlationId, body)
}

/** One connection over the real stages, with legs of no socket. */
function play(
  rule?: { request: string } | { reply: string },
  posture?: Posture,
  governor?: Governor,
) {
  const rules = createRuleBook({ random: runtime.random, aliases: {} })
  const topics = createTopicNames()
  const events: ProxyEventBody[] = []
  const live = new Set<Connection>()
  const pipeline = createPipeline({
    runtime,
    rules,
    tracker: createTracker({ topicName: topics.nameOf, journalProduce: 'all' }),
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
    posture: posture ?? createPosture({ topicName: topics.nameOf }),
    traffic: createTraffic(),
    governor: governor ?? createGovernor({ policies: [], aliases: {}, topicName: topics.nameOf }),
    journalAllProduce: true,
    isDraining: false,
    clientLeft: () => undefined,
    closed: () => undefined,
  })
  if (rule !== undefined) {
    rules.arm({
      name: 'other',
      when: { ...rule, 'transactional-id': 'an-id-that-never-comes' },
      inject: { delay: { by: '1s' } },
    })
  }
  const legs: { client?: LegEvents; broker?: LegEvents } = {}
  const leg = (side: 'client' | 'broker'): Leg => ({
    write: () => true,
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
    id: 1,
    plane: 'client',
    node: 1,
    instance: undefined,
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
  return { client, broker, events }
}

describe('Produce on its way', () => {
  it.each([
    ['no rule', undefined],
    ['a rule on another API', { request: 'EndTxn' }],
    ['a rule on the request', { request: 'Produce' }],
  ])('leaves its memory to the next read and is still reported whole, with %s', (_, rule) => {
    const { client, broker, events } = play(rule)
    // Two in one piece, then one in two.
    const pair = Buffer.concat([produceFrame(1), produceFrame(2)])
    const third = produceFrame(3)
    for (const piece of [pair, third.subarray(0, 40), third.subarray(40)]) {
      const memory = Buffer.from(piece)
      expect(client.bytes(memory)).toBe(true)
      memory.fill(0xff)
    }
    for (const id of [1, 2, 3]) expect(broker.bytes(answerFrame(id))).toBe(true)
    const sends = events.flatMap((event) => (event.type === 'send' ? event.batches : []))
    expect(sends).toEqual(
      [1, 2, 3].map((id) => ({
        topic: 'orders',
        partition: 4,
        producerId: 7,
        producerEpoch: 3,
        baseSequence: id,
        records: 1,
        transactional: true,
        told: 'ok',
        brokerError: 'NONE',
        baseOffset: 100 + id,
      })),
    )
  })

  it('keeps its memory while a rule on the answer may look at it', () => {
    const { client, broker, events } = play({ reply: 'Produce' })
    expect(client.bytes(produceFrame(1))).toBe(false)
    expect(broker.bytes(answerFrame(1))).toBe(false)
    expect(events.filter(({ type }) => type === 'send')).toHaveLength(1)
  })
})

describe('what the posture looks at', () => {
  const fetchFrame = (correlationId: number): Buffer =>
    requestFrame(
      { apiKey: fetchKey, apiVersion: 12, correlationId, clientId: 'reader' },
      encodeRequest(fetchKey, 12, {
        isolationLevel: 0,
        topics: [{ topic: 'orders', partitions: [] }],
      }),
    )

  it('is a sample: the first, each doubling, then every 1,024th', () => {
    const looks: number[] = []
    const posture = createPosture({ topicName: () => undefined })
    const see: typeof posture.see = (o) => {
      looks.push(o.correlationId)
      return posture.see(o)
    }
    const { client, broker } = play(undefined, { ...posture, see })
    const empty = encodeResponse(fetchKey, 12, { responses: [] })
    for (let id = 1; id <= 3_000; id++) {
      client.bytes(fetchFrame(id))
      broker.bytes(responseFrame(fetchKey, 12, id, empty))
    }
    expect(looks).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048])
    expect(posture.clients()).toMatchObject([
      { clientId: 'reader', reads: [{ topic: 'orders', isolation: 'read_uncommitted' }] },
    ])
  })
})

describe('what policies look at', () => {
  /** Correlation ids of the requests that were judged. */
  function judged(topic: string, requirement: 'transactions' | 'read_committed') {
    const ids: number[] = []
    const governor = createGovernor({
      policies: [
        { name: 'p', topics: [topic], require: [requirement], onViolation: 'refuse', except: [] },
      ],
      aliases: {},
      topicName: () => undefined,
    })
    const judge: Governor['judge'] = (o, client) => {
      ids.push(o.correlationId)
      return governor.judge(o, client)
    }
    return { ids, governor: { ...governor, judge } }
  }
  const fetchFrame = (correlationId: number, isolationLevel: number): Buffer =>
    requestFrame(
      { apiKey: fetchKey, apiVersion: 12, correlationId, clientId: 'reader' },
      encodeRequest(fetchKey, 12, {
        isolationLevel,
        topics: [{ topic: 'orders', partitions: [{ partition: 0 }] }],
      }),
    )

  it('is no Produce to a topic that none of them names', () => {
    const { ids, governor } = judged('payments', 'transactions')
    const { client, broker, events } = play(undefined, undefined, governor)
    for (let id = 1; id <= 20; id++) {
      client.bytes(produceFrame(id))
      broker.bytes(answerFrame(id))
    }
    expect(ids).toEqual([])
    expect(events.filter(({ type }) => type === 'send')).toHaveLength(20)
  })

  it('is the first of many Produce that are alike and keep them', () => {
    const { ids, governor } = judged('orders', 'transactions')
    const { client, broker, events } = play(undefined, undefined, governor)
    for (let id = 1; id <= 20; id++) {
      client.bytes(produceFrame(id))
      broker.bytes(answerFrame(id))
    }
    expect(ids).toEqual([1])
    expect(events.filter(({ type }) => type === 'send')).toHaveLength(20)
  })

  it('is no Fetch with read_committed, and every one without', () => {
    const { ids, governor } = judged('payments', 'read_committed')
    const { client, broker } = play(undefined, undefined, governor)
    const empty = encodeResponse(fetchKey, 12, { responses: [] })
    for (let id = 1; id <= 6; id++) {
      client.bytes(fetchFrame(id, id % 2))
      broker.bytes(responseFrame(fetchKey, 12, id, empty))
    }
    expect(ids).toEqual([2, 4, 6])
  })
})
