// All that a program's session with the proxy has seen, on disk: kept from its start, copied into the history of each
// verdict. Faults and errors count for the first verdict after them; what went over the wire counts for all.
import { join } from 'node:path'
import type { ProxyEvent } from '../../proxy/events.ts'
import {
  type HistoryWriter,
  openHistoryFile,
  openHistoryWriter,
} from '../../validators/history-file.ts'
import type { BrokerLine, HistoryLine } from '../../validators/history-line.ts'

export type SessionLine = ProxyEvent | BrokerLine

export interface SessionHistory {
  write(line: SessionLine): void
  /** Writes what a verdict rests on into its history; what comes from now on belongs to the next one. */
  copyTo(history: HistoryWriter): Promise<void>
  close(): Promise<void>
}

/** What one test has caused must not be held against the next. */
const isOfItsVerdict = ({ type }: HistoryLine): boolean =>
  type.startsWith('fault-') || type === 'error' || type === 'loop-stalled' || type === 'broker'

export function openSessionHistory(folder: string): SessionHistory {
  const files: string[] = []
  let writer = next()

  function next(): HistoryWriter {
    const file = join(folder, `session-${files.length + 1}.ndjson`)
    files.push(file)
    return openHistoryWriter(file)
  }

  return {
    write: (line) => void writer.write(line),
    async copyTo(history) {
      const current = files.at(-1)
      const full = writer
      writer = next()
      await full.close()
      for (const file of files.slice(0, -1)) {
        for (const line of openHistoryFile(file).lines()) {
          if (file !== current && isOfItsVerdict(line)) continue
          if (!history.write(line)) await history.drained()
        }
      }
    },
    close: () => writer.close(),
  }
}
