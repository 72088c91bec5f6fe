// Kafka's own topics for groups and transactions, made by us before anybody needs them. Left to itself, Kafka
// makes them at the first use, with leaders by chance: then a run would begin with a pause of a second or more,
// and the coordinator of a transactional id would be another broker each time.
import type { TopicWish } from './admin.ts'
import type { Settings } from './broker-settings.ts'

/** Kafka's default for both. */
const segmentBytes = 100 * 1024 * 1024

/** As the coordinators themselves would make them, from the brokers' settings. */
export function internalTopics(settings: Settings): TopicWish[] {
  return [
    {
      name: '__consumer_offsets',
      partitions: Number(settings['offsets.topic.num.partitions']),
      replicas: Number(settings['offsets.topic.replication.factor']),
      config: {
        'cleanup.policy': 'compact',
        'compression.type': 'producer',
        'segment.bytes': settings['offsets.topic.segment.bytes'] ?? segmentBytes,
      },
    },
    {
      name: '__transaction_state',
      partitions: Number(settings['transaction.state.log.num.partitions']),
      replicas: Number(settings['transaction.state.log.replication.factor']),
      config: {
        'cleanup.policy': 'compact',
        'compression.type': 'uncompressed',
        'unclean.leader.election.enable': false,
        'min.insync.replicas': settings['transaction.state.log.min.isr'] ?? 1,
        'segment.bytes': settings['transaction.state.log.segment.bytes'] ?? segmentBytes,
      },
    },
  ]
}
