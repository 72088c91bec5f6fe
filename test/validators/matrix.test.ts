// The checker is checked: one hand-made history for each way in which a run can be wrong, beside runs that look odd and
// are right. Each must be found with exactly its kinds; every kind there is must be among them. Prints what was
// missed and what was invented: both are 0. What chance makes of a clean history is in mutations.test.ts.
import { afterAll, describe, expect, it } from 'vitest'
import { historyOf } from '../../validators/history.ts'
import { type AnomalyKind, anomalyKinds, type HistoryLine } from '../../validators/history-line.ts'
import { judge } from '../../validators/verdict.ts'
import { ended, expectPass, fault, journal, output, read, send, violation } from './builders.ts'
import { cleanModel, linesOf, type Model } from './model.ts'

const model = cleanModel({ inputPartitions: 2, outputPartitions: 2, sizes: [4, 4, 4] })
const clean = linesOf(model)

let misses = 0
let falseAlarms = 0
const seen = new Set<AnomalyKind>()

afterAll(() => {
  console.log(`matrix: ${misses} misses, ${falseAlarms} false alarms`)
})

/** The clean run with some lines taken away, changed or added. */
const having = (...lines: HistoryLine[]): HistoryLine[] => [...clean, ...lines]
const mapped = (change: (line: HistoryLine) => HistoryLine): HistoryLine[] => clean.map(change)
const written = (change: (one: Model['written'][number]) => object): HistoryLine[] =>
  linesOf({ ...model, written: model.written.map((one) => ({ ...one, ...change(one) })) })
const bounded = (lines: HistoryLine[], bounds: object): HistoryLine[] =>
  lines.map((line) =>
    line.type === 'run' ? { ...line, expect: { ...expectPass, ...bounds } } : line,
  )
const isIn = (one: { transaction: number; partition: number }) =>
  one.transaction === 2 && one.partition === 0

const right: Array<[string, HistoryLine[]]> = [
  ['nothing out of the way', clean],
  [
    'a commit whose answer was lost',
    mapped((line) =>
      line.type === 'transaction' && line.transaction === 2
        ? { ...line, outcome: 'unknown' }
        : line,
    ),
  ],
  [
    'a batch whose answer was lost, and which is there',
    mapped((line) =>
      line.type === 'send' && line.exchange.transaction === 2
        ? {
            ...line,
            batches: line.batches.map((batch) => ({ ...batch, told: 'unknown' as const })),
          }
        : line,
    ),
  ],
  [
    'a batch that the client sent twice and the log holds once',
    having(...clean.filter((line) => line.type === 'send' && line.exchange.transaction === 2)),
  ],
  [
    'a reader that saw one partition of a transaction only',
    having(read('concurrent', 0, ['p0-0', 'p0-2'])),
  ],
  [
    'bounds that are kept',
    bounded(clean, { stallMs: 60_000, availability: 0.1, recoveryMs: 60_000 }),
  ],
  [
    'a journal that tells the truth',
    having(
      journal(1, { txn: 'commit', outcome: 'ok', ids: ['p0-0', 'p0-1', 'p0-2', 'p0-3'] }),
      journal(2, { txn: 'commit', outcome: 'unknown', ids: ['p1-0'] }),
    ),
  ],
]

