// Who uses Kafka how, and what may be done about it, on real brokers: the posture of three client libraries as it
// passes.
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kafkajsClient } from '../../gauntlet/workloads/kafkajs-client.ts'
import type { ClientPosture } from '../../proxy/events.ts'
import { type Grounds, raiseGrounds, type TestProxy, until } from './faults/grounds.ts'
import { type Puppet, startPuppet } from './puppet/puppet.ts'
import { installThirdClient, type ThirdClient } from './third-client.ts'

let grounds: Grounds
let puppet: Puppet
let third: ThirdClient | undefined
let proxy: TestProxy

beforeAll(async () => {
  ;[grounds, puppet, third] = await Promise.all([
    raiseGrounds(),
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
