import { describe, expect, it } from 'vitest'
import type { ProxyEvent } from '../../proxy/events.ts'
import { attribute } from '../../validators/attribute.ts'
import { duplicate } from '../../validators/checkers/duplicate.ts'
import type { HistoryLine } from '../../validators/history-line.ts'
import { end, fault, history, input, output, run, send } from './builders.ts'

const sink = 'payments'

type Offsets = Extract<ProxyEvent, { type: 'offsets' }>

function offsetCommit(offset: number, atMs: number, changes: Partial<Offsets> = {}): Offsets {
  const { transactionalIds: _ids, transaction: _number, ...exchange } = send(1).exchange
  return {
    type: 'offsets',
    atMs,
    exchange: { ...exchange, api: 'OffsetCommit', correlationId: atMs },
    group: 'copiers',
    offsets: [{ topic: 'input', partition: 0, offset }],
    told: 'ok',
    brokerError: 'NONE',
    ...changes,
  }
}

const lost = (offset: number, atMs: number): Offsets => {
  const { brokerError: _error, ...event } = offsetCommit(offset, atMs, { told: 'unknown' })
  return event
}

const rows = (ids: string[]) => [
  output(0, ids, {
    topic: sink,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    transactional: false,
  }),
  end('output', ids.length, { topic: sink }),
]

const killed = (atMs: number): HistoryLine => ({
  type: 'instance',
  atMs,
  instance: 'copier-0',
  change: 'killed',
})

function found(...lines: HistoryLine[]) {
  const whole = history(
    run({ outputs: [{ topic: sink, partitions: 1, contract: 'one-per-input', sink: 'file' }] }),
    input(0, ['in-0', 'in-1', 'in-2']),
    end('input', 3),
    ...lines,
  )
  const [finding] = duplicate(whole)
  if (finding === undefined) throw new Error('no row lies there twice')
  return attribute(whole, finding)
}

describe('a finding about a sink', () => {
  it('tells how the input of its rows was declared done, and names the fault that hit it', () => {
    const commit = lost(2, 2_000)
    const { causes, sentence, proof } = found(
      offsetCommit(1, 1_000),
      commit,
      fault('applied', { exchange: commit.exchange, moment: 'request', firedAtMs: 2_000 }),
      killed(2_001),
      offsetCommit(2, 3_000),
      offsetCommit(3, 4_000),
      ...rows(['in-0', 'in-1', 'in-1', 'in-2']),
    )
    expect(causes).toEqual([
      { fault: 'crash', kind: 'disconnect', firings: [1], relation: 'exchange' },
    ])
    expect(sentence).toBe(
      '1 record twice: in-1 lies at payments-0@1 and payments-0@2, ' +
        'OffsetCommit declared in-1 done, and no answer of a broker is known at 00:00:02.0, ' +
        'the OffsetCommit that carried it was hit by fault `crash` at 00:00:02.0, ' +
        'copier-0 was killed while in-1 was not declared done at 00:00:02.0, ' +
        'OffsetCommit declared in-1 done, and the broker agreed at 00:00:03.0',
    )
    expect(proof.map(({ place }) => place)).toEqual([
      'payments-0@1',
      'payments-0@2',
      'input-0@1',
      undefined,
      'input-0@1',
    ])
  })

  it('names a fault that hit the instance only where it was at work on that input', () => {
    const elsewhere = fault('applied', {
      exchange: offsetCommit(9, 60_000).exchange,
      firedAtMs: 60_000,
    })
    expect(
      found(offsetCommit(2, 3_000), elsewhere, ...rows(['in-0', 'in-1', 'in-1'])).causes,
    ).toEqual([])
  })

  it('names nothing where the application keeps its position elsewhere', () => {
    const { causes, proof, sentence } = found(
      fault('applied', { firedAtMs: 2_000, healedAtMs: 2_500 }),
      ...rows(['in-0', 'in-0']),
    )
    expect(causes).toEqual([])
    expect(proof).toHaveLength(2)
    expect(sentence).toBe('1 record twice: in-0 lies at payments-0@0 and payments-0@1')
  })
})
