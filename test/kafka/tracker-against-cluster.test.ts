// The tracker's view against the brokers' own word: DescribeTransactions, ListTransactions and DescribeProducers,
// asked past the proxy whenever everything is at rest. Java V2, Java V1 and kafkajs, with lost answers, new
// connections, and a coordinator that dies.
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  askTransactions,
  type ClusterTransactions,
  type CoordinatedTransaction,
} from '../../gauntlet/clusters/transaction-state.ts'
import { disagreements } from '../../gauntlet/tracker-agreement.ts'
import { kafkajsClient } from '../../gauntlet/workloads/kafkajs-client.ts'
import type { TransactionView } from '../../proxy/transactions/tracker.ts'
import { type Grounds, raiseGrounds, type TestProxy, until } from './faults/grounds.ts'
import { endTransaction, initProducer, produce, produceByName } from './faults/raw.ts'
import { type Puppet, startPuppet } from './puppet/puppet.ts'

let grounds: Grounds
let puppet: Puppet
let proxy: TestProxy
let topic: string

beforeAll(async () => {
  ;[grounds, puppet] = await Promise.all([raiseGrounds(), startPuppet()])
})
afterAll(async () => {
  await puppet.stop()
  await grounds.close()
})
beforeEach(async () => {
  topic = await grounds.topic()
})

const settings = {
  'linger.ms': 0,
  'reconnect.backoff.max.ms': 200,
  'delivery.timeout.ms': 60_000,
  'request.timeout.ms': 3_000,
}

async function javaProducer(id: string): Promise<void> {
  await puppet.create('producer', id, {
    ...settings,
    'bootstrap.servers': await proxy.bootstrap('app-0'),
    'transactional.id': id,
    'client.id': id,
  })
  await puppet.call('init', id)
}

