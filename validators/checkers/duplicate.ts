// `duplicate`: one id lies at more committed places of an output than its contract allows.
// Concludes it from the log alone. An aborted copy beside a committed one is no duplicate: that is what an
// application looks like that aborts and does the work again. An id that came twice by the input may go out twice.
// Not for `at-least-once`, which allows doubles.
import { batchAt, recordProof } from '../evidence.ts'
import { recordsOf } from '../facts/reads.ts'
import { counted, type Finding, gather, idsNamedMax, type Proof } from '../finding.ts'
import { copiesOf, type History } from '../history.ts'
import type { Slot } from '../identity.ts'

export function duplicate(history: History): Finding[] {
  return history.run.outputs.flatMap(({ topic, contract }) =>
    contract === 'at-least-once' ? [] : duplicatesIn(history, topic, copiesOf(contract)),
  )
}

function duplicatesIn(history: History, topic: string, copies: number): Finding[] {
  const committed = history.log.outputs.get(topic)?.committed
  if (committed === undefined || committed.repeated === 0) return []
  const inputs = history.log.input.committed
  const isTooMany = (slot: Slot): boolean => {
    const came = inputs.count(slot)
    return came < inputs.limit && committed.count(slot) > copies * Math.max(1, came)
  }

  const counting = new Set<Slot>()
  /** The copies of the ids that the finding names. */
  const named = new Map<string, Proof[]>()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.topic !== topic || line.state !== 'committed') continue
    for (const record of recordsOf(line)) {
      if (record.id === null) continue
      const slot = history.slot(record.id)
      if (!isTooMany(slot)) continue
      counting.add(slot)
      if (!named.has(record.id) && named.size < idsNamedMax) named.set(record.id, [])
      const proofs = named.get(record.id)
      proofs?.push(
        recordProof(history, batchAt(history, line), record, `copy ${proofs.length + 1}`),
      )
    }
  }
  if (counting.size === 0) return []
  const gathered = gather()
  for (const [id, proofs] of named) {
    gathered.add(id)
    gathered.prove(...proofs)
  }
  gathered.addUnnamed(counting.size - named.size)
  const often = copies === 1 ? 'once' : `${copies} times`
  return [
    gathered.finding(
      'duplicate',
      `${counted(counting.size, 'id')} committed more often than ${often} in ${topic}`,
    ),
  ]
}
