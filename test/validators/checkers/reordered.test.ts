import { describe, expect, it } from 'vitest'
import { reordered } from '../../../validators/checkers/reordered.ts'
import { cleanLines, end, history, input, output, run } from '../builders.ts'

const inputs = [input(0, ['in-0', 'in-1', 'in-2']), end('input', 3)]

describe('reordered', () => {
  it('finds an output that lies after one whose input came later', () => {
    expect(reordered(history(...inputs, output(0, ['in-0', 'in-2', 'in-1'])))).toMatchObject([
      {
        kind: 'reordered',
        ids: ['in-1'],
        proof: [{ shows: 'lies after in-2, which came later', place: 'output-0@2' }],
      },
    ])
  })

  it('counts an id where it first lies committed', () => {
    expect(
      reordered(
        history(
          ...inputs,
          output(0, ['in-2'], { state: 'aborted' }),
          output(2, ['in-0', 'in-1']),
          output(4, ['in-0', 'in-2']),
        ),
      ),
    ).toEqual([])
  })

  it('does not compare input partitions, output partitions, or producers', () => {
    const two = run({ inputs: [{ topic: 'input', partitions: 2 }] })
    expect(
      reordered(
        history(
          two,
          input(0, ['in-0', 'in-2']),
          input(0, ['in-1'], { partition: 1 }),
          end('input', 2),
          end('input', 1, { partition: 1 }),
          output(0, ['in-2', 'in-1']),
          output(0, ['in-0'], { partition: 1 }),
        ),
      ),
    ).toEqual([])
    expect(
      reordered(history(...inputs, output(0, ['in-2']), output(1, ['in-1'], { producerId: 8 }))),
    ).toEqual([])
  })

  it('does not judge producers without an id, of which Kafka promises nothing', () => {
    const plain = { producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false }
    expect(reordered(history(...inputs, output(0, ['in-1', 'in-0'], plain)))).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(reordered(history())).toEqual([])
    expect(reordered(history(...cleanLines()))).toEqual([])
  })
})
