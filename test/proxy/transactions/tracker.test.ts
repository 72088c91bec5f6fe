// What the tracker reports and shows while nothing is ambiguous, and where it says a message stands.
import { describe, expect, it } from 'vitest'
import type { TransactionProtocol } from '../../../proxy/events.ts'
import { writeBatch } from '../../../proxy/protocol/record-batch.ts'
import { trackedProducersMax } from '../../../proxy/transactions/tracked.ts'
import {
  createTracker,
  type Observation,
  type TransactionEffect,
} from '../../../proxy/transactions/tracker.ts'
import {
  replyOf,
  requestOf,
  startDialogue,
  summaries,
  type Turn,
  transactionalId,
} from './dialogue.ts'

function hold(protocol: TransactionProtocol, ...lines: string[]) {
  const dialogue = startDialogue(protocol)
  for (const line of lines) dialogue.say(line)
  return dialogue
}

function viewOf(dialogue: ReturnType<typeof hold>) {
  const [view, ...others] = dialogue.tracker.transactions()
  expect(others).toEqual([])
  return view
}

function ofType<Type extends TransactionEffect['type']>(
  effects: readonly TransactionEffect[],
  type: Type,
): Array<Extract<TransactionEffect, { type: Type }>> {
  return effects.filter(
    (effect): effect is Extract<TransactionEffect, { type: Type }> => effect.type === type,
  )
}

const wholeV1 = [
  '>> Find << NONE',
  '>> Init << 100/0',
  '>> Add(out-0) << NONE',
  '>> Produce(out-0) << NONE',
  '>> AddOffsets(g) << NONE',
  '>> TxnOffsets(g in-0=5) << NONE',
  '>> EndTxn(commit) << NONE',
]
const wholeV2 = [
  '>> Find << NONE',
  '>> Init << 100/0',
  '>> Produce(out-0) << NONE',
  '>> TxnOffsets(g in-0=5) << NONE',
  '>> EndTxn(commit) << 100/1',
]

describe('a whole transaction', () => {
  it('reports every phase once and in order in V1', () => {
    expect(summaries(hold('V1', ...wholeV1).effects)).toEqual([
      'initialised 100/0',
      '1 begun',
      '1 producing',
      '1 offsets',
      '1 ending commit',
      '1 ended committed',
      'progress copier-a',
    ])
  })

  it('reports the same phases in V2, where the first send begins it, and the next epoch', () => {
    expect(summaries(hold('V2', ...wholeV2).effects)).toEqual([
      'initialised 100/0',
      '1 begun',
      '1 producing',
      '1 offsets',
      '1 ending commit',
      '1 ended committed',
      'bumped 100/1',
      'progress copier-a',
    ])
  })

  it('shows ids, protocol, partitions, groups, coordinator and outcome', () => {
    expect(viewOf(hold('V1', ...wholeV1))).toEqual({
      transactionalId,
      instance: 'copier-a',
      producerId: 100,
      producerEpoch: 0,
      phase: 'ended',
      transaction: 1,
      protocol: 'V1',
      partitions: ['out-0'],
      groups: ['g'],
      lastOutcome: 'committed',
      decided: 'committed',
      asked: 'commit',
      coordinator: 2,
      ageMs: 0,
      timeoutMs: 60_000,
      fenced: false,
      registered: true,
      unsure: false,
    })
    expect(viewOf(hold('V2', ...wholeV2))).toMatchObject({ protocol: 'V2', producerEpoch: 1 })
  })

  it('tells the age of an open transaction by the time it is asked for', () => {
    const { tracker, turns } = hold('V2', '>> Init << 100/0', '>> Produce(out-0) << NONE')
    const beganAtMs = turns[1]?.request.atMs ?? 0
    expect(tracker.transactions(beganAtMs + 250)[0]?.ageMs).toBe(250)
  })

  it('makes no progress of an abort, nor of a commit that the client was not told', () => {
    const aborted = hold(
      'V2',
      '>> Init << 100/0',
      '>> Produce(o-0) << NONE',
      '>> EndTxn(abort) << 100/1',
    )
    expect(ofType(aborted.effects, 'progress')).toEqual([])
    const untold = hold(
      'V2',
      '>> Init << 100/0',
      '>> Produce(o-0) << NONE',
      '>> EndTxn(commit) << swallowed 100/1',
    )
    expect(ofType(untold.effects, 'progress')).toEqual([])
  })

  it('reports what EndTxn was answered and how long it took', () => {
    const ended = ofType(hold('V2', ...wholeV2).effects, 'transaction').at(-1)
    expect(ended).toMatchObject({ brokerError: 'NONE', partitions: ['out-0'], asked: 'commit' })
    expect(ended?.durationMs).toBeGreaterThan(0)
  })
})

