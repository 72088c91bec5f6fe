// `hanging-transaction`: records of an output stay undecided although their time is over, so read_committed readers
// stand still there. Concluded only when the drain's whole bound has passed: either the coordinator still holds the
// transaction open past its timeout, or it knows nothing of it any more, which no timeout will ever end.
// Must not conclude it from a transaction that is merely open at the end.
import { batchAt, recordProof } from '../evidence.ts'
import type { LogBatch } from '../facts/log.ts'
import { recordsOf } from '../facts/reads.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'

/** The coordinator looks for expired transactions every 10 s by default. */
const expiryScanMs = 10_000

export function hangingTransaction(history: History): Finding[] {
  const { drain, openTransactions } = history.timeline
  if (drain === undefined || drain.drained || drain.waitedMs < drain.boundMs) return []
  const hanging = new Map<LogBatch, string>()
  for (const { role, batches } of history.log.partitions.values()) {
    if (role !== 'output') continue
    for (const batch of batches) {
      if (batch.state !== 'open') continue
      const held = openTransactions.find(({ producerId }) => producerId === batch.producerId)
      if (held === undefined) {
        hanging.set(
          batch,
          'undecided, and no coordinator knows of an open transaction of its producer',
        )
      } else if (held.startedAtMs + held.timeoutMs + expiryScanMs < drain.atMs) {
        const timeoutSeconds = held.timeoutMs / 1_000
        hanging.set(
          batch,
          `undecided, ${held.transactionalId} is ${held.state} past its ${timeoutSeconds} s`,
        )
      }
    }
  }
  if (hanging.size === 0) return []

  const gathered = gather()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'output' || line.state !== 'open') continue
    const batch = batchAt(history, line)
    const shows = hanging.get(batch)
    if (shows === undefined) continue
    for (const record of recordsOf(line)) {
      if (gathered.add(record.id)) gathered.prove(recordProof(history, batch, record, shows))
    }
  }
  const producers = new Set([...hanging.keys()].map(({ producerId }) => producerId))
  return [
    gathered.finding(
      'hanging-transaction',
      `${counted(gathered.count, 'record')} of ${counted(producers.size, 'hanging transaction')} undecided for good`,
    ),
  ]
}
