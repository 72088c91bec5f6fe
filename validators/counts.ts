// The numbers of a result: records and transactions, unknown outcomes resolved from the log where it can tell.

import type { WireTransaction } from './facts/wire.ts'
import type { Finding } from './finding.ts'
import type { History } from './history.ts'
import { copiesOf } from './history.ts'

export interface RecordCounts {
  /** Ids that came by the input; for a producer alone: ids acknowledged to it. */
  expected: number
  /** Records committed in the outputs. */
  committed: number
  lost: number
  /** Ids committed more than once, allowed or not. */
  duplicated: number
  unexpected: number
}

export interface TransactionCounts {
  begun: number
  committed: number
  aborted: number
  unknown: number
  fenced: number
  hanging: number
}

export function countRecords(history: History, findings: readonly Finding[]): RecordCounts {
  const { log, belief, run } = history
  const sumOf = (kind: Finding['kind']) =>
    findings.filter((one) => one.kind === kind).reduce((sum, { count }) => sum + count, 0)
  const acked = run.outputs.every(({ contract }) => contract === 'acked')
  let committed = 0
  let duplicated = 0
  for (const { topic, contract } of run.outputs) {
    const count = log.outputs.get(topic)
    if (count === undefined) continue
    committed += count.committedRecords
    if (copiesOf(contract) === 1) duplicated += count.committed.repeated
  }
  const acknowledgedRecords = history.wire.sends
    .filter(({ batch }) => batch.told === 'ok')
    .reduce((sum, { batch }) => sum + batch.records, 0)
  const acknowledged = belief.sends ? belief.acknowledged.distinct : acknowledgedRecords
  return {
    expected: acked ? acknowledged : log.input.committed.distinct,
    committed,
    lost: Math.max(sumOf('missing-output'), sumOf('lost-write')),
    duplicated: run.outputs.every(({ contract }) => copiesOf(contract) === 1)
      ? duplicated
      : sumOf('duplicate'),
    unexpected: sumOf('unexpected'),
  }
}

/** What became of a transaction: as the client learnt it, else as the broker decided it, else as the log shows it. */
export function outcomeOf(
  history: History,
  transaction: WireTransaction,
): 'committed' | 'aborted' | 'unknown' {
  const { outcome, decided } = transaction
  if (outcome === 'committed' || outcome === 'aborted') return outcome
  if (decided !== undefined) return decided
  const states = new Set(
    transaction.sends.flatMap(({ batch }) => history.log.batchOf(batch)?.state ?? []),
  )
  if (states.size !== 1) return 'unknown'
  const [state] = states
  return state === 'committed' || state === 'aborted' ? state : 'unknown'
}

export function countTransactions(history: History): TransactionCounts {
  const outcomes = history.wire.transactions.map((transaction) => outcomeOf(history, transaction))
  const openProducers = new Set<number>()
  for (const { role, batches } of history.log.partitions.values()) {
    if (role !== 'output') continue
    for (const { state, producerId } of batches) if (state === 'open') openProducers.add(producerId)
  }
  return {
    begun: outcomes.length,
    committed: outcomes.filter((outcome) => outcome === 'committed').length,
    aborted: outcomes.filter((outcome) => outcome === 'aborted').length,
    unknown: outcomes.filter((outcome) => outcome === 'unknown').length,
    fenced: history.wire.producers.filter(({ change }) => change === 'fenced').length,
    hanging: openProducers.size,
  }
}
