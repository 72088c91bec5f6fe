// Reads the file that an application wrote as its journal, whatever is really in it: in pieces, within bounds.
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { type JournalEntry, parseJournal } from './journal.ts'

const pieceBytes = 1024 * 1024
/** An entry of a transaction of many thousand records is shorter. */
export const journalLineCharactersMax = 16 * 1024 * 1024
/** More than a run of many million records writes. */
export const journalBytesMax = 2 * 1024 * 1024 * 1024

export interface ReadJournal {
  brokenLines: number
  /** Where the first of them stands, from 1. */
  firstBroken: number | undefined
  /** Longer than we read. */
  isCut: boolean
}

/** Gives each entry with the number of its line. */
export function readJournalFile(
  file: string,
  onEntry: (entry: JournalEntry, line: number) => void,
): ReadJournal {
  const read: ReadJournal = { brokenLines: 0, firstBroken: undefined, isCut: false }
  if (!existsSync(file)) return read
  const descriptor = openSync(file, 'r')
  const decoder = new StringDecoder('utf8')
  const piece = Buffer.alloc(pieceBytes)
  let line = 0
  let rest = ''
  let isTooLong = false
  let bytes = 0

  function broken(): void {
    read.brokenLines += 1
    read.firstBroken ??= line
  }
  function take(text: string): void {
    line += 1
    if (isTooLong) {
      isTooLong = false
      broken()
      return
    }
    const { entries, brokenLines } = parseJournal(text)
    for (const entry of entries) onEntry(entry, line)
    if (brokenLines > 0) broken()
  }

  try {
    for (;;) {
      const length = readSync(descriptor, piece, 0, pieceBytes, null)
      if (length === 0) break
      bytes += length
      if (bytes > journalBytesMax) {
        read.isCut = true
        break
      }
      const lines = (rest + decoder.write(piece.subarray(0, length))).split('\n')
      rest = lines.pop() ?? ''
      for (const text of lines) take(text)
      if (rest.length > journalLineCharactersMax) {
        isTooLong = true
        rest = ''
      }
    }
    if (rest !== '' || isTooLong) take(rest)
  } finally {
    closeSync(descriptor)
  }
  return read
}

/** A sentence where a journal is no journal; `kills` of its writer may each have cut off one line. */
export function journalProblem(
  name: string,
  { brokenLines, firstBroken, isCut }: ReadJournal,
  kills: number,
): string | undefined {
  if (isCut) {
    return `the journal of ${name} is larger than ${journalBytesMax / 1024 ** 3} GB, and what is beyond was not read: write one line for each record and transaction, and nothing else`
  }
  if (brokenLines <= kills) return undefined
  const many = brokenLines === 1 ? '1 line' : `${brokenLines} lines`
  return `${name} wrote ${many} into its journal (GAUNTLET_JOURNAL) that are no entries, the first at line ${firstBroken}, so what it believed is not known: write what docs/history.md describes, or nothing`
}
