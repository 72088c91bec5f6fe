// Makes of each input two legs, one that takes its amount from partition 0 and one that gives it to partition 1. With
// MODE=whole both are in one transaction, with its offsets; with MODE=in-two each has a transaction of its own, and in
// between the money is nowhere.
import kafkajs from 'kafkajs'
import { consume, kafka } from './consume.mjs'

const { Partitioners } = kafkajs
const { GAUNTLET_OUTPUT, GAUNTLET_GROUP, GAUNTLET_TRANSACTIONAL_ID, MODE } = process.env
const betweenMs = 100
const producer = kafka().producer({
  transactionalId: GAUNTLET_TRANSACTIONAL_ID,
  idempotent: true,
  maxInFlightRequests: 1,
  transactionTimeout: 15_000,
  createPartitioner: Partitioners.DefaultPartitioner,
})
await producer.connect()

const leg = (partition, sign) => (message) => ({
  partition,
  key: message.key,
  headers: message.headers,
  value: JSON.stringify({ amount: sign * JSON.parse(message.value.toString()).amount }),
})

await consume(
  async (messages, { topic, partition, offset }) => {
    let transaction = await producer.transaction()
    await transaction.send({ topic: GAUNTLET_OUTPUT, messages: messages.map(leg(0, -1)) })
    if (MODE === 'in-two') {
      await transaction.commit()
      await new Promise((resolve) => setTimeout(resolve, betweenMs))
      transaction = await producer.transaction()
    }
    await transaction.send({ topic: GAUNTLET_OUTPUT, messages: messages.map(leg(1, 1)) })
    await transaction.sendOffsets({
      consumerGroupId: GAUNTLET_GROUP,
      topics: [{ topic, partitions: [{ partition, offset }] }],
    })
    await transaction.commit()
  },
  { ownOffsets: true, stop: () => producer.disconnect() },
)
