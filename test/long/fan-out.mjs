// A correct application that writes each input COPIES times in one transaction with its offsets. With 0 copies it
// writes every second input once: an application that loses, and never doubles.
import kafkajs from 'kafkajs'

const { Kafka, logLevel, Partitioners } = kafkajs
const {
  KAFKA_BOOTSTRAP_SERVERS,
  GAUNTLET_INPUT,
  GAUNTLET_OUTPUT,
  GAUNTLET_GROUP,
  GAUNTLET_TRANSACTIONAL_ID,
  COPIES,
} = process.env
const client = () =>
  new Kafka({ brokers: KAFKA_BOOTSTRAP_SERVERS.split(','), logLevel: logLevel.NOTHING })

const producer = client().producer({
  transactionalId: GAUNTLET_TRANSACTIONAL_ID,
  idempotent: true,
  maxInFlightRequests: 1,
  transactionTimeout: 15_000,
  createPartitioner: Partitioners.DefaultPartitioner,
})
const consumer = client().consumer({ groupId: GAUNTLET_GROUP, maxWaitTimeInMs: 100 })
await producer.connect()
await consumer.connect()
await consumer.subscribe({ topic: GAUNTLET_INPUT, fromBeginning: true })
process.on('SIGTERM', async () => {
  await consumer.disconnect()
  await producer.disconnect()
  process.exit(0)
})

const copies = Number(COPIES)
function outputsOf(records) {
  const kept = copies > 0 ? records : records.filter(({ offset }) => Number(offset) % 2 === 0)
  return kept.flatMap(({ key, value, headers }) =>
    Array.from({ length: Math.max(1, copies) }, () => ({ key, value, headers })),
  )
}

let turn = Promise.resolve()
/**
 * By partition. kafkajs 2.2.4 may hand out a batch a second time: it joins its group anew after a fetch that failed for old
 * metadata, and takes up at offsets that it fetched with OffsetFetch 4, which cannot ask for stable ones. What comes
 * again is left out here, so that this program is right.
 */
const positions = new Map()
await consumer.run({
  autoCommit: false,
  eachBatch: ({ batch, resolveOffset }) => {
    turn = turn.then(async () => {
      const position = positions.get(batch.partition) ?? 0
      const fresh = batch.messages.filter((message) => Number(message.offset) >= position)
      if (fresh.length === 0) return
      const transaction = await producer.transaction()
      const messages = outputsOf(fresh)
      if (messages.length > 0) await transaction.send({ topic: GAUNTLET_OUTPUT, messages })
      const offset = String(Number(batch.lastOffset()) + 1)
      await transaction.sendOffsets({
        consumerGroupId: GAUNTLET_GROUP,
        topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset }] }],
      })
      await transaction.commit()
      positions.set(batch.partition, Number(offset))
      resolveOffset(batch.lastOffset())
    })
    return turn
  },
})
