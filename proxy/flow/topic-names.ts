// Topic ids and their names, learnt from every Metadata and CreateTopics answer that passes or that we ask
// for. Produce and Fetch 13+, offsets 10+ name topics by id only.
import type { Message } from '../protocol/codec.ts'

/** Topics remembered; the oldest go first. */
export const topicsKnownMax = 100_000

const noTopic = 'AAAAAAAAAAAAAAAAAAAAAA'
const metadata = 3
const createTopics = 19

export interface TopicNames {
  nameOf(topicId: string): string | undefined
  /** Leader of a partition as last heard, or undefined. */
  leaderOf(topic: string, partition: number): number | undefined
  partitionsOf(topic: string): number[]
  /** `TOPIC-PARTITION` of a plan as messages may write it: by the topic's real name, and by its ids. */
  placeNames(place: string, aliases: Readonly<Record<string, string>>): string[]
  learn(apiKey: number, reply: Message): void
}

export function createTopicNames(): TopicNames {
  const names = new Map<string, string>()
  const leaders = new Map<string, Map<number, number>>()
  return {
    nameOf: (topicId) => names.get(topicId),
    leaderOf: (topic, partition) => leaders.get(topic)?.get(partition),
    partitionsOf: (topic) => [...(leaders.get(topic)?.keys() ?? [])].sort((a, b) => a - b),
    placeNames(place, aliases) {
      const dash = place.lastIndexOf('-')
      const given = place.slice(0, dash)
      const partition = place.slice(dash)
      const name = aliases[given] ?? given
      const ids = [...names].filter(([, named]) => named === name).map(([id]) => id)
      return [name, ...ids].map((topic) => `${topic}${partition}`)
    },
    learn(apiKey, reply) {
      if (apiKey !== metadata && apiKey !== createTopics) return
      for (const topic of (reply.topics ?? []) as Message[]) {
        const { name, topicId } = topic
        if (typeof name !== 'string' || name === '') continue
        if (typeof topicId === 'string' && topicId !== noTopic) {
          names.delete(topicId)
          names.set(topicId, name)
        }
        if (apiKey !== metadata) continue
        const known = leaders.get(name) ?? new Map<number, number>()
        leaders.set(name, known)
        for (const partition of (topic.partitions ?? []) as Message[]) {
          known.set(partition.partitionIndex as number, partition.leaderId as number)
        }
      }
      while (names.size > topicsKnownMax) {
        const oldest = names.keys().next().value
        if (oldest === undefined) break
        names.delete(oldest)
      }
    },
  }
}
