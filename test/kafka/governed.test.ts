// Who uses Kafka how, and what may be done about it, on real brokers: the posture of three client libraries as it
// passes, and transactions that hang: found, described, aborted.
import type { Producer, ProducerConfig } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../gauntlet/children.ts'
import { entryFile } from '../../gauntlet/entry.ts'
import { kafkajsClient } from '../../gauntlet/workloads/kafkajs-client.ts'
import type { ClientPosture } from '../../proxy/events.ts'
import { policyOf } from '../../proxy/policies/policy.ts'
import { type Grounds, raiseGrounds, type TestProxy, until } from './faults/grounds.ts'
import { initProducer, produce } from './faults/raw.ts'
import { type Puppet, startPuppet } from './puppet/puppet.ts'
import { installThirdClient, type ThirdClient } from './third-client.ts'

let grounds: Grounds
let puppet: Puppet
let third: ThirdClient | undefined
let proxy: TestProxy

beforeAll(async () => {
  ;[grounds, puppet, third] = await Promise.all([
    // Nobody checks that a partition was added, so a batch can be left behind that no coordinator knows of.
    raiseGrounds({ config: { 'transaction.partition.verification.enable': false } }),
    startPuppet(),
    installThirdClient(),
  ])
})
afterAll(async () => {
  await puppet?.stop()
  await third?.close()
  await grounds?.close()
})

function client(clientId: string): ClientPosture {
  const found = proxy.engine.posture().find((one) => one.clientId === clientId)
  if (found === undefined) throw new Error(`the proxy knows no client ${clientId}`)
  return found
}

const problemsOf = (clientId: string) => client(clientId).problems.map(({ problem }) => problem)

const librdkafka = `
import sys
from confluent_kafka import Producer, Consumer
bootstrap, topic = sys.argv[1:3]
p = Producer({'bootstrap.servers': bootstrap, 'client.id': 'python-writer', 'transactional.id': 'python-0'})
p.init_transactions(30)
p.begin_transaction()
p.produce(topic, 'in python', partition=0)
p.commit_transaction(30)
c = Consumer({'bootstrap.servers': bootstrap, 'client.id': 'python-reader', 'group.id': 'python-readers',
  'isolation.level': 'read_uncommitted', 'auto.offset.reset': 'earliest', 'enable.auto.commit': False})
c.subscribe([topic])
got = c.poll(30)
print(got.value().decode())
c.close()
`

