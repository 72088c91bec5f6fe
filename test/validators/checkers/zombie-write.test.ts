import { describe, expect, it } from 'vitest'
import type { ProxyEvent } from '../../../proxy/events.ts'
import { zombieWrite } from '../../../validators/checkers/zombie-write.ts'
import { cleanLines, ended, history, marker, output, send } from '../builders.ts'

const initialised = (atMs: number): ProxyEvent => ({
  type: 'producer',
  atMs,
  transactionalId: 'copier-0',
  producerId: 7,
  producerEpoch: 1,
  change: 'initialised',
})

describe('zombie-write', () => {
  it('finds a committed batch of an epoch that its partition had left behind', () => {
    expect(
      zombieWrite(
        history(
          marker(0, 'abort', { producerEpoch: 1 }),
          output(1, ['in-0'], { baseSequence: 5 }),
          marker(2, 'commit', { producerEpoch: 1 }),
        ),
      ),
    ).toMatchObject([
      {
        kind: 'zombie-write',
        ids: ['in-0'],
        proof: [{ shows: 'committed with epoch 0, after epoch 1', place: 'output-0@1' }],
      },
    ])
  })

  it('finds a committed batch that was sent after its transactional id got a new epoch', () => {
    const zombie = [send(2, { baseSequence: 5 }, 3_000), ended(2, 'commit')]
    const lines = [...zombie, output(0, ['in-0'], { baseSequence: 5 })]
    expect(zombieWrite(history(initialised(2_000), ...lines))).toMatchObject([
      { ids: ['in-0'], proof: [{ transaction: 2 }] },
    ])
    expect(zombieWrite(history(initialised(4_000), ...lines))).toEqual([])
  })

  it('finds a batch that a fault kept back until after the fencing, but not a retry of an applied one', () => {
    const own = send(2, { baseSequence: 5, told: 'unknown' }, 1_900)
    delete own.batches[0]?.brokerError
    const late = {
      ...send(2, { baseSequence: 5, told: 'unknown' }, 1_900),
      atMs: 4_000,
      late: true,
    } as const
    const there = output(0, ['in-0'], { baseSequence: 5 })
    expect(zombieWrite(history(initialised(2_000), own, late, there))).toMatchObject([
      { ids: ['in-0'] },
    ])
    const applied = send(2, { baseSequence: 5 }, 1_900)
    expect(zombieWrite(history(initialised(2_000), applied, late, there))).toEqual([])
    expect(zombieWrite(history(initialised(2_000), own, there))).toEqual([])
  })

  it('does not judge an epoch that grows by one with every transaction, nor two producers', () => {
    expect(
      zombieWrite(
        history(
          output(0, ['in-0'], { producerEpoch: 3 }),
          marker(1, 'commit', { producerEpoch: 4 }),
          output(2, ['in-1'], { producerEpoch: 4 }),
          output(3, ['in-2'], { producerId: 8, producerEpoch: 0 }),
        ),
      ),
    ).toEqual([])
  })

  it('does not judge what a fenced producer wrote in vain', () => {
    expect(
      zombieWrite(
        history(
          marker(0, 'abort', { producerEpoch: 1 }),
          output(1, ['in-0'], { state: 'aborted' }),
        ),
      ),
    ).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(zombieWrite(history())).toEqual([])
    expect(zombieWrite(history(...cleanLines()))).toEqual([])
  })
})
