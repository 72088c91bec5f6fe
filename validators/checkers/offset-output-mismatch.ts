// `offset-output-mismatch`: outputs are committed whose inputs the group's committed offsets have not passed, so the
// next start of the application does that work a second time. The opposite (offsets passed, output missing) is
// `missing-output`. Only where the contract counts copies, and only for partitions of which the group has told
// an offset: an application that keeps its position elsewhere has none.
import { place } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import { recordsOf } from '../facts/reads.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'

export function offsetOutputMismatch(history: History): Finding[] {
  const positions = new Map<string, number>()
  for (const { offsets } of history.timeline.groupOffsets) {
    for (const one of offsets) {
      if (one.offset >= 0) positions.set(topicPartition(one), one.offset)
    }
  }
  if (positions.size === 0) return []
  return history.run.outputs.flatMap(({ topic, contract }) => {
    const counts = contract === 'one-per-input' || typeof contract === 'object'
    return counts ? mismatchesIn(history, topic, positions) : []
  })
}

function mismatchesIn(
  history: History,
  topic: string,
  positions: ReadonlyMap<string, number>,
): Finding[] {
  const committed = history.log.outputs.get(topic)?.committed
  if (committed === undefined) return []
  const gathered = gather()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'input' || line.state !== 'committed') continue
    const position = positions.get(topicPartition(line))
    if (position === undefined || line.lastOffset < position) continue
    for (const record of recordsOf(line)) {
      if (record.offset < position || record.id === null) continue
      const slot = history.slot(record.id)
      // An id that came twice may have been passed at its other place.
      if (committed.count(slot) === 0 || history.log.input.committed.count(slot) > 1) continue
      if (!gathered.add(record.id)) continue
      gathered.prove({
        shows: `its output is committed in ${topic}, but the group's committed offset is ${position}`,
        id: record.id,
        place: place(line, record.offset),
      })
    }
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding(
      'offset-output-mismatch',
      `${counted(gathered.count, 'output')} committed in ${topic} before the input's offset was`,
    ),
  ]
}
