// Where records are carried: the partitions of a Produce request, and of the answers to Fetch and ShareFetch.
import type { Message } from './codec.ts'

const produce = 0
const fetch = 1
const shareFetch = 78

export interface CarriedRecords {
  /** Name or id, whichever the version has. */
  topic: { name?: string; topicId?: string }
  partition: number
  records: Buffer
  /** The struct that holds them: set `owner.records` to change them. */
  owner: Message
}

/** APIs whose request, or whose answer, carries records. */
export const recordCarriers = { request: ['Produce'], reply: ['Fetch', 'ShareFetch'] } as const

export function recordsIn(
  direction: 'request' | 'response',
  apiKey: number,
  message: Message,
): CarriedRecords[] {
  if (direction === 'request') {
    if (apiKey !== produce) return []
    return within(message.topicData, 'partitionData', 'index')
  }
  if (apiKey !== fetch && apiKey !== shareFetch) return []
  return within(message.responses, 'partitions', 'partitionIndex')
}

function within(
  topics: Message[string] | undefined,
  list: string,
  index: string,
): CarriedRecords[] {
  if (!Array.isArray(topics)) return []
  return (topics as Message[]).flatMap((topic) => {
    const name = topic.name ?? topic.topic
    const named = {
      ...(typeof name === 'string' && name !== '' ? { name } : {}),
      ...(typeof topic.topicId === 'string' ? { topicId: topic.topicId } : {}),
    }
    return ((topic[list] ?? []) as Message[]).flatMap((owner) => {
      const { records } = owner
      if (!Buffer.isBuffer(records) || records.length === 0) return []
      return [{ topic: named, partition: owner[index] as number, records, owner }]
    })
  })
}
