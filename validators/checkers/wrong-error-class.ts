// `wrong-error-class`: an error that time heals ended a piece of work after one attempt. Concluded where the broker
// answered a batch with a retriable code, the client was told, never sent that batch again, and did not commit its
// transaction. Reported only, never failing: giving up is a client's right, and no record is wrong because of it.
// Must not judge a batch that was sent again, one whose answer a fault made up (the broker's own answer is absent
// then), nor the opposite, a fatal code where a milder one exists: the wire shows what was sent, not what was thrown.
import { sendProof } from '../evidence.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'

/** What a producer is to try again, by Kafka's own classification. */
const retriable: ReadonlySet<string> = new Set([
  'CORRUPT_MESSAGE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
  'CONCURRENT_TRANSACTIONS',
  'THROTTLING_QUOTA_EXCEEDED',
])

export function wrongErrorClass(history: History): Finding[] {
  const gathered = gather()
  for (const send of history.wire.sends) {
    const { batch, transaction } = send
    const error = batch.brokerError
    if (batch.told !== 'failed' || error === undefined || !retriable.has(error)) continue
    // Without a producer id nobody can tell a second attempt from other work.
    if (batch.producerId < 0 || history.wire.sendsOf(batch).length > 1) continue
    if (transaction?.outcome === 'committed' || transaction?.asked === 'commit') continue
    for (let index = 0; index < batch.records; index++) gathered.add(null)
    gathered.prove({
      shows: `a batch of ${counted(batch.records, 'record')} was given up after one answer of ${error}, which time heals`,
      producerId: batch.producerId,
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      ...sendProof(send),
    })
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding(
      'wrong-error-class',
      `${counted(gathered.count, 'record')} given up at an error that time heals`,
    ),
  ]
}
