import { describe, expect, it } from 'vitest'
import { abortedRead } from '../../../validators/checkers/aborted-read.ts'
import {
  cleanLines,
  end,
  ended,
  history,
  input,
  journal,
  marker,
  output,
  read,
  send,
} from '../builders.ts'

// KAFKA-17754: the EndTxn(commit) of transaction 1 arrives a second time while transaction 2 is open and commits it;
// the client's own EndTxn(abort) is refused. Transactions share the epoch, so only the sequence tells them apart.
const lateCommit = [
  input(0, ['in-0', 'in-1']),
  send(1, { baseSequence: 0 }),
  ended(1, 'commit'),
  send(2, { baseSequence: 1 }),
  ended(2, 'abort', { outcome: 'unknown', brokerError: 'INVALID_TXN_STATE' }),
  output(0, ['in-0'], { baseSequence: 0 }),
  marker(1, 'commit'),
  output(2, ['in-1'], { baseSequence: 1 }),
  marker(3, 'commit'),
  end('output', 4),
]

describe('aborted-read', () => {
  it('finds a batch that is committed though its client only ever asked to abort, whatever the answer', () => {
    expect(abortedRead(history(...lateCommit))).toMatchObject([
      {
        kind: 'aborted-read',
        summary: '1 id of aborted transactions readable as committed in output (by the wire)',
        count: 1,
        ids: ['in-1'],
        proof: [
          {
            shows:
              'committed though its transaction was only ever asked to abort, in transaction 2 of copier-0, which the client asked to abort and the broker answered INVALID_TXN_STATE, which the client never learnt',
            place: 'output-0@2',
            baseSequence: 1,
            transaction: 2,
            markedAtMs: 1_500,
          },
        ],
      },
    ])
  })

  it('tells the two witnesses when the work was done again after the late commit', () => {
    const found = abortedRead(
      history(
        ...lateCommit,
        journal(1, { txn: 'commit', outcome: 'ok', ids: ['in-0'] }),
        journal(2, { txn: 'abort', outcome: 'failed', ids: ['in-1'] }),
        journal(3, { txn: 'commit', outcome: 'ok', ids: ['in-1'] }),
        output(4, ['in-1'], { baseSequence: 2 }),
      ),
    )
    expect(found).toMatchObject([
      { count: 1, summary: expect.stringContaining("(by the wire, the application's journal)") },
    ])
    expect(found[0]?.proof.at(-1)).toMatchObject({ journal: { instance: 'copier-0', line: 2 } })
  })

  it('takes abort and work done again for what it is, by wire and by journal', () => {
    const again = [
      input(0, ['in-0']),
      send(1, { baseSequence: 0 }),
      ended(1, 'abort'),
      send(2, { baseSequence: 1 }),
      ended(2, 'commit'),
      journal(1, { txn: 'abort', outcome: 'ok', ids: ['in-0'] }),
      journal(2, { txn: 'commit', outcome: 'unknown', ids: ['in-0'] }),
      output(0, ['in-0'], { baseSequence: 0, state: 'aborted' }),
      output(2, ['in-0'], { baseSequence: 1 }),
    ]
    expect(abortedRead(history(...again))).toEqual([])
  })

  it('does not judge a batch whose sequence was used in a committed transaction too', () => {
    expect(
      abortedRead(
        history(send(1), ended(1, 'abort'), send(2), ended(2, 'commit'), output(0, ['in-0'])),
      ),
    ).toEqual([])
  })

  it('goes by the journal alone where the wire was not seen', () => {
    const lines = [
      journal(1, { txn: 'abort', outcome: 'ok', ids: ['in-0'] } as const),
      output(0, ['in-0']),
    ]
    expect(abortedRead(history(...lines))).toMatchObject([
      { ids: ['in-0'], summary: expect.stringContaining("(by the application's journal)") },
    ])
    const died = { type: 'instance', atMs: 2_000, instance: 'copier-0', change: 'killed' } as const
    expect(abortedRead(history(died, ...lines))).toEqual([])
  })

  it('finds a record of an aborted or open transaction that a read_committed reader was handed', () => {
    const found = abortedRead(
      history(
        output(0, ['in-0'], { state: 'aborted' }),
        output(2, ['in-1'], { state: 'open' }),
        read('concurrent', 0, ['in-0']),
        read('final', 2, ['in-1']),
      ),
    )
    expect(found).toMatchObject([
      {
        count: 2,
        ids: ['in-0', 'in-1'],
        proof: [
          { shows: 'handed to the concurrent read_committed reader, and aborted in the log' },
          { shows: 'handed to the final read_committed reader, and open in the log' },
        ],
      },
    ])
  })

  it('finds an output of an input that was only ever aborted', () => {
    const lines = [input(0, ['in-0'], { state: 'aborted' }), output(0, ['in-0'])]
    expect(abortedRead(history(...lines))).toMatchObject([
      { ids: ['in-0'], summary: expect.stringContaining('(by the input)') },
    ])
    expect(abortedRead(history(...lines, input(2, ['in-0'])))).toEqual([])
  })

  it('finds an aborted input that the application says it was handed, though nothing came of it', () => {
    expect(
      abortedRead(
        history(input(0, ['in-0'], { state: 'aborted' }), journal(1, { read: ['in-0', 'in-1'] })),
      ),
    ).toMatchObject([{ ids: ['in-0'], proof: [{ journal: { line: 1 } }] }])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(abortedRead(history())).toEqual([])
    expect(abortedRead(history(...cleanLines()))).toEqual([])
  })
})