async function kafkajsProducer(id: string): Promise<Producer> {
  const bootstrap = await proxy.bootstrap('app-1')
  const kafka = kafkajsClient({ bootstrap, clientId: id, requestTimeoutMs: 5_000 })
  const producer = kafka.producer({ transactionalId: id, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  return producer
}

function viewOf(id: string): TransactionView {
  const view = proxy.engine.transactions().find(({ transactionalId }) => transactionalId === id)
  if (view === undefined) throw new Error(`the tracker does not know ${id}`)
  return view
}

const inMotion = ['PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']

/** What the brokers say once no decision is being carried out. */
async function cluster(ids: readonly string[]): Promise<ClusterTransactions> {
  const places = new Set([0, 1, 2].map((partition) => `${topic}-${partition}`))
  let said: ClusterTransactions | undefined
  await until(async () => {
    said = await askTransactions(grounds.cluster.brokers, new Set(ids), places)
    const { transactions, silent } = said
    return (
      silent.length === 0 &&
      ids.every((id) => transactions.some(({ transactionalId }) => transactionalId === id)) &&
      transactions.every(({ state }) => !inMotion.includes(state))
    )
  })
  if (said === undefined) throw new Error('nobody was asked')
  return said
}

interface Account {
  state: string
  producerId: number
  producerEpoch: number
  coordinator: number | undefined
  partitions: string[]
  /** Partitions of the topic where the producer's transaction is open. */
  open: string[]
}

/** The tracker's view in the brokers' words. */
function ours(view: TransactionView): Account {
  const { phase, lastOutcome, producerId, producerEpoch, coordinator } = view
  const isOpen = phase === 'begun' || phase === 'producing' || phase === 'offsets'
  const ended = lastOutcome === 'committed' ? 'CompleteCommit' : 'CompleteAbort'
  const partitions = isOpen ? [...view.partitions].sort() : []
  const state = isOpen ? 'Ongoing' : phase === 'idle' ? 'Empty' : ended
  return { state, producerId, producerEpoch, coordinator, partitions, open: partitions }
}

function theirs(said: ClusterTransactions, id: string): Account {
  const found = said.transactions.filter(({ transactionalId }) => transactionalId === id)
  expect(found).toHaveLength(1)
  const { state, producerId, producerEpoch, coordinator, partitions } =
    found[0] as CoordinatedTransaction
  const open = said.producers
    .filter((producer) => producer.isOpen && producer.producerId === producerId)
    .map(({ place }) => place)
  return {
    state,
    producerId,
    producerEpoch,
    coordinator,
    partitions: [...partitions].sort(),
    open: open.sort(),
  }
}

/** Both tell the same, to the letter; and the comparison that runs use finds nothing either. */
async function agree(...ids: string[]): Promise<void> {
  const said = await cluster(ids)
  for (const id of ids) expect(ours(viewOf(id)), id).toEqual(theirs(said, id))
  expect(disagreements(proxy.engine.transactions(), said)).toEqual([])
  expect(proxy.errors()).toEqual([])
}

/** Commits, aborts, and stands open, in turn. */
async function throughEveryState(id: string): Promise<void> {
  await agree(id)
  for (const end of ['commit', 'abort', 'commit']) {
    await puppet.call('begin', id)
    await puppet.call('send', id, topic, '0', `${end}-0`)
    await puppet.call('send', id, topic, '2', `${end}-2`)
    await puppet.call('flush', id)
    await agree(id)
    await puppet.call(end, id)
    await agree(id)
  }
}

describe.each([
  ['V2', {}],
  ['V1', { 'transaction.version': 1 }],
] as const)('a Java producer in %s', (protocol, advertise) => {
  const id = (name: string): string => `${protocol}-${name}`
  beforeEach(async () => {
    proxy = await grounds.proxy({ advertise })
  })

  it('is seen as the brokers see it, open, committed and aborted', async () => {
    const name = id('states')
    await javaProducer(name)
    await throughEveryState(name)
    expect(viewOf(name)).toMatchObject({ protocol, transaction: 3, lastOutcome: 'committed' })
    await puppet.call('close', name)
  })

  it('is so after the answer to EndTxn was lost and the client came back on a new connection', async () => {
    const name = id('lost')
    await javaProducer(name)
    proxy.arm({
      when: { reply: 'EndTxn', 'transactional-id': name },
      inject: { disconnect: 'before-reply' },
    })
    await puppet.call('begin', name)
    await puppet.call('send', name, topic, '1', 'lost')
    await puppet.call('commit', name)
    expect(proxy.status()).toMatchObject({ fired: 1, applied: 1 })
    await agree(name)
    expect(viewOf(name)).toMatchObject({ lastOutcome: 'committed', transaction: 1 })
    // The next one starts where the brokers are, epoch and all.
    await puppet.call('begin', name)
    await puppet.call('send', name, topic, '1', 'next')
    await puppet.call('flush', name)
    await agree(name)
    await puppet.call('abort', name)
    await agree(name)
    await puppet.call('close', name)
  })

  it('is so after a new start of the same id in the middle of a transaction', async () => {
    const name = id('again')
    await javaProducer(name)
    await puppet.call('begin', name)
    await puppet.call('send', name, topic, '0', 'left open')
    await puppet.call('flush', name)
    const before = viewOf(name)
    await javaProducer(name)
    const said = await cluster([name])
    expect(viewOf(name)).toMatchObject({ phase: 'idle', lastOutcome: 'aborted' })
    expect(viewOf(name).producerEpoch).toBeGreaterThan(before.producerEpoch)
    const { producerId, producerEpoch, open } = theirs(said, name)
    expect(viewOf(name)).toMatchObject({ producerId, producerEpoch })
    expect(open).toEqual([])
    expect(disagreements(proxy.engine.transactions(), said)).toEqual([])
    await puppet.call('close', name)
  })

  it('is so after its coordinator was killed and started again', async () => {
    const name = id('killed')
    await javaProducer(name)
    const coordinator = viewOf(name).coordinator ?? 0
    await puppet.call('begin', name)
    await puppet.call('send', name, topic, String(coordinator % 3), 'before')
    await puppet.call('flush', name)
    await grounds.cluster.kill(coordinator)
    await puppet.call('commit', name)
    await grounds.cluster.start(coordinator)
    const said = await cluster([name])
    const { state, producerId, producerEpoch, open } = theirs(said, name)
    expect({ state, open }).toEqual({ state: 'CompleteCommit', open: [] })
    expect(viewOf(name)).toMatchObject({ lastOutcome: 'committed', producerId, producerEpoch })
    expect(disagreements(proxy.engine.transactions(), said)).toEqual([])
    await puppet.call('close', name)
  })
})

describe('others', () => {
  it('kafkajs is seen as the brokers see it, with several ids at once', async () => {
    proxy = await grounds.proxy()
    const producers = await Promise.all(['js-a', 'js-b'].map(kafkajsProducer))
    const [first, second] = producers
    if (first === undefined || second === undefined) throw new Error('two producers')
    const committed = await first.transaction()
    await committed.send({ topic, messages: [{ value: 'a', partition: 0 }] })
    const aborted = await second.transaction()
    await aborted.send({ topic, messages: [{ value: 'b', partition: 1 }] })
    await agree('js-a', 'js-b')
    await committed.commit()
    await aborted.abort()
    await agree('js-a', 'js-b')
    expect(viewOf('js-b')).toMatchObject({ protocol: 'V1', lastOutcome: 'aborted' })
    await Promise.all(producers.map((producer) => producer.disconnect()))
  })

  it('a transaction that began before the proxy came is followed from where it stands', async () => {
    proxy = await grounds.proxy()
    const place = { topic, partition: 0 }
    const id = 'middle'
    let node = -1
    await until(async () => {
      node = (await grounds.admin.coordinatorOf({ transactionalId: id })) ?? -1
      return node >= 0
    })
    const past = await grounds.direct(node)
    const leader = await grounds.direct(await grounds.leader(place))
    const identity = await initProducer(past, id)
    expect(
      (await produce(leader, place, ['unseen'], { as: identity, version: produceByName })).error,
    ).toBe('NONE')
    const client = await proxy.through(await grounds.leader(place))
    const second = await produce(client, place, ['seen'], {
      as: identity,
      sequence: 1,
      version: produceByName,
    })
    expect(second.error).toBe('NONE')
    const said = await cluster([id])
    expect(ours(viewOf(id))).toMatchObject({ ...theirs(said, id), coordinator: undefined })
    const end = await endTransaction(await proxy.through(node), identity, true, 5)
    expect(end.error).toBe('NONE')
    await agree(id)
  })

  it('a view that is wrong is found out', async () => {
    proxy = await grounds.proxy()
    await javaProducer('wrong')
    await puppet.call('begin', 'wrong')
    await puppet.call('send', 'wrong', topic, '0', 'x')
    await puppet.call('commit', 'wrong')
    const said = await cluster(['wrong'])
    const view = viewOf('wrong')
    expect(disagreements([{ ...view, lastOutcome: 'aborted' }], said)).toHaveLength(1)
    expect(disagreements([{ ...view, producerEpoch: view.producerEpoch + 1 }], said)).toHaveLength(
      1,
    )
    expect(disagreements([{ ...view, phase: 'producing' }], said)).toHaveLength(1)
    await puppet.call('close', 'wrong')
  })
})
