// Reads a file that an application writes instead of an output topic: one JSON object or text per line (NDJSON), or CSV
// whose first row names the columns. A file that still grows, or is written anew, does not read the same twice; a
// half-written row is a record without an id.
import { createReadStream } from 'node:fs'
import { idSelector } from '../selector.ts'
import { readSinkTwice, type SinkReaderHooks } from './sink-lines.ts'

/** Plain data, so that it can go to a worker. */
export interface FileSink {
  kind: 'file'
  /** What the history calls this output. */
  name: string
  path: string
  format: 'ndjson' | 'csv'
  /** Of NDJSON `value`, `json:$.PATH` or `regex:EXPRESSION`; of CSV `column:NAME`. */
  id: string
}

/** A longer row is no row of a sink. */
const rowLengthMax = 1024 * 1024
const columnPlace = 'column:'

/** Reads the file to its end, twice. Rejects when it cannot be read. */
export function readFileSink(sink: FileSink, hooks: SinkReaderHooks): Promise<number> {
  return readSinkTwice(sink.name, () => idsOf(sink), hooks)
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