describe('the protocol', () => {
  it.each([
    ['V1 by AddPartitionsToTxn', 'V1', ['>> Add(out-0) << NONE'], 'V1'],
    ['V2 by Produce 12', 'V2', ['>> Produce(out-0) << NONE'], 'V2'],
    ['V1 by Produce 11', 'V2', ['>> Produce(out-0) v11 << NONE'], 'V1'],
    ['V2 by TxnOffsetCommit 5', 'V2', ['>> TxnOffsets(g in-0=1) << NONE'], 'V2'],
    [
      'V1 in a mixed flow: AddPartitionsToTxn 5, Produce 11, EndTxn 4',
      'V1',
      ['>> Add(out-0) v5 << NONE', '>> Produce(out-0) v11 << NONE', '>> EndTxn(commit) v4 << NONE'],
      'V1',
    ],
  ] as const)('is %s', (_claim, protocol, lines, expected) => {
    const dialogue = hold(protocol, '>> Init << 100/0', ...lines)
    expect(viewOf(dialogue)?.protocol).toBe(expected)
    expect(ofType(dialogue.effects, 'oddity')).toEqual([])
  })

  it('is odd when it changes within a transaction', () => {
    const dialogue = hold(
      'V1',
      '>> Init << 100/0',
      '>> Add(o-0) << NONE',
      '>> EndTxn(commit) v5 << 100/1',
    )
    expect(summaries(dialogue.effects)).toContainEqual(expect.stringMatching(/odd: .* speaks V2/))
  })

  it('may be another one in each transaction', () => {
    const dialogue = hold(
      'V1',
      ...wholeV1,
      '>> Produce(out-0) v12 << NONE',
      '>> EndTxn(abort) v5 << 100/1',
    )
    expect(viewOf(dialogue)).toMatchObject({
      transaction: 2,
      protocol: 'V2',
      lastOutcome: 'aborted',
    })
    expect(ofType(dialogue.effects, 'oddity')).toEqual([])
  })
})

describe('counting', () => {
  it('goes on over a restart of the producer', () => {
    const dialogue = hold('V1', ...wholeV1, '>> Init << 100/1', '>> Add(out-0) << NONE')
    expect(viewOf(dialogue)?.transaction).toBe(2)
  })

  it('starts the next transaction with the first send after EndTxn, delivered or not', () => {
    const dialogue = hold('V2', ...wholeV2, '>> Produce(out-0) << undelivered')
    expect(viewOf(dialogue)).toMatchObject({ transaction: 2, phase: 'producing' })
  })

  it('starts none by an EndTxn that is sent again', () => {
    const dialogue = hold('V1', ...wholeV1, '>> EndTxn(commit) << NONE')
    expect(viewOf(dialogue)?.transaction).toBe(1)
  })

  it('starts none by an EndTxn that comes late', () => {
    const dialogue = hold(
      'V1',
      ...wholeV1.slice(0, 6),
      '>> EndTxn(commit) << detached',
      'late 7 << NONE',
    )
    expect(viewOf(dialogue)?.transaction).toBe(1)
  })

  it('takes sequences that wrap for new ones', () => {
    const dialogue = hold(
      'V1',
      '>> Init << 100/0',
      `>> Produce(out-0#${2 ** 31 - 1}) << NONE`,
      '>> EndTxn(commit) << NONE',
      '>> Produce(out-0#0) << NONE',
    )
    expect(viewOf(dialogue)?.transaction).toBe(2)
  })
})

