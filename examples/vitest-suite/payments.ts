// The application under test: pays orders. It reads them from one topic and writes a payment for each to another,
// with the orders' offsets in the same transaction.
import { type Consumer, Kafka, type KafkaMessage, logLevel, type Producer } from 'kafkajs'

const ordersPerTransaction = 20

export interface Payments {
  stop(): Promise<void>
}

export interface PaymentsOptions {
  bootstrapServers: string
  orders: string
  payments: string
  group: string
  /**
   * A commit whose answer is lost may have happened. `look`: ask which orders are paid, and go on from there.
   * `send-again`: take it for failed, and pay the same orders again. That is the bug that the suite shows.
   */
  afterLostCommit: 'look' | 'send-again'
}

export async function startPayments(options: PaymentsOptions): Promise<Payments> {
  const { orders, payments, group, afterLostCommit } = options
  const kafka = new Kafka({
    clientId: group,
    brokers: options.bootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, maxRetryTime: 500, retries: 30 },
  })
  const admin = kafka.admin()
  const consumer: Consumer = kafka.consumer({ groupId: group })
  let producer: Producer | undefined

  /** Whoever had this transactional id before is fenced, and its transaction ended one way or the other. */
  async function newProducer(): Promise<Producer> {
    await producer?.disconnect().catch(() => undefined)
    producer = kafka.producer({
      transactionalId: `${group}-0`,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    return producer
  }

  async function paidUpTo(partition: number): Promise<number> {
    const [topic] = await admin.fetchOffsets({ groupId: group, topics: [orders] })
    const found = topic?.partitions.find((one) => one.partition === partition)
    return Math.max(0, Number(found?.offset ?? 0))
  }

  async function payInTransaction(messages: readonly KafkaMessage[], partition: number) {
    const transaction = await (producer ?? (await newProducer())).transaction()
    const last = messages.at(-1)
    await transaction.send({
      topic: payments,
      messages: messages.map(({ key, value, headers }) => ({
        key,
        value: value === null ? null : `paid ${value}`,
        headers: { 'gauntlet-id': headers?.['gauntlet-id'] },
      })),
    })
    const offset = String(Number(last?.offset) + 1)
    const topics = [{ topic: orders, partitions: [{ partition, offset }] }]
    await transaction.sendOffsets({ consumerGroupId: group, topics })
    await transaction.commit()
  }

  async function pay(messages: KafkaMessage[], partition: number): Promise<void> {
    let unpaid = messages
    while (unpaid.length > 0) {
      const some = unpaid.slice(0, ordersPerTransaction)
      try {
        await payInTransaction(some, partition)
        unpaid = unpaid.slice(some.length)
      } catch {
        await newProducer()
        if (afterLostCommit === 'send-again') continue
        const next = await paidUpTo(partition)
        unpaid = unpaid.filter(({ offset }) => Number(offset) >= next)
      }
    }
  }

  await Promise.all([admin.connect(), consumer.connect(), newProducer()])
  await consumer.subscribe({ topic: orders, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => pay(batch.messages, batch.partition),
  })
  return {
    async stop() {
      await consumer.disconnect()
      await producer?.disconnect()
      await admin.disconnect()
    },
  }
}
