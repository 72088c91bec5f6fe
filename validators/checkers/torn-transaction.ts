// `torn-transaction`: in the final state, part of a transaction's records is committed and part is aborted.
// Joins batches to their transaction by the wire. Markers reach partitions at different times, so what a concurrent
// reader saw in between says nothing; only the log at the end does, and open batches are not judged here.
// Must not judge a batch that was sent in several transactions (a client that uses sequence numbers again).
import { batchAt, recordProof, transactionName, transactionOf } from '../evidence.ts'
import type { LogBatch } from '../facts/log.ts'
import { recordsOf } from '../facts/reads.ts'
import type { WireTransaction } from '../facts/wire.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'

export function tornTransaction(history: History): Finding[] {
  const parts = new Map<WireTransaction, LogBatch[]>()
  for (const { role, batches } of history.log.partitions.values()) {
    if (role !== 'output') continue
    for (const batch of batches) {
      if (!batch.transactional || batch.state === 'open') continue
      const transaction = transactionOf(history, batch)
      if (transaction === undefined) continue
      const known = parts.get(transaction)
      if (known === undefined) parts.set(transaction, [batch])
      else known.push(batch)
    }
  }
  const torn = [...parts].filter(
    ([, batches]) => new Set(batches.map(({ state }) => state)).size > 1,
  )
  if (torn.length === 0) return []
  const concerned = new Set(torn.flatMap(([, batches]) => batches))
  const gathered = gather()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'output') continue
    const batch = batchAt(history, line)
    if (!concerned.has(batch)) continue
    for (const record of recordsOf(line)) {
      if (gathered.add(record.id)) {
        gathered.prove(recordProof(history, batch, record, `${batch.state} in the log`))
      }
    }
  }
  const names = torn.slice(0, 3).map(([transaction]) => transactionName(transaction))
  return [
    gathered.finding(
      'torn-transaction',
      `${counted(torn.length, 'transaction')} committed in part and aborted in part: ${names.join(', ')}${torn.length > 3 ? ', …' : ''}`,
    ),
  ]
}
