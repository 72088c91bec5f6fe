import { describe, expect, it } from 'vitest'
import type { PostureProblemKind } from '../../../proxy/events.ts'
import { apiNamed, type Message } from '../../../proxy/protocol/codec.ts'
import { writeBatch } from '../../../proxy/protocol/record-batch.ts'
import type { Observation } from '../../../proxy/transactions/observation.ts'
import { createPosture, type PostureEffect } from '../../../proxy/transactions/posture.ts'
import {
  postureClientsMax,
  topicsPerClientMax,
} from '../../../proxy/transactions/posture-clients.ts'
import { familyOf } from '../../../proxy/transactions/posture-ids.ts'

function watch() {
  const posture = createPosture({
    topicName: (id) => (id === 'id-of-orders' ? 'orders' : undefined),
  })
  const told: PostureEffect[] = []
  let atMs = 1_000
  return {
    posture,
    told,
    at(ms: number) {
      atMs = ms
    },
    see(api: string, request: Message, given: Partial<Observation> = {}) {
      const info = apiNamed(api)
      if (info === undefined) throw new Error(`no API ${api}`)
      told.push(
        ...posture.see({
          atMs,
          side: 'request',
          plane: 'client',
          node: 1,
          connection: 1,
          apiKey: info.key,
          api,
          version: info.maxVersion,
          correlationId: 1,
          clientId: 'app',
          request,
          ...given,
        }),
      )
    },
    event(event: Parameters<typeof posture.seeEvent>[0]) {
      told.push(...posture.seeEvent(event))
    },
    problems: () => told.flatMap((one) => (one.type === 'posture' ? [one.problem] : [])),
    client: (clientId = 'app') => posture.clients().find((one) => one.clientId === clientId),
  }
}

const write = (
  given: { acks?: number; producerId?: number; id?: string; topic?: string } = {},
) => ({
  transactionalId: given.id ?? null,
  acks: given.acks ?? -1,
  topicData: [
    {
      name: given.topic ?? 'orders',
      partitionData: [
        {
          index: 0,
          records: writeBatch({
            ...(given.producerId === undefined
              ? {}
              : { producerId: given.producerId, producerEpoch: 0, baseSequence: 0 }),
            records: [{ value: 'one' }],
          }),
        },
      ],
    },
  ],
})
const good = { producerId: 7, id: 'shop-0' }
const fetch = (isolationLevel: number, name = 'orders') => ({
  isolationLevel,
  topics: [{ topic: name, partitions: [] }],
})
const init = (transactionalId: string | null, transactionTimeoutMs = 60_000) => ({
  transactionalId,
  transactionTimeoutMs,
  producerId: -1n,
  producerEpoch: -1,
})
const end = (transactionalId: string) => ({ transactionalId, committed: true })
const ended = (transactionalId: string, durationMs: number) =>
  ({
    atMs: 5_000,
    type: 'transaction',
    transactionalId,
    transaction: 1,
    phase: 'ended',
    producerId: 1,
    producerEpoch: 0,
    durationMs,
  }) as const

describe('a writer', () => {
  it('with transactions and all acks has no problem', () => {
    const { see, problems, client } = watch()
    see('Produce', write(good))
    expect(problems()).toEqual([])
    expect(client()?.produces).toEqual([
      { topic: 'orders', acks: 'all', idempotent: true, transactional: true },
    ])
  })

  it.each<[string, Parameters<typeof write>[0], PostureProblemKind[]]>([
    ['acks=1', { acks: 1, producerId: 7 }, ['acks-not-all']],
    ['acks=0', { acks: 0 }, ['acks-not-all', 'not-idempotent']],
    ['no idempotence', { acks: -1 }, ['not-idempotent']],
  ])('with %s is told of, once', (_what, given, expected) => {
    const { see, problems } = watch()
    see('Produce', write(given))
    see('Produce', write(given))
    expect(problems()).toEqual(expected)
  })

  it('is known by the weakest that it did', () => {
    const { see, client } = watch()
    see('Produce', write({ acks: 1, producerId: -1 }))
    see('Produce', write(good))
    expect(client()?.produces).toEqual([
      { topic: 'orders', acks: 'leader', idempotent: false, transactional: false },
    ])
  })

  it('with records that nobody can read is not taken for an idempotent one, and nothing breaks', () => {
    const { see, problems } = watch()
    const request = write(good)
    for (const topic of request.topicData) {
      for (const partition of topic.partitionData) partition.records = Buffer.alloc(80, 1)
    }
    see('Produce', request)
    expect(problems()).toEqual(['not-idempotent'])
  })
})

