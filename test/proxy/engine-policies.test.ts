// Policies over a broker that exists only on the wire: what passes, what is answered in its place, and what of a
// request with several topics reaches it.
import { afterEach, describe, expect, it } from 'vitest'
import { createEngine, type Engine } from '../../proxy/engine.ts'
import type { ProxyEvent } from '../../proxy/events.ts'
import { policyOf, type WrittenPolicy } from '../../proxy/policies/policy.ts'
import {
  apiNamed,
  decodeResponse,
  encodeRequest,
  type Message,
} from '../../proxy/protocol/codec.ts'
import { errorNameOf } from '../../proxy/protocol/error-codes.ts'
import { requestFrame, responseBodyOffset } from '../../proxy/protocol/frame.ts'
import { writeBatch } from '../../proxy/protocol/record-batch.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { connect, type Peer } from './flow/loopback.ts'

const paymentsId = 'AAAAAAAAAAAAAAAAAAAAAQ'

interface Bench {
  broker: FakeBroker
  engine: Engine
  client: Peer
  events: ProxyEvent[]
  /** Sends a request, and gives its answer. */
  ask(api: string, version: number, message: Message): Promise<Message>
  send(api: string, version: number, message: Message): void
  /** Requests of an API that the broker got. */
  got(api: string): Message[]
}

let bench: Bench | undefined
afterEach(async () => {
  bench?.client.socket.destroy()
  await bench?.engine.stop()
  await bench?.broker.close()
  bench = undefined
})

/** Every partition that a request names is answered NONE, with a mark of the broker's. */
function answers(broker: FakeBroker): void {
  broker.says.set('Produce', (request) => ({
    responses: (request.topicData as Message[]).map(({ name, topicId, partitionData }) => ({
      name: name ?? '',
      topicId: topicId ?? '',
      partitionResponses: (partitionData as Message[]).map(({ index }) => ({
        index: index ?? 0,
        errorCode: 0,
        baseOffset: 7n,
        logAppendTimeMs: -1n,
        logStartOffset: 0n,
        recordErrors: [],
        errorMessage: null,
      })),
    })),
  }))
  broker.says.set('Fetch', (request) => ({
    sessionId: request.sessionEpoch === 0 ? 33 : 0,
    responses: (request.topics as Message[]).map(({ topic, topicId, partitions }) => ({
      topic: topic ?? '',
      topicId: topicId ?? '',
      partitions: (partitions as Message[]).map(({ partition }) => ({
        partitionIndex: partition ?? 0,
        errorCode: 0,
        highWatermark: 9n,
        lastStableOffset: 9n,
        logStartOffset: 0n,
        abortedTransactions: null,
        preferredReadReplica: -1,
        records: Buffer.alloc(0),
      })),
    })),
  }))
  broker.says.set('Metadata', () => ({
    brokers: [{ nodeId: 1, host: broker.address.host, port: broker.address.port, rack: null }],
    clusterId: 'fake',
    controllerId: 1,
    topics: [
      {
        errorCode: 0,
        name: 'payments',
        topicId: paymentsId,
        isInternal: false,
        partitions: [],
        topicAuthorizedOperations: 0,
      },
    ],
  }))
}

async function open(...policies: WrittenPolicy[]): Promise<Bench> {
  const broker = await startFakeBroker(1)
  answers(broker)
  const events: ProxyEvent[] = []
  const engine = createEngine(
    {
      bootstrap: [broker.address],
      listenHost: '127.0.0.1',
      advertisedHost: '127.0.0.1',
      advertise: {},
      topicAliases: {},
      journalAllProduce: false,
      policies: policies.map(policyOf),
    },
    { runtime: systemRuntime(3), host: undefined, listener: (event) => void events.push(event) },
  )
  engine.noteBroker(1, broker.address)
  const client = await connect((await engine.openDoor('app-0', 0)).port)
  let correlationId = 0
  let read = 0
  const send = (api: string, version: number, message: Message): void => {
    const apiKey = apiNamed(api)?.key ?? -1
    const header = { apiKey, apiVersion: version, correlationId: ++correlationId, clientId: 'app' }
    client.send(requestFrame(header, encodeRequest(apiKey, version, message)))
  }
  bench = {
    broker,
    engine,
    client,
    events,
    send,
    async ask(api, version, message) {
      send(api, version, message)
      const size = (await client.bytes(read + 4)).readInt32BE(read)
      const frame = (await client.bytes(read + 4 + size)).subarray(read + 4, read + 4 + size)
      read += 4 + size
      expect(frame.readInt32BE(0)).toBe(correlationId)
      const apiKey = apiNamed(api)?.key ?? -1
      return decodeResponse(
        apiKey,
        version,
        frame.subarray(responseBodyOffset(apiKey, version, frame)),
      )
    },
    got: (api) => broker.received.flatMap((one) => (one.api === api ? [one.request] : [])),
  }
  return bench
}

