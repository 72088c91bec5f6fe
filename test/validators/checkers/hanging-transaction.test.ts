import { describe, expect, it } from 'vitest'
import { hangingTransaction } from '../../../validators/checkers/hanging-transaction.ts'
import type { OpenTransactionLine } from '../../../validators/history-line.ts'
import { cleanLines, drained, history, output } from '../builders.ts'

const open = output(0, ['in-0'], { state: 'open' })
const waited = drained({ drained: false, waitedMs: 60_000, boundMs: 60_000, atMs: 100_000 })
const held = (startedAtMs: number): OpenTransactionLine => ({
  type: 'open-transaction',
  atMs: 100_000,
  transactionalId: 'copier-0',
  producerId: 7,
  producerEpoch: 0,
  state: 'Ongoing',
  timeoutMs: 15_000,
  startedAtMs,
  topicPartitions: ['output-0'],
})

describe('hanging-transaction', () => {
  it('finds open records of a producer that no coordinator knows a transaction of', () => {
    expect(hangingTransaction(history(open, waited))).toMatchObject([
      {
        kind: 'hanging-transaction',
        summary: '1 record of 1 hanging transaction undecided for good',
        ids: ['in-0'],
        proof: [{ place: 'output-0@0', producerId: 7 }],
      },
    ])
  })

  it('finds a transaction that is open past its timeout', () => {
    expect(hangingTransaction(history(open, waited, held(10_000)))).toMatchObject([
      { proof: [{ shows: 'undecided, copier-0 is Ongoing past its 15 s' }] },
    ])
  })

  it('does not take a transaction for hanging that is merely open, nor before the bound has passed', () => {
    expect(hangingTransaction(history(open, waited, held(95_000)))).toEqual([])
    expect(
      hangingTransaction(history(open, drained({ drained: false, waitedMs: 5, boundMs: 60_000 }))),
    ).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(hangingTransaction(history())).toEqual([])
    expect(hangingTransaction(history(...cleanLines()))).toEqual([])
  })
})