describe('a reader', () => {
  it('of a topic without transactions may read as it likes', () => {
    const { see, problems } = watch()
    see('Produce', write({ producerId: 7 }))
    see('Fetch', fetch(0), { clientId: 'reader' })
    expect(problems()).toEqual([])
  })

  it('of a transactional topic without read_committed is told of, whichever came first', () => {
    const before = watch()
    before.see('Produce', write(good))
    before.see('Fetch', fetch(0), { connection: 2, clientId: 'reader' })
    const after = watch()
    after.see('Fetch', fetch(0), { connection: 2, clientId: 'reader' })
    after.see('Produce', write(good))
    for (const { told } of [before, after]) {
      expect(told).toMatchObject([
        {
          type: 'posture',
          problem: 'reads-uncommitted',
          topic: 'orders',
          client: { clientId: 'reader' },
        },
      ])
    }
  })

  it('with read_committed is not, by topic id neither', () => {
    const { see, problems, client } = watch()
    see('Produce', write(good))
    const request = { isolationLevel: 1, topics: [{ topicId: 'id-of-orders', partitions: [] }] }
    see('Fetch', request, { connection: 2, clientId: 'reader' })
    expect(problems()).toEqual([])
    expect(client('reader')?.reads).toEqual([{ topic: 'orders', isolation: 'read_committed' }])
  })

  it('that is a follower is no client', () => {
    const { see, problems } = watch()
    see('Produce', write(good))
    see('Fetch', { ...fetch(0), replicaId: 2 }, { connection: 2, clientId: 'follower' })
    expect(problems()).toEqual([])
  })
})

describe('offsets', () => {
  const commit = { groupId: 'copiers', topics: [] }

  it('outside of transactions are told of where the group has them inside too', () => {
    const { see, told, client } = watch()
    see('OffsetCommit', commit)
    expect(told).toEqual([])
    see('TxnOffsetCommit', { ...commit, transactionalId: 'shop-0' })
    expect(told).toMatchObject([{ problem: 'offsets-beside-transactions', group: 'copiers' }])
    expect(client()?.groups).toMatchObject([{ group: 'copiers', offsets: 'both' }])
  })

  it('by the clock beside a transactional producer are told of', () => {
    const { see, at, problems } = watch()
    see('InitProducerId', init('shop-0'), { instance: 'app-0', connection: 9 })
    for (const ms of [0, 5_010, 10_090, 15_100]) {
      at(ms)
      see('OffsetCommit', commit, { instance: 'app-0', clientId: 'consumer' })
    }
    expect(problems()).toEqual(['auto-commit'])
  })

  it('by the clock of another application are not, nor those that come with the work', () => {
    const { see, at, problems } = watch()
    see('InitProducerId', init('shop-0'), { instance: 'app-0', connection: 9 })
    for (const ms of [0, 5_010, 10_090, 15_100]) {
      at(ms)
      see('OffsetCommit', commit, { instance: 'other', connection: 2, clientId: 'consumer' })
    }
    for (const ms of [0, 900, 4_000, 4_700, 9_000]) {
      at(ms)
      see('OffsetCommit', commit, { instance: 'app-0', connection: 3, clientId: 'by-hand' })
    }
    expect(problems()).toEqual([])
  })

  it('come with the protocol of their group', () => {
    const { see, client } = watch()
    see('JoinGroup', { groupId: 'old' })
    see('ConsumerGroupHeartbeat', { groupId: 'new' })
    expect(client()?.groups.map(({ group, protocol }) => [group, protocol])).toEqual([
      ['old', 'classic'],
      ['new', 'consumer'],
    ])
  })
})