describe('posture', () => {
  let topic: string
  let producer: Producer

  beforeAll(async () => {
    proxy = await grounds.proxy()
    topic = await grounds.topic()
    const bootstrap = await proxy.bootstrap()
    await puppet.create('producer', 'java', {
      'bootstrap.servers': bootstrap,
      'client.id': 'java-writer',
      'transactional.id': 'java-0',
      'transaction.timeout.ms': 20_000,
    })
    await puppet.call('init', 'java')
    await puppet.call('begin', 'java')
    await puppet.call('send', 'java', topic, '0', 'in java')
    await puppet.call('commit', 'java')
    await puppet.create('producer', 'careless', {
      'bootstrap.servers': bootstrap,
      'client.id': 'java-careless',
      acks: 1,
      'enable.idempotence': false,
    })
    await puppet.call('send', 'careless', topic, '1', 'with less')
    await puppet.call('flush', 'careless')
    const kafka = kafkajsClient({ bootstrap, clientId: 'node-writer', requestTimeoutMs: 5_000 })
    producer = kafka.producer({
      transactionalId: 'node-0',
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'in node', partition: 2 }] })
    await transaction.commit()
  })
  afterAll(async () => {
    await producer?.disconnect()
    for (const name of ['java', 'careless']) await puppet.call('close', name)
  })

  it('knows the Java client that does all as it should: library, transactions, protocol, timeout', () => {
    expect(client('java-writer')).toMatchObject({
      software: 'apache-kafka-java',
      softwareVersion: '4.3.1',
      produces: [{ topic, acks: 'all', idempotent: true, transactional: true }],
      transactionalIds: ['java-0'],
      protocols: ['V2'],
      transactionTimeoutMs: 20_000,
      problems: [],
    })
  })

  it('knows kafkajs by its traffic alone, for it does not say what it is', () => {
    expect(client('node-writer')).toMatchObject({
      produces: [{ topic, acks: 'all', idempotent: true, transactional: true }],
      transactionalIds: ['node-0'],
      protocols: ['V1'],
      problems: [],
    })
    expect(client('node-writer').software).toBeUndefined()
  })

  it('tells of one that writes with less than it should, as an event too', () => {
    expect(problemsOf('java-careless')).toEqual(['acks-not-all', 'not-idempotent'])
    const told = proxy.events.filter((event) => event.type === 'posture')
    expect(told.map((event) => event.client.clientId)).toEqual(['java-careless', 'java-careless'])
    const seen = proxy.events.flatMap((event) =>
      event.type === 'client-seen' ? [`${event.clientId} ${event.software}`] : [],
    )
    expect(seen).toContain('java-careless apache-kafka-java')
  })

  it('tells of a Java reader without read_committed, and of none that has it', async () => {
    for (const isolation of ['read_committed', 'read_uncommitted']) {
      await puppet.create('consumer', isolation, {
        'bootstrap.servers': await proxy.bootstrap(),
        'client.id': `java-${isolation}`,
        'group.id': isolation,
        'group.protocol': isolation === 'read_committed' ? 'consumer' : 'classic',
        'auto.offset.reset': 'earliest',
        'isolation.level': isolation,
        'enable.auto.commit': false,
      })
      await puppet.call('subscribe', isolation, topic)
      expect((await puppet.call('poll', isolation, '3', '30000')).split(',')).toHaveLength(3)
      await puppet.call('close', isolation)
    }
    expect(problemsOf('java-read_committed')).toEqual([])
    expect(problemsOf('java-read_uncommitted')).toEqual(['reads-uncommitted'])
    expect(client('java-read_committed').groups).toMatchObject([{ protocol: 'consumer' }])
    expect(client('java-read_uncommitted').groups).toMatchObject([{ protocol: 'classic' }])
  })

  it('knows librdkafka, where it could be installed', async () => {
    if (third === undefined) return
    const text = await third.run(librdkafka, await proxy.bootstrap(), topic)
    expect(text).toMatch(/in java|in node|with less|in python/)
    await until(() => proxy.engine.posture().some(({ clientId }) => clientId === 'python-reader'))
    expect(client('python-writer')).toMatchObject({
      software: 'confluent-kafka-python',
      produces: [{ topic, acks: 'all', idempotent: true, transactional: true }],
      transactionalIds: ['python-0'],
      protocols: ['V1'],
      problems: [],
    })
    expect(problemsOf('python-reader')).toEqual(['reads-uncommitted'])
  })

  it('is in the way of nothing: no error was reported', () => {
    expect(proxy.errors()).toEqual([])
  })
})

const librdkafkaGoverned = `
import sys
from confluent_kafka import Producer, Consumer, TopicPartition
bootstrap, topic = sys.argv[1:3]
def sent(settings):
  errors = []
  p = Producer({'bootstrap.servers': bootstrap, 'linger.ms': 0, **settings})
  if 'transactional.id' in settings:
    p.init_transactions(30)
    p.begin_transaction()
  p.produce(topic, 'in python', partition=0, callback=lambda error, _: errors.append(error.name() if error else 'NONE'))
  p.flush(30)
  if 'transactional.id' in settings:
    p.commit_transaction(30)
  return ','.join(errors)
def read(isolation):
  c = Consumer({'bootstrap.servers': bootstrap, 'group.id': topic, 'isolation.level': isolation, 'enable.auto.commit': False})
  c.assign([TopicPartition(topic, 0, 0)])
  got = c.poll(30)
  c.close()
  return got.error().name() if got.error() else 'NONE'
print(sent({'acks': 1}), sent({'enable.idempotence': True}), sent({'transactional.id': 'python-' + topic}),
  read('read_uncommitted'), read('read_committed'))
`

/** Of each client: a plain producer, an idempotent one, a transactional one, and a reader of each isolation. */
type Told = { kafkajs: string[]; java: string[]; librdkafka: string[] | undefined }

async function toldInKafkajs(bootstrap: string, topic: string): Promise<string[]> {
  const kafka = kafkajsClient({ bootstrap, clientId: `node-${topic}`, requestTimeoutMs: 5_000 })
  const messages = [{ value: 'in node', partition: 0 }]
  const codeOf = (error: Error & { type?: string }): string =>
    error.type ?? (error.cause as { type?: string } | undefined)?.type ?? error.message
  const send = async (settings: ProducerConfig): Promise<string> => {
    const producer = kafka.producer({ maxInFlightRequests: 1, retry: { retries: 5 }, ...settings })
    await producer.connect()
    try {
      if (settings.transactionalId === undefined) await producer.send({ topic, messages })
      else {
        const transaction = await producer.transaction()
        await transaction.send({ topic, messages })
        await transaction.commit()
      }
      return 'NONE'
    } catch (cause) {
      return codeOf(cause as Error)
    } finally {
      await producer.disconnect()
    }
  }
  const read = async (readUncommitted: boolean): Promise<string> => {
    const groupId = `${topic}-${readUncommitted}`
    const consumer = kafka.consumer({ groupId, readUncommitted, retry: { retries: 0 } })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    try {
      return await new Promise<string>((resolve) => {
        consumer.on(consumer.events.CRASH, ({ payload }) => resolve(codeOf(payload.error)))
        void consumer.run({ eachMessage: async () => resolve('NONE') })
      })
    } finally {
      await consumer.disconnect()
    }
  }
  const sent = [
    await send({}),
    await send({ idempotent: true }),
    await send({ transactionalId: `node-${topic}`, idempotent: true }),
  ]
  return [...sent, ...(await Promise.all([read(true), read(false)]))]
}

