// A whole run as a small model, for tests that break it in one place: inputs, and what each transaction wrote where.
// The lines of its history follow from it, as the proxy, the log and the readers would tell them.
import type { HistoryLine } from '../../validators/history-line.ts'
import { drained, end, ended, input, marker, output, phase, read, run, send } from './builders.ts'

/** What one transaction wrote to one partition of the output. */
export interface Written {
  transaction: number
  partition: number
  /** In the log; what was sent is told by `sent`. */
  ids: string[]
  sent: number
  baseSequence: number
  state: 'committed' | 'aborted'
  /** What the client asked for in the end. */
  asked: 'commit' | 'abort'
}

export interface Model {
  /** Ids by partition of the input. */
  inputs: string[][]
  outputPartitions: number
  written: Written[]
}

/**
 * A clean run: each transaction takes the next few inputs of one input partition, and spreads them over the
 * partitions of the output by turns, in order.
 */
export function cleanModel(shape: {
  inputPartitions: number
  outputPartitions: number
  /** Records of each transaction. */
  sizes: readonly number[]
}): Model {
  const { inputPartitions, outputPartitions, sizes } = shape
  const inputs: string[][] = Array.from({ length: inputPartitions }, () => [])
  const written: Written[] = []
  const sequences = new Map<number, number>()
  for (const [index, size] of sizes.entries()) {
    const source = index % inputPartitions
    const own = inputs[source]
    if (own === undefined) continue
    const ids = Array.from({ length: size }, (_, at) => `p${source}-${own.length + at}`)
    own.push(...ids)
    for (let partition = 0; partition < outputPartitions; partition++) {
      const part = ids.filter((_, at) => at % outputPartitions === partition)
      if (part.length === 0) continue
      const baseSequence = sequences.get(partition) ?? 0
      sequences.set(partition, baseSequence + part.length)
      written.push({
        transaction: index + 1,
        partition,
        ids: part,
        sent: part.length,
        baseSequence,
        state: 'committed',
        asked: 'commit',
      })
    }
  }
  return { inputs, outputPartitions, written }
}

/** The work of one transaction that is done once more: what it wrote, and the transaction that wrote it. */
export function again(model: Model, ids: readonly string[], partition: number): Written {
  const transaction = Math.max(0, ...model.written.map((one) => one.transaction)) + 1
  const before = model.written.filter((one) => one.partition === partition)
  return {
    transaction,
    partition,
    ids: [...ids],
    sent: ids.length,
    baseSequence: before.reduce((sum, { sent }) => sum + sent, 0),
    state: 'committed',
    asked: 'commit',
  }
}

export function linesOf({ inputs, outputPartitions, written }: Model): HistoryLine[] {
  const outputs = Array.from({ length: outputPartitions }, (_, partition) => partition)
  const placed: Array<Written & { baseOffset: number }> = []
  const ends = new Map<number, number>()
  for (const one of written) {
    const baseOffset = ends.get(one.partition) ?? 0
    placed.push({ ...one, baseOffset })
    ends.set(one.partition, baseOffset + Math.max(one.sent, one.ids.length) + 1)
  }
  const transactions = [...new Set(written.map(({ transaction }) => transaction))]
  const askedOf = (transaction: number) =>
    written.find((one) => one.transaction === transaction)?.asked ?? 'commit'
  return [
    run({
      inputs: [{ topic: 'input', partitions: inputs.length }],
      outputs: [{ topic: 'output', partitions: outputPartitions, contract: 'one-per-input' }],
    }),
    phase('warm', 1_060),
    ...transactions.flatMap((transaction) => [
      ...placed
        .filter((one) => one.transaction === transaction)
        .map(({ partition, baseSequence, baseOffset, sent }) =>
          send(transaction, { partition, baseSequence, baseOffset, records: sent }),
        ),
      ended(transaction, askedOf(transaction)),
      {
        type: 'progress',
        atMs: 1_000 * transaction + 50,
        instance: 'copier-0',
        via: 'EndTxn',
      } as const,
    ]),
    phase('load-finished', 1_000 * transactions.length + 2_000),
    ...inputs.flatMap((ids, partition) => [
      ...(ids.length === 0 ? [] : [input(0, ids, { partition })]),
      end('input', ids.length, { partition }),
    ]),
    drained(),
    {
      type: 'group-offsets',
      atMs: 8_600,
      group: 'copiers',
      offsets: inputs.map((ids, partition) => ({ topic: 'input', partition, offset: ids.length })),
    },
    ...placed.flatMap(({ partition, baseSequence, baseOffset, ids, sent, state, transaction }) => [
      ...(ids.length === 0 ? [] : [output(baseOffset, ids, { partition, baseSequence, state })]),
      marker(baseOffset + Math.max(sent, ids.length), state === 'committed' ? 'commit' : 'abort', {
        partition,
        timestampMs: 1_000 * transaction + 60,
      }),
    ]),
    ...outputs.map((partition) => end('output', ends.get(partition) ?? 0, { partition })),
    ...placed
      .filter(({ state, ids }) => state === 'committed' && ids.length > 0)
      .map(({ partition, baseOffset, ids }) => read('final', baseOffset, ids, { partition })),
    phase('audited', 99_000),
  ]
}
