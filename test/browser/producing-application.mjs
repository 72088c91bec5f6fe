// An application as somebody would write it with kafkajs: one transaction after the other, three records each, until
// it is told to stop. When it cannot tell how a transaction ended it goes on with a new producer, since one of kafkajs
// never ends a transaction twice. Called with the bootstrap address, the topic and the transactional id.
import { Kafka, logLevel } from 'kafkajs'

const [bootstrap, topic, transactionalId] = process.argv.slice(2)
const kafka = new Kafka({
  clientId: 'shop',
  brokers: [bootstrap],
  logLevel: logLevel.NOTHING,
  requestTimeout: 4_000,
  retry: { initialRetryTime: 100, retries: 20 },
})

async function newProducer() {
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  return producer
}

let isStopping = false
process.once('SIGTERM', () => {
  isStopping = true
})
let producer = await newProducer()
for (let nth = 1; !isStopping; nth += 1) {
  try {
    const transaction = await producer.transaction()
    const messages = ['a', 'b', 'c'].map((part) => ({ value: `${nth}-${part}` }))
    await transaction.send({ topic, messages })
    if (nth % 7 === 0) await transaction.abort()
    else await transaction.commit()
    if (nth === 1) process.stdout.write('committed\n')
  } catch (cause) {
    process.stdout.write(`transaction ${nth}: ${cause.message}\n`)
    await producer.disconnect()
    producer = await newProducer()
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
}
await producer.disconnect()
