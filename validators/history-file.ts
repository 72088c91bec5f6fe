// A history on disk: one JSON object per line. Written as a stream with back-pressure while the run goes on, read
// again as often as a checker likes without holding it in memory. A last line that was cut off by a crash is
// left out and reported; a broken line anywhere else means that the file is not ours.
import { closeSync, createWriteStream, openSync, readSync } from 'node:fs'
import { OperatorError } from '../proxy/errors.ts'
import type { HistoryLine } from './history-line.ts'

export interface HistoryWriter {
  /** False when the disk is slower than the writer: wait for `drained` before going on, if you can. */
  write(line: HistoryLine): boolean
  drained(): Promise<void>
  /** Resolves when every line is in the file. May be called again. */
  close(): Promise<void>
  readonly lines: number
  /** Handed over so far. */
  readonly bytes: number
  /** Of those, what the disk has not taken yet. */
  readonly waitingBytes: number
}

const writeBufferBytes = 256 * 1024
const readChunkBytes = 1024 * 1024
/** A longer line is no line of ours. */
const lineBytesMax = 64 * 1024 * 1024

export function openHistoryWriter(file: string): HistoryWriter {
  const stream = createWriteStream(file, { highWaterMark: writeBufferBytes })
  let failure: Error | undefined
  let closing: Promise<void> | undefined
  let lines = 0
  let bytes = 0
  const waiting: Array<{ resolve: () => void; reject: (cause: Error) => void }> = []
  const settle = () => {
    for (const { resolve, reject } of waiting.splice(0)) {
      if (failure === undefined) resolve()
      else reject(failure)
    }
  }
  stream.on('error', (cause) => {
    failure = cause
    settle()
  })
  stream.on('drain', settle)
  return {
    write(line) {
      if (failure !== undefined) throw failure
      if (closing !== undefined)
        throw new Error(`the history is closed: ${line.type} comes too late`)
      lines++
      const text = Buffer.from(`${JSON.stringify(line)}\n`)
      bytes += text.length
      return stream.write(text)
    },
    drained() {
      if (failure !== undefined) return Promise.reject(failure)
      if (!stream.writableNeedDrain) return Promise.resolve()
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    close() {
      closing ??= new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        stream.once('error', reject)
        stream.end(() => resolve())
      })
      return closing
    },
    get lines() {
      return lines
    },
    get bytes() {
      return bytes
    },
    get waitingBytes() {
      return stream.writableLength
    },
  }
}

export interface HistoryFile {
  /** All whole lines from the start, or those of some types; may be called again and again. */
  lines(...types: ReadonlyArray<HistoryLine['type']>): Iterable<HistoryLine>
  /** Known after the first pass: the file ended within a line. */
  torn(): boolean
}

export function openHistoryFile(file: string): HistoryFile {
  let isTorn = false
  function* read(types: ReadonlyArray<HistoryLine['type']>): Generator<HistoryLine> {
    const descriptor = openForReading(file)
    try {
      const chunk = Buffer.allocUnsafe(readChunkBytes)
      let rest: Buffer[] = []
      let restBytes = 0
      let number = 0
      for (;;) {
        const size = readSync(descriptor, chunk, 0, readChunkBytes, null)
        if (size === 0) break
        let start = 0
        for (let end = chunk.indexOf(10, start); end >= 0 && end < size; ) {
          const piece = chunk.subarray(start, end)
          const text =
            rest.length === 0
              ? piece.toString('utf8')
              : Buffer.concat([...rest, piece]).toString('utf8')
          rest = []
          restBytes = 0
          number++
          if (text.trim() !== '' && mayBeWanted(text, types)) {
            const line = parse(text, file, number)
            if (types.length === 0 || types.includes(line.type)) yield line
          }
          start = end + 1
          end = start < size ? chunk.indexOf(10, start) : -1
        }
        if (start < size) {
          rest.push(Buffer.from(chunk.subarray(start, size)))
          restBytes += size - start
          if (restBytes > lineBytesMax) throw notOurs(file, number + 1, 'the line is too long')
        }
      }
      isTorn = restBytes > 0
    } finally {
      closeSync(descriptor)
    }
  }
  return { lines: (...types) => ({ [Symbol.iterator]: () => read(types) }), torn: () => isTorn }
}

/** Looks at where the type stands in lines as we write them, so that most need not be parsed. */
const typePlace = /^\{(?:"atMs":[0-9.]+,)?"type":"([a-z-]+)"/

function mayBeWanted(text: string, types: readonly string[]): boolean {
  if (types.length === 0) return true
  const type = typePlace.exec(text)?.[1]
  return type === undefined || types.includes(type)
}

function openForReading(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (cause) {
    throw new OperatorError(
      'file-not-found',
      `cannot read the history ${file}: ${(cause as Error).message}`,
      'Name the history.ndjson of a run.',
    )
  }
}

function parse(text: string, file: string, number: number): HistoryLine {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw notOurs(file, number, (cause as Error).message)
  }
  if (typeof value !== 'object' || value === null || !('type' in value) || !('atMs' in value)) {
    throw notOurs(file, number, 'no object with `type` and `atMs`')
  }
  return value as HistoryLine
}

function notOurs(file: string, line: number, problem: string): OperatorError {
  return new OperatorError(
    'wrong-history',
    `${file} is no history: line ${line}: ${problem}`,
    'Name the history.ndjson of a run.',
  )
}
