import { describe, expect, it } from 'vitest'
import type { Firing } from '../../../proxy/events.ts'
import type { FaultSpec } from '../../../proxy/faults/fault.ts'
import type { MessageView, SubjectTransaction } from '../../../proxy/faults/message-view.ts'
import { createRuleBook } from '../../../proxy/faults/rules.ts'
import type { Trigger } from '../../../proxy/faults/trigger-schema.ts'
import { randomStream } from '../../../proxy/runtime.ts'

interface Given {
  api?: string
  side?: 'request' | 'reply'
  plane?: MessageView['plane']
  instance?: string
  node?: number
  transactionalId?: string
  group?: string
  places?: Array<[string, number]>
  committed?: boolean
  transaction?: number
  phase?: 'producing' | 'ending'
  enters?: Array<'begun' | 'producing'>
  /** Further transactions in the same message. */
  others?: SubjectTransaction[]
  errors?: string[]
  ids?: string[]
  /** What it shares with other tries of the same request. */
  identity?: string
}

function message(given: Given = {}): MessageView {
  return {
    side: given.side ?? 'request',
    plane: given.plane ?? 'client',
    node: given.node ?? 1,
    instance: given.instance,
    source: undefined,
    clientId: 'client',
    apiKey: 26,
    api: given.api ?? 'EndTxn',
    version: 4,
    memberId: () => undefined,
    subject: () => ({
      transactionalIds: [
        ...(given.transactionalId === undefined ? [] : [given.transactionalId]),
        ...(given.others ?? []).map(({ transactionalId }) => transactionalId),
      ],
      groups: given.group === undefined ? [] : [given.group],
      producerIds: [],
      transactions:
        given.transactionalId === undefined
          ? []
          : [
              {
                transactionalId: given.transactionalId,
                transaction: given.transaction,
                phase: given.phase ?? 'ending',
                entered: given.enters ?? [],
                committed: given.committed,
              },
              ...(given.others ?? []),
            ],
      topicPartitions: (given.places ?? []).map(([topic, partition]) => ({ topic, partition })),
      committed: given.committed,
      transaction: given.transaction,
      phase: given.phase,
    }),
    recordIds: () => given.ids ?? [],
    retryIdentities: () => [given.identity ?? 'none'],
    errors: () => given.errors ?? [],
  }
}

/** As the engine writes it to the firing. */
function exchangeOf(instance: string): NonNullable<Firing['exchange']> {
  return {
    connection: 1,
    plane: 'client',
    node: 1,
    instance,
    clientId: null,
    api: 'EndTxn',
    version: 4,
    correlationId: 1,
  }
}

function book(
  ...faults: Array<
    { name: string; when: Trigger } & Partial<Pick<FaultSpec, 'times' | 'from' | 'to'>>
  >
) {
  const rules = createRuleBook({
    random: (stream) => randomStream(7, stream),
    aliases: { output: 'payments' },
  })
  for (const fault of faults) rules.arm({ inject: { drop: 'request' }, ...fault } as FaultSpec)
  const shown = (given: Given = {}): string | undefined => {
    const view = message(given)
    const decision = rules.decide(view, 0)
    if (decision?.why === 'fired' && given.instance !== undefined) {
      decision.firing.exchange = exchangeOf(given.instance)
    }
    rules.notice(view)
    return decision?.rule.spec.name
  }
  const counts = () => rules.rules().map(({ matched, fired }) => [matched, fired])
  return { rules, shown, counts }
}

