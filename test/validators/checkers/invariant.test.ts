import { describe, expect, it } from 'vitest'
import { brokenInvariant } from '../../../validators/checkers/invariant.ts'
import { askGuards } from '../../../validators/guards.ts'
import type { HistoryLine, Invariant } from '../../../validators/history-line.ts'
import { cleanLines, ended, history, marker, output, read, run, send } from '../builders.ts'

const asked = (changes: Partial<Invariant> = {}) =>
  run({
    outputs: [{ topic: 'output', partitions: 2, contract: 'acked' }],
    expect: {
      verdict: 'PASS',
      allow: [],
      invariant: { sum: 'json:$.amount', equals: 0, at: 'every-read', ...changes },
    },
  })

/** The Nth transaction: takes an amount in one partition and gives it in the other. */
function transfer(number: number, taken: number, given: number): HistoryLine[] {
  const at = 2 * (number - 1)
  const of = (partition: number, value: number) => [
    send(number, { partition, baseSequence: number }),
    output(at, [`leg-${2 * number + partition}`], {
      partition,
      baseSequence: number,
      values: [value],
    }),
    marker(at + 1, 'commit', { partition, timestampMs: 1_000 * number + partition }),
  ]
  return [...of(0, -taken), ...of(1, given), ended(number, 'commit')]
}

const handed = (partition: number, offset: number) =>
  read('concurrent', offset, [`leg-${offset}`], { partition, atMs: 5_000 + offset })

describe('invariant', () => {
  it('finds a sum that is wrong at the end, and the transaction that it is wrong by', () => {
    const found = brokenInvariant(
      history(asked({ at: 'end' }), ...transfer(1, 5, 5), ...transfer(2, 7, 6)),
    )
    expect(found).toMatchObject([
      {
        kind: 'invariant',
        summary: 'the sum of json:$.amount is not 0: -1 at the end, broken at 1 place',
        count: 1,
        proof: [
          { shows: '-1 over all committed records, not 0' },
          { transactionalId: 'copier-0', transaction: 2, place: 'output-0@2' },
        ],
      },
    ])
    expect(found[0]?.proof).toHaveLength(2)
  })

  it('lets a reader see a committed transaction in parts while its markers are under way', () => {
    const reads = [handed(0, 0), handed(1, 0), handed(1, 2), handed(0, 2)]
    expect(
      brokenInvariant(history(asked(), ...transfer(1, 5, 5), ...transfer(2, 7, 7), ...reads)),
    ).toEqual([])
  })

  it('finds a read of whole transactions at which the sum was wrong, though it is right at the end', () => {
    const lines = [...transfer(1, 5, 4), ...transfer(2, 7, 8)]
    const reads = [handed(0, 0), handed(1, 0), handed(1, 2), handed(0, 2)]
    const [found] = brokenInvariant(history(asked(), ...lines, ...reads))
    expect(found?.proof[0]).toEqual({
      shows: '-1 over the 2 records read so far, not 0, every transaction seen being whole',
      place: 'output-1@0',
      atMs: 5_000,
    })
    expect(found?.count).toBe(1)
    // At the end alone it is right.
    expect(brokenInvariant(history(asked({ at: 'end' }), ...lines, ...reads))).toEqual([])
  })

  it('judges no read that has skipped an older transaction, nor one that nobody can join', () => {
    const funded = [...transfer(1, -50, 50), ...transfer(2, 7, 7)]
    expect(
      brokenInvariant(
        history(
          asked({ equals: 100 }),
          ...funded,
          handed(0, 2),
          handed(1, 2),
          handed(0, 0),
          handed(1, 0),
        ),
      ),
    ).toEqual([])
    const unsent = funded.filter(({ type }) => type !== 'send')
    expect(
      brokenInvariant(history(asked({ equals: 100 }), ...unsent, handed(0, 0), handed(1, 0))),
    ).toEqual([])
  })

  it('does not count what was aborted', () => {
    const aborted = output(4, ['leg-9'], { state: 'aborted', values: [99], baseSequence: 9 })
    expect(brokenInvariant(history(asked(), ...transfer(1, 5, 5), aborted))).toEqual([])
  })

  it('finds nothing without a bound, in an empty and in a clean history', () => {
    expect(brokenInvariant(history(...transfer(1, 5, 4)))).toEqual([])
    expect(brokenInvariant(history(asked()))).toEqual([])
    expect(brokenInvariant(history(...cleanLines()))).toEqual([])
  })

  it('keeps a run from PASS where a record has no number', () => {
    const speaks = (values: Array<number | null>) =>
      askGuards(history(asked(), output(0, ['leg-0'], { values }))).find(
        ({ name }) => name === 'bounds-measured',
      )?.missing
    expect(speaks([1])).toEqual([])
    expect(speaks([null])).toEqual(['1 committed record without a number at json:$.amount'])
  })
})
