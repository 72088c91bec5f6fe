// An application that reads through the proxy and writes past it: what a run must notice.
import kafkajs from 'kafkajs'

const { Kafka, logLevel, Partitioners } = kafkajs
const { KAFKA_BOOTSTRAP_SERVERS, DIRECT, GAUNTLET_INPUT, GAUNTLET_OUTPUT, GAUNTLET_GROUP } =
  process.env
const client = (brokers) => new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })

const producer = client(DIRECT).producer({ createPartitioner: Partitioners.DefaultPartitioner })
const consumer = client(KAFKA_BOOTSTRAP_SERVERS).consumer({ groupId: GAUNTLET_GROUP })
await producer.connect()
await consumer.connect()
await consumer.subscribe({ topic: GAUNTLET_INPUT, fromBeginning: true })
process.on('SIGTERM', async () => {
  await consumer.disconnect()
  await producer.disconnect()
  process.exit(0)
})
await consumer.run({
  eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
    const messages = batch.messages.map(({ key, value, headers }) => ({ key, value, headers }))
    await producer.send({ topic: GAUNTLET_OUTPUT, messages })
    resolveOffset(batch.lastOffset())
    await commitOffsetsIfNecessary()
  },
})
