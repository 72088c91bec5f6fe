// Which traffic keeps a policy: requests as values, without a socket.
import { describe, expect, it } from 'vitest'
import { createGovernor, violationsMax } from '../../../proxy/policies/governor.ts'
import { policyOf, type WrittenPolicy } from '../../../proxy/policies/policy.ts'
import type { Message } from '../../../proxy/protocol/codec.ts'
import { writeBatch } from '../../../proxy/protocol/record-batch.ts'
import type { Observation } from '../../../proxy/transactions/observation.ts'

const produceKey = 0
const fetchKey = 1
const paymentsId = 'AAAAAAAAAAAAAAAAAAAAAQ'

type Marked = { producerId?: number; transactional?: boolean }

function batch({ producerId, transactional = false }: Marked = {}): Buffer {
  return writeBatch({
    records: [{ value: 'x' }],
    ...(producerId === undefined
      ? {}
      : { producerId, producerEpoch: 0, baseSequence: 0, transactional }),
  })
}

function observed(apiKey: number, request: Message, clientId = 'shop'): Observation {
  return {
    atMs: 5,
    side: 'request',
    plane: 'client',
    node: 1,
    connection: 7,
    apiKey,
    api: apiKey === produceKey ? 'Produce' : 'Fetch',
    version: 11,
    correlationId: 1,
    clientId,
    request,
  }
}

const produce = (
  topics: Record<string, Marked[]>,
  { acks = -1, transactionalId = null as string | null, clientId = 'shop' } = {},
): Observation =>
  observed(
    produceKey,
    {
      transactionalId,
      acks,
      topicData: Object.entries(topics).map(([name, partitions]) => ({
        name,
        partitionData: partitions.map((marked, index) => ({ index, records: batch(marked) })),
      })),
    },
    clientId,
  )

const fetch = (isolationLevel: number, topic: Message): Observation =>
  observed(fetchKey, {
    isolationLevel,
    topics: [{ ...topic, partitions: [{ partition: 0 }, { partition: 1 }] }],
  })

const governed = (...policies: WrittenPolicy[]) => {
  const governor = createGovernor({
    policies: policies.map(policyOf),
    aliases: { output: 'payments' },
    topicName: (topicId) => (topicId === paymentsId ? 'payments' : undefined),
  })
  const judge = (o: Observation) => {
    const { refusals, told, isBroken } = governor.judge(o, () => ({ clientId: o.clientId }))
    return {
      refused: refusals.map(({ place, isUnknown }) => (isUnknown ? `${place}?` : place)),
      told: told.map(({ policy, requirement, topic, action }) => [
        policy,
        requirement,
        topic,
        action,
      ]),
      isBroken,
    }
  }
  return { ...governor, judge }
}
const nothing = { refused: [], told: [], isBroken: false }
const refusing: Omit<WrittenPolicy, 'require'> = {
  topics: ['payments*'],
  'on-violation': 'refuse',
}

