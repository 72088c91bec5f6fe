import { expect, it } from 'vitest'
import { unknownOutcomes } from '../../validators/unknown-outcomes.ts'
import { cleanLines, end, history, marker, output, send } from './builders.ts'

const unknown = (baseSequence: number, changes = {}) =>
  send(1, { baseSequence, told: 'unknown', ...changes })

it('the log resolves every send whose answer was lost, and names the place that proves it', () => {
  const found = unknownOutcomes(
    history(
      unknown(0),
      unknown(1),
      unknown(2),
      unknown(3),
      send(1, { baseSequence: 4 }),
      output(0, ['in-0'], { baseSequence: 0 }),
      marker(1, 'commit', { timestampMs: 61_500 }),
      output(2, ['in-1'], { baseSequence: 1, state: 'aborted' }),
      marker(3, 'abort'),
      output(4, ['in-2'], { baseSequence: 2, state: 'open' }),
      end('output', 5),
    ),
  )
  expect(found).toMatchObject({
    sends: 4,
    committed: 1,
    aborted: 1,
    'not-there': 1,
    unresolved: 1,
  })
  expect(found.examples.map(({ proof }) => proof)).toEqual([
    'producer 7, epoch 0, sequence 0 lies at output-0@0, marker at 00:01:01.5',
    'producer 7, epoch 0, sequence 1 lies at output-0@2, marker at 00:00:01.5',
    'producer 7, epoch 0, sequence 2 lies at output-0@4',
    'no batch of producer 7, epoch 0, sequence 3 in output-0 up to 5',
  ])
})

it('what was not read, or has no identity, stays unknown', () => {
  expect(unknownOutcomes(history(unknown(0)))).toMatchObject({
    unresolved: 1,
    examples: [{ proof: 'output-0 was not read', transaction: 1 }],
  })
  const plain = unknown(-1, { producerId: -1, producerEpoch: -1 })
  expect(unknownOutcomes(history(plain, end('output', 0)))).toMatchObject({ unresolved: 1 })
})

it('a run in which every answer arrived has none', () => {
  expect(unknownOutcomes(history(...cleanLines())).sends).toBe(0)
})