describe('a rule', () => {
  it('fires on the nth match alone, and counts the others', () => {
    const { shown, counts } = book({ name: 'a', when: { request: 'EndTxn', nth: 2 } })
    expect([shown(), shown(), shown()]).toEqual([undefined, 'a', undefined])
    expect(counts()).toEqual([[3, 1]])
  })

  it('fires once unless the plan says more', () => {
    const once = book({ name: 'a', when: { request: 'EndTxn' } })
    expect([once.shown(), once.shown()]).toEqual(['a', undefined])
    const thrice = book({ name: 'a', when: { request: 'EndTxn', every: 2 }, times: 'unlimited' })
    expect([1, 2, 3, 4].map(() => thrice.shown())).toEqual([undefined, 'a', undefined, 'a'])
    const first = book({ name: 'a', when: { request: 'EndTxn', first: 2 } })
    expect([1, 2, 3].map(() => first.shown())).toEqual(['a', 'a', undefined])
  })

  it('takes a message that it fires on: later rules do not count it', () => {
    const { shown, counts } = book(
      { name: 'a', when: { request: 'EndTxn', nth: 2 } },
      { name: 'b', when: { request: 'EndTxn', nth: 2 } },
    )
    expect([shown(), shown(), shown()]).toEqual([undefined, 'a', 'b'])
    expect(counts()).toEqual([
      [3, 1],
      [2, 1],
    ])
  })

  it('counts separately per transactional id or instance', () => {
    const { shown } = book({
      name: 'a',
      when: { request: 'EndTxn', nth: 2, per: 'transactional-id' },
      times: 'unlimited',
    })
    expect(shown({ transactionalId: 'x' })).toBeUndefined()
    expect(shown({ transactionalId: 'y' })).toBeUndefined()
    expect(shown({ transactionalId: 'x' })).toBe('a')
    expect(shown({ transactionalId: 'y' })).toBe('a')
  })

  it.each<[Trigger, Given, Given]>([
    [{ request: 'EndTxn' }, {}, { side: 'reply' }],
    [{ request: 'EndTxn' }, {}, { api: 'Produce' }],
    [{ request: 'EndTxn' }, {}, { plane: 'inter-broker' }],
    [
      { request: 'WriteTxnMarkers' },
      { api: 'WriteTxnMarkers', plane: 'inter-broker' },
      { api: 'WriteTxnMarkers' },
    ],
    [{ request: 'EndTxn', instance: 0 }, { instance: 'copier-0' }, { instance: 'copier-1' }],
    [{ request: 'EndTxn', instance: 'copier-*' }, { instance: 'copier-9' }, { instance: 'other' }],
    [{ request: 'EndTxn', broker: 2 }, { node: 2 }, { node: 1 }],
    [
      { request: 'EndTxn', 'transactional-id': 'a-*' },
      { transactionalId: 'a-1' },
      { transactionalId: 'b-1' },
    ],
    [{ request: 'EndTxn', group: 'g' }, { group: 'g' }, {}],
    [{ request: 'EndTxn', committed: true }, { committed: true }, { committed: false }],
    [{ request: 'EndTxn', committed: false }, { committed: false }, {}],
    [
      { request: 'EndTxn', transaction: 2 },
      { transactionalId: 'a', transaction: 2 },
      { transactionalId: 'a', transaction: 1 },
    ],
    [
      { request: 'EndTxn', phase: 'ending' },
      { transactionalId: 'a', phase: 'ending' },
      { transactionalId: 'a', phase: 'producing' },
    ],
    [
      { request: 'EndTxn', topic: 'output', partition: 1 },
      { places: [['payments', 1]] },
      {
        places: [
          ['payments', 0],
          ['orders', 1],
        ],
      },
    ],
    [
      { request: 'Produce', id: 'in-1?' },
      { api: 'Produce', ids: ['in-2', 'in-12'] },
      { api: 'Produce' },
    ],
    [
      { reply: 'EndTxn', error: 'NONE' },
      { side: 'reply' },
      { side: 'reply', errors: ['INVALID_TXN_STATE'] },
    ],
    [
      { reply: 'EndTxn', error: 'NOT_COORDINATOR' },
      { side: 'reply', errors: ['NOT_COORDINATOR'] },
      { side: 'reply' },
    ],
  ])('%j matches %j and not %j', (when, right, wrong) => {
    const { shown } = book({ name: 'a', when, times: 'unlimited' })
    expect(shown(right)).toBe('a')
    expect(shown(wrong)).toBeUndefined()
  })

  it('asks id, result and ordinal of one and the same transaction of a message', () => {
    const other = {
      transactionalId: 'b',
      transaction: 5,
      phase: 'ended',
      entered: [],
      committed: false,
    } as const
    const shownFor = (when: Trigger) =>
      book({ name: 'a', when }).shown({
        transactionalId: 'a',
        committed: true,
        transaction: 1,
        others: [other],
      })
    expect(shownFor({ request: 'EndTxn', 'transactional-id': 'b', committed: false })).toBe('a')
    expect(
      shownFor({ request: 'EndTxn', 'transactional-id': 'b', committed: true }),
    ).toBeUndefined()
    expect(shownFor({ request: 'EndTxn', 'transactional-id': 'b' })).toBe('a')
    expect(shownFor({ request: 'EndTxn', 'transactional-id': 'b', only: true })).toBeUndefined()
  })

  it('sees every phase that one message enters: the first send of V2 enters two', () => {
    for (const enters of ['begun', 'producing'] as const) {
      const { shown } = book({ name: 'a', when: { request: 'EndTxn', enters } })
      expect(shown({ transactionalId: 'a', enters: [] })).toBeUndefined()
      expect(shown({ transactionalId: 'a', enters: ['begun', 'producing'] })).toBe('a')
    }
  })

  it('makes the same choices by chance for the same seed and the same messages', () => {
    const draw = () => {
      const { shown } = book({
        name: 'a',
        when: { request: 'EndTxn', probability: '30%' },
        times: 'unlimited',
      })
      return Array.from({ length: 200 }, () => shown() ?? '-').join('')
    }
    const first = draw()
    expect(first).toBe(draw())
    const fired = [...first].filter((letter) => letter === 'a').length
    expect(fired).toBeGreaterThan(30)
    expect(fired).toBeLessThan(90)
  })

  it('tells who waits for a message, once', () => {
    const { rules } = book()
    let told = 0
    rules.wait({ reply: 'Produce', transaction: 2, error: 'NONE' }, () => {
      told += 1
    })
    const produced = (transaction: number) =>
      rules.notice(message({ api: 'Produce', side: 'reply', transactionalId: 'a', transaction }))
    produced(1)
    expect(told).toBe(0)
    expect(rules.wants('reply', 'client', 'Produce')).toBe(true)
    produced(2)
    produced(2)
    expect(told).toBe(1)
    expect(rules.wants('reply', 'client', 'Produce')).toBe(false)
  })

  it('finds the same request again, after the fault that it was and not before', () => {
    const { shown } = book(
      { name: 'a', when: { request: 'EndTxn', nth: 2 } },
      { name: 'b', when: { request: 'EndTxn', 'retry-of': 'a' } },
    )
    const shows = (identity: string) => shown({ identity })
    expect(['x', 'y', 'x', 'z', 'y'].map(shows)).toEqual([
      undefined,
      'a',
      undefined,
      undefined,
      'b',
    ])
  })

  it('follows the instance that another fault has hit', () => {
    const { shown } = book(
      { name: 'a', when: { request: 'EndTxn', nth: 2 } },
      { name: 'b', when: { request: 'EndTxn', instance: 'same-as a' }, times: 'unlimited' },
    )
    const shows = (instance: string) => shown({ instance })
    expect(['x', 'y', 'x', 'y', 'y'].map(shows)).toEqual([undefined, 'a', undefined, 'b', 'b'])
  })
})