describe('asked', () => {
  const open = ['>> Init << 100/0', '>> Add(out-0) << NONE', '>> Produce(out-0) << NONE']
  it.each([
    ['commit', ['>> EndTxn(commit) << NONE']],
    ['abort', ['>> EndTxn(abort) << undelivered', '>> EndTxn(abort) << NONE']],
    ['both', ['>> EndTxn(commit) << lost', '>> EndTxn(abort) << INVALID_TXN_STATE']],
  ])('is %s by what the client sent', (expected, lines) => {
    expect(viewOf(hold('V1', ...open, ...lines))?.asked).toBe(expected)
  })

  it('does not count a late EndTxn in the transaction that it falls into', () => {
    const dialogue = hold(
      'V1',
      ...open,
      '>> EndTxn(commit) << detached',
      '>> EndTxn(commit) << NONE',
      '>> Add(out-0) << NONE',
      '>> Produce(out-0) << NONE',
      'late 4 << NONE',
      '>> EndTxn(abort) << INVALID_TXN_STATE',
    )
    const second = ofType(dialogue.effects, 'transaction').filter(
      ({ transaction, phase }) => transaction === 2 && phase === 'ended',
    )
    expect(second).toEqual([
      expect.objectContaining({ asked: 'abort', outcome: 'committed', decided: 'committed' }),
    ])
  })
})

describe('fencing', () => {
  it('is reported when another instance initialises the id', () => {
    const dialogue = hold('V1', ...wholeV1, 'b >> Init << 100/1')
    expect(summaries(dialogue.effects).slice(-2)).toEqual(['fenced 100/0', 'initialised 100/1'])
    expect(viewOf(dialogue)).toMatchObject({ instance: 'copier-b', fenced: false })
  })

  it('is reported once for a zombie, whose messages leave the new owner alone', () => {
    const dialogue = hold(
      'V1',
      ...wholeV1.slice(0, 4),
      'b >> Init << 100/2',
      'b >> Add(out-0) << NONE',
      '>> Produce(out-0) << INVALID_PRODUCER_EPOCH',
      '>> EndTxn(commit) << PRODUCER_FENCED',
    )
    expect(summaries(dialogue.effects).slice(3)).toEqual([
      '1 ended aborted by reinitialised',
      'fenced 100/0',
      'initialised 100/2',
      '2 begun',
    ])
    expect(viewOf(dialogue)).toMatchObject({ transaction: 2, phase: 'begun', producerEpoch: 2 })
  })

  it('is shown when the id in force is refused', () => {
    const dialogue = hold('V1', ...wholeV1, '>> Add(out-0) << PRODUCER_FENCED')
    expect(viewOf(dialogue)?.fenced).toBe(true)
  })

  it('is odd when a zombie is accepted', () => {
    const dialogue = hold(
      'V1',
      ...wholeV1.slice(0, 4),
      'b >> Init << 100/2',
      '>> Produce(out-0) << NONE',
    )
    expect(summaries(dialogue.effects).at(-1)).toMatch(/odd: Produce of the outdated producer/)
  })

  it('is odd when two instances use the same epoch, and said once', () => {
    const dialogue = hold(
      'V1',
      ...wholeV1,
      'b >> Add(out-0) @100/0 << NONE',
      'b >> Add(out-1) << NONE',
    )
    expect(
      summaries(dialogue.effects).filter((text) => /odd: copier-b uses .* of copier-a/.test(text)),
    ).toHaveLength(1)
  })

  it('by an epoch asked for that is too old is reported (InitProducerId with 0, 0)', () => {
    const dialogue = hold('V1', ...wholeV1, '>> Init @0/0 << PRODUCER_FENCED')
    expect(summaries(dialogue.effects).at(-1)).toBe('fenced 0/0')
  })
})

