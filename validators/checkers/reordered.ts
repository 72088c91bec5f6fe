// `reordered`: outputs of one input partition lie in one output partition in another order than their inputs.
// Kafka keeps the order of one producer in one partition if the producer is idempotent; so batches without a
// producer id are not judged, and neither is what two producers did: only neighbours of one producer id are compared.
// An id counts where it first lies committed; later copies are `duplicate`, not disorder. Needs an application that
// works through a partition in order, as one with the contract `one-per-input` does.
import { batchAt, recordProof } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import { recordsOf } from '../facts/reads.ts'
import { counted, type Finding, gather } from '../finding.ts'
import { type History, inputsWereRead } from '../history.ts'
import { createSlotNumbers, createTally } from '../identity.ts'

export function reordered(history: History): Finding[] {
  if (!inputsWereRead(history)) return []
  const topics = history.run.outputs
    .filter(({ contract }) => contract === 'one-per-input')
    .map(({ topic }) => topic)
  if (topics.length === 0) return []

  const partitions: string[] = []
  const partitionOf = createSlotNumbers()
  const offsetOf = createSlotNumbers()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'input' || line.state !== 'committed') continue
    const key = topicPartition(line)
    if (!partitions.includes(key)) partitions.push(key)
    for (const { id, offset } of recordsOf(line)) {
      if (id === null) continue
      const slot = history.slot(id)
      // Numbers start at 1: 0 means that the id has none.
      if (partitionOf.get(slot) !== 0) continue
      partitionOf.set(slot, partitions.indexOf(key) + 1)
      offsetOf.set(slot, offset + 1)
    }
  }
  return topics.flatMap((topic) => reorderedIn(history, topic, { partitionOf, offsetOf }))
}

function reorderedIn(
  history: History,
  topic: string,
  input: Record<'partitionOf' | 'offsetOf', ReturnType<typeof createSlotNumbers>>,
): Finding[] {
  const seen = createTally()
  /** The newest input offset by output partition, producer and input partition. */
  const newest = new Map<string, { inputOffset: number; line: string }>()
  const gathered = gather()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.topic !== topic) continue
    if (line.state !== 'committed' || line.producerId < 0) continue
    for (const record of recordsOf(line)) {
      if (record.id === null) continue
      const slot = history.slot(record.id)
      const inputPartition = input.partitionOf.get(slot)
      if (inputPartition === 0 || seen.add(slot) > 1) continue
      const inputOffset = input.offsetOf.get(slot)
      const key = `${line.partition}/${line.producerId}/${inputPartition}`
      const before = newest.get(key)
      if (before === undefined || inputOffset > before.inputOffset) {
        newest.set(key, { inputOffset, line: record.id })
      } else if (gathered.add(record.id)) {
        gathered.prove(
          recordProof(
            history,
            batchAt(history, line),
            record,
            `lies after ${before.line}, which came later`,
          ),
        )
      }
    }
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding('reordered', `${counted(gathered.count, 'record')} out of order in ${topic}`),
  ]
}