describe('who writes to a governed topic', () => {
  it.each([
    ['transactions', { payments: [{ producerId: 4, transactional: true }] }, 'tx-0', -1],
    ['idempotence', { payments: [{ producerId: 4 }] }, null, -1],
    ['acks-all', { payments: [{}] }, null, -1],
  ] as const)('keeps %s, and is let through', (requirement, topics, transactionalId, acks) => {
    const { judge } = governed({ ...refusing, require: [requirement] })
    expect(judge(produce(topics as never, { acks, transactionalId }))).toEqual(nothing)
  })

  it.each([
    ['transactions', { producerId: 4 }, null, -1],
    ['transactions', { producerId: 4 }, 'tx-0', -1],
    ['idempotence', {}, null, -1],
    ['acks-all', { producerId: 4 }, null, 1],
    ['acks-all', { producerId: 4 }, null, 0],
  ] as const)('lacks %s, and is refused', (requirement, marked, transactionalId, acks) => {
    const { judge } = governed({ ...refusing, require: [requirement] })
    expect(judge(produce({ payments: [marked] }, { acks, transactionalId }))).toEqual({
      refused: ['payments-0'],
      told: [['payments*', requirement, 'payments', 'refused']],
      isBroken: true,
    })
  })

  it('is judged partition by partition, and only in the topics that are meant', () => {
    const { judge } = governed({ ...refusing, require: ['idempotence'] })
    const { refused } = judge(
      produce({ payments: [{ producerId: 4 }, {}], 'payments-old': [{}], other: [{}] }),
    )
    expect(refused).toEqual(['payments-1', 'payments-old-0'])
  })

  it('passes where it is only reported, told once and counted each time', () => {
    const { judge, counts, views } = governed({ topics: ['output'], require: ['idempotence'] })
    const told = [['output', 'idempotence', 'payments', 'reported']]
    expect(judge(produce({ payments: [{}] }))).toEqual({ refused: [], told, isBroken: true })
    expect(judge(produce({ payments: [{}, {}] }))).toMatchObject({ refused: [], told: [] })
    expect(counts()).toEqual([
      { policy: 'output', requirement: 'idempotence', action: 'reported', count: 2 },
    ])
    expect(views()).toMatchObject([
      {
        name: 'output',
        reported: 2,
        refused: 0,
        violations: [{ client: { clientId: 'shop' }, topic: 'payments', count: 2 }],
      },
    ])
  })

  it('is let through when the policy excepts it, and Kafka’s own topics always are', () => {
    const { judge } = governed({
      topics: ['*'],
      require: ['transactions'],
      'on-violation': 'refuse',
      except: ['mirror-*'],
    })
    expect(judge(produce({ payments: [{}] }, { clientId: 'mirror-1' }))).toEqual(nothing)
    expect(judge(produce({ __consumer_offsets: [{}] }))).toEqual(nothing)
    expect(judge(produce({ payments: [{}] })).refused).toEqual(['payments-0'])
  })

  it('writes in a format older than idempotence, which counts as without', () => {
    const { judge } = governed({ ...refusing, require: ['idempotence'] })
    const old = Buffer.alloc(80)
    old.writeInt8(1, 16)
    const o = observed(produceKey, {
      acks: -1,
      topicData: [{ name: 'payments', partitionData: [{ index: 0, records: old }] }],
    })
    expect(judge(o).refused).toEqual(['payments-0'])
  })
})

describe('who reads a governed topic', () => {
  const policy: WrittenPolicy = { ...refusing, require: ['read_committed'] }

  it('is let through with read_committed and refused without', () => {
    const { judge } = governed(policy)
    expect(judge(fetch(1, { topic: 'payments' }))).toEqual(nothing)
    expect(judge(fetch(0, { topic: 'payments' }))).toMatchObject({
      refused: ['payments-0', 'payments-1'],
      told: [['payments*', 'read_committed', 'payments', 'refused']],
    })
    expect(judge(fetch(0, { topic: 'other' }))).toEqual(nothing)
  })

  it('names a topic by its id; one that nobody knows is refused as unknown, or passes a mere report', () => {
    const { judge } = governed(policy)
    expect(judge(fetch(0, { topicId: paymentsId })).refused).toEqual([
      `${paymentsId}-0`,
      `${paymentsId}-1`,
    ])
    const stranger = 'AAAAAAAAAAAAAAAAAAAAAg'
    expect(judge(fetch(0, { topicId: stranger })).refused).toEqual([
      `${stranger}-0?`,
      `${stranger}-1?`,
    ])
    const reporting = governed({ topics: ['payments*'], require: ['read_committed'] })
    expect(reporting.judge(fetch(0, { topicId: stranger }))).toEqual(nothing)
  })
})

describe('a governor', () => {
  it('says for which requests it must be asked at all', () => {
    const none = governed()
    expect([none.writes, none.reads]).toEqual(['none', 'none'])
    const { writes, reads, concerns } = governed(
      { topics: ['a*'], require: ['acks-all'] },
      { topics: ['b'], require: ['read_committed'], 'on-violation': 'refuse' },
    )
    expect([writes, reads]).toEqual(['report', 'refuse'])
    expect([concerns(produceKey, 'ab'), concerns(produceKey, 'b')]).toEqual([true, false])
    expect([concerns(fetchKey, 'ab'), concerns(fetchKey, 'b')]).toEqual([false, true])
    expect([concerns(produceKey, undefined), concerns(fetchKey, undefined)]).toEqual([false, true])
  })

  it('remembers a bounded number of violations', () => {
    const { judge, views } = governed({ topics: ['*'], require: ['acks-all'] })
    for (let client = 0; client < violationsMax + 5; client++) {
      judge(produce({ t: [{}] }, { acks: 1, clientId: `client-${client}` }))
    }
    const [view] = views()
    expect(view?.violations).toHaveLength(violationsMax)
    expect(view?.reported).toBe(violationsMax + 5)
  })
})