describe('a start in mid-traffic', () => {
  it.each([
    ['>> Add(out-0) @100/3 << NONE', 'begun', 'V1'],
    ['>> Produce(out-0#17) @100/3 v11 << NONE', 'producing', 'V1'],
    ['>> Produce(out-0#17) @100/3 v12 << NONE', 'producing', 'V2'],
    ['>> TxnOffsets(g in-0=9) @100/3 v5 << NONE', 'offsets', 'V2'],
    ['>> EndTxn(commit) @100/3 v4 << lost', 'ending', 'V1'],
  ] as const)('takes %s for the first transaction', (line, phase, protocol) => {
    const dialogue = hold('V1', line)
    expect(viewOf(dialogue)).toMatchObject({
      phase,
      protocol,
      transaction: 1,
      producerId: 100,
      producerEpoch: 3,
    })
    expect(ofType(dialogue.effects, 'oddity')).toEqual([])
  })

  it('catches up on a request when only its answer is seen', () => {
    const dialogue = startDialogue('V1')
    const turn: Turn = dialogue.say('>> EndTxn(commit) @100/3')
    const late = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    const effects = late.observeReply({
      ...turn.request,
      side: 'reply',
      reply: replyOf('EndTxn', 4, { errorCode: 0 }),
    })
    expect(summaries(effects)).toEqual([
      '1 ending commit',
      '1 ended committed',
      'progress copier-a',
    ])
  })

  it('finds ids that it saw nobody hand out odd, and follows them', () => {
    const dialogue = hold('V1', ...wholeV1, '>> Add(out-0) @100/5 << NONE')
    expect(summaries(dialogue.effects)).toContainEqual(
      expect.stringMatching(/odd: producer 100 epoch 5/),
    )
    expect(viewOf(dialogue)).toMatchObject({ producerEpoch: 5, transaction: 2 })
  })
})

describe('epochs', () => {
  it('are bumped by InitProducerId with ids (KIP-360)', () => {
    const dialogue = hold('V1', ...wholeV1, '>> Init @100/0 << 100/1')
    expect(summaries(dialogue.effects).at(-1)).toBe('bumped 100/1')
  })

  it('turn into a new producer id when they are used up', () => {
    const dialogue = hold(
      'V2',
      '>> Init << 100/32766',
      '>> Produce(out-0) << NONE',
      '>> EndTxn(commit) << 101/0',
      '>> Produce(out-0) << NONE',
      '>> Markers(100/32767 commit) << NONE',
    )
    expect(ofType(dialogue.effects, 'oddity')).toEqual([])
    expect(viewOf(dialogue)).toMatchObject({ producerId: 101, producerEpoch: 0, transaction: 2 })
    expect(dialogue.turns.at(-1)?.requestPlace.transactions).toEqual([
      expect.objectContaining({ transactionalId, transaction: 1, committed: true }),
    ])
  })

  it('that EndTxn should not have handed out are odd', () => {
    const dialogue = hold(
      'V2',
      '>> Init << 100/0',
      '>> Produce(o-0) << NONE',
      '>> EndTxn(commit) << 100/7',
    )
    expect(summaries(dialogue.effects)).toContainEqual(expect.stringMatching(/odd: EndTxn turned/))
  })
})

