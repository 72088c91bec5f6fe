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
