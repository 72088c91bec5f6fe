import { describe, expect, it } from 'vitest'
import { sharedAck } from '../../../validators/checkers/shared-ack.ts'
import { cleanLines, history, journal, send } from '../builders.ts'

describe('shared-ack', () => {
  it('finds a sequence number that two transactions were acknowledged for', () => {
    const found = sharedAck(
      history(
        send(1, { baseSequence: 4, baseOffset: 10 }),
        send(2, { baseSequence: 4, baseOffset: 10 }),
      ),
    )
    expect(found).toMatchObject([
      {
        kind: 'shared-ack',
        count: 1,
        proof: [
          { place: 'output-0@10', transaction: 1, baseSequence: 4 },
          { place: 'output-0@10', transaction: 2, baseSequence: 4 },
        ],
      },
    ])
  })

  it('finds two batches whose offsets overlap: the log was cut back in between', () => {
    expect(
      sharedAck(
        history(
          send(0, { baseSequence: 0, baseOffset: 10, records: 3 }),
          send(0, { baseSequence: 3, baseOffset: 12, records: 2 }),
        ),
      ),
    ).toMatchObject([{ count: 1 }])
  })

  it('takes a retry for a retry, and concludes nothing from unknown answers', () => {
    const first = send(1, { baseSequence: 4, baseOffset: 10 })
    const retry = send(1, { baseSequence: 4, baseOffset: 10 })
    expect(sharedAck(history(first, retry))).toEqual([])
    expect(
      sharedAck(history(first, send(2, { baseSequence: 4, baseOffset: 10, told: 'unknown' }))),
    ).toEqual([])
  })

  it('finds two ids that the application was told lie at one place', () => {
    const at = 'output-0@7'
    expect(
      sharedAck(
        history(
          journal(1, { sent: 'in-0', outcome: 'ok', at }),
          journal(2, { sent: 'in-0', outcome: 'ok', at }),
          journal(3, { sent: 'in-1', outcome: 'ok', at }),
        ),
      ),
    ).toMatchObject([
      {
        count: 1,
        ids: ['in-1'],
        proof: [
          { id: 'in-0', place: at, journal: { line: 1 } },
          { id: 'in-1', place: at, journal: { line: 3 } },
        ],
      },
    ])
  })

  it('takes no place for one that the client was not told', () => {
    const journals = (at: string) =>
      history(
        journal(1, { sent: 'in-0', outcome: 'ok', at }),
        journal(2, { sent: 'in-1', outcome: 'ok', at }),
      )
    expect(sharedAck(journals('output-0@-1'))).toEqual([])
    expect(sharedAck(journals('output-0@1'))).toHaveLength(1)
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(sharedAck(history())).toEqual([])
    expect(sharedAck(history(...cleanLines()))).toEqual([])
  })
})
