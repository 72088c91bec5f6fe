// The same with a mistake that is easily made: payments are written in a transaction, but the position in the orders
// is committed after it, by the consumer. A process that dies between the two charges those orders again.
import kafkajs from 'kafkajs'
import { paymentFor, settings } from './settings.mjs'

const { brokers, orders, payments, group, transactionalId } = settings
const kafka = new kafkajs.Kafka({ clientId: 'payment-service', brokers })
const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
const consumer = kafka.consumer({ groupId: group, sessionTimeout: 6_000, heartbeatInterval: 1_000 })

async function charge({ topic, partition, messages }) {
  const transaction = await producer.transaction()
  await transaction.send({ topic: payments, acks: -1, messages: messages.map(paymentFor) })
  await transaction.commit()
  const offset = (BigInt(messages.at(-1).offset) + 1n).toString()
  await consumer.commitOffsets([{ topic, partition, offset }])
}

function fail(error) {
  console.error(`ending: ${error.message}`)
  process.exit(1)
}

await producer.connect()
await consumer.connect()
await consumer.subscribe({ topic: orders, fromBeginning: true })
consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error))
process.on('SIGTERM', async () => {
  await consumer.disconnect()
  await producer.disconnect()
  process.exit(0)
})
await consumer.run({
  autoCommit: false,
  eachBatchAutoResolve: false,
  partitionsConsumedConcurrently: 1,
  eachBatch: async ({ batch, resolveOffset, isStale, isRunning }) => {
    if (isStale() || !isRunning()) return
    await charge(batch).catch(fail)
    resolveOffset(batch.lastOffset())
  },
})
console.log('ready')
