import { describe, expect, it } from 'vitest'
import { causesOf } from '../../validators/attribute.ts'
import { duplicate } from '../../validators/checkers/duplicate.ts'
import type { Finding, Proof } from '../../validators/finding.ts'
import { ended, fault, history, input, output, run, send } from './builders.ts'

const finding = (...proof: Proof[]): Finding => ({
  kind: 'duplicate',
  summary: '',
  count: 1,
  ids: [],
  proof,
})
const at = (exchange: ReturnType<typeof send>['exchange']): Proof => ({
  shows: '',
  exchange,
  transactionalId: 'copier-0',
  transaction: exchange.transaction!,
})

describe('attribution', () => {
  it('names the fault that the very exchange set off, before those of the transaction, the id and the time', () => {
    const carried = send(2).exchange
    const history_ = history(
      fault('applied', { firedAtMs: 100, healedAtMs: 9_000 }, 'lasted'),
      fault('applied', { exchange: send(1).exchange }, 'same-id'),
      fault(
        'applied',
        { exchange: { ...carried, api: 'EndTxn', correlationId: -1 } },
        'same-transaction',
      ),
      fault('applied', { number: 1, exchange: send(1).exchange }, 'hit'),
      fault('applied', { number: 2, exchange: carried }, 'hit'),
      fault('applied', { firedAtMs: 1, appliedAtMs: 2, healedAtMs: 3 }, 'long-before'),
    )
    expect(causesOf(history_, finding({ ...at(carried), atMs: 500 }))).toEqual([
      { fault: 'hit', kind: 'disconnect', firings: [2], relation: 'exchange' },
      { fault: 'same-transaction', kind: 'disconnect', firings: [1], relation: 'transaction' },
      { fault: 'same-id', kind: 'disconnect', firings: [1], relation: 'transactional-id' },
      { fault: 'lasted', kind: 'disconnect', firings: [1], relation: 'window' },
    ])
  })

  it('ties a message that was kept back to the transaction that it was delivered into', () => {
    const kept = { ...send(1).exchange, api: 'EndTxn', correlationId: -1 }
    const delivered = (healedAtMs: number) =>
      history(
        send(2, {}, 2_000),
        ended(2, 'abort', { atMs: 2_500, decided: 'committed' }),
        fault('applied', { exchange: kept, brokerAnswer: 'NONE', healedAtMs }, 'late-commit'),
      )
    const proof = at(send(2).exchange)
    expect(causesOf(delivered(2_200), finding(proof))).toMatchObject([{ relation: 'transaction' }])
    expect(causesOf(delivered(2_600), finding(proof))).toMatchObject([
      { relation: 'transactional-id' },
    ])
  })

  it('ties what hit an instance to what it sent at about that time', () => {
    const { transactionalIds: _ids, transaction: _transaction, ...plain } = send(1).exchange
    const evicted = { ...plain, api: 'OffsetCommit', correlationId: -1 }
    const causes = (firedAtMs: number) =>
      causesOf(
        history(fault('applied', { exchange: evicted, firedAtMs }, 'evicted')),
        finding({ shows: '', instance: 'copier-0', atMs: 20_000 }),
      )
    expect(causes(29_000)).toMatchObject([{ fault: 'evicted', relation: 'instance' }])
    expect(causes(31_000)).toEqual([])
  })

  it('names nothing where nothing is known', () => {
    expect(causesOf(history(fault('applied')), finding({ shows: 'no more' }))).toEqual([])
    expect(causesOf(history(), finding(at(send(1).exchange)))).toEqual([])
  })

  it('reaches from a doubled record to the reply that was lost', () => {
    const lostReply = { ...send(1).exchange, api: 'EndTxn', correlationId: -7 }
    const told = history(
      run({ faults: [{ name: 'crash', kind: 'disconnect' }] }),
      input(0, ['in-0']),
      send(1, { baseSequence: 0 }),
      ended(1, 'commit', { outcome: 'unknown' }),
      fault('applied', { exchange: lostReply, moment: 'reply' }),
      send(2, { baseSequence: 1 }),
      ended(2, 'commit'),
      output(0, ['in-0'], { baseSequence: 0 }),
      output(2, ['in-0'], { baseSequence: 1 }),
    )
    const [found] = duplicate(told)
    expect(causesOf(told, found!)).toEqual([
      { fault: 'crash', kind: 'disconnect', firings: [1], relation: 'transaction' },
    ])
  })
})
