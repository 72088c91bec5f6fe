// What an application believed, line by line: the shape of the file named in GAUNTLET_JOURNAL.
// Applications append one JSON object per line and never rewrite any. Whoever reads a journal must
// expect a line cut off where its writer was killed, in the middle of the file too: a process that
// starts again goes on in the same file.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'

/** What the application was told. No answer is `unknown`, never `failed`. */
export type Belief = 'ok' | 'failed' | 'unknown'

/**
 * `transaction` (the copiers write it, nobody must) ties lines together that belong to one transaction:
 * `<transactional id>/<process id>-<number within the process>`. Lines of several may be interleaved.
 */
export type JournalEntry =
  | { read: string[]; transaction?: string }
  | { sent: string; outcome: Belief; at?: string; transaction?: string }
  | { txn: 'commit' | 'abort'; outcome: Belief; ids: string[]; transaction?: string }

export interface JournalWriter {
  /** One write for all entries, complete before the call returns: a kill cuts at most the last line. */
  append(...entries: JournalEntry[]): void
  close(): void
}

const newline = 0x0a

/** Whether the file ends within a line, because its last writer was killed while it wrote. */
function endsWithinLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor)
  if (size === 0) return false
  const last = Buffer.alloc(1)
  readSync(descriptor, last, 0, 1, size - 1)
  return last[0] !== newline
}

/** Opens a journal for appending; a line that was cut off stays alone on its line. */
export function openJournal(file: string): JournalWriter {
  const descriptor = openSync(file, 'a+')
  if (endsWithinLine(descriptor)) writeSync(descriptor, '\n')
  return {
    append(...entries) {
      if (entries.length === 0) return
      writeSync(descriptor, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    },
    close: () => closeSync(descriptor),
  }
}

export interface Journal {
  entries: JournalEntry[]
  /** Lines that are no entry: cut off, or written by an application that does not keep to the shape. */
  brokenLines: number
}

/** Reads whatever can be read; nothing in a journal makes it throw. */
export function parseJournal(text: string): Journal {
  const entries: JournalEntry[] = []
  let brokenLines = 0
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const entry = parseLine(line)
    if (entry === undefined) brokenLines++
    else entries.push(entry)
  }
  return { entries, brokenLines }
}

function parseLine(line: string): JournalEntry | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const transaction =
    'transaction' in value && typeof value.transaction === 'string'
      ? { transaction: value.transaction }
      : {}
  if ('read' in value) {
    return isTexts(value.read) ? { read: value.read, ...transaction } : undefined
  }
  if (!('outcome' in value) || !isBelief(value.outcome)) return undefined
  const { outcome } = value
  if ('sent' in value && typeof value.sent === 'string') {
    const at = 'at' in value && typeof value.at === 'string' ? { at: value.at } : {}
    return { sent: value.sent, outcome, ...at, ...transaction }
  }
  if ('txn' in value && (value.txn === 'commit' || value.txn === 'abort')) {
    const ids = 'ids' in value && isTexts(value.ids) ? value.ids : undefined
    return ids === undefined ? undefined : { txn: value.txn, outcome, ids, ...transaction }
  }
  return undefined
}

function isBelief(value: unknown): value is Belief {
  return value === 'ok' || value === 'failed' || value === 'unknown'
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