describe('a transactional id', () => {
  it('that two live connections use in turn is shared', () => {
    const { see, told } = watch()
    see('InitProducerId', init('shop-0'), { connection: 1 })
    see('InitProducerId', init('shop-0'), { connection: 2, clientId: 'other' })
    expect(told).toEqual([])
    see('EndTxn', end('shop-0'), { connection: 1 })
    expect(told).toMatchObject([{ problem: 'shared-transactional-id', transactionalId: 'shop-0' }])
  })

  it('whose live holder is fenced by another one is shared', () => {
    const { see, event, problems } = watch()
    see('InitProducerId', init('shop-0'), { connection: 1 })
    see('InitProducerId', init('shop-0'), { connection: 2 })
    event({
      atMs: 2_000,
      type: 'producer',
      transactionalId: 'shop-0',
      producerId: 1,
      producerEpoch: 0,
      change: 'fenced',
    })
    expect(problems()).toEqual(['shared-transactional-id'])
  })

  it('taken over from one that has gone is not, nor one whose coordinator has moved', () => {
    const { see, problems, posture } = watch()
    see('InitProducerId', init('shop-0'), { connection: 1 })
    posture.connectionClosed(1)
    see('InitProducerId', init('shop-0'), { connection: 2 })
    see('EndTxn', end('shop-0'), { connection: 2 })
    see('InitProducerId', init('shop-0'), { connection: 3, node: 2 })
    see('EndTxn', end('shop-0'), { connection: 2 })
    expect(problems()).toEqual([])
  })

  it('that is a new one at each start never repeats', () => {
    const { see, told, posture } = watch()
    for (let start = 1; start <= 6; start++) {
      expect(told).toEqual([])
      see('InitProducerId', init(`shop-${start}`), { connection: start })
      posture.connectionClosed(start)
    }
    expect(told).toMatchObject([{ problem: 'ids-never-repeat', transactionalId: 'shop-*' }])
  })

  it('of many at once, or that comes again after a restart, is in order', () => {
    const { see, problems, posture } = watch()
    for (let restart = 0; restart < 2; restart++) {
      for (let task = 0; task < 20; task++) {
        see('InitProducerId', init(`task-${task}`), { connection: restart * 100 + task })
      }
      for (let task = 0; task < 20; task++) posture.connectionClosed(restart * 100 + task)
    }
    see('InitProducerId', init('task-20'), { connection: 500 })
    expect(problems()).toEqual([])
  })

  it('has a family by what does not change in it', () => {
    expect(familyOf('shop-3f2b8c1e-7a4d-4e0b-9d55-0c1a2b3c4d5e')).toBe('shop-*')
    expect(familyOf('shop-12-a')).toBe('shop-*-a')
  })

  it('whose transactions last longer than its timeout is told of', () => {
    const { see, event, told, client } = watch()
    see('InitProducerId', init('shop-0', 2_000))
    event(ended('shop-0', 1_900))
    expect(told).toEqual([])
    event(ended('shop-0', 2_500))
    expect(told).toMatchObject([{ problem: 'timeout-too-short', transactionalId: 'shop-0' }])
    expect(client()).toMatchObject({ transactionTimeoutMs: 2_000, longestTransactionMs: 2_500 })
  })

  it('shows the protocol by how its transactions end', () => {
    const { see, client } = watch()
    see('EndTxn', end('shop-0'), { version: 5 })
    see('EndTxn', end('shop-1'), { version: 3 })
    expect(client()?.protocols).toEqual(['V1', 'V2'])
  })
})

describe('a library', () => {
  const says = { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.1' }

  it('is told of once per connection, and is part of the client’s name', () => {
    const { see, told, posture } = watch()
    see('ApiVersions', says)
    see('ApiVersions', says)
    see('Produce', write(good))
    expect(told).toEqual([
      {
        atMs: 1_000,
        type: 'client-seen',
        connection: 1,
        clientId: 'app',
        software: 'apache-kafka-java',
        softwareVersion: '4.3.1',
      },
    ])
    expect(posture.clients()).toHaveLength(1)
    expect(posture.clients()[0]).toMatchObject({ software: 'apache-kafka-java', clientId: 'app' })
  })

  it('need not say what it is', () => {
    const { see, told } = watch()
    see('ApiVersions', {}, { version: 2 })
    expect(told).toMatchObject([{ type: 'client-seen', clientId: 'app' }])
  })
})

describe('bounds', () => {
  it('hold for clients, and for the topics of each', () => {
    const { see, posture, client } = watch()
    for (let topic = 0; topic <= topicsPerClientMax; topic++) {
      see('Produce', write({ ...good, topic: `topic-${topic}` }))
    }
    expect(client()?.produces).toHaveLength(topicsPerClientMax)
    for (let one = 0; one <= postureClientsMax; one++) {
      see('Produce', write(good), { connection: 10 + one, clientId: `app-${one}` })
    }
    expect(posture.clients()).toHaveLength(postureClientsMax)
  })

  it('of an empty history is an empty list', () => {
    expect(watch().posture.clients()).toEqual([])
  })
})
