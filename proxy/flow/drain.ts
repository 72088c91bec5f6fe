// The end of a proxy that others still use: nobody new is let in, no transaction begins, those that are open get
// through, then every connection ends as soon as nothing is under way on it. All of it within a bound.
import type { Runtime } from '../runtime.ts'
import type { Connection } from './connection.ts'

const lookEveryMs = 20

/** What was cut off because the time was over. */
export interface Drained {
  /** Transactions that were open still. */
  transactions: number
  /** Connections with requests that had no answer yet. */
  connections: number
}

const untouched = { toBroker: true, toClient: false }

export async function drain(parts: {
  runtime: Runtime
  limitMs: number
  connections: () => Iterable<Connection>
  /** Begun, and not yet ended; those of clients that have gone are not waited for. */
  openTransactions: () => number
}): Promise<Drained> {
  const { runtime, connections, openTransactions } = parts
  const endMs = runtime.nowMs() + parts.limitMs
  const isLate = (): boolean => runtime.nowMs() >= endMs
  const pause = () => new Promise<void>((resolve) => runtime.after(lookEveryMs, resolve))

  while (openTransactions() > 0 && !isLate()) await pause()
  const transactions = openTransactions()

  const silenced = new Set<Connection>()
  for (;;) {
    const live = [...connections()]
    for (const connection of live) {
      // Requests that are still to come are left where they are; half a request goes through first.
      if (!silenced.has(connection) && connection.betweenRequests) {
        silenced.add(connection)
        connection.leaveUnread(untouched)
      }
      if (silenced.has(connection) && connection.quiet) connection.cut('fin', 'the proxy stops')
    }
    const left = [...connections()].length
    if (left === 0 || isLate()) return { transactions, connections: left }
    await pause()
  }
}
