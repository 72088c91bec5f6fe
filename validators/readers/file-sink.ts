// Reads a file that an application writes instead of an output topic: one JSON object or text per line (NDJSON), or CSV
// whose first row names the columns. Each row is a record of the one partition of an output called by the sink's name,
// committed the moment that it stands there; its place is its number, from 0. Read twice, since there is no second
// reader: a file that still grows, or is written anew, does not read the same. Rows without an id, a half-written one
// among them, are records without an id, for the checkers to judge.
import { createReadStream } from 'node:fs'
import type { LogBatchLine, PartitionEndLine, ReadLine } from '../history-line.ts'
import { idSelector } from '../selector.ts'

/** Plain data, so that it can go to a worker. */
export interface FileSink {
  /** What the history calls this output. */
  name: string
  path: string
  format: 'ndjson' | 'csv'
  /** Of NDJSON `value`, `json:$.PATH` or `regex:EXPRESSION`; of CSV `column:NAME`. */
  id: string
}

export interface FileSinkReaderOptions {
  sink: FileSink
  nowMs: () => number
  emit: (line: LogBatchLine | PartitionEndLine | ReadLine) => void | Promise<void>
}

const rowsPerLine = 1_000
/** A longer row is no row of a sink. */
const rowLengthMax = 1024 * 1024
const columnPlace = 'column:'

/** Reads the file to its end, twice. Rejects when it cannot be read. */
export async function readFileSink({ sink, nowMs, emit }: FileSinkReaderOptions): Promise<number> {
  const at = { topic: sink.name, partition: 0 }
  const rows = await inPieces(sink, async (first, ids) => {
    await emit({
      type: 'log-batch',
      atMs: nowMs(),
      role: 'output',
      ...at,
      baseOffset: first,
      lastOffset: first + ids.length - 1,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      transactional: false,
      state: 'committed',
      codec: 'none',
      timestampMs: nowMs(),
      ids,
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
  await inPieces(sink, async (first, ids) => {
    await emit({
      type: 'read',
      atMs: nowMs(),
      reader: 'final',
      ...at,
      offsets: [[first, ids.length]],
      ids,
    })
  })
  return rows
}

async function inPieces(
  sink: FileSink,
  take: (first: number, ids: Array<string | null>) => Promise<void>,
): Promise<number> {
  let first = 0
  let ids: Array<string | null> = []
  for await (const id of idsOf(sink)) {
    ids.push(id)
    if (ids.length < rowsPerLine) continue
    await take(first, ids)
    first += ids.length
    ids = []
  }
  if (ids.length > 0) await take(first, ids)
  return first + ids.length
}

async function* idsOf(sink: FileSink): AsyncGenerator<string | null> {
  if (sink.format === 'csv') {
    yield* idsOfCsv(sink)
    return
  }
  const select = idSelector(sink.id)
  for await (const line of linesOf(sink.path)) {
    if (line.trim() === '') continue
    yield select({ key: null, value: Buffer.from(line, 'utf8'), headers: [] })
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > rowLengthMax) throw new Error(`${path} has a row that is too long`)
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  if (rest !== '') yield rest
}

async function* idsOfCsv({ path, id }: FileSink): AsyncGenerator<string | null> {
  const name = id.slice(columnPlace.length)
  let column: number | undefined
  for await (const cells of csvRows(path)) {
    if (cells.length === 1 && cells[0] === '') continue
    if (column === undefined) {
      column = cells.indexOf(name)
      if (column < 0) throw new Error(`${path} has no column ${name}: ${cells.join(', ')}`)
      continue
    }
    const cell = cells[column]
    yield cell === undefined || cell === '' ? null : cell
  }
}

/** Rows of cells; a quoted cell may hold commas, line ends and doubled quotes. */
async function* csvRows(path: string): AsyncGenerator<string[]> {
  let row = ''
  for await (const line of linesOf(path)) {
    row = row === '' ? line : `${row}\n${line}`
    if (row.length > rowLengthMax) throw new Error(`${path} has a row that is too long`)
    // A row ends where its quotes are closed.
    if (isOpen(row)) continue
    yield cellsOf(row)
    row = ''
  }
  if (row !== '') yield cellsOf(row)
}

function isOpen(row: string): boolean {
  let quotes = 0
  for (let at = row.indexOf('"'); at >= 0; at = row.indexOf('"', at + 1)) quotes++
  return quotes % 2 === 1
}

function cellsOf(row: string): string[] {
  const cells: string[] = []
  const cell = /("(?:[^"]|"")*"?|[^,]*)(,|$)/gy
  for (;;) {
    const match = cell.exec(row)
    const text = match?.[1] ?? ''
    cells.push(text.startsWith('"') ? text.slice(1).replace(/"$/, '').replaceAll('""', '"') : text)
    if (match?.[2] !== ',') return cells
  }
}