describe('sends', () => {
  it('carry ids, sequence, size and what was said about each batch', () => {
    const dialogue = hold(
      'V1',
      '>> Init << 100/0',
      '>> Add(out-0) << NONE',
      '>> Produce(out-0#7) << NONE',
    )
    expect(ofType(dialogue.effects, 'send')).toEqual([
      expect.objectContaining({
        exchange: expect.objectContaining({
          api: 'Produce',
          transactionalIds: [transactionalId],
          producerId: 100,
          producerEpoch: 0,
          transaction: 1,
          topicPartitions: ['out-0'],
        }),
        batches: [
          {
            topic: 'out',
            partition: 0,
            producerId: 100,
            producerEpoch: 0,
            baseSequence: 7,
            records: 1,
            transactional: true,
            told: 'ok',
            brokerError: 'NONE',
            baseOffset: 0,
          },
        ],
      }),
    ])
  })

  it.each([
    ['lost', 'unknown', undefined],
    ['swallowed NONE', 'unknown', 'NONE'],
    ['NONE', 'ok', 'NONE'],
    ['NONE told NOT_ENOUGH_REPLICAS', 'failed', 'NONE'],
    ['NONE told REQUEST_TIMED_OUT', 'unknown', 'NONE'],
    ['nothing told MESSAGE_TOO_LARGE', 'failed', undefined],
    ['MESSAGE_TOO_LARGE', 'failed', 'MESSAGE_TOO_LARGE'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'unknown', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
  ])('answered "%s" are told %s', (answer, told, brokerError) => {
    const dialogue = hold('V2', '>> Init << 100/0', `>> Produce(out-0) << ${answer}`)
    const [send, ...others] = ofType(dialogue.effects, 'send')
    expect(others).toEqual([])
    expect(send?.batches[0]?.told).toBe(told)
    expect(send?.batches[0]?.brokerError).toBe(brokerError)
  })

  it('that come late are a second event, marked so', () => {
    const dialogue = hold(
      'V2',
      '>> Init << 100/0',
      '>> Produce(out-0) << detached',
      'late 2 << NONE',
    )
    const sends = ofType(dialogue.effects, 'send')
    expect(
      sends.map(({ late, batches }) => [late, batches[0]?.told, batches[0]?.brokerError]),
    ).toEqual([
      [undefined, 'unknown', undefined],
      [true, 'unknown', 'NONE'],
    ])
  })

  function plainProduce(acks: number, instance = 'copier-0'): Observation {
    const records = writeBatch({ records: [{ value: 'x' }, { value: 'y' }] })
    return {
      atMs: 1,
      side: 'request',
      plane: 'client',
      node: 1,
      instance,
      connection: 1,
      apiKey: 0,
      api: 'Produce',
      version: 9,
      correlationId: 1,
      clientId: 'plain',
      request: requestOf('Produce', 9, {
        transactionalId: null,
        acks,
        topicData: [{ name: 'out', partitionData: [{ index: 3, records }] }],
      }),
    }
  }

  it('without acknowledgement are over at once, and never known', () => {
    const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    const sends = ofType(tracker.observeRequest(plainProduce(0)), 'send')
    expect(sends[0]?.batches).toEqual([
      expect.objectContaining({
        records: 2,
        producerId: -1,
        transactional: false,
        told: 'unknown',
      }),
    ])
  })

  it('outside of transactions are journalled only when asked for', () => {
    const tracker = createTracker({ topicName: () => undefined, journalProduce: 'transactional' })
    const request = plainProduce(-1)
    expect(tracker.observeRequest(request)).toEqual([])
    expect(tracker.awaits(request.request)).toBe(false)
    const all = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    expect(all.observeRequest(request)).toEqual([])
    expect(all.awaits(request.request)).toBe(true)
    const lost = all.connectionLost({ atMs: 2, connection: 1, unanswered: [request] })
    expect(ofType(lost, 'send')).toHaveLength(1)
    expect(all.transactions()).toEqual([])
  })

  it('name topics by id once the name is known, even if only at the answer', () => {
    const topicId = 'AAAAAAAAAAAAAAAAAAAABw'
    const names = new Map<string, string>()
    const tracker = createTracker({ topicName: (id) => names.get(id), journalProduce: 'all' })
    const records = writeBatch({ records: [{ value: 'x' }] })
    const request: Observation = {
      ...plainProduce(-1),
      version: 13,
      request: requestOf('Produce', 13, {
        transactionalId: null,
        acks: -1,
        topicData: [{ topicId, partitionData: [{ index: 3, records }] }],
      }),
    }
    tracker.observeRequest(request)
    expect(tracker.locate(request).topicPartitions).toEqual([{ topic: topicId, partition: 3 }])
    names.set(topicId, 'payments')
    const reply = replyOf('Produce', 13, {
      responses: [
        {
          topicId,
          partitionResponses: [{ index: 3, errorCode: 0, baseOffset: 41n, recordErrors: [] }],
        },
      ],
    })
    const [send] = ofType(tracker.observeReply({ ...request, side: 'reply', reply }), 'send')
    expect(send?.batches[0]).toMatchObject({ topic: 'payments', told: 'ok', baseOffset: 41 })
  })

  it('that cannot be read are odd, not fatal', () => {
    const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    const request = {
      ...plainProduce(-1),
      request: requestOf('Produce', 9, {
        acks: -1,
        transactionalId: null,
        topicData: [{ name: 'out', partitionData: [{ index: 0, records: Buffer.alloc(80) }] }],
      }),
    }
    expect(summaries(tracker.observeRequest(request))).toEqual([
      expect.stringMatching(/odd: Produce to out-0: a batch with magic 0/),
    ])
  })
})

describe('offsets', () => {
  it('within a transaction name it and its group', () => {
    const [offsets] = ofType(hold('V2', ...wholeV2).effects, 'offsets')
    expect(offsets).toMatchObject({
      group: 'g',
      transactionalId,
      offsets: [{ topic: 'in', partition: 0, offset: 5 }],
      told: 'ok',
      brokerError: 'NONE',
      exchange: { transaction: 1 },
    })
  })

  it('outside of transactions are progress when they are accepted', () => {
    const dialogue = hold('V1', '>> Commit(g in-0=5) << NONE', '>> Commit(g in-0=6) << lost')
    expect(ofType(dialogue.effects, 'offsets').map(({ told }) => told)).toEqual(['ok', 'unknown'])
    expect(ofType(dialogue.effects, 'progress')).toEqual([
      expect.objectContaining({ instance: 'copier-a', via: 'OffsetCommit' }),
    ])
  })

  it('with different fates are different events', () => {
    const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    const partitions = [0, 1, 2].map((partitionIndex) => ({
      partitionIndex,
      committedOffset: BigInt(partitionIndex),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    }))
    const request: Observation = {
      atMs: 1,
      side: 'request',
      plane: 'client',
      node: 1,
      connection: 1,
      apiKey: 8,
      api: 'OffsetCommit',
      version: 9,
      correlationId: 1,
      clientId: null,
      request: requestOf('OffsetCommit', 9, { groupId: 'g', topics: [{ name: 'in', partitions }] }),
    }
    tracker.observeRequest(request)
    const reply = replyOf('OffsetCommit', 9, {
      topics: [
        {
          name: 'in',
          partitions: [
            { partitionIndex: 0, errorCode: 0 },
            { partitionIndex: 1, errorCode: 25 },
            { partitionIndex: 2, errorCode: 0 },
          ],
        },
      ],
    })
    const events = ofType(tracker.observeReply({ ...request, side: 'reply', reply }), 'offsets')
    expect(
      events.map(({ told, brokerError, offsets }) => [told, brokerError, offsets.length]),
    ).toEqual([
      ['ok', 'NONE', 2],
      ['failed', 'UNKNOWN_MEMBER_ID', 1],
    ])
  })
})

describe('locate', () => {
  const place = (turn: Turn | undefined, side: 'request' | 'reply') => {
    const where = side === 'request' ? turn?.requestPlace : turn?.replyPlace
    return [where?.transaction, where?.phaseBefore, where?.phase, where?.entered]
  }

  it('tells phases and ordinals of V1 requests with the message counted', () => {
    const { turns } = hold('V1', ...wholeV1, '>> Add(out-0) << NONE')
    expect(turns.slice(1).map((turn) => place(turn, 'request'))).toEqual([
      [undefined, 'idle', 'idle', []],
      [1, 'idle', 'begun', ['begun']],
      [1, 'begun', 'producing', ['producing']],
      [1, 'producing', 'producing', []],
      [1, 'producing', 'offsets', ['offsets']],
      [1, 'offsets', 'ending', ['ending']],
      [2, 'ended', 'begun', ['begun']],
    ])
  })

  it('tells the same of V2 requests, whose first send enters two phases', () => {
    const { turns } = hold('V2', ...wholeV2, '>> TxnOffsets(g in-0=6) << NONE')
    expect(turns.slice(1).map((turn) => place(turn, 'request'))).toEqual([
      [undefined, 'idle', 'idle', []],
      [1, 'idle', 'producing', ['begun', 'producing']],
      [1, 'producing', 'offsets', ['offsets']],
      [1, 'offsets', 'ending', ['ending']],
      [2, 'ended', 'offsets', ['begun', 'offsets']],
    ])
  })

  it('tells what a reply leads to if the client gets it', () => {
    const { turns } = hold(
      'V1',
      '>> Init << 100/0',
      '>> Add(out-0) << NONE',
      '>> EndTxn(commit) << CONCURRENT_TRANSACTIONS',
      '>> EndTxn(commit) << NONE',
      '>> Init << 100/1',
    )
    expect(turns.map((turn) => place(turn, 'reply'))).toEqual([
      [undefined, 'idle', 'idle', []],
      [1, 'begun', 'begun', []],
      [1, 'ending', 'ending', []],
      [1, 'ending', 'ended', ['ended']],
      [1, 'ended', 'idle', ['idle']],
    ])
  })

  it('names ids, groups, producer, partitions and the choice', () => {
    const { turns } = hold('V1', ...wholeV1)
    const find = turns[0]?.requestPlace
    expect(find?.transactionalIds).toEqual([transactionalId])
    expect(turns[3]?.requestPlace).toMatchObject({
      transactionalIds: [transactionalId],
      groups: [],
      producerIds: [100],
      topicPartitions: [{ topic: 'out', partition: 0 }],
    })
    expect(turns[5]?.requestPlace).toMatchObject({
      transactionalIds: [transactionalId],
      groups: ['g'],
      producerIds: [100],
      topicPartitions: [{ topic: 'in', partition: 0 }],
    })
    expect(turns[6]?.requestPlace.committed).toBe(true)
    expect(turns[6]?.replyPlace?.committed).toBe(true)
  })

  it('gives the same answer after the request was observed', () => {
    const { turns, tracker } = hold('V2', '>> Init << 100/0', '>> Produce(out-0)')
    const turn = turns[1]
    expect(turn && tracker.locate(turn.request)).toEqual(turn?.requestPlace)
  })

  it('knows whose marker it is, of which transaction, with which result', () => {
    const { turns } = hold(
      'V1',
      ...wholeV1,
      '>> Add(out-0) << CONCURRENT_TRANSACTIONS',
      '>> Markers(100/0 commit) << NONE',
      '>> Markers(777/0 abort, 100/0 commit) << NONE',
    )
    expect(turns[8]?.requestPlace).toMatchObject({
      transactionalIds: [transactionalId],
      producerIds: [100],
      topicPartitions: [{ topic: 'out', partition: 0 }],
      committed: true,
      transaction: 1,
    })
    const both = turns[9]?.requestPlace
    expect(both?.committed).toBeUndefined()
    expect(both?.producerIds).toEqual([777, 100])
    expect(both?.transactions).toEqual([
      expect.objectContaining({ transactionalId, committed: true, transaction: 1 }),
    ])
  })

  it('sees a coordinator that aborts by itself by the epoch of its markers', () => {
    const { turns, tracker } = hold(
      'V1',
      '>> Init << 100/0',
      '>> Add(out-0) << NONE',
      '>> Markers(100/1 abort) << NONE',
    )
    expect(turns[2]?.requestPlace).toMatchObject({
      transaction: 1,
      committed: false,
      phase: 'begun',
    })
    expect(tracker.transactions()[0]?.decided).toBe('aborted')
  })

  it('sees which transaction the leader verifies or adds a partition for', () => {
    const { tracker } = hold('V2', '>> Init << 100/0', '>> Produce(out-0)')
    const verify: Observation = {
      atMs: 1,
      side: 'request',
      plane: 'inter-broker',
      node: 1,
      source: 2,
      connection: 9,
      apiKey: 24,
      api: 'AddPartitionsToTxn',
      version: 5,
      correlationId: 1,
      clientId: 'AddPartitionsManager-client-2',
      request: requestOf('AddPartitionsToTxn', 5, {
        transactions: [
          {
            transactionalId,
            producerId: 100n,
            producerEpoch: 0,
            verifyOnly: false,
            topics: [{ name: 'out', partitions: [0] }],
          },
        ],
      }),
    }
    expect(tracker.observeRequest(verify)).toEqual([])
    expect(tracker.locate(verify)).toMatchObject({
      transactionalIds: [transactionalId],
      transaction: 1,
      phase: 'producing',
      entered: [],
      topicPartitions: [{ topic: 'out', partition: 0 }],
    })
  })

  it('finds topics of APIs that it has no entry for, in the answer if the request names none', () => {
    const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    const fetch: Observation = {
      atMs: 1,
      side: 'reply',
      plane: 'client',
      node: 1,
      connection: 1,
      apiKey: 1,
      api: 'Fetch',
      version: 12,
      correlationId: 1,
      clientId: null,
      request: requestOf('Fetch', 12, {}),
      reply: replyOf('Fetch', 12, {
        responses: [
          {
            topic: 'in',
            partitions: [{ partitionIndex: 4, errorCode: 0, highWatermark: 1n, records: null }],
          },
        ],
      }),
    }
    expect(tracker.locate(fetch).topicPartitions).toEqual([{ topic: 'in', partition: 4 }])
    // In a session the answer is about others than the request.
    const others = [{ topic: 'other', partitions: [{ partition: 2 }] }]
    const request = requestOf('Fetch', 12, { topics: others })
    expect(tracker.locate({ ...fetch, request }).topicPartitions).toEqual([
      { topic: 'in', partition: 4 },
    ])
  })

  it('names the groups of a FindCoordinator for groups, and no transactional id', () => {
    const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    const where = tracker.locate({
      atMs: 1,
      side: 'request',
      plane: 'client',
      node: 1,
      connection: 1,
      apiKey: 10,
      api: 'FindCoordinator',
      version: 2,
      correlationId: 1,
      clientId: null,
      request: requestOf('FindCoordinator', 2, { key: 'g', keyType: 0 }),
    })
    expect(where).toMatchObject({ groups: ['g'], transactionalIds: [] })
  })
})

describe('coordinators', () => {
  it('are those named by FindCoordinator, until they say that they are not', () => {
    const dialogue = hold('V1', '>> Find << NONE')
    expect(viewOf(dialogue)?.coordinator).toBe(2)
    dialogue.say('>> Init << NOT_COORDINATOR')
    expect(viewOf(dialogue)?.coordinator).toBeUndefined()
  })
})

describe('limits', () => {
  it('forget the longest silent ids that have nothing open', () => {
    const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    const init = (name: string, atMs: number): void => {
      tracker.observeRequest({
        atMs,
        side: 'request',
        plane: 'client',
        node: 1,
        connection: 1,
        apiKey: 22,
        api: 'InitProducerId',
        version: 5,
        correlationId: 1,
        clientId: null,
        request: requestOf('InitProducerId', 5, {
          transactionalId: name,
          transactionTimeoutMs: 1,
          producerId: -1n,
          producerEpoch: -1,
        }),
      })
    }
    for (let number = 0; number <= trackedProducersMax; number++) init(`id-${number}`, number)
    const left = tracker.transactions().map((view) => view.transactionalId)
    expect(left.length).toBeLessThanOrEqual(trackedProducersMax)
    expect(left).not.toContain('id-0')
    expect(left).toContain(`id-${trackedProducersMax}`)
  })
})

describe('concerns', () => {
  it('asks for the transactional and group APIs of clients and the markers between brokers', () => {
    const { concerns } = createTracker({ topicName: () => undefined, journalProduce: 'all' })
    expect(concerns('EndTxn', 'client')).toBe('both')
    expect(concerns('Produce')).toBe('both')
    expect(concerns('Fetch')).toBe('none')
    expect(concerns('Metadata')).toBe('none')
    expect(concerns('WriteTxnMarkers', 'inter-broker')).toBe('request')
    expect(concerns('Produce', 'inter-broker')).toBe('none')
    expect(concerns('Fetch', 'controller')).toBe('none')
  })
})
