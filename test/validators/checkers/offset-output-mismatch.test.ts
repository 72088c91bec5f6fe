import { describe, expect, it } from 'vitest'
import { offsetOutputMismatch } from '../../../validators/checkers/offset-output-mismatch.ts'
import { cleanLines, groupOffset, history, input, output, run } from '../builders.ts'

describe('offset-output-mismatch', () => {
  it('finds an output whose input the committed offset has not passed', () => {
    expect(
      offsetOutputMismatch(
        history(input(0, ['in-0', 'in-1']), output(0, ['in-0', 'in-1']), groupOffset(1)),
      ),
    ).toEqual([
      {
        kind: 'offset-output-mismatch',
        summary: "1 output committed in output before the input's offset was",
        count: 1,
        ids: ['in-1'],
        proof: [
          {
            shows: "its output is committed in output, but the group's committed offset is 1",
            id: 'in-1',
            place: 'input-0@1',
          },
        ],
      },
    ])
  })

  it('leaves aborted outputs alone, groups without an offset, and contracts that allow doubles', () => {
    const lines = [input(0, ['in-0']), output(0, ['in-0'])]
    expect(
      offsetOutputMismatch(
        history(input(0, ['in-0']), output(0, ['in-0'], { state: 'aborted' }), groupOffset(0)),
      ),
    ).toEqual([])
    expect(offsetOutputMismatch(history(...lines, groupOffset(-1)))).toEqual([])
    const loose = run({
      outputs: [{ topic: 'output', partitions: 1, contract: 'at-least-once' }],
    })
    expect(offsetOutputMismatch(history(loose, ...lines, groupOffset(0)))).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(offsetOutputMismatch(history())).toEqual([])
    expect(offsetOutputMismatch(history(...cleanLines()))).toEqual([])
  })
})