const plain = () => writeBatch({ records: [{ value: 'x' }] })
const idempotent = (baseSequence = 0) =>
  writeBatch({ records: [{ value: 'x' }], producerId: 4, producerEpoch: 0, baseSequence })
const produce = (topics: Record<string, Buffer[]>, acks = -1): Message => ({
  transactionalId: null,
  acks,
  timeoutMs: 100,
  topicData: Object.entries(topics).map(([name, records]) => ({
    name,
    partitionData: records.map((one, index) => ({ index, records: one })),
  })),
})
const fetch = (
  topics: Array<{ topic?: string; topicId?: string }>,
  { isolationLevel = 0, sessionEpoch = 0, sessionId = 0 } = {},
): Message => ({
  replicaId: -1,
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1000,
  isolationLevel,
  sessionId,
  sessionEpoch,
  topics: topics.map((topic) => ({
    ...topic,
    partitions: [
      {
        partition: 0,
        currentLeaderEpoch: -1,
        fetchOffset: 0n,
        lastFetchedEpoch: -1,
        logStartOffset: -1n,
        partitionMaxBytes: 1000,
      },
    ],
  })),
  forgottenTopicsData: [],
  rackId: '',
})

/** `payments-0: NONE`, in an order that does not depend on who answered. */
function outcomes(answer: Message): string[] {
  return (answer.responses as Message[])
    .flatMap((topic) =>
      ((topic.partitionResponses ?? topic.partitions) as Message[]).map((one) => {
        const name = topic.name ?? (topic.topic === '' ? undefined : topic.topic) ?? topic.topicId
        return `${name}-${one.index ?? one.partitionIndex}: ${errorNameOf(one.errorCode as number)}`
      }),
    )
    .sort()
}
const namesIn = (request: Message | undefined): string[] =>
  ((request?.topicData ?? request?.topics ?? []) as Message[]).map(
    ({ name, topic, topicId }) => (name ?? topic ?? topicId) as string,
  )

const idempotence: WrittenPolicy = {
  topics: ['payments*'],
  require: ['idempotence'],
  'on-violation': 'refuse',
}
const committed: WrittenPolicy = {
  topics: ['payments'],
  require: ['read_committed'],
  'on-violation': 'refuse',
}

describe('a Produce to a governed topic', () => {
  it('that breaks the policy never reaches the broker, and is told why', async () => {
    const { ask, got, events } = await open(idempotence)
    const answer = await ask('Produce', 9, produce({ payments: [plain()] }))
    expect(outcomes(answer)).toEqual(['payments-0: POLICY_VIOLATION'])
    expect(answer.responses).toMatchObject([
      {
        partitionResponses: [
          { errorMessage: 'policy payments* of the proxy requires idempotence' },
        ],
      },
    ])
    expect(got('Produce')).toEqual([])
    expect(events.filter(({ type }) => type === 'policy-violated')).toMatchObject([
      {
        policy: 'payments*',
        requirement: 'idempotence',
        topic: 'payments',
        action: 'refused',
        client: { instance: 'app-0', clientId: 'app' },
        api: 'Produce',
        message: 'writes to payments without idempotence, which policy payments* refuses',
      },
    ])
  })

  it.each([3, 7, 8, 9, 12])(
    'is refused in version %i in a form of that version',
    async (version) => {
      const { ask, got } = await open(idempotence)
      expect(outcomes(await ask('Produce', version, produce({ payments: [plain()] })))).toEqual([
        'payments-0: POLICY_VIOLATION',
      ])
      expect(got('Produce')).toEqual([])
    },
  )

  it('that keeps it passes, and so does the same traffic without the policy', async () => {
    const first = await open(idempotence)
    expect(outcomes(await first.ask('Produce', 9, produce({ payments: [idempotent()] })))).toEqual([
      'payments-0: NONE',
    ])
    expect(first.events.some(({ type }) => type === 'policy-violated')).toBe(false)
    first.client.socket.destroy()
    await first.engine.stop()
    await first.broker.close()
    const { ask } = await open()
    expect(outcomes(await ask('Produce', 9, produce({ payments: [plain()] })))).toEqual([
      'payments-0: NONE',
    ])
  })

  it('with others beside it: those are produced, and one answer says what became of each', async () => {
    const { ask, got } = await open(idempotence)
    const answer = await ask(
      'Produce',
      9,
      produce({ orders: [plain()], payments: [plain(), idempotent()], stock: [plain()] }),
    )
    expect(outcomes(answer)).toEqual([
      'orders-0: NONE',
      'payments-0: POLICY_VIOLATION',
      'payments-1: NONE',
      'stock-0: NONE',
    ])
    const [forwarded] = got('Produce')
    expect(namesIn(forwarded)).toEqual(['orders', 'payments', 'stock'])
    expect(forwarded).toMatchObject({ topicData: [{}, { partitionData: [{ index: 1 }] }, {}] })
  })

  it('with acks=0 is refused by the end of its connection, as brokers do', async () => {
    const { send, client, got } = await open(idempotence)
    send('Produce', 9, produce({ payments: [plain()], orders: [plain()] }, 0))
    await client.gone
    expect(client.received().length).toBe(0)
    expect(got('Produce')).toEqual([])
  })

  it('passes where the policy reports only, and is told once', async () => {
    const { ask, events, engine } = await open({ topics: ['payments'], require: ['acks-all'] })
    for (let time = 0; time < 3; time++) {
      expect(outcomes(await ask('Produce', 9, produce({ payments: [plain()] }, 1)))).toEqual([
        'payments-0: NONE',
      ])
    }
    expect(events.filter(({ type }) => type === 'policy-violated')).toHaveLength(1)
    expect(engine.policies()).toMatchObject([{ reported: 3, refused: 0 }])
    expect(engine.counters().policyViolations).toEqual([
      { policy: 'payments', requirement: 'acks-all', action: 'reported', count: 3 },
    ])
    expect(engine.posture()[0]?.problems).toContainEqual(
      expect.objectContaining({ problem: 'policy-violated', topic: 'payments' }),
    )
  })

  it('that cannot be read ends its connection: nobody knows what is in it', async () => {
    const { client, events, got } = await open(idempotence)
    const header = { apiKey: 0, apiVersion: 9, correlationId: 1, clientId: 'app' }
    const frame = requestFrame(header, encodeRequest(0, 9, produce({ payments: [plain()] })))
    // The number of its partitions, right behind the topic's name.
    frame[frame.indexOf('payments') + 'payments'.length] = 0xff
    client.send(frame)
    await client.gone
    expect(events.filter(({ type }) => type === 'error')).toMatchObject([{ code: 'cannot-decode' }])
    expect(got('Produce')).toEqual([])
  })

  it('named by its id is found once Metadata has named it, and asked to wait before', async () => {
    const { ask, got } = await open(idempotence)
    const byId = {
      ...produce({}),
      topicData: [{ topicId: paymentsId, partitionData: [{ index: 0, records: plain() }] }],
    }
    const [before] = outcomes(await ask('Produce', 13, byId))
    expect(before).toMatch(/UNKNOWN_TOPIC_ID/)
    await ask('Metadata', 12, {
      topics: null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    })
    expect(outcomes(await ask('Produce', 13, byId))[0]).toMatch(/POLICY_VIOLATION/)
    expect(got('Produce')).toEqual([])
  })
})