async function toldInJava(bootstrap: string, topic: string): Promise<string[]> {
  const send = async (settings: Record<string, string | number | boolean>): Promise<string> => {
    const name = `${topic}-${Object.keys(settings)[0]}`
    const inTransaction = 'transactional.id' in settings ? ['init', 'begin'] : []
    await puppet.create('producer', name, { 'bootstrap.servers': bootstrap, ...settings })
    for (const step of inTransaction) await puppet.call(step, name)
    await puppet.call('send', name, topic, '0', 'in java')
    const result = await puppet.call('flush', name)
    if (inTransaction.length > 0) await puppet.call('commit', name)
    await puppet.call('close', name)
    return /^\d+$/.test(result) ? 'NONE' : result
  }
  const read = async (isolation: string): Promise<string> => {
    const name = `${topic}-${isolation}`
    await puppet.create('consumer', name, {
      'bootstrap.servers': bootstrap,
      'group.id': name,
      'auto.offset.reset': 'earliest',
      'isolation.level': isolation,
      'enable.auto.commit': false,
    })
    await puppet.call('subscribe', name, topic)
    const got = await puppet.call('poll', name, '1', '20000').catch(({ message }) => message)
    await puppet.call('close', name)
    return /^0:\d+:/.test(got) ? 'NONE' : got
  }
  return [
    await send({ 'enable.idempotence': false, acks: 1 }),
    await send({ 'enable.idempotence': true }),
    await send({ 'transactional.id': `java-${topic}` }),
    await read('read_uncommitted'),
    await read('read_committed'),
  ]
}

async function toldInLibrdkafka(bootstrap: string, topic: string): Promise<string[] | undefined> {
  const text = await third?.run(librdkafkaGoverned, bootstrap, topic)
  return text?.trim().split(' ')
}

describe('a policy that refuses', () => {
  let told: { free: Told; governed: Told }
  let governed: string

  beforeAll(async () => {
    const free = await grounds.topic([1])
    governed = await grounds.topic([1])
    proxy = await grounds.proxy({
      policies: [
        policyOf({
          name: 'exactly-once',
          topics: [`*-${governed.split('-')[1]}`],
          require: ['transactions', 'read_committed'],
          'on-violation': 'refuse',
        }),
      ],
    })
    const bootstrap = await proxy.bootstrap()
    const ask = async (topic: string): Promise<Told> => {
      const [kafkajs, java, librdkafka] = await Promise.all([
        toldInKafkajs(bootstrap, topic),
        toldInJava(bootstrap, topic),
        toldInLibrdkafka(bootstrap, topic),
      ])
      return { kafkajs, java, librdkafka }
    }
    const [first, second] = await Promise.all([ask(free), ask(governed)])
    told = { free: first, governed: second }
  })

  it('lets the same traffic of every client through to topics that it does not name', () => {
    const all = ['NONE', 'NONE', 'NONE', 'NONE', 'NONE']
    const librdkafka = third === undefined ? undefined : all
    expect(told.free).toEqual({ kafkajs: all, java: all, librdkafka })
  })

  it('is understood by every client that breaks it, and lets those through that keep it', async () => {
    const refused = ['POLICY_VIOLATION', 'POLICY_VIOLATION', 'NONE', 'POLICY_VIOLATION', 'NONE']
    const inJava = 'PolicyViolationException'
    expect(told.governed).toEqual({
      kafkajs: refused,
      java: [inJava, inJava, 'NONE', expect.stringMatching(/error code 44/), 'NONE'],
      librdkafka: third === undefined ? undefined : refused,
    })
    const values = await grounds.values({ topic: governed, partition: 0 })
    const written = values.filter((value) => !value.startsWith('<')).sort()
    expect(written).toEqual(
      ['in java', 'in node', 'in python'].slice(0, third === undefined ? 2 : 3),
    )
  })

  it('shows in its own counts and in the posture, and is no error', () => {
    const [view] = proxy.engine.policies()
    expect(view).toMatchObject({ name: 'exactly-once', onViolation: 'refuse', reported: 0 })
    expect(view?.refused).toBeGreaterThanOrEqual(third === undefined ? 6 : 9)
    expect(problemsOf(`node-${governed}`)).toContain('policy-violated')
    const events = proxy.events.filter(({ type }) => type === 'policy-violated')
    expect(new Set(events.map((event) => 'topic' in event && event.topic))).toEqual(
      new Set([governed]),
    )
    expect(proxy.errors()).toEqual([])
  })
})

