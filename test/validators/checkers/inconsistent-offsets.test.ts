import { describe, expect, it } from 'vitest'
import { inconsistentOffsets } from '../../../validators/checkers/inconsistent-offsets.ts'
import { cleanLines, end, history, output, read } from '../builders.ts'

describe('inconsistent-offsets', () => {
  it('finds a record that a reader saw where the log now holds another, or none', () => {
    const found = inconsistentOffsets(
      history(
        output(0, ['in-0', 'in-1']),
        end('output', 2),
        read('concurrent', 1, ['in-9', 'in-2']),
      ),
    )
    expect(found).toMatchObject([
      {
        kind: 'inconsistent-offsets',
        count: 2,
        ids: ['in-9', 'in-2'],
        proof: [
          {
            shows: 'handed to the concurrent reader, while the log holds another record there',
            place: 'output-0@1',
            id: 'in-9',
          },
          {
            shows: 'handed to the concurrent reader, while the log holds no record there',
            place: 'output-0@2',
          },
        ],
      },
    ])
  })

  it('finds any two records that have changed places, among many, whoever was handed them', () => {
    const ids = Array.from({ length: 300 }, (_, index) => `p${index % 3}-${index}`)
    for (const reader of ['concurrent', 'final'] as const) {
      for (let place = 0; place + 1 < ids.length; place += 7) {
        const seen = [...ids]
        const one = seen[place] ?? ''
        seen[place] = seen[place + 1] ?? ''
        seen[place + 1] = one
        const found = inconsistentOffsets(
          history(output(0, ids), end('output', 300), read(reader, 0, seen)),
        )
        expect(found).toMatchObject([{ count: 2, ids: [seen[place], one] }])
      }
    }
  })

  it('finds nothing where a reader was handed the beginning, in pieces', () => {
    const lines = [
      output(0, ['in-0', 'in-1', 'in-2']),
      output(4, ['in-3', 'in-4']),
      end('output', 6),
      read('concurrent', 0, ['in-0', 'in-1']),
      read('concurrent', 2, ['in-2', 'in-3'], {
        offsets: [
          [2, 1],
          [4, 1],
        ],
      }),
    ]
    expect(inconsistentOffsets(history(...lines))).toEqual([])
  })

  it('does not judge what nobody was handed, nor a log that was not read to its end', () => {
    expect(inconsistentOffsets(history(output(0, ['in-0']), end('output', 1)))).toEqual([])
    expect(
      inconsistentOffsets(history(output(0, ['in-0']), read('concurrent', 0, ['in-1']))),
    ).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(inconsistentOffsets(history())).toEqual([])
    expect(inconsistentOffsets(history(...cleanLines()))).toEqual([])
  })
})