describe('a Fetch of a governed topic', () => {
  it('passes with read_committed and is refused without', async () => {
    const { ask, got } = await open(committed)
    const topics = [{ topic: 'payments' }]
    expect(outcomes(await ask('Fetch', 12, fetch(topics, { isolationLevel: 1 })))).toEqual([
      'payments-0: NONE',
    ])
    expect(outcomes(await ask('Fetch', 12, fetch(topics)))).toEqual([
      'payments-0: POLICY_VIOLATION',
    ])
    expect(got('Fetch')).toHaveLength(1)
  })

  it.each([4, 7, 11, 12])('is refused in version %i', async (version) => {
    const { ask } = await open(committed)
    const answer = await ask('Fetch', version, fetch([{ topic: 'payments' }]))
    expect(outcomes(answer)).toEqual(['payments-0: POLICY_VIOLATION'])
  })

  it('beside another topic: that one is read, and no session begins that would hide the refusal', async () => {
    const { ask, got } = await open(committed)
    const answer = await ask('Fetch', 12, fetch([{ topic: 'payments' }, { topic: 'orders' }]))
    expect(outcomes(answer)).toEqual(['orders-0: NONE', 'payments-0: POLICY_VIOLATION'])
    expect(answer.sessionId).toBe(0)
    expect(got('Fetch')).toMatchObject([{ sessionEpoch: -1 }])
    expect(namesIn(got('Fetch')[0])).toEqual(['orders'])
  })

  it('in a session ends that session, so that all is asked for again', async () => {
    const { ask, got } = await open(committed)
    const opened = await ask('Fetch', 12, fetch([{ topic: 'orders' }]))
    expect(opened.sessionId).toBe(33)
    const more = fetch([{ topic: 'payments' }], { sessionId: 33, sessionEpoch: 1 })
    const answer = await ask('Fetch', 12, more)
    expect(errorNameOf(answer.errorCode as number)).toBe('FETCH_SESSION_ID_NOT_FOUND')
    expect(answer.responses).toEqual([])
    expect(got('Fetch')).toHaveLength(1)
  })

  it('passes where the policy does not bind its client', async () => {
    const { ask } = await open({ ...committed, except: ['app-*'] })
    expect(outcomes(await ask('Fetch', 12, fetch([{ topic: 'payments' }])))).toEqual([
      'payments-0: NONE',
    ])
  })
})
