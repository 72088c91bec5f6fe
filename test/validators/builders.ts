// Short ways to write down a history: one call per line, times in the order of the calls unless they are given.
import type { Firing, ProxyEvent, SentBatch } from '../../proxy/events.ts'
import { type History, historyOf } from '../../validators/history.ts'
import type {
  Expectation,
  HistoryLine,
  JournalEntry,
  LogBatchLine,
  LogMarkerLine,
  PartitionEndLine,
  Phase,
  ReadLine,
  RunLine,
} from '../../validators/history-line.ts'

export const expectPass: Expectation = { verdict: 'PASS', allow: [] }

export function run(changes: Partial<RunLine> = {}): RunLine {
  return {
    type: 'run',
    atMs: 0,
    format: 1,
    plan: 'literal',
    seed: 1,
    cluster: { kind: 'embedded', version: '4.3.1', brokers: 3, features: {} },
    inputs: [{ topic: 'input', partitions: 1 }],
    outputs: [{ topic: 'output', partitions: 1, contract: 'one-per-input' }],
    group: 'copiers',
    id: 'header:gauntlet-id',
    instances: ['copier-0'],
    proxied: true,
    faults: [],
    expect: expectPass,
    ...changes,
  }
}

type BatchChanges = Partial<Omit<LogBatchLine, 'type' | 'ids'>>

function batch(
  role: LogBatchLine['role'],
  baseOffset: number,
  ids: Array<string | null>,
  changes: BatchChanges,
): LogBatchLine {
  return {
    type: 'log-batch',
    atMs: 9_000,
    role,
    topic: role,
    partition: 0,
    baseOffset,
    lastOffset: baseOffset + ids.length - 1,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    transactional: false,
    state: 'committed',
    codec: 'none',
    timestampMs: 1_000,
    ids,
    ...changes,
  }
}

/** A batch of the input, written by a plain producer. */
export function input(
  baseOffset: number,
  ids: Array<string | null>,
  changes: BatchChanges = {},
): LogBatchLine {
  return batch('input', baseOffset, ids, changes)
}

/** A batch of the output, written in a transaction of producer 7, epoch 0. */
export function output(
  baseOffset: number,
  ids: Array<string | null>,
  changes: BatchChanges = {},
): LogBatchLine {
  return batch('output', baseOffset, ids, {
    producerId: 7,
    producerEpoch: 0,
    baseSequence: baseOffset,
    transactional: true,
    ...changes,
  })
}

type ViolationLine = Extract<HistoryLine, { type: 'policy-violated' }>

/** An instance breaks a policy, which the proxy reports. */
export function violation(changes: Partial<ViolationLine>): ViolationLine {
  return {
    type: 'policy-violated',
    atMs: 1_000,
    policy: 'p',
    requirement: 'acks-all',
    topic: 'output',
    action: 'reported',
    client: { clientId: 'c', instance: 'copier-0' },
    connection: 1,
    api: 'Produce',
    message: 'writes to output without acks=all, which policy p does not want',
    ...changes,
  }
}

export function marker(
  offset: number,
  result: LogMarkerLine['result'],
  changes: Partial<LogMarkerLine> = {},
): LogMarkerLine {
  return {
    type: 'log-marker',
    atMs: 9_000,
    role: 'output',
    topic: 'output',
    partition: 0,
    offset,
    producerId: 7,
    producerEpoch: 0,
    result,
    coordinatorEpoch: 0,
    timestampMs: 1_500,
    ...changes,
  }
}

export function end(
  role: PartitionEndLine['role'],
  highWatermark: number,
  changes: Partial<PartitionEndLine> = {},
): PartitionEndLine {
  return {
    type: 'partition-end',
    atMs: 9_000,
    role,
    topic: role,
    partition: 0,
    firstOffset: 0,
    highWatermark,
    lastStable: highWatermark,
    ...changes,
  }
}

export function read(
  reader: ReadLine['reader'],
  first: number,
  ids: Array<string | null>,
  changes: Partial<ReadLine> = {},
): ReadLine {
  return {
    type: 'read',
    atMs: 9_500,
    reader,
    topic: 'output',
    partition: 0,
    offsets: [[first, ids.length]],
    ids,
    ...changes,
  }
}

let correlationId = 0

