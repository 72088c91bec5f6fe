// `unexpected`: a committed output whose id nobody wrote, or a record without an id where every record has one.
// With an input, its ids are the ones that may come out; an id whose only inputs were aborted is not unexpected
// but an aborted read. Without an input (`acked`), the application's journal tells which ids were sent; without a
// journal nothing can be said.
import { batchAt, recordProof } from '../evidence.ts'
import { recordsOf } from '../facts/reads.ts'
import { counted, type Finding, gather } from '../finding.ts'
import { type History, inputsWereRead } from '../history.ts'
import type { Contract } from '../history-line.ts'
import type { Slot } from '../identity.ts'

export function unexpected(history: History): Finding[] {
  return history.run.outputs.flatMap(({ topic, contract }) =>
    unexpectedIn(history, topic, knownIds(history, contract)),
  )
}

/** Which ids may come out; undefined when nobody can tell. */
function knownIds(history: History, contract: Contract): ((slot: Slot) => boolean) | undefined {
  const { input } = history.log
  if (contract === 'acked') {
    const { sends, sent } = history.belief
    return sends ? (slot) => sent.count(slot) > 0 : undefined
  }
  if (!inputsWereRead(history)) return undefined
  return (slot) => input.committed.count(slot) > 0 || input.uncommitted.count(slot) > 0
}

function unexpectedIn(
  history: History,
  topic: string,
  isKnown: ((slot: Slot) => boolean) | undefined,
): Finding[] {
  const count = history.log.outputs.get(topic)
  if (count === undefined) return []
  const isStrange = (slot: Slot): boolean => isKnown !== undefined && !isKnown(slot)
  if (count.withoutId === 0 && !count.committed.some(isStrange)) return []
  const gathered = gather()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.topic !== topic || line.state !== 'committed') continue
    for (const record of recordsOf(line)) {
      const { id } = record
      if (id !== null && !isStrange(history.slot(id))) continue
      if (!gathered.add(id)) continue
      const shows = id === null ? 'a record without an id' : 'an id that nobody wrote'
      gathered.prove(recordProof(history, batchAt(history, line), record, shows))
    }
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding(
      'unexpected',
      `${counted(gathered.count, 'record')} in ${topic} with an id that nobody wrote, or none`,
    ),
  ]
}
