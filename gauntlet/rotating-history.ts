// What a long-lived proxy has seen, on disk: histories one after the other, each whole by itself and of bounded size,
// and only so many of them. A disk that is full or slow costs lines, which is said in the history, never the proxy.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProxyEvent } from '../proxy/events.ts'
import { type HistoryWriter, openHistoryWriter } from '../validators/history-file.ts'
import type { RunLine } from '../validators/history-line.ts'

export const historyBytesDefault = 64 * 1024 * 1024
export const historyFilesDefault = 16
/** Bytes that may wait for the disk; past it lines are left out. */
const waitingBytesMax = 16 * 1024 * 1024
/** After the disk has failed, the next file is tried when so much time has passed. */
const tryAgainMs = 30_000

const nameOf = (number: number): string => `proxy-${String(number).padStart(8, '0')}.ndjson`
const namePattern = /^proxy-(\d{8,})\.ndjson$/

export interface RotatingHistory {
  write(events: readonly ProxyEvent[]): void
  close(): Promise<void>
}

export interface RotatingOptions {
  folder: string
  /** A file that has grown past this is the last but one. */
  fileBytes: number
  filesMax: number
  nowMs: () => number
  /** The first line of each file. */
  head: () => RunLine
  onProblem: (message: string) => void
}

/** Numbers of the files that are there, oldest first. */
function numbersIn(folder: string): number[] {
  return readdirSync(folder)
    .flatMap((name) => namePattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

export function openRotatingHistory(options: RotatingOptions): RotatingHistory {
  const { folder, fileBytes, filesMax, nowMs } = options
  mkdirSync(folder, { recursive: true })
  let last = numbersIn(folder).at(-1) ?? 0
  let writer: HistoryWriter | undefined
  let leftOut = 0
  let brokenUntilMs = Number.NEGATIVE_INFINITY
  let isClosed = false
  const closing = new Set<Promise<void>>()

  function broken(cause: unknown): void {
    writer = undefined
    brokenUntilMs = nowMs() + tryAgainMs
    const reason = cause instanceof Error ? cause.message : String(cause)
    options.onProblem(`the history cannot be written: ${reason}`)
  }

  function prune(): void {
    for (const old of numbersIn(folder).slice(0, -filesMax)) {
      rmSync(join(folder, nameOf(old)), { force: true })
    }
  }

  function open(): HistoryWriter {
    const file = join(folder, nameOf(last + 1))
    // The writer opens it later; a folder that takes no file is found out now.
    writeFileSync(file, '')
    last += 1
    const opened = openHistoryWriter(file)
    opened.write(options.head())
    prune()
    return opened
  }

  function finish(): void {
    if (writer === undefined) return
    const closed = writer.close().then(prune).catch(broken)
    closing.add(closed)
    void closed.then(() => closing.delete(closed))
    writer = undefined
  }

  /** Says in the history itself that something is missing in it. */
  function tellGap(to: HistoryWriter): void {
    if (leftOut === 0) return
    const message = `${leftOut} events are missing here: the disk was too slow, or failed`
    to.write({ type: 'guard', atMs: nowMs(), guard: 'history-gap', message })
    leftOut = 0
  }

  return {
    write(events) {
      if (isClosed) return
      if (nowMs() < brokenUntilMs) {
        leftOut += events.length
        return
      }
      try {
        writer ??= open()
        if (writer.waitingBytes > waitingBytesMax) {
          leftOut += events.length
          return
        }
        tellGap(writer)
        for (const event of events) writer.write(event)
        if (writer.bytes >= fileBytes) finish()
      } catch (cause) {
        leftOut += events.length
        broken(cause)
      }
    },
    async close() {
      isClosed = true
      finish()
      await Promise.all(closing)
    },
  }
}
