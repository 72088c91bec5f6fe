// What `corrupt` and `rewrite` make of a message: a changed copy, or an error when there was nothing to change.
import { idHeader, recordId } from '../faults/record-ids.ts'
import { placeTest, type TopicAliases } from '../faults/trigger.ts'
import type { Trigger } from '../faults/trigger-schema.ts'
import { globMatcher } from '../faults/vocabulary.ts'
import type { Direction, Message } from '../protocol/codec.ts'
import { breakBatch, damageRecord } from '../protocol/damage.ts'
import { setAtPath } from '../protocol/field-paths.ts'
import { type BatchHeader, readBatches, readRecords } from '../protocol/record-batch.ts'
import { recordsIn } from '../protocol/records-in.ts'
import { copyMessage } from '../protocol/walk.ts'

export interface Changed {
  message: Message
  /** In words, for the firing. */
  what: string
}

/** Every path must name something, or nothing at all is changed. */
export function rewritten(
  direction: Direction,
  apiKey: number,
  version: number,
  message: Message,
  fields: Readonly<Record<string, unknown>>,
): Changed {
  const copy = copyMessage(message)
  const counts = Object.entries(fields).map(([path, value]) => {
    const count = setAtPath(direction, apiKey, version, copy, path, value)
    if (count === 0) throw new Error(`this message has nothing at ${path}`)
    return `${path} (${count})`
  })
  return { message: copy, what: `rewrote ${counts.join(', ')}` }
}

/** Damages the first batch, or record, that the trigger's topic, partition and id allow. */
export function corrupted(
  direction: Direction,
  apiKey: number,
  message: Message,
  crc: 'broken' | 'valid',
  parts: {
    when: Pick<Trigger, 'topic' | 'partition' | 'id'>
    aliases: TopicAliases
    topicName: (topicId: string) => string | undefined
  },
): Changed {
  const { when, aliases, topicName } = parts
  const isMeantPlace = placeTest(when, aliases)
  const isMeantId = when.id === undefined ? undefined : globMatcher(when.id)
  const isMeant = (id: string | undefined): boolean =>
    isMeantId === undefined || (id !== undefined && isMeantId(id))

  function damaged(batch: BatchHeader): Buffer | undefined {
    if (batch.control || batch.truncated || batch.recordCount < 1) return undefined
    if (crc === 'valid') return damageRecord(batch, (one) => isMeant(recordId(one)), idHeader)
    const holds = isMeantId === undefined || readRecords(batch).map(recordId).some(isMeant)
    return holds ? breakBatch(batch) : undefined
  }

  const copy = copyMessage(message)
  for (const { topic, partition, records, owner } of recordsIn(direction, apiKey, copy)) {
    const name = topic.name ?? topicName(topic.topicId ?? '') ?? topic.topicId ?? ''
    if (!isMeantPlace({ topic: name, partition })) continue
    let startBytes = 0
    for (const batch of readBatches(records)) {
      const endBytes = startBytes + batch.bytes.length
      const instead = damaged(batch)
      if (instead !== undefined) {
        const [before, after] = [records.subarray(0, startBytes), records.subarray(endBytes)]
        owner.records = Buffer.concat([before, instead, after])
        const how = crc === 'valid' ? 'a record damaged' : 'a batch damaged, its checksum broken'
        return { message: copy, what: `${how} in ${name}-${partition}` }
      }
      startBytes = endBytes
    }
  }
  throw new Error('it carries no record that could be damaged')
}