const wrong: Array<[string, HistoryLine[], AnomalyKind[]]> = [
  [
    'work done again after a commit',
    linesOf({
      ...model,
      written: [
        ...model.written,
        { ...(model.written.find(isIn) ?? raise()), transaction: 4, baseSequence: 6 },
      ],
    }),
    ['duplicate'],
  ],
  [
    'a batch that the broker lost',
    written((one) => (isIn(one) ? { ids: [] } : {})),
    ['lost-write', 'missing-output'],
  ],
  [
    'inputs that were skipped',
    linesOf({
      ...model,
      inputs: model.inputs.map((ids, at) => (at === 0 ? [...ids, 'p0-8'] : ids)),
    }),
    ['missing-output'],
  ],
  [
    'an abort that became a commit',
    written(({ transaction }) => (transaction === 2 ? { asked: 'abort' } : {})),
    ['aborted-read'],
  ],
  [
    'a commit that one partition took for an abort',
    written((one) => (isIn(one) ? { state: 'aborted' } : {})),
    ['lost-write', 'missing-output', 'torn-transaction'],
  ],
  [
    'outputs whose offsets were never committed',
    mapped((line) =>
      line.type === 'group-offsets'
        ? { ...line, offsets: line.offsets.map((one) => ({ ...one, offset: one.offset - 1 })) }
        : line,
    ),
    ['offset-output-mismatch'],
  ],
  [
    'a batch written the wrong way round',
    written((one) => (isIn(one) ? { ids: [...one.ids].reverse() } : {})),
    ['reordered'],
  ],
  [
    'another record where a reader saw one',
    having(read('concurrent', 0, ['p0-9'])),
    ['inconsistent-offsets'],
  ],
  [
    'an id that no input had',
    written((one) => (isIn(one) ? { ids: one.ids.map((id, at) => (at === 0 ? id : 'p7-1')) } : {})),
    ['missing-output', 'unexpected'],
  ],
  [
    'two transactions with one acknowledgement',
    having(
      send(9, { partition: 0, baseSequence: 0, baseOffset: 0, records: 2 }),
      ended(9, 'abort'),
    ),
    ['shared-ack'],
  ],
  [
    'a record of an epoch that was fenced',
    mapped((line) => {
      if (line.type === 'log-marker' && line.partition === 0 && line.offset < 3)
        return { ...line, producerEpoch: 5 }
      return line
    }),
    ['zombie-write'],
  ],
  [
    'a transaction that nobody ends',
    [
      ...clean.map((line): HistoryLine => {
        if (line.type === 'drain')
          return { ...line, drained: false, waitedMs: 60_000, boundMs: 60_000, left: ['x'] }
        if (line.type === 'partition-end' && line.role === 'output' && line.partition === 0) {
          return { ...line, highWatermark: line.highWatermark + 1 }
        }
        return line
      }),
      output(99, ['p0-0'], { producerId: 8, baseSequence: 0, state: 'open' }),
    ],
    ['hanging-transaction'],
  ],
  [
    'a sum that does not come out',
    bounded(clean, { invariant: { sum: 'json:$.amount', equals: 7, at: 'end' } }),
    ['invariant'],
  ],
  ['a stall past its bound', bounded(clean, { stallMs: 500 }), ['stall']],
  [
    'a recovery that never came',
    bounded(
      having(
        fault('fired', { firedAtMs: 3_100, exchange: send(2).exchange, moment: 'reply' }),
        fault('applied', { firedAtMs: 3_100, appliedAtMs: 3_100 }),
        fault('healed', { firedAtMs: 3_100, appliedAtMs: 3_100, healedAtMs: 3_200 }),
      ),
      { recoveryMs: 10 },
    ),
    ['no-recovery'],
  ],
  ['too little progress', bounded(clean, { availability: 0.95 }), ['availability']],
  [
    'commits that take too long',
    bounded(
      having(ended(1, 'commit', { phase: 'ending', atMs: 1_010 })).sort((a, b) => a.atMs - b.atMs),
      { commitLatencyMs: { max: 5 } },
    ),
    ['commit-latency'],
  ],
  [
    'an instance that breaks a policy',
    having(violation({ client: { clientId: null, instance: 'copier-0' } })),
    ['policy-violation'],
  ],
  [
    'a batch given up at an error that time heals',
    having(
      send(9, {
        partition: 0,
        baseSequence: 99,
        told: 'failed',
        brokerError: 'NOT_ENOUGH_REPLICAS',
      }),
      ended(9, 'abort'),
    ),
    ['wrong-error-class'],
  ],
]

function raise(): never {
  throw new Error('the model has no such batch')
}

function kindsIn(lines: HistoryLine[]): AnomalyKind[] {
  const { findings, allowed } = judge(historyOf(lines))
  return [...new Set([...findings, ...allowed].map(({ kind }) => kind))].sort()
}

function compare(lines: HistoryLine[], expected: readonly AnomalyKind[]): void {
  const found = kindsIn(lines)
  misses += expected.filter((kind) => !found.includes(kind)).length
  falseAlarms += found.filter((kind) => !expected.includes(kind)).length
  for (const kind of found) seen.add(kind)
  expect(found).toEqual([...expected].sort())
}

describe('nothing is invented in', () => {
  it.each(right)('%s', (_name, lines) => compare(lines, []))
})

describe('exactly that is found in', () => {
  it.each(wrong)('%s', (_name, lines, expected) => compare(lines, expected))

  it('every kind is among them', () => {
    expect([...seen].sort()).toEqual([...anomalyKinds].sort())
  })
})