/** A Produce of one batch in the Nth transaction of copier-0; a transaction of 0 means outside of any. */
export function send(
  transaction: number,
  changes: Partial<SentBatch> = {},
  atMs = 1_000 * Math.max(1, transaction),
): Extract<ProxyEvent, { type: 'send' }> {
  correlationId++
  const isTransactional = transaction > 0
  return {
    type: 'send',
    atMs: atMs + 5,
    sentAtMs: atMs,
    exchange: {
      connection: 1,
      plane: 'client',
      node: 1,
      instance: 'copier-0',
      clientId: 'copier-0',
      api: 'Produce',
      version: 11,
      correlationId,
      ...(isTransactional ? { transactionalIds: ['copier-0'], transaction } : {}),
    },
    batches: [
      {
        topic: 'output',
        partition: 0,
        producerId: 7,
        producerEpoch: 0,
        baseSequence: 0,
        records: 1,
        transactional: isTransactional,
        told: 'ok',
        brokerError: 'NONE',
        ...changes,
      },
    ],
  }
}

/** The end of the Nth transaction of copier-0. */
export function ended(
  transaction: number,
  asked: 'commit' | 'abort' | 'both',
  changes: Partial<Extract<ProxyEvent, { type: 'transaction' }>> = {},
): Extract<ProxyEvent, { type: 'transaction' }> {
  return {
    type: 'transaction',
    atMs: 1_000 * transaction + 50,
    transactionalId: 'copier-0',
    instance: 'copier-0',
    transaction,
    phase: 'ended',
    producerId: 7,
    producerEpoch: 0,
    protocol: 'V1',
    outcome: asked === 'abort' ? 'aborted' : 'committed',
    brokerError: 'NONE',
    asked,
    ...changes,
  }
}

export function journal(line: number, entry: JournalEntry): HistoryLine {
  return { type: 'journal', atMs: 8_000, instance: 'copier-0', line, entry }
}

export function phase(name: Phase, atMs: number): HistoryLine {
  return { type: 'phase', atMs, phase: name }
}

export function drained(changes: object = {}): HistoryLine {
  return {
    type: 'drain',
    atMs: 8_500,
    drained: true,
    waitedMs: 100,
    boundMs: 45_000,
    left: [],
    ...changes,
  }
}

export function groupOffset(offset: number, partition = 0): HistoryLine {
  return {
    type: 'group-offsets',
    atMs: 8_600,
    group: 'copiers',
    offsets: [{ topic: 'input', partition, offset }],
  }
}

export function fault(
  change: 'fired' | 'applied' | 'healed',
  firing: Partial<Firing> = {},
  name = 'crash',
): HistoryLine {
  const full: Firing = { number: 1, firedAtMs: 2_000, ...firing }
  return {
    type: `fault-${change}`,
    atMs: full.firedAtMs,
    fault: name,
    kind: 'disconnect',
    firing: full,
  }
}

export function history(...lines: HistoryLine[]): History {
  return historyOf(lines.some(({ type }) => type === 'run') ? lines : [run(), ...lines])
}

/** A run in which nothing is wrong: three transactions of two records, one fault between the first and the second. */
export function cleanLines(changes: Partial<RunLine> = {}): HistoryLine[] {
  const ids = ['in-0', 'in-1', 'in-2', 'in-3', 'in-4', 'in-5']
  const transactions = [1, 2, 3]
  return [
    run({ faults: [{ name: 'crash', kind: 'disconnect' }], ...changes }),
    phase('warm', 1_200),
    phase('load-started', 500),
    ...transactions.flatMap((number) => [
      send(number, { baseSequence: 2 * (number - 1), records: 2, baseOffset: 3 * (number - 1) }),
      ended(number, 'commit'),
    ]),
    fault('fired', { firedAtMs: 1_900, exchange: send(2).exchange, moment: 'reply' }),
    fault('applied', { firedAtMs: 1_900, appliedAtMs: 1_910 }),
    fault('healed', { firedAtMs: 1_900, healedAtMs: 1_920 }),
    phase('healed', 1_930),
    phase('load-finished', 3_500),
    input(0, ids),
    end('input', 6),
    drained(),
    groupOffset(6),
    ...transactions.flatMap((number) => {
      const at = 3 * (number - 1)
      const own = ids.slice(2 * (number - 1), 2 * number)
      return [output(at, own, { baseSequence: 2 * (number - 1) }), marker(at + 2, 'commit')]
    }),
    end('output', 9),
    read('concurrent', 0, ['in-0', 'in-1']),
    read('final', 0, ids, {
      offsets: [
        [0, 2],
        [3, 2],
        [6, 2],
      ],
    }),
    phase('audited', 9_900),
  ]
}