describe('transactions governed', () => {
  const words = (...more: string[]) => [
    entryFile('gauntlet/cli.js'),
    'txn',
    ...more,
    '--bootstrap',
    grounds.cluster.bootstrap.join(','),
  ]
  const txn = (...more: string[]) =>
    runTool({ name: 'txn', command: process.execPath, args: words(...more), limitMs: 30_000 })
  const listed = async (...more: string[]) =>
    JSON.parse((await txn(...more, '--json')).stdout) as Array<Record<string, unknown>>
  const stable = async (topic: string) => (await grounds.admin.logEnds(topic))[0]

  it('finds one whose producer was killed, describes it, and aborts it after a confirmation', async () => {
    proxy = await grounds.proxy()
    const topic = await grounds.topic([1])
    const doomed = await startPuppet()
    await doomed.create('producer', 'doomed', {
      'bootstrap.servers': await proxy.bootstrap(),
      'transactional.id': 'doomed-0',
      'transaction.timeout.ms': 600_000,
      'linger.ms': 0,
    })
    await doomed.call('init', 'doomed')
    await doomed.call('begin', 'doomed')
    await doomed.call('send', 'doomed', topic, '0', 'never to be read')
    await doomed.call('flush', 'doomed')
    await doomed.stop()
    await until(async () => (await stable(topic))?.highWatermark === 1)
    expect((await stable(topic))?.lastStableOffset).toBe(0)

    expect(await listed('find-hanging')).toEqual([])
    expect(await listed('find-hanging', '--older-than', '1ms')).toMatchObject([
      { id: 'doomed-0', why: 'open-for-long', partitions: [`${topic}-0`] },
    ])
    expect(await listed('list')).toContainEqual(
      expect.objectContaining({ transactionalId: 'doomed-0', state: 'Ongoing', marks: [] }),
    )
    expect((await txn('describe', 'doomed-0')).stdout).toMatch(
      /state {6}Ongoing, by broker \d[\s\S]*timeout {4}600000 ms/,
    )
    const unasked = await txn('abort', 'doomed-0')
    expect(unasked.code).toBe(64)
    expect(unasked.stderr).toMatch(/--yes/)
    expect((await stable(topic))?.lastStableOffset).toBe(0)
    expect((await txn('abort', 'doomed-0', '--yes')).stdout).toMatch(/its producer was fenced/)
    const after = await stable(topic)
    expect(after?.lastStableOffset).toBe(after?.highWatermark)
    expect((await txn('abort', 'doomed-0', '--yes')).stderr).toMatch(/has no transaction open/)
  })

  it('finds one that no coordinator knows, through the proxy’s engine, and writes its marker', async () => {
    proxy = await grounds.proxy()
    const topic = await grounds.topic([2])
    const place = { topic, partition: 0 }
    const client = await grounds.direct(await grounds.leader(place))
    const coordinator = await grounds.admin.coordinatorOf({ transactionalId: 'orphan-0' })
    const identity = await initProducer(await grounds.direct(coordinator ?? 1), 'orphan-0')
    const sent = await produce(client, place, ['left behind'], { as: identity, version: 11 })
    expect(sent.error).toBe('NONE')
    expect((await stable(topic))?.lastStableOffset).toBe(0)

    const found = await proxy.engine.hangingTransactions(60_000)
    const id = `${identity.producerId}@${topic}-0`
    expect(found).toMatchObject([{ id, why: 'nobody-knows-it' }])
    expect(await proxy.engine.abortTransaction(id)).toMatchObject({ how: 'markers-written' })
    const after = await stable(topic)
    expect(after?.lastStableOffset).toBe(after?.highWatermark)
    expect(await proxy.engine.hangingTransactions(60_000)).toEqual([])
    await expect(proxy.engine.abortTransaction(id)).rejects.toThrow(/hangs in/)
  })
})
