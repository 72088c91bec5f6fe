// A producer as an application has it: one transaction per id, and a commit without an answer is looked into by a new
// producer, which ends whatever the old one has left.
import { Kafka, logLevel, type Producer } from 'kafkajs'

const connectionTries = 20

export async function writeThrough(
  bootstrapServers: string,
  topic: string,
  ids: readonly string[],
): Promise<void> {
  const kafka = new Kafka({
    brokers: [bootstrapServers],
    logLevel: logLevel.NOTHING,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 40 },
  })
  /** kafkajs gives up at once when the broker that it asks for addresses is the one that has gone. */
  async function open(): Promise<Producer> {
    for (let left = connectionTries; ; left--) {
      const made = kafka.producer({
        transactionalId: topic,
        idempotent: true,
        maxInFlightRequests: 1,
      })
      try {
        await made.connect()
        return made
      } catch (cause) {
        await made.disconnect()
        if (left === 0) throw cause
      }
    }
  }
  let producer = await open()
  let asked = false
  async function write(id: string): Promise<void> {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: id, headers: { 'gauntlet-id': id } }] })
    asked = true
    await transaction.commit()
  }
  for (const id of ids) {
    for (let isDone = false; !isDone; ) {
      asked = false
      try {
        await write(id)
        isDone = true
      } catch {
        // What was not asked to be committed never will be; what was may have been, and is not done again.
        isDone = asked
        await producer.disconnect()
        producer = await open()
      }
    }
  }
  await producer.disconnect()
}

export const idsOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
