import { describe, expect, it } from 'vitest'
import { tornTransaction } from '../../../validators/checkers/torn-transaction.ts'
import { cleanLines, ended, history, output, send } from '../builders.ts'

const twoParts = [
  send(1, { baseSequence: 0 }),
  send(1, { baseSequence: 0, partition: 1 }),
  ended(1, 'commit'),
]

describe('torn-transaction', () => {
  it('finds a transaction that is committed in one partition and aborted in another', () => {
    const found = tornTransaction(
      history(
        ...twoParts,
        output(0, ['in-0'], { baseSequence: 0 }),
        output(0, ['in-1'], { baseSequence: 0, partition: 1, state: 'aborted' }),
      ),
    )
    expect(found).toMatchObject([
      {
        kind: 'torn-transaction',
        summary: '1 transaction committed in part and aborted in part: transaction 1 of copier-0',
        count: 2,
        ids: ['in-0', 'in-1'],
        proof: [{ place: 'output-0@0' }, { place: 'output-1@0' }],
      },
    ])
  })

  it('does not judge parts that are still open', () => {
    expect(
      tornTransaction(
        history(
          ...twoParts,
          output(0, ['in-0'], { baseSequence: 0 }),
          output(0, ['in-1'], { baseSequence: 0, partition: 1, state: 'open' }),
        ),
      ),
    ).toEqual([])
  })

  it('does not judge two transactions that share epoch and producer', () => {
    expect(
      tornTransaction(
        history(
          send(1, { baseSequence: 0 }),
          ended(1, 'abort'),
          send(2, { baseSequence: 1 }),
          ended(2, 'commit'),
          output(0, ['in-0'], { baseSequence: 0, state: 'aborted' }),
          output(2, ['in-0'], { baseSequence: 1 }),
        ),
      ),
    ).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(tornTransaction(history())).toEqual([])
    expect(tornTransaction(history(...cleanLines()))).toEqual([])
  })
})
