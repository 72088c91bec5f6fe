// Sends whose client never learnt what became of them, resolved from the log: a batch with a producer id lies there,
// committed, aborted or undecided, or it does not. One without a producer id is known only by its offset. Each
// resolution names its proof; what the log cannot tell stays unknown.
import { place } from './evidence.ts'
import { topicPartition } from './facts/log.ts'
import type { WireSend } from './facts/wire.ts'
import type { History } from './history.ts'
import { clockTime } from './story.ts'

export type Resolution = 'committed' | 'aborted' | 'not-there' | 'unresolved'

export interface ResolvedSend {
  resolution: Resolution
  /** Why, with the place in the log where there is one. */
  proof: string
}

export interface UnknownOutcomes extends Record<Resolution, number> {
  sends: number
  /** The first of each kind. */
  examples: Array<ResolvedSend & { transactionalId?: string; transaction?: number }>
}

const examplesMax = 8

function resolve(history: History, { batch }: WireSend): ResolvedSend {
  const key = topicPartition(batch)
  const end = history.log.partitions.get(key)?.end
  if (end === undefined) return { resolution: 'unresolved', proof: `${key} was not read` }
  const known =
    batch.producerId >= 0
      ? history.log.batchOf(batch)
      : batch.baseOffset === undefined
        ? undefined
        : history.log.batchAt(key, batch.baseOffset)
  const name = `producer ${batch.producerId}, epoch ${batch.producerEpoch}, sequence ${batch.baseSequence}`
  if (known === undefined) {
    return batch.producerId >= 0
      ? {
          resolution: 'not-there',
          proof: `no batch of ${name} in ${key} up to ${end.highWatermark}`,
        }
      : { resolution: 'unresolved', proof: `a batch without a producer id in ${key}` }
  }
  const marker = history.log.markerOf(known)
  const marked = marker === undefined ? '' : `, marker at ${clockTime(marker.timestampMs)}`
  const proof = `${name} lies at ${place(known, known.baseOffset)}${marked}`
  return { resolution: known.state === 'open' ? 'unresolved' : known.state, proof }
}

export function unknownOutcomes(history: History): UnknownOutcomes {
  const found: UnknownOutcomes = {
    sends: 0,
    committed: 0,
    aborted: 0,
    'not-there': 0,
    unresolved: 0,
    examples: [],
  }
  const outputs = new Set(history.run.outputs.map(({ topic }) => topic))
  for (const send of history.wire.sends) {
    if (send.batch.told !== 'unknown' || !outputs.has(send.batch.topic)) continue
    const resolved = resolve(history, send)
    found.sends++
    found[resolved.resolution]++
    if (found.examples.length >= examplesMax) continue
    const { transaction } = send
    const of =
      transaction === undefined
        ? {}
        : {
            transactionalId: transaction.transactionalId,
            transaction: transaction.transaction,
          }
    found.examples.push({ ...resolved, ...of })
  }
  return found
}
