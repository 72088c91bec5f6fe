// The service but for how it ends a transaction: orders are read partition by partition and charged in transactions.
// Whatever goes wrong ends the process; who starts it again finds a clean state, because the new producer first
// finishes or aborts what the old one has left.
import kafkajs from 'kafkajs'
import { paymentFor, settings } from './settings.mjs'

/**
 * @param commit ends a transaction that holds the payments of one batch of orders: `position` is the first order after
 * it, in the form that both ways of committing a position take.
 */
export async function serve(commit) {
  const { brokers, orders, payments, group, transactionalId } = settings
  const kafka = new kafkajs.Kafka({ clientId: 'payment-service', brokers })
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: 6_000,
    heartbeatInterval: 1_000,
  })

  async function charge({ topic, partition, messages }) {
    const transaction = await producer.transaction()
    await transaction.send({ topic: payments, acks: -1, messages: messages.map(paymentFor) })
    const offset = (BigInt(messages.at(-1).offset) + 1n).toString()
    await commit({ transaction, consumer, group, position: { topic, partition, offset } })
  }

  function fail(error) {
    console.error(`ending: ${error.message}`)
    process.exit(1)
  }

  await producer.connect()
  // Only now, with the transactions of an earlier process ended, are its offsets what they will stay.
  await (await producer.transaction()).abort()
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
    // One at a time: a producer has one transaction.
    partitionsConsumedConcurrently: 1,
    eachBatch: async ({ batch, resolveOffset, isStale, isRunning }) => {
      if (isStale() || !isRunning()) return
      await charge(batch).catch(fail)
      resolveOffset(batch.lastOffset())
    },
  })
  console.log('ready')
}
