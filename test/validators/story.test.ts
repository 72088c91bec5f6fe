// One short history per finding, and the whole sentence that a user reads about it.
import { describe, expect, it } from 'vitest'
import { checkers } from '../../validators/checkers/all.ts'
import type { AnomalyKind, HistoryLine } from '../../validators/history-line.ts'
import { judge } from '../../validators/verdict.ts'
import {
  drained,
  end,
  ended,
  fault,
  groupOffset,
  history,
  input,
  journal,
  marker,
  output,
  phase,
  read,
  run,
  send,
} from './builders.ts'

/** The sentence about the first finding of this kind. */
function sentence(kind: AnomalyKind, ...lines: HistoryLine[]): string | undefined {
  const told = judge(history(...lines), undefined, { [kind]: checkers[kind] })
  return told.findings[0]?.sentence
}

const endTxn = (transaction: number) => ({
  ...send(transaction).exchange,
  api: 'EndTxn',
  correlationId: -transaction,
})
const lostReply = fault('applied', {
  exchange: endTxn(1),
  moment: 'reply',
  firedAtMs: 1_040,
  effect: 'killed broker 1, coordinator of copier-0',
})

describe('a duplicate', () => {
  const twice = [
    input(0, ['in-0']),
    send(1, { baseSequence: 0 }),
    ended(1, 'commit', { outcome: 'unknown' }),
    send(2, { baseSequence: 1 }),
    ended(2, 'commit'),
    output(0, ['in-0'], { baseSequence: 0 }),
    marker(1, 'commit', { timestampMs: 1_350 }),
    output(2, ['in-0'], { baseSequence: 1 }),
    marker(3, 'commit', { timestampMs: 2_500 }),
  ]

  it('is told from the commit over the lost reply to the work done again', () => {
    expect(sentence('duplicate', ...twice, lostReply)).toBe(
      '1 record twice: transaction 1 of copier-0 was committed (marker at 00:00:01.3), the reply to its EndTxn was hit by fault `crash` at 00:00:01.0 (killed broker 1, coordinator of copier-0), the client never learnt the outcome, the application sent the work again as transaction 2',
    )
  })

  it('names no fault where none touched it', () => {
    expect(sentence('duplicate', ...twice)).toBe(
      '1 record twice: transaction 1 of copier-0 was committed (marker at 00:00:01.3), the client never learnt the outcome, the application sent the work again as transaction 2',
    )
  })

  it('within one transaction, or without any, is told as that', () => {
    expect(
      sentence(
        'duplicate',
        send(1, { records: 2 }),
        ended(1, 'commit'),
        output(0, ['in-0', 'in-0'], { baseSequence: 0 }),
      ),
    ).toBe(
      '1 record twice: transaction 1 of copier-0 was committed, and again at output-0@1 in the same transaction',
    )
    const plain = { producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false }
    expect(sentence('duplicate', output(0, ['in-0'], plain), output(1, ['in-0'], plain))).toBe(
      '1 record twice: the record at output-0@0 was written, the application sent the work again (output-0@1)',
    )
  })
})

it('an aborted read names the late message that committed what was to be aborted', () => {
  expect(
    sentence(
      'aborted-read',
      input(0, ['in-0']),
      send(2, { baseSequence: 0 }, 2_000),
      ended(2, 'abort', { atMs: 2_500, decided: 'committed' }),
      output(0, ['in-0'], { baseSequence: 0 }),
      marker(1, 'commit', { timestampMs: 2_210 }),
      fault('applied', {
        exchange: endTxn(1),
        firedAtMs: 1_000,
        healedAtMs: 2_200,
        brokerAnswer: 'NONE',
      }),
    ),
  ).toBe(
    '1 aborted record readable as committed: the application asked transaction 2 of copier-0 to abort, yet it was committed (marker at 00:00:02.2), fault `crash` delivered a kept EndTxn into it at 00:00:02.2 (the broker answered NONE)',
  )
})

it('a torn transaction names a place of each part', () => {
  expect(
    sentence(
      'torn-transaction',
      send(1, { baseSequence: 0 }),
      send(1, { partition: 1, baseSequence: 0 }),
      ended(1, 'commit'),
      output(0, ['in-0'], { baseSequence: 0 }),
      marker(1, 'commit', { timestampMs: 1_100 }),
      output(0, ['in-1'], { partition: 1, baseSequence: 0, state: 'aborted' }),
      marker(1, 'abort', { partition: 1, timestampMs: 1_900 }),
      lostReply,
    ),
  ).toBe(
    '1 transaction committed in part and aborted in part: transaction 1 of copier-0: of transaction 1 of copier-0, output-0@0 was committed (marker at 00:00:01.1), and output-1@0 was aborted (marker at 00:00:01.9), the reply to its EndTxn was hit by fault `crash` at 00:00:01.0 (killed broker 1, coordinator of copier-0)',
  )
})

