// What the programs beside this file have in common: they take batches of the input one after the other, do `work`
// with each, and only then commit the group's offsets. What of it happens twice when the process is killed in
// between is theirs to answer for.
import kafkajs from 'kafkajs'

const { Kafka, logLevel } = kafkajs
const { KAFKA_BOOTSTRAP_SERVERS, GAUNTLET_INPUT, GAUNTLET_GROUP } = process.env

export const kafka = () =>
  new Kafka({
    brokers: KAFKA_BOOTSTRAP_SERVERS.split(','),
    retry: { initialRetryTime: 20, retries: 40, maxRetryTime: 400 },
    logLevel: logLevel.NOTHING,
  })

export const idOf = ({ headers }) => headers['gauntlet-id'].toString()

/** `work` gets the messages of a batch and its partition; with `ownOffsets` it commits them itself. */
export async function consume(work, { ownOffsets = false, stop = async () => undefined } = {}) {
  const consumer = kafka().consumer({
    groupId: GAUNTLET_GROUP,
    sessionTimeout: 6_000,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 100,
  })
  await consumer.connect()
  await consumer.subscribe({ topic: GAUNTLET_INPUT, fromBeginning: true })
  process.on('SIGTERM', async () => {
    await consumer.disconnect()
    await stop()
    process.exit(0)
  })
  let turn = Promise.resolve()
  /** By partition: kafkajs may hand out a batch a second time. */
  const positions = new Map()
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch, resolveOffset }) => {
      const { topic, partition } = batch
      turn = turn.then(async () => {
        const position = positions.get(partition) ?? 0
        const fresh = batch.messages.filter(({ offset }) => Number(offset) >= position)
        const offset = String(Number(batch.lastOffset()) + 1)
        if (fresh.length > 0) await work(fresh, { topic, partition, offset })
        if (!ownOffsets) await consumer.commitOffsets([{ topic, partition, offset }])
        positions.set(partition, Number(offset))
        resolveOffset(batch.lastOffset())
      })
      return turn
    },
  })
}
