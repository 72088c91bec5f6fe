// Names for tests that do not need all of Kafka's.
import type { KafkaNames } from '../../../proxy/plans/kafka-names.ts'

export const names: KafkaNames = {
  apis: [
    'AddOffsetsToTxn',
    'EndTxn',
    'Fetch',
    'Metadata',
    'OffsetCommit',
    'Produce',
    'WriteTxnMarkers',
  ],
  errors: ['NONE', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'UNKNOWN_SERVER_ERROR'],
}
