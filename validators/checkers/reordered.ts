// `reordered`: outputs of one input partition lie in one output partition in another order than their inputs.
// Kafka keeps the order of one producer in one partition if the producer is idempotent; so batches without a
// producer id are not judged, and neither is what two producers did: only neighbours of one producer id are compared.
// An id counts where it first lies committed; later copies are `duplicate`, not disorder. Needs an application that
// works through a partition in order, as one with the contract `one-per-input` does.
import { batchAt, recordProof } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import { counted, type Finding, gather } from '../finding.ts'
import { type History, inputsWereRead } from '../history.ts'
import { createSlotNumbers, createTally, noSlot, type SlotNumbers } from '../identity.ts'

/**
 * Where each input lies, in one number: the places of all input partitions counted through, from 1. Its partition is
 * the last one whose places begin at or below it.
 */
interface InputPlaces {
  placeOf: SlotNumbers
  /** The first place of each partition, ascending. */
  begins: readonly number[]
}

export function reordered(history: History): Finding[] {
  if (!inputsWereRead(history)) return []
  const topics = history.run.outputs
    .filter(({ contract }) => contract === 'one-per-input')
    .map(({ topic }) => topic)
  if (topics.length === 0) return []
  const places = inputPlaces(history)
  return topics.flatMap((topic) => reorderedIn(history, topic, places))
}

function inputPlaces(history: History): InputPlaces {
  const placeOf = createSlotNumbers()
  const begins: number[] = []
  /** What is added to an offset of a partition to get its place. */
  const shiftOf = new Map<string, number>()
  let next = 1
  for (const [key, { role, batches }] of history.log.partitions) {
    const first = batches[0]?.baseOffset
    if (role !== 'input' || first === undefined) continue
    begins.push(next)
    shiftOf.set(key, next - first)
    next += (batches[batches.length - 1]?.lastOffset ?? first) - first + 1
  }
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'input' || line.state !== 'committed') continue
    const shift = shiftOf.get(topicPartition(line)) ?? 0
    const slots = history.slots(line.ids)
    for (let index = 0; index < line.ids.length; index++) {
      const slot = slots[index] ?? noSlot
      if (slot === noSlot || placeOf.get(slot) !== 0) continue
      placeOf.set(slot, (line.offsets?.[index] ?? line.baseOffset + index) + shift)
    }
  }
  return { placeOf, begins }
}

/** The number of the partition in which a place lies. */
function partitionOf(begins: readonly number[], place: number): number {
  let low = 0
  let high = begins.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((begins[middle] ?? 0) <= place) low = middle + 1
    else high = middle
  }
  return low - 1
}

function reorderedIn(history: History, topic: string, { placeOf, begins }: InputPlaces): Finding[] {
  const seen = createTally()
  /** By output partition and producer: the newest place in each input partition, and whose it is. */
  const newest = new Map<string, Array<{ place: number; id: string } | undefined>>()
  const gathered = gather()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.topic !== topic) continue
    if (line.state !== 'committed' || line.producerId < 0) continue
    const key = `${line.partition}/${line.producerId}`
    const newestOf = newest.get(key) ?? []
    newest.set(key, newestOf)
    const slots = history.slots(line.ids)
    for (let index = 0; index < line.ids.length; index++) {
      const id = line.ids[index]
      const slot = slots[index] ?? noSlot
      if (id === null || id === undefined) continue
      const place = placeOf.get(slot)
      if (place === 0 || seen.add(slot) > 1) continue
      const partition = partitionOf(begins, place)
      const before = newestOf[partition]
      if (before === undefined) newestOf[partition] = { place, id }
      else if (place > before.place) {
        before.place = place
        before.id = id
      } else if (gathered.add(id)) {
        const offset = line.offsets?.[index] ?? line.baseOffset + index
        const shows = `lies after ${before.id}, which came later`
        gathered.prove(recordProof(history, batchAt(history, line), { offset, id }, shows))
      }
    }
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding('reordered', `${counted(gathered.count, 'record')} out of order in ${topic}`),
  ]
}
