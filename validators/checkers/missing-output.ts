// `missing-output`: an input that is over and done with has no output.
// Over and done with: everything came to rest (drained), or the group's committed offsets have passed it. Inputs
// of aborted transactions owe nothing. Ids that the application itself declared failed may be missing if the plan
// says so. Not for `at-most-once`, which allows losses, nor for `acked`, which owes nothing to an input.
// Must not conclude anything about inputs that may still be on their way.
import { batchAt, place, recordProof, sendProof } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import { recordsOf } from '../facts/reads.ts'
import { noError, type WireOffsets } from '../facts/wire.ts'
import { counted, type Finding, gather, type Proof } from '../finding.ts'
import { copiesOf, type History, topicWasRead } from '../history.ts'
import type { Contract, LogBatchLine } from '../history-line.ts'
import type { Slot } from '../identity.ts'

export function missingOutput(history: History): Finding[] {
  return history.run.outputs.flatMap(({ topic, contract }) =>
    contract === 'at-most-once' || contract === 'acked'
      ? []
      : missingIn(history, { topic, contract }),
  )
}

/** The group's committed offset per partition of the inputs, as told at the end. */
export function committedOffsets(history: History): Map<string, number> {
  const committed = new Map<string, number>()
  for (const { offsets } of history.timeline.groupOffsets) {
    for (const one of offsets) committed.set(topicPartition(one), one.offset)
  }
  return committed
}

function missingIn(
  history: History,
  { topic, contract }: { topic: string; contract: Contract },
): Finding[] {
  if (!topicWasRead(history, topic)) return []
  const committed = history.log.outputs.get(topic)?.committed
  const copies = copiesOf(contract)
  const drained = history.timeline.drain?.drained === true
  const passed = committedOffsets(history)
  const { input } = history.log
  if (!input.committed.some((slot) => (committed?.count(slot) ?? 0) < copies)) return []
  const mayBeMissing = history.run.declaredFailures === 'may-be-missing'

  const gathered = gather()
  const seen = new Set<Slot>()
  const named = new Map<string, Proof>()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'input' || line.state !== 'committed') continue
    const passedTo = passed.get(topicPartition(line)) ?? 0
    for (const record of recordsOf(line)) {
      if (record.id === null) continue
      const slot = history.slot(record.id)
      if ((committed?.count(slot) ?? 0) >= copies || seen.has(slot)) continue
      if (!drained && record.offset >= passedTo) continue
      if (mayBeMissing && history.belief.failed.count(slot) > 0) continue
      seen.add(slot)
      if (gathered.add(record.id)) named.set(record.id, inputProof(history, line, record))
    }
  }
  if (gathered.count === 0) return []
  const abortedCopies = copiesThatDoNotCount(history, topic, named)
  for (const [id, proof] of named) gathered.prove(proof, ...(abortedCopies.get(id) ?? []))
  return [
    gathered.finding(
      'missing-output',
      `${counted(gathered.count, 'input')} done with and missing in ${topic}`,
    ),
  ]
}

/** Where the input lies, and who declared it done. */
function inputProof(
  history: History,
  line: LogBatchLine,
  record: { offset: number; id: string | null },
): Proof {
  const commit = history.wire.offsets.find((event) => passes(event, line, record.offset))
  const id = record.id === null ? {} : { id: record.id }
  const at = { ...id, place: place(line, record.offset) }
  if (commit === undefined) return { shows: 'an input that nothing came of', ...at }
  const { exchange, atMs, transaction } = commit
  return {
    shows: `an input that nothing came of, though ${exchange.api} declared it done`,
    ...at,
    ...sendProof({ exchange, atMs, transaction }),
  }
}

function passes(
  event: WireOffsets,
  at: { topic: string; partition: number },
  offset: number,
): boolean {
  if (event.brokerError !== undefined && event.brokerError !== noError) return false
  if (event.transaction !== undefined && event.transaction.outcome === 'aborted') return false
  return event.offsets.some(
    (one) => one.topic === at.topic && one.partition === at.partition && one.offset > offset,
  )
}

/** Aborted and open copies of the missing ids: they tell what became of the work. */
function copiesThatDoNotCount(
  history: History,
  topic: string,
  named: ReadonlyMap<string, Proof>,
): Map<string, Proof[]> {
  const copies = new Map<string, Proof[]>()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.topic !== topic || line.state === 'committed') continue
    for (const record of recordsOf(line)) {
      if (record.id === null || !named.has(record.id)) continue
      const proof = recordProof(
        history,
        batchAt(history, line),
        record,
        `its output is ${line.state}`,
      )
      copies.set(record.id, [...(copies.get(record.id) ?? []), proof])
    }
  }
  return copies
}