it('a missing output names who declared the input done, and what became of its output', () => {
  const offsets: HistoryLine = {
    type: 'offsets',
    atMs: 1_020,
    exchange: { ...send(1).exchange, api: 'TxnOffsetCommit', correlationId: 900 },
    group: 'copiers',
    transactionalId: 'copier-0',
    offsets: [{ topic: 'input', partition: 0, offset: 1 }],
    told: 'ok',
    brokerError: 'NONE',
  }
  expect(
    sentence(
      'missing-output',
      input(0, ['in-0']),
      send(1, { baseSequence: 0 }),
      offsets,
      ended(1, 'commit'),
      output(0, ['in-0'], { baseSequence: 0, state: 'aborted' }),
      marker(1, 'abort', { timestampMs: 1_900 }),
      end('output', 2),
      drained(),
      lostReply,
    ),
  ).toBe(
    '1 input without an output: in-0 at input-0@0, TxnOffsetCommit of transaction 1 of copier-0 declared it done at 00:00:01.0, its output in transaction 1 of copier-0 was aborted (marker at 00:00:01.9), the reply to its EndTxn was hit by fault `crash` at 00:00:01.0 (killed broker 1, coordinator of copier-0)',
  )
})

it('a lost write tells what was promised, and the exchange that the fault hit', () => {
  const sent = send(1, { baseSequence: 0, baseOffset: 0 })
  expect(
    sentence(
      'lost-write',
      sent,
      ended(1, 'commit'),
      end('output', 0),
      fault('applied', { exchange: sent.exchange, moment: 'request', firedAtMs: 1_001 }),
    ),
  ).toBe(
    '1 record lost: at output-0@0, a batch of 1 record belongs to transaction 1 of copier-0, whose commit was decided, and is not in the log, the Produce that carried it was hit by fault `crash` at 00:00:01.0',
  )
})

describe('the other kinds tell the place, what it shows, and the marker', () => {
  const both = [input(0, ['in-0', 'in-1']), end('input', 2)]
  it.each<[AnomalyKind, HistoryLine[], string]>([
    [
      'offset-output-mismatch',
      [input(0, ['in-0']), output(0, ['in-0']), groupOffset(0)],
      "1 output committed in output before the input's offset was: in-0 at input-0@0, its output is committed in output, but the group's committed offset is 0",
    ],
    [
      'reordered',
      [...both, output(0, ['in-1', 'in-0']), marker(2, 'commit', { timestampMs: 3_000 })],
      '1 record out of order in output: in-0 at output-0@1, lies after in-1, which came later, its marker came at 00:00:03.0',
    ],
    [
      'inconsistent-offsets',
      [output(0, ['in-0']), end('output', 1), read('final', 0, ['in-9'])],
      '1 record that a reader saw in output where the log holds another or none: in-9 at output-0@0, handed to the final reader, while the log holds another record there',
    ],
    [
      'unexpected',
      [...both, output(0, ['stranger'])],
      '1 record in output with an id that nobody wrote, or none: stranger at output-0@0, an id that nobody wrote',
    ],
    [
      'shared-ack',
      [
        journal(1, { sent: 'in-0', outcome: 'ok', at: 'output-0@4' }),
        journal(2, { sent: 'in-1', outcome: 'ok', at: 'output-0@4' }),
      ],
      '1 id confirmed at the place of another id: in-0 at output-0@4, copier-0 was told that it lies there',
    ],
    [
      'zombie-write',
      [
        marker(0, 'commit', { producerEpoch: 2 }),
        output(1, ['in-0'], { producerEpoch: 1 }),
        marker(2, 'commit', { producerEpoch: 2, timestampMs: 4_000 }),
      ],
      '1 record of a fenced producer committed: in-0 at output-0@1, committed with epoch 1, after epoch 2, its marker came at 00:00:04.0',
    ],
    [
      'hanging-transaction',
      [
        output(0, ['in-0'], { state: 'open' }),
        drained({ drained: false, waitedMs: 45_000, left: ['output-0'] }),
      ],
      '1 record of 1 hanging transaction undecided for good: in-0 at output-0@0, undecided, and no coordinator knows of an open transaction of its producer',
    ],
    [
      'stall',
      [
        run({ expect: { verdict: 'PASS', allow: [], stallMs: 100 } }),
        phase('warm', 1_000),
        phase('load-finished', 2_000),
      ],
      'no progress for 1000 ms, at most 100 ms are allowed: the last progress before the application stood still at 00:00:01.0',
    ],
    [
      'no-recovery',
      [
        run({ expect: { verdict: 'PASS', allow: [], recoveryMs: 100 } }),
        fault('applied', { firedAtMs: 1_000, healedAtMs: 1_500 }),
      ],
      'copier-0 made no progress after the last fault had healed: the last fault healed at 00:00:01.5',
    ],
    [
      'invariant',
      [
        run({
          expect: {
            verdict: 'PASS',
            allow: [],
            invariant: { sum: 'json:$.amount', equals: 0, at: 'end' },
          },
        }),
        send(1, { baseSequence: 0 }),
        ended(1, 'commit'),
        output(0, ['in-0'], { baseSequence: 0, values: [-5] }),
        marker(1, 'commit'),
      ],
      'the sum of json:$.amount is not 0: -5 at the end, broken at 1 place: -5 over all committed records, not 0, at output-0@0, 1 record adding up to -5, in transaction 1 of copier-0, which the client asked to commit and the broker agreed, its marker came at 00:00:01.5',
    ],
    [
      'availability',
      [
        run({ expect: { verdict: 'PASS', allow: [], availability: 0.9 } }),
        phase('warm', 1_000),
        { type: 'progress', atMs: 1_500, instance: 'copier-0', via: 'EndTxn' },
        phase('load-finished', 3_100),
      ],
      'progress in 50% of 2 windows of 1000 ms, at least 90% are asked for: the first window without progress began at 00:00:02.0',
    ],
    [
      'commit-latency',
      [
        run({ expect: { verdict: 'PASS', allow: [], commitLatencyMs: { max: 100 } } }),
        ended(1, 'commit', { phase: 'ending', atMs: 1_000 }),
        ended(1, 'commit', { atMs: 1_400 }),
      ],
      "commits took too long: max 400 ms, at most 100 ms are allowed: max of 1 commit: none inside of the faults' windows, 400 ms outside",
    ],
  ])('%s', (kind, lines, told) => {
    expect(sentence(kind, ...lines)).toBe(told)
  })
})

