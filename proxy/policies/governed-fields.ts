// Where the requests that policies speak about keep topics and partitions, and how a partition of one is named.
import { zeroUuid } from '../protocol/bytes.ts'
import type { Message } from '../protocol/codec.ts'
import { fetchKey, produceKey } from '../transactions/api-keys.ts'
import { numberOf, structsOf, textOf } from '../transactions/message-fields.ts'

export type GovernedKey = typeof produceKey | typeof fetchKey

export const governedFields = {
  [produceKey]: { topics: 'topicData', partitions: 'partitionData', partition: 'index' },
  [fetchKey]: { topics: 'topics', partitions: 'partitions', partition: 'partition' },
} as const satisfies Record<GovernedKey, unknown>

export function topicsIn(apiKey: GovernedKey, request: Message): readonly Message[] {
  return structsOf(request, governedFields[apiKey].topics)
}

export function partitionsIn(apiKey: GovernedKey, topic: Message): readonly Message[] {
  return structsOf(topic, governedFields[apiKey].partitions)
}

/** A topic as its request names it: by id where it has one. */
export function topicKey(topic: Message): string {
  const topicId = textOf(topic, 'topicId')
  if (topicId !== undefined && topicId !== zeroUuid) return topicId
  return textOf(topic, 'name') ?? textOf(topic, 'topic') ?? ''
}

/** `topic-partition`, the topic as its request names it. */
export function placeOf(apiKey: GovernedKey, topic: Message, partition: Message): string {
  return `${topicKey(topic)}-${numberOf(partition, governedFields[apiKey].partition, -1)}`
}