describe('the window of a rule', () => {
  const produced = { api: 'Produce' }
  const committed = { api: 'EndTxn', committed: true }
  const aborted = { api: 'EndTxn', committed: false }

  it('opens behind one message and closes before another, again and again', () => {
    const { shown, counts } = book({
      name: 'a',
      when: { request: 'Produce' },
      from: { request: 'EndTxn', committed: true },
      to: { request: 'EndTxn', committed: false },
      times: 'unlimited',
    })
    const traffic = [
      produced,
      committed,
      produced,
      produced,
      aborted,
      produced,
      committed,
      produced,
    ]
    expect(traffic.map((one) => shown(one) ?? '.').join('')).toBe('..aa...a')
    // Outside of it a match is a match, and fires nothing.
    expect(counts()).toEqual([[5, 3]])
  })

  it('holds neither the message that opens it nor the one that closes it', () => {
    const { shown } = book({
      name: 'a',
      when: { request: 'EndTxn' },
      from: { request: 'EndTxn', nth: 2 },
      to: { request: 'EndTxn', nth: 4 },
      times: 'unlimited',
    })
    expect([1, 2, 3, 4, 5].map(() => shown() ?? '.').join('')).toBe('..a..')
  })

  it('counts from its opening', () => {
    const { shown } = book({
      name: 'a',
      when: { request: 'Produce', nth: 2 },
      from: { request: 'EndTxn' },
    })
    const traffic = [produced, produced, committed, produced, produced, produced]
    expect(traffic.map((one) => shown(one) ?? '.').join('')).toBe('....a.')
  })

  it('is open at first without `from`, and once it has opened for good without `to`', () => {
    const until = book({
      name: 'a',
      when: { request: 'Produce' },
      to: { request: 'EndTxn' },
      times: 'unlimited',
    })
    const traffic = [produced, committed, produced]
    expect(traffic.map((one) => until.shown(one) ?? '.').join('')).toBe('a..')
    const since = book({
      name: 'a',
      when: { request: 'Produce' },
      from: { request: 'EndTxn' },
      times: 'unlimited',
    })
    expect(traffic.map((one) => since.shown(one) ?? '.').join('')).toBe('..a')
    expect(since.rules.wants('request', 'client', 'EndTxn')).toBe(true)
  })
})
