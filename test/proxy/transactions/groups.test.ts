// Groups of both protocols, from the answers of their coordinator.
import { describe, expect, it } from 'vitest'
import { apiNamed, type Message } from '../../../proxy/protocol/codec.ts'
import {
  createTracker,
  type Observation,
  type TransactionEffect,
} from '../../../proxy/transactions/tracker.ts'
import { replyOf, requestOf } from './dialogue.ts'

function talk() {
  const tracker = createTracker({ topicName: () => undefined, journalProduce: 'all' })
  const effects: TransactionEffect[] = []
  let atMs = 0
  function ask(who: string, api: string, version: number, fields: Message): Observation {
    atMs += 1
    const request: Observation = {
      atMs,
      side: 'request',
      plane: 'client',
      node: 3,
      instance: who,
      connection: 1,
      apiKey: apiNamed(api)?.key ?? -1,
      api,
      version,
      correlationId: atMs,
      clientId: `client-${who}`,
      request: requestOf(api, version, { groupId: 'g', ...fields }),
    }
    effects.push(...tracker.observeRequest(request))
    return request
  }
  function answer(request: Observation, fields: Message): void {
    atMs += 1
    const reply = replyOf(request.api, request.version, fields)
    effects.push(...tracker.observeReply({ ...request, atMs, side: 'reply', reply }))
  }
  const join = (who: string, memberId: string): Observation =>
    ask(who, 'JoinGroup', 9, { memberId, protocolType: 'consumer' })
  const joined = (
    request: Observation,
    memberId: string,
    generationId: number,
    all: string[] = [],
  ) =>
    answer(request, {
      memberId,
      generationId,
      leader: 'a',
      protocolName: 'range',
      members: all.map((id) => ({ memberId: id, metadata: Buffer.alloc(0) })),
    })
  const sync = (who: string, memberId: string, generationId: number, errorCode = 0): void =>
    answer(ask(who, 'SyncGroup', 5, { memberId, generationId }), {
      errorCode,
      assignment: Buffer.alloc(0),
    })
  const beat = (who: string, memberId: string, generationId: number, errorCode = 0): void =>
    answer(ask(who, 'Heartbeat', 4, { memberId, generationId }), { errorCode })
  const beat848 = (
    who: string,
    memberId: string,
    asked: number,
    told: number,
    errorCode = 0,
  ): void =>
    answer(ask(who, 'ConsumerGroupHeartbeat', 1, { memberId, memberEpoch: asked }), {
      memberId,
      memberEpoch: told,
      errorCode,
    })
  return {
    ask,
    answer,
    join,
    joined,
    sync,
    beat,
    beat848,
    view: () => tracker.groups()[0],
    reported: () =>
      effects.flatMap((effect) =>
        effect.type === 'group' ? [`${effect.state} ${effect.epoch} ${effect.members}`] : [],
      ),
  }
}

describe('a classic group', () => {
  function two() {
    const group = talk()
    const first = group.join('one', '')
    group.answer(first, { errorCode: 79, memberId: 'a' })
    const a = group.join('one', 'a')
    const b = group.join('two', 'b')
    group.joined(a, 'a', 1, ['a', 'b'])
    group.joined(b, 'b', 1)
    group.sync('two', 'b', 1)
    group.sync('one', 'a', 1)
    return group
  }

  it('is stable when every member has its assignment', () => {
    expect(two().view()).toEqual({
      group: 'g',
      protocol: 'classic',
      state: 'stable',
      coordinator: 3,
      epoch: 1,
      members: [
        { memberId: 'a', instance: 'one', clientId: 'client-one', epoch: 1 },
        { memberId: 'b', instance: 'two', clientId: 'client-two', epoch: 1 },
      ],
      rebalances: 0,
    })
  })

  it('reports only what changed', () => {
    expect(two().reported()).toEqual([
      'rebalancing -1 0',
      'rebalancing 1 1',
      'rebalancing 1 2',
      'stable 1 2',
    ])
  })

  it('is rebalanced when a heartbeat says so, and counts the new generation', () => {
    const group = two()
    group.beat('one', 'a', 1, 27)
    expect(group.view()?.state).toBe('rebalancing')
    const a = group.join('one', 'a')
    group.joined(a, 'a', 2, ['a'])
    group.sync('one', 'a', 2)
    expect(group.view()).toMatchObject({ state: 'stable', epoch: 2, rebalances: 1 })
    expect(group.view()?.members.map(({ memberId }) => memberId)).toEqual(['a'])
    expect(group.view()?.lastRebalanceAtMs).toBeGreaterThan(0)
  })

  it('loses the members that leave, that are unknown, or whose static id another one took', () => {
    const group = two()
    group.answer(group.ask('two', 'LeaveGroup', 5, { members: [{ memberId: 'b' }] }), {
      members: [{ memberId: 'b', groupInstanceId: null, errorCode: 0 }],
    })
    expect(group.view()?.members).toHaveLength(1)
    expect(group.view()?.state).toBe('rebalancing')
    group.beat('one', 'a', 1, 25)
    expect(group.view()?.members).toEqual([])
    const other = two()
    other.beat('one', 'a', 1, 82)
    expect(other.view()?.members.map(({ memberId }) => memberId)).toEqual(['b'])
  })

  it('is known from a heartbeat when the proxy came later', () => {
    const group = talk()
    group.beat('one', 'a', 7)
    expect(group.view()).toMatchObject({ state: 'stable', epoch: 7, rebalances: 0 })
  })

  it('ignores what an outdated generation still says', () => {
    const group = two()
    const a = group.join('one', 'a')
    group.joined(a, 'a', 2, ['a'])
    group.beat('two', 'b', 1)
    expect(group.view()).toMatchObject({ epoch: 2, state: 'rebalancing' })
    expect(group.view()?.members.map(({ memberId }) => memberId)).toEqual(['a'])
  })
})

describe('a group of KIP-848', () => {
  it('is stable when all members have reached the newest epoch', () => {
    const group = talk()
    group.beat848('one', 'a', 0, 1)
    expect(group.view()).toMatchObject({ protocol: 'consumer', state: 'stable', epoch: 1 })
    group.beat848('two', 'b', 0, 2)
    expect(group.view()).toMatchObject({ state: 'rebalancing', epoch: 2, rebalances: 1 })
    group.beat848('one', 'a', 1, 2)
    expect(group.view()).toMatchObject({ state: 'stable', epoch: 2, rebalances: 1 })
  })

  it('loses members that leave or are fenced', () => {
    const group = talk()
    group.beat848('one', 'a', 0, 1)
    group.beat848('two', 'b', 0, 2)
    group.beat848('two', 'b', -1, -1)
    expect(group.view()?.members.map(({ memberId }) => memberId)).toEqual(['a'])
    group.beat848('one', 'a', 1, 0, 110)
    expect(group.view()).toMatchObject({ members: [], state: 'empty' })
  })
})
