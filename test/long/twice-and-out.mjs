// An application that writes everything twice, and dies of it after a while.
import kafkajs from 'kafkajs'

const { Kafka, logLevel, Partitioners } = kafkajs
const { KAFKA_BOOTSTRAP_SERVERS, GAUNTLET_INPUT, GAUNTLET_OUTPUT, GAUNTLET_GROUP } = process.env
const recordsBefore = 60

const kafka = new Kafka({ brokers: [KAFKA_BOOTSTRAP_SERVERS], logLevel: logLevel.NOTHING })
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
const consumer = kafka.consumer({ groupId: GAUNTLET_GROUP })
await producer.connect()
await consumer.connect()
await consumer.subscribe({ topic: GAUNTLET_INPUT, fromBeginning: true })
let written = 0
await consumer.run({
  eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
    const messages = batch.messages.map(({ key, value, headers }) => ({ key, value, headers }))
    await producer.send({ topic: GAUNTLET_OUTPUT, messages: [...messages, ...messages] })
    resolveOffset(batch.lastOffset())
    await commitOffsetsIfNecessary()
    written += messages.length
    if (written >= recordsBefore) process.exit(9)
  },
})
