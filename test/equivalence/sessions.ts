// What an application does with Kafka, once with kafkajs and once with the Java client: plain and transactional
// produce, commit and abort, a consumer group with its offsets. What comes out must not depend on the way there.
import { Kafka, logLevel } from 'kafkajs'
import type { Puppet } from '../kafka/puppet/puppet.ts'

export interface SessionPlace {
  bootstrap: string
  /** Empty, three partitions. */
  topic: string
  /** Makes group and transactional ids different from those of other sessions. */
  name: string
}

/** Everything that the libraries returned. */
export interface SessionResult {
  offsets: unknown[]
  read: string[]
  committed: unknown
}

const plain = [0, 1, 2, 0, 1, 2]

export async function kafkajsSession({
  bootstrap,
  topic,
  name,
}: SessionPlace): Promise<SessionResult> {
  const kafka = new Kafka({ brokers: [bootstrap], clientId: 'kafkajs', logLevel: logLevel.NOTHING })
  const offsets: unknown[] = []
  const note = (sent: { partition: number; errorCode: number; baseOffset?: string }[]): void => {
    offsets.push(
      ...sent.map(({ partition, errorCode, baseOffset }) => ({ partition, errorCode, baseOffset })),
    )
  }
  const producer = kafka.producer({ maxInFlightRequests: 1, idempotent: true })
  await producer.connect()
  for (const [n, partition] of plain.entries()) {
    note(await producer.send({ topic, messages: [{ partition, value: `plain-${n}` }] }))
  }
  await producer.disconnect()
  const transactional = kafka.producer({
    maxInFlightRequests: 1,
    idempotent: true,
    transactionalId: `kafkajs-${name}`,
  })
  await transactional.connect()
  for (const end of ['commit', 'abort', 'commit'] as const) {
    const transaction = await transactional.transaction()
    note(
      await transaction.send({
        topic,
        messages: [{ partition: 0, value: `${end}-${offsets.length}` }],
      }),
    )
    await transaction[end]()
  }
  await transactional.disconnect()

  const groupId = `kafkajs-${name}`
  const consumer = kafka.consumer({ groupId })
  const read: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const wanted = plain.length + 2
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    consumer
      .run({
        autoCommit: false,
        async eachMessage({ partition, message }) {
          read.push(`${partition}:${message.offset}:${message.value}`)
          if (read.length === wanted) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.commitOffsets([
    { topic, partition: 0, offset: '2' },
    { topic, partition: 1, offset: '1' },
  ])
  await consumer.disconnect()
  const admin = kafka.admin()
  await admin.connect()
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
  const committed = found?.partitions
    .map(({ partition, offset }) => `${partition}@${offset}`)
    .sort()
  await admin.disconnect()
  return { offsets, read: read.sort(), committed }
}

export async function javaSession(
  puppet: Puppet,
  { bootstrap, topic, name }: SessionPlace,
): Promise<SessionResult> {
  const servers = { 'bootstrap.servers': bootstrap }
  const offsets: unknown[] = []
  const [producer, writer, reader] = [`p-${name}`, `w-${name}`, `r-${name}`]
  await puppet.create('producer', producer, { ...servers, 'linger.ms': 0 })
  for (const [n, partition] of plain.entries()) {
    await puppet.call('send', producer, topic, String(partition), `plain-${n}`)
    offsets.push(await puppet.call('flush', producer))
  }
  await puppet.call('close', producer)
  const group = `java-${name}`
  await puppet.create('consumer', reader, {
    ...servers,
    'group.id': group,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
    'isolation.level': 'read_committed',
  })
  await puppet.call('subscribe', reader, topic)
  const first = (await puppet.call('poll', reader, String(plain.length), '30000')).split(',')
  await puppet.create('producer', writer, {
    ...servers,
    'transactional.id': `java-${name}`,
    'linger.ms': 0,
  })
  await puppet.call('init', writer)
  for (const end of ['commit', 'abort', 'commit']) {
    await puppet.call('begin', writer)
    await puppet.call('send', writer, topic, '0', `${end}-${offsets.length}`)
    offsets.push(await puppet.call('flush', writer))
    // Offsets are part of the transaction; those of the aborted one never count.
    if (end === 'commit') await puppet.call('offsets', writer, reader)
    await puppet.call(end, writer)
  }
  await puppet.call('close', writer)
  const second = (await puppet.call('poll', reader, '2', '30000')).split(',')
  await puppet.call('commit-offsets', reader)
  await puppet.call('close', reader)
  // A second member of the group begins where the first one stopped.
  await puppet.create('consumer', reader, {
    ...servers,
    'group.id': group,
    'auto.offset.reset': 'earliest',
  })
  await puppet.call('subscribe', reader, topic)
  const rest = await puppet.call('poll', reader, '1', '1500')
  await puppet.call('close', reader)
  return { offsets, read: [...first, ...second].sort(), committed: rest }
}
