import { describe, expect, it } from 'vitest'
import { unexpected } from '../../../validators/checkers/unexpected.ts'
import { cleanLines, end, history, input, journal, output, run } from '../builders.ts'

const acked = run({
  inputs: [],
  outputs: [{ topic: 'output', partitions: 1, contract: 'acked' }],
})

describe('unexpected', () => {
  it('finds an id that nobody wrote, and a record without one', () => {
    const found = unexpected(
      history(input(0, ['in-0']), end('input', 1), output(0, ['in-0', 'in-00', null])),
    )
    expect(found).toMatchObject([
      {
        kind: 'unexpected',
        count: 2,
        ids: ['in-00'],
        proof: [
          { shows: 'an id that nobody wrote', id: 'in-00', place: 'output-0@1' },
          { shows: 'a record without an id', place: 'output-0@2' },
        ],
      },
    ])
  })

  it('leaves aborted outputs alone, and outputs of aborted inputs to aborted-read', () => {
    expect(
      unexpected(
        history(
          input(0, ['in-0'], { state: 'aborted' }),
          end('input', 2),
          output(0, ['in-0']),
          output(2, ['stranger'], { state: 'aborted' }),
        ),
      ),
    ).toEqual([])
  })

  it('cannot tell without the input, but a record without an id is one without an id', () => {
    expect(unexpected(history(input(0, ['in-0']), output(0, ['other'])))).toEqual([])
    expect(unexpected(history(output(0, [null])))).toMatchObject([{ count: 1, ids: [] }])
  })

  it("goes by the journal's sends where there is no input, and by nothing where there is no journal", () => {
    const sent = journal(1, { sent: 'a-1', outcome: 'unknown' })
    expect(unexpected(history(acked, sent, output(0, ['a-1', 'a-2'])))).toMatchObject([
      { ids: ['a-2'] },
    ])
    expect(unexpected(history(acked, output(0, ['a-1', 'a-2'])))).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(unexpected(history())).toEqual([])
    expect(unexpected(history(...cleanLines()))).toEqual([])
  })
})
