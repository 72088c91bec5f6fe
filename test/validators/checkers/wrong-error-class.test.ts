import { describe, expect, it } from 'vitest'
import { wrongErrorClass } from '../../../validators/checkers/wrong-error-class.ts'
import { judge } from '../../../validators/verdict.ts'
import { cleanLines, ended, history, send } from '../builders.ts'

const refused = send(1, { told: 'failed', brokerError: 'NOT_LEADER_OR_FOLLOWER', records: 3 })

describe('wrong-error-class', () => {
  it('finds a batch that was given up at an error that time heals', () => {
    expect(wrongErrorClass(history(refused, ended(1, 'abort')))).toMatchObject([
      {
        kind: 'wrong-error-class',
        summary: '3 records given up at an error that time heals',
        count: 3,
        proof: [{ producerId: 7, transaction: 1, transactionalId: 'copier-0' }],
      },
    ])
  })

  it('is reported and never fails a run', () => {
    const lines = cleanLines()
    const told = judge(
      history(
        ...lines,
        send(9, { told: 'failed', brokerError: 'NOT_ENOUGH_REPLICAS', baseSequence: 99 }),
        ended(9, 'abort'),
      ),
    )
    expect(told.verdict).toBe('PASS')
    expect(told.allowed).toMatchObject([{ kind: 'wrong-error-class' }])
  })

  it.each([
    ['a batch that was sent again', [refused, send(1, { brokerError: 'NONE' })]],
    ['a fatal error', [send(1, { told: 'failed', brokerError: 'INVALID_PRODUCER_EPOCH' })]],
    ['an answer that nobody saw', [send(1, { told: 'failed' })].map(withoutAnswer)],
    ['a batch without a producer id', [send(0, { ...failed(), producerId: -1 })]],
  ])('says nothing about %s', (_what, lines) => {
    expect(wrongErrorClass(history(...lines))).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(wrongErrorClass(history())).toEqual([])
    expect(wrongErrorClass(history(...cleanLines()))).toEqual([])
  })
})

function failed() {
  return { told: 'failed' as const, brokerError: 'NOT_LEADER_OR_FOLLOWER' }
}

function withoutAnswer(line: ReturnType<typeof send>): ReturnType<typeof send> {
  const batches = line.batches.map(({ brokerError: _none, ...batch }) => batch)
  return { ...line, batches }
}