it('what is only reported has its sentence too', () => {
  const { allowed } = judge(
    history(
      send(1, { told: 'failed', brokerError: 'NOT_ENOUGH_REPLICAS', records: 3 }),
      ended(1, 'abort'),
    ),
    undefined,
    { 'wrong-error-class': checkers['wrong-error-class'] },
  )
  expect(allowed.map(({ sentence: told }) => told)).toEqual([
    '3 records given up at an error that time heals: a batch of 3 records was given up after one answer of NOT_ENOUGH_REPLICAS, which time heals',
  ])
})

it('a fault that hit the instance, the transactional id or the time is told as no more than that', () => {
  const lines = [
    ...[input(0, ['in-0']), end('input', 1), send(2, { baseSequence: 0 }), ended(2, 'commit')],
    output(0, ['in-8'], { baseSequence: 0 }),
  ]
  const about = (firing: Parameters<typeof fault>[1]) =>
    sentence('unexpected', ...lines, fault('applied', firing))
      ?.split(', ')
      .at(-1)
  expect(about({ exchange: endTxn(1), firedAtMs: 1_040 })).toBe(
    'fault `crash` had hit another transaction of copier-0 at 00:00:01.0',
  )
  const { transactionalIds: _ids, transaction: _number, ...plain } = endTxn(1)
  expect(about({ exchange: plain, firedAtMs: 1_040 })).toBe(
    'fault `crash` had hit copier-0 at 00:00:01.0',
  )
  expect(about({ firedAtMs: 1_040, healedAtMs: 9_000 })).toBe(
    'fault `crash` lasted from 00:00:01.0 to 00:00:09.0',
  )
})

it('every proof carries the firings that touched it, with their times', () => {
  const [found] = judge(
    history(
      send(1, { baseSequence: 0 }),
      ended(1, 'commit'),
      output(0, ['in-0', 'in-0'], { baseSequence: 0 }),
      lostReply,
    ),
  ).findings.filter(({ kind }) => kind === 'duplicate')
  expect(found?.proof[0]?.touchedBy).toEqual([
    {
      fault: 'crash',
      kind: 'disconnect',
      firing: 1,
      relation: 'transaction',
      firedAtMs: 1_040,
      appliedAtMs: 1_040,
      api: 'EndTxn',
      transaction: 1,
      moment: 'reply',
      effect: 'killed broker 1, coordinator of copier-0',
    },
  ])
})
