// Whether payments are made exactly once when the answer to a commit is lost. Real brokers on this machine, no Docker.
import { type Gauntlet, startGauntlet } from 'eos-gauntlet'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PaymentsOptions, startPayments } from './payments.ts'

let gauntlet: Gauntlet

beforeAll(async () => {
  gauntlet = await startGauntlet({ cluster: { embedded: { brokers: 1 } } })
}, 120_000)

afterAll(() => gauntlet?.stop())

/** Straight to the brokers: what the test itself writes must not be hurt. */
async function placeOrders(topic: string, count: number): Promise<void> {
  const brokers = gauntlet.directBootstrapServers.split(',')
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  const messages = Array.from({ length: count }, (_, index) => ({
    value: `order ${index}`,
    headers: { 'gauntlet-id': `orders-${index}` },
  }))
  await producer.send({ topic, messages })
  await producer.disconnect()
}

/** Pays 200 orders while the answer to one commit is lost, and gives the judgement. */
async function payUnderFault(name: string, afterLostCommit: PaymentsOptions['afterLostCommit']) {
  const orders = `${name}.orders`
  const payments = `${name}.payments`
  await gauntlet.createTopics([
    { name: orders, partitions: 1 },
    { name: payments, partitions: 2 },
  ])
  await placeOrders(orders, 200)
  const lostAnswer = await gauntlet.inject({
    when: { reply: 'EndTxn', committed: true, error: 'NONE', nth: 3 },
    inject: { disconnect: { at: 'before-reply' } },
  })
  const application = await startPayments({
    bootstrapServers: gauntlet.bootstrapServers,
    orders,
    payments,
    group: name,
    afterLostCommit,
  })
  try {
    await lostAnswer.applied()
    return await gauntlet.verdict({ name, input: orders, output: payments, group: name })
  } finally {
    await application.stop()
  }
}

describe('payments, when the answer to a commit is lost', () => {
  it('are made exactly once', { timeout: 60_000 }, async () => {
    const result = await payUnderFault('careful', 'look')
    expect(result.verdict, result.reasons.join('\n')).toBe('PASS')
    expect(result.records.committed).toBe(200)
  })

  it('are made twice by an application that sends again, which is noticed', {
    timeout: 60_000,
  }, async () => {
    const result = await payUnderFault('hasty', 'send-again')
    expect(result.verdict).toBe('FAIL')
    const twice = result.findings.find(({ kind }) => kind === 'duplicate')
    expect(twice?.count).toBe(20)
    // Which fault it was, too.
    expect(twice?.causes.join()).toContain('disconnect')
  })
})
