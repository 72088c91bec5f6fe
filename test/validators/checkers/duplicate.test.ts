import { describe, expect, it } from 'vitest'
import { duplicate } from '../../../validators/checkers/duplicate.ts'
import { cleanLines, ended, history, input, output, run, send } from '../builders.ts'

describe('duplicate', () => {
  it('finds an id at two committed places, with both transactions as proof', () => {
    const found = duplicate(
      history(
        input(0, ['in-0']),
        send(1, { baseSequence: 0, told: 'unknown' }),
        ended(1, 'commit', { outcome: 'unknown' }),
        send(2, { baseSequence: 1 }),
        ended(2, 'commit'),
        output(0, ['in-0'], { baseSequence: 0 }),
        output(2, ['in-0'], { baseSequence: 1 }),
      ),
    )
    expect(found).toMatchObject([
      {
        kind: 'duplicate',
        summary: '1 id committed more often than once in output',
        count: 1,
        ids: ['in-0'],
        proof: [
          {
            shows:
              'copy 1, in transaction 1 of copier-0, which the client asked to commit and the broker agreed, which the client never learnt',
            id: 'in-0',
            place: 'output-0@0',
            producerId: 7,
            producerEpoch: 0,
            baseSequence: 0,
            transactionalId: 'copier-0',
            transaction: 1,
          },
          { place: 'output-0@2', baseSequence: 1, transaction: 2 },
        ],
      },
    ])
  })

  it('takes an aborted copy beside a committed one for what it is: work done again', () => {
    expect(
      duplicate(
        history(input(0, ['in-0']), output(0, ['in-0'], { state: 'aborted' }), output(2, ['in-0'])),
      ),
    ).toEqual([])
  })

  it('allows doubles under at-least-once, and N copies under a fan-out of N', () => {
    const lines = [input(0, ['a-1']), output(0, ['a-1', 'a-1', 'a-1'])]
    const under = (contract: 'at-least-once' | { 'fan-out': number }) =>
      duplicate(history(run({ outputs: [{ topic: 'output', partitions: 1, contract }] }), ...lines))
    expect(under('at-least-once')).toEqual([])
    expect(under({ 'fan-out': 3 })).toEqual([])
    expect(under({ 'fan-out': 2 })).toMatchObject([{ kind: 'duplicate', count: 1 }])
  })

  it('expects an id twice that came twice by the input', () => {
    expect(duplicate(history(input(0, ['in-0', 'in-0']), output(0, ['in-0', 'in-0'])))).toEqual([])
  })

  it('names twenty ids and counts all', () => {
    const ids = Array.from({ length: 30 }, (_, index) => `in-${index}`)
    const [found] = duplicate(history(input(0, ids), output(0, ids), output(30, ids)))
    expect(found).toMatchObject({ count: 30 })
    expect(found?.ids).toHaveLength(20)
    expect(found?.proof).toHaveLength(40)
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(duplicate(history())).toEqual([])
    expect(duplicate(history(...cleanLines()))).toEqual([])
  })
})
