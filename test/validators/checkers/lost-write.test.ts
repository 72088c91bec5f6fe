import { describe, expect, it } from 'vitest'
import { lostWrite } from '../../../validators/checkers/lost-write.ts'
import { countRecords } from '../../../validators/counts.ts'
import { cleanLines, end, ended, history, journal, output, run, send } from '../builders.ts'

const acked = run({
  inputs: [],
  outputs: [{ topic: 'output', partitions: 1, contract: 'acked' }],
})

describe('lost-write', () => {
  it('finds an acknowledged batch that is not in the log', () => {
    const found = lostWrite(
      history(acked, send(0, { baseSequence: 4, records: 3, baseOffset: 10 }), end('output', 0)),
    )
    expect(found).toMatchObject([
      {
        kind: 'lost-write',
        count: 3,
        ids: [],
        proof: [
          {
            shows: 'a batch of 3 records was acknowledged, and is not in the log',
            place: 'output-0@10',
            producerId: 7,
            baseSequence: 4,
          },
        ],
      },
    ])
  })

  it('finds a batch that lies aborted though its commit was decided, even if the client never learnt', () => {
    const found = lostWrite(
      history(
        send(1, { baseSequence: 0, told: 'unknown' }),
        ended(1, 'commit', { outcome: 'unknown', brokerError: 'NONE' }),
        output(0, ['in-0'], { baseSequence: 0, state: 'aborted' }),
        end('output', 2),
      ),
    )
    expect(found).toMatchObject([{ count: 1, ids: ['in-0'], proof: [{ place: 'output-0@0' }] }])
  })

  it('does not take an unknown answer for an acknowledgement', () => {
    expect(
      lostWrite(
        history(
          acked,
          send(0, { told: 'unknown', brokerError: 'NONE' }),
          send(0, { baseSequence: 5, told: 'failed', brokerError: 'NOT_ENOUGH_REPLICAS' }),
          end('output', 0),
        ),
      ),
    ).toEqual([])
  })

  it('does not judge a transaction that was asked to commit as well as to abort', () => {
    expect(
      lostWrite(
        history(
          send(1),
          ended(1, 'both', { outcome: 'aborted' }),
          output(0, ['in-0'], { state: 'aborted' }),
          end('output', 2),
        ),
      ),
    ).toEqual([])
  })

  it('does not judge partitions that were not read, nor offsets before the place where reading began', () => {
    expect(lostWrite(history(acked, send(0, { baseOffset: 3 })))).toEqual([])
    expect(
      lostWrite(history(acked, send(0, { baseOffset: 3 }), end('output', 9, { firstOffset: 5 }))),
    ).toEqual([])
  })

  it('finds a plain batch by its offset', () => {
    const plain = { producerId: -1, producerEpoch: -1, baseSequence: -1, baseOffset: 0 }
    const there = output(0, ['a-1'], { ...plain, transactional: false })
    expect(lostWrite(history(acked, send(0, plain), there, end('output', 1)))).toEqual([])
    expect(lostWrite(history(acked, send(0, plain), end('output', 0)))).toMatchObject([
      { count: 1 },
    ])
  })

  it("finds ids in commits that the journal says succeeded, and an acked producer's confirmed sends", () => {
    expect(
      lostWrite(
        history(
          journal(1, { sent: 'in-0', outcome: 'ok' }),
          journal(2, { txn: 'commit', outcome: 'ok', ids: ['in-0', 'in-1'] }),
          output(0, ['in-0']),
          end('output', 2),
        ),
      ),
    ).toMatchObject([
      {
        count: 1,
        ids: ['in-1'],
        proof: [{ id: 'in-1', journal: { instance: 'copier-0', line: 2 } }],
      },
    ])
    expect(
      lostWrite(history(acked, journal(1, { sent: 'a-1', outcome: 'ok' }), end('output', 0))),
    ).toMatchObject([{ count: 1, ids: ['a-1'] }])
  })

  it('counts an id once that the wire and the journal both miss, and a batch without ids once too', () => {
    const aborted = lostWrite(
      history(
        send(1, { records: 2 }),
        ended(1, 'commit'),
        journal(1, { txn: 'commit', outcome: 'ok', ids: ['in-0', 'in-1', 'in-2'] }),
        output(0, ['in-0', 'in-1'], { state: 'aborted' }),
        end('output', 3),
      ),
    )
    expect(aborted).toMatchObject([{ count: 3, ids: ['in-0', 'in-1', 'in-2'] }])
    const gone = history(
      send(1, { records: 2 }),
      ended(1, 'commit'),
      journal(1, { txn: 'commit', outcome: 'ok', ids: ['in-0', 'in-1'] }),
      end('output', 0),
    )
    expect(lostWrite(gone)).toMatchObject([{ count: 2, ids: ['in-0', 'in-1'] }])
    expect(countRecords(gone, lostWrite(gone)).lost).toBe(2)
  })

  it('does not take a confirmed send inside of a transaction for a confirmed commit', () => {
    expect(
      lostWrite(
        history(
          journal(1, { sent: 'in-0', outcome: 'ok' }),
          journal(2, { txn: 'abort', outcome: 'ok', ids: ['in-0'] }),
          end('output', 0),
        ),
      ),
    ).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(lostWrite(history())).toEqual([])
    expect(lostWrite(history(...cleanLines()))).toEqual([])
  })
})
