// What the history keeps of a sink that is no topic: each row is a record of the one partition of an output called by
// the sink's name, committed the moment that it stands there; its place is its number, from 0. Read twice, since there
// is no second reader: a sink that is still written to does not read the same. Rows without an id are records without
// an id, for the checkers to judge.
import type { LogBatchLine, PartitionEndLine, ReadLine } from '../history-line.ts'

export interface SinkReaderHooks {
  nowMs: () => number
  emit: (line: LogBatchLine | PartitionEndLine | ReadLine) => void | Promise<void>
}

const rowsPerLine = 1_000

/** Goes through the ids twice, in the same order both times; gives the rows of the first pass. */
export async function readSinkTwice(
  name: string,
  ids: () => AsyncIterable<string | null>,
  { nowMs, emit }: SinkReaderHooks,
): Promise<number> {
  const at = { topic: name, partition: 0 }
  const rows = await inPieces(ids(), async (first, piece) => {
    await emit({
      type: 'log-batch',
      atMs: nowMs(),
      role: 'output',
      ...at,
      baseOffset: first,
      lastOffset: first + piece.length - 1,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      transactional: false,
      state: 'committed',
      codec: 'none',
      timestampMs: nowMs(),
      ids: piece,
    })
  })
  await emit({
    type: 'partition-end',
    atMs: nowMs(),
    role: 'output',
    ...at,
    firstOffset: 0,
    highWatermark: rows,
    lastStable: rows,
  })
  await inPieces(ids(), async (first, piece) => {
    await emit({
      type: 'read',
      atMs: nowMs(),
      reader: 'final',
      ...at,
      offsets: [[first, piece.length]],
      ids: piece,
    })
  })
  return rows
}

async function inPieces(
  ids: AsyncIterable<string | null>,
  take: (first: number, piece: Array<string | null>) => Promise<void>,
): Promise<number> {
  let first = 0
  let piece: Array<string | null> = []
  for await (const id of ids) {
    piece.push(id)
    if (piece.length < rowsPerLine) continue
    await take(first, piece)
    first += piece.length
    piece = []
  }
  if (piece.length > 0) await take(first, piece)
  return first + piece.length
}
