import { describe, expect, it } from 'vitest'
import type {
  ClusterTransactions,
  CoordinatedTransaction,
} from '../../gauntlet/clusters/transaction-state.ts'
import { disagreements } from '../../gauntlet/tracker-agreement.ts'
import type { TransactionView } from '../../proxy/transactions/tracker.ts'

const view: TransactionView = {
  transactionalId: 'shop-0',
  producerId: 7,
  producerEpoch: 3,
  phase: 'ended',
  transaction: 5,
  protocol: 'V2',
  partitions: ['out-0'],
  groups: [],
  lastOutcome: 'committed',
  ageMs: 0,
  fenced: false,
  registered: true,
  unsure: false,
}
const said: CoordinatedTransaction = {
  transactionalId: 'shop-0',
  coordinator: 1,
  state: 'CompleteCommit',
  producerId: 7,
  producerEpoch: 3,
  partitions: [],
}

function compared(
  ours: Partial<TransactionView>,
  theirs: Partial<CoordinatedTransaction> = {},
  producers: ClusterTransactions['producers'] = [],
): string[] {
  const cluster = { transactions: [{ ...said, ...theirs }], producers, silent: [] }
  return disagreements([{ ...view, ...ours }], cluster).map((text) => text.replace(/^.*#5: /, ''))
}

describe('the tracker and the cluster', () => {
  it('agree on nothing at all, and on ids that the cluster has forgotten', () => {
    expect(disagreements([], { transactions: [said], producers: [], silent: [] })).toEqual([])
    expect(disagreements([view], { transactions: [], producers: [], silent: [2] })).toEqual([])
  })

  it.each<[string, Partial<TransactionView>, Partial<CoordinatedTransaction>]>([
    ['a commit', {}, {}],
    ['a commit whose markers are on their way', {}, { state: 'PrepareCommit' }],
    ['an abort', { lastOutcome: 'aborted' }, { state: 'CompleteAbort' }],
    ['an abort of nothing', { lastOutcome: 'aborted', registered: false }, { state: 'Empty' }],
    ['a fresh producer', { phase: 'idle', registered: false }, { state: 'Empty' }],
    [
      'an open one',
      { phase: 'producing' },
      { state: 'Ongoing', partitions: ['out-0', '__consumer_offsets-3'] },
    ],
    [
      'an open one that timed out',
      { phase: 'producing' },
      { state: 'CompleteAbort', producerEpoch: 4 },
    ],
    [
      'a first send that never arrived',
      { phase: 'producing', registered: false },
      { state: 'CompleteAbort' },
    ],
    [
      'an EndTxn without an answer',
      { phase: 'ending' },
      { state: 'CompleteCommit', producerEpoch: 4 },
    ],
    [
      'an outcome that nobody knows',
      { lastOutcome: 'unknown' },
      { state: 'CompleteAbort', producerEpoch: 9 },
    ],
    [
      'an id that somebody took over',
      { unsure: true, fenced: true },
      { producerEpoch: 8, state: 'Ongoing' },
    ],
    ['an id initialised past the proxy', {}, { state: 'Empty', producerEpoch: 4 }],
    [
      'one fenced past the proxy while idle',
      { phase: 'idle' },
      { state: 'Empty', producerEpoch: 5 },
    ],
  ])('agree on %s', (_, ours, theirs) => {
    expect(compared(ours, theirs)).toEqual([])
  })

  it.each<[string, Partial<TransactionView>, Partial<CoordinatedTransaction>, string]>([
    ['the outcome', {}, { state: 'CompleteAbort' }, 'committed here, CompleteAbort there'],
    ['an end', {}, { state: 'Ongoing' }, 'committed here, Ongoing there'],
    [
      'a commit of what is open',
      { phase: 'producing' },
      { state: 'CompleteCommit' },
      'producing here, CompleteCommit there',
    ],
    ['rest', { phase: 'idle' }, { state: 'Ongoing' }, 'idle here, Ongoing there'],
    [
      'an older epoch',
      {},
      { producerEpoch: 2 },
      'producer 7 epoch 3 here, producer 7 epoch 2 there',
    ],
    [
      'another producer',
      {},
      { producerId: 9, producerEpoch: 0 },
      'producer 7 epoch 3 here, producer 9 epoch 0 there',
    ],
    [
      'a bump while idle',
      { phase: 'idle' },
      { state: 'CompleteAbort', producerEpoch: 4 },
      'producer 7 epoch 3 here, producer 7 epoch 4 there',
    ],
    [
      'a partition',
      { phase: 'producing' },
      { state: 'Ongoing', partitions: ['out-0', 'out-1'] },
      'out-1 takes part there, not here',
    ],
  ])('disagree on %s', (_, ours, theirs, text) => {
    expect(compared(ours, theirs)).toEqual([text])
  })

  it('disagree on a partition that is still open after the end', () => {
    const held = { place: 'out-0', producerId: 7, producerEpoch: 3, isOpen: true }
    expect(compared({}, {}, [held])).toEqual([
      'committed here and CompleteCommit there, but open in out-0',
    ])
    expect(
      compared({}, {}, [
        { ...held, isOpen: false },
        { ...held, producerId: 8 },
      ]),
    ).toEqual([])
  })

  it('ask the newest when a coordinator has moved, and name the transaction', () => {
    const before = { ...said, coordinator: 2, producerEpoch: 1, state: 'Ongoing' }
    const cluster = { transactions: [before, said, before], producers: [], silent: [] }
    expect(disagreements([view], cluster)).toEqual([])
    expect(disagreements([{ ...view, lastOutcome: 'aborted' }], cluster)).toEqual([
      'the tracker and the cluster disagree about transaction shop-0 #5: aborted here, CompleteCommit there',
    ])
  })
})
