// The readers and the audit on a real broker: batches of every codec, commits, aborts, open transactions, written
// with our own client; read back by our own decoder and by kafkajs, which must agree.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../gauntlet/clusters/embedded.ts'
import { judgeHistory, resultText } from '../../gauntlet/judge-history.ts'
import { auditTopics } from '../../gauntlet/verify-topics.ts'
import { type BrokerClient, connectBroker } from '../../proxy/flow/broker-client.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import { type Compression, initCompression } from '../../proxy/protocol/compression.ts'
import { writeBatch } from '../../proxy/protocol/record-batch.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { auditCluster, startConcurrentReader } from '../../validators/audit.ts'
import type { AuditSummary } from '../../validators/audit-steps.ts'
import { askGuards } from '../../validators/guards.ts'
import { historyOf } from '../../validators/history.ts'
import type { AuditLine, HistoryLine, LogBatchLine } from '../../validators/history-line.ts'
import {
  type FetchedPartition,
  openKafkajsCluster,
} from '../../validators/readers/kafkajs-fetch.ts'
import { judge } from '../../validators/verdict.ts'
import { run } from '../validators/builders.ts'

const runtime = systemRuntime(1)
let cluster: EmbeddedCluster
let client: BrokerClient

const connect = () =>
  connectBroker(cluster.brokers[0]!.address, { clientId: 'audit-test', timeoutMs: 10_000 })

beforeAll(async () => {
  await initCompression()
  cluster = await startEmbedded(
    { version: '4.3.1', brokers: 1, features: {}, config: {} },
    { ports: await planEmbeddedPorts(1), planes: {}, runtime },
  )
  client = await connect()
})

afterAll(async () => {
  client?.close()
  await cluster?.stop()
})

async function createTopic(name: string, partitions: number): Promise<void> {
  const answer = await client.request('CreateTopics', {
    topics: [
      { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] },
    ],
    timeoutMs: 10_000,
  })
  expect(first(answer.topics).errorCode).toBe(0)
}

/** Asks until the broker's answer carries no error: leaders are elected, coordinators load, markers are under way. */
async function insist(
  api: string,
  message: Message,
  version: number,
  errorOf: (answer: Message) => unknown,
) {
  for (let left = 200; left > 0; left--) {
    const answer = await client.request(api, message, version)
    const code = errorOf(answer)
    if (code === 0) return answer
    if (![3, 6, 14, 15, 16, 51].includes(code as number))
      throw new Error(`${api}: error ${code as number}`)
    await new Promise<void>((resolve) => runtime.after(50, resolve))
  }
  throw new Error(`${api} never worked`)
}

interface Writer {
  add(partition: number): Promise<void>
  write(partition: number, ids: string[], compression?: Compression): Promise<void>
  end(committed: boolean): Promise<void>
  producerId: number
}

/** A transactional producer of protocol V1, by hand. */
async function openWriter(topic: string, transactionalId: string): Promise<Writer> {
  await insist(
    'FindCoordinator',
    { keyType: 1, coordinatorKeys: [transactionalId] },
    4,
    (answer) => first(answer.coordinators).errorCode,
  )
  const initialised = await insist(
    'InitProducerId',
    { transactionalId, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 },
    4,
    (answer) => answer.errorCode,
  )
  const producerId = initialised.producerId as bigint
  const producerEpoch = initialised.producerEpoch as number
  const sequences = new Map<number, number>()
  return {
    producerId: Number(producerId),
    async add(partition) {
      await insist(
        'AddPartitionsToTxn',
        {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
        },
        3,
        (answer) =>
          first(first(answer.resultsByTopicV3AndBelow).resultsByPartition).partitionErrorCode,
      )
    },
    async write(partition, ids, compression = 'none') {
      const baseSequence = sequences.get(partition) ?? 0
      sequences.set(partition, baseSequence + ids.length)
      await produce(topic, partition, ids, {
        transactionalId,
        producerId: Number(producerId),
        producerEpoch,
        baseSequence,
        compression,
      })
    },
    async end(committed) {
      await insist(
        'EndTxn',
        { transactionalId, producerId, producerEpoch, committed },
        4,
        (answer) => answer.errorCode,
      )
    },
  }
}

async function produce(
  topic: string,
  partition: number,
  ids: string[],
  of: {
    transactionalId?: string
    producerId?: number
    producerEpoch?: number
    baseSequence?: number
    compression?: Compression
  } = {},
): Promise<void> {
  const records = writeBatch({
    records: ids.map((id) => ({
      key: id,
      value: `{"payload":"${id}"}`,
      headers: [{ key: 'gauntlet-id', value: id }],
    })),
    transactional: of.transactionalId !== undefined,
    baseTimestampMs: Math.round(runtime.nowMs()),
    ...of,
  })
  await insist(
    'Produce',
    {
      transactionalId: of.transactionalId ?? null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    },
    11,
    (answer) => first(first(answer.responses).partitionResponses).errorCode,
  )
}

/** What kafkajs' own consumer would hand out of a topic's first partition. */
async function countByKafkajsOwnFilter(topic: string): Promise<number> {
  const filter = createRequire(import.meta.url)('kafkajs/src/consumer/filterAbortedMessages') as (
    of: Pick<FetchedPartition, 'messages' | 'abortedTransactions'>,
  ) => FetchedPartition['messages']
  const kafkajs = await openKafkajsCluster(cluster.bootstrap, 'audit-test')
  try {
    await kafkajs.connect()
    await kafkajs.addMultipleTargetTopics([topic])
    const broker = await kafkajs.findBroker({ nodeId: '1' })
    const partitions = [{ partition: 0, fetchOffset: '0', maxBytes: 1_000_000 }]
    const { responses } = await broker.fetch({
      maxWaitTime: 100,
      minBytes: 1,
      maxBytes: 1_000_000,
      isolationLevel: 1,
      topics: [{ topic, partitions }],
    })
    const fetched = responses[0]!.partitions[0]!
    return filter(fetched).filter(({ isControlRecord }) => !isControlRecord).length
  } finally {
    await kafkajs.disconnect()
  }
}

/** The first element of a list in an answer. */
function first(list: unknown): Message {
  const [message] = list as Message[]
  if (message === undefined) throw new Error('an empty list')
  return message
}

const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `in-${from + index}`)

const of = <Type extends AuditLine['type']>(lines: AuditLine[], type: Type) =>
  lines.filter((line): line is Extract<AuditLine, { type: Type }> => line.type === type)

async function audit(
  options: Partial<Parameters<typeof auditCluster>[0]> & { outputTopics: string[] },
) {
  const lines: AuditLine[] = []
  const summary: AuditSummary = await auditCluster({
    bootstrap: [...cluster.bootstrap],
    inputTopics: [],
    idSelector: 'header:gauntlet-id',
    timeoutMs: 20_000,
    onLine: (line) => lines.push(line),
    ...options,
  })
  return { lines, summary }
}

describe('the audit of a real broker', () => {
  it('reads every codec, derives every state, and agrees with kafkajs record by record', async () => {
    const topic = 'codecs'
    await createTopic(topic, 2)
    const writer = await openWriter(topic, 'codecs-0')
    const codecs: Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
    const committed: string[] = []
    for (const [round, codec] of [...codecs, ...codecs].entries()) {
      const ids = numbered(round * 100, 50)
      await writer.add(round % 2)
      await writer.write(round % 2, ids.slice(0, 25), codec)
      await writer.write(round % 2, ids.slice(25), codec)
      const isCommitted = round !== 3 && round !== 6
      await writer.end(isCommitted)
      if (isCommitted) committed.push(...ids)
    }
    const { lines, summary } = await audit({
      outputTopics: [topic],
      valueSelector: 'regex:in-([0-9]+)',
    })
    expect(of(lines, 'reader-error')).toEqual([])
    expect(of(lines, 'log-damage')).toEqual([])
    expect(summary).toMatchObject({
      drained: true,
      committedRecords: committed.length,
      readRecords: committed.length,
    })

    const batches = of(lines, 'log-batch')
    for (const { ids, values } of batches)
      expect(values?.map((value) => `in-${value}`)).toEqual(ids)
    expect(new Set(batches.map(({ codec }) => codec))).toEqual(new Set(codecs))
    expect(
      batches
        .filter(({ state }) => state === 'aborted')
        .flatMap(({ ids }) => ids)
        .sort(),
    ).toEqual([...numbered(300, 50), ...numbered(600, 50)].sort())
    expect(of(lines, 'log-marker').filter(({ result }) => result === 'abort')).toHaveLength(2)
    expect(
      batches.every(
        ({ producerId, transactional }) => producerId === writer.producerId && transactional,
      ),
    ).toBe(true)
    const first = batches.filter(({ partition }) => partition === 0)
    expect(first.map(({ baseSequence }) => baseSequence)).toEqual(
      first.map((_, index) => index * 25),
    )
    expect(
      of(lines, 'read')
        .flatMap(({ ids }) => ids)
        .sort(),
    ).toEqual(committed.sort())

    const history = historyOf([
      run({ outputs: [{ topic, partitions: 2, contract: 'acked' }], inputs: [], proxied: false }),
      ...(lines as HistoryLine[]),
    ])
    const missing = askGuards(history).flatMap((guard) => guard.missing)
    expect(missing).toEqual(['copier-0 committed nothing at all'])
    expect(judge(history).findings).toEqual([])
  })

  it('is not fooled by aborted transactions that overlap', async () => {
    const topic = 'overlap'
    await createTopic(topic, 1)
    const writers = await Promise.all(
      ['overlap-0', 'overlap-1', 'overlap-2'].map((id) => openWriter(topic, id)),
    )
    const committed: string[] = []
    for (let round = 0; round < 5; round++) {
      for (const writer of writers) await writer.add(0)
      for (const [index, writer] of writers.entries()) {
        const ids = numbered(round * 1_000 + index * 100, 3)
        await writer.write(0, ids, 'gzip')
        if (index === 2) committed.push(...ids)
      }
      for (const [index, writer] of [...writers.entries()].reverse()) await writer.end(index === 2)
    }
    const { lines, summary } = await audit({ outputTopics: [topic] })
    expect(summary).toMatchObject({ committedRecords: 15, readRecords: 15 })
    expect(await countByKafkajsOwnFilter(topic)).toBeGreaterThan(15)
    expect(of(lines, 'read').flatMap(({ ids }) => ids)).toEqual(committed)
  })

  it('waits for a transaction that is open, then names it, and calls its records open', async () => {
    const topic = 'open'
    await createTopic(topic, 1)
    const writer = await openWriter(topic, 'open-0')
    await writer.add(0)
    await writer.write(0, ['in-0'])
    const looks: string[][] = []
    const { lines, summary } = await audit({
      outputTopics: [topic],
      timeoutMs: 600,
      onLook: (left) => looks.push([...left]),
    })
    expect(summary.drained).toBe(false)
    expect(summary.waitedMs).toBeGreaterThanOrEqual(600)
    expect(looks.length).toBeGreaterThan(1)
    expect(summary.left).toEqual([
      'a transaction of open-0 is Ongoing',
      'open-0 is stable up to 0, its high watermark is 1',
    ])
    expect(of(lines, 'open-transaction')).toMatchObject([
      {
        transactionalId: 'open-0',
        producerId: writer.producerId,
        timeoutMs: 60_000,
        topicPartitions: ['open-0'],
      },
    ])
    expect(of(lines, 'log-batch')).toMatchObject([{ state: 'open', ids: ['in-0'] }])
    expect(of(lines, 'partition-end')).toMatchObject([{ highWatermark: 1, lastStable: 0 }])

    // It is the audit's bound that ended the wait: once the transaction ends, the next audit is at rest.
    const stopped: boolean[] = []
    const later = audit({
      outputTopics: [topic],
      onDrained: async (drained) => void stopped.push(drained),
    })
    await writer.end(true)
    expect((await later).summary).toMatchObject({
      drained: true,
      committedRecords: 1,
      readRecords: 1,
    })
    expect(stopped).toEqual([true])
  })

  it("waits until the group's committed offsets have passed every record, but not the markers at the end", async () => {
    await createTopic('source', 1)
    await createTopic('sink', 1)
    await produce('source', 0, ['in-0', 'in-1'])
    const aborted = await openWriter('source', 'source-0')
    await aborted.add(0)
    await aborted.write(0, ['in-2'])
    await aborted.end(false)
    const commit = (offset: bigint) =>
      insist(
        'OffsetCommit',
        {
          groupId: 'readers',
          generationIdOrMemberEpoch: -1,
          memberId: '',
          topics: [
            {
              name: 'source',
              partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }],
            },
          ],
        },
        8,
        (answer) => first(first(answer.topics).partitions).errorCode,
      )
    await insist(
      'FindCoordinator',
      { keyType: 0, coordinatorKeys: ['readers'] },
      4,
      (answer) => first(answer.coordinators).errorCode,
    )
    await commit(1n)
    const options = { inputTopics: ['source'], outputTopics: ['sink'], group: 'readers' }
    const early = await audit({ ...options, timeoutMs: 300 })
    expect(early.summary).toMatchObject({
      drained: false,
      inputRecords: 2,
      left: ['readers has committed 1 of 2 offsets of source-0'],
    })
    await commit(2n)
    const { lines, summary } = await audit(options)
    expect(summary).toMatchObject({ drained: true, inputRecords: 2 })
    expect(of(lines, 'group-offsets')).toMatchObject([
      { group: 'readers', offsets: [{ topic: 'source', partition: 0, offset: 2 }] },
    ])
    expect(of(lines, 'log-batch').map(({ role, state, ids }) => ({ role, state, ids }))).toEqual([
      { role: 'input', state: 'committed', ids: ['in-0', 'in-1'] },
      { role: 'input', state: 'aborted', ids: ['in-2'] },
    ])
  })

  it('judges topics that never stood behind a proxy, and the same from its file', async () => {
    await createTopic('wanted', 1)
    await createTopic('written', 1)
    await produce('wanted', 0, ['in-0', 'in-1', 'in-2'])
    const writer = await openWriter('written', 'written-0')
    await writer.add(0)
    await writer.write(0, ['in-0', 'in-1', 'in-1'])
    await writer.end(true)
    const outDir = mkdtempSync(join(tmpdir(), 'gauntlet-topics-'))
    try {
      const { file } = await auditTopics({
        bootstrap: cluster.bootstrap,
        input: 'wanted',
        outputs: ['written'],
        group: undefined,
        id: 'header:gauntlet-id',
        inputId: 'header:gauntlet-id',
        contract: 'one-per-input',
        drainMs: 20_000,
        outDir,
      })
      const result = judgeHistory(file)
      expect(result.verdict).toBe('FAIL')
      expect(result.findings.map(({ kind, ids }) => [kind, ids])).toEqual([
        ['missing-output', ['in-2']],
        ['duplicate', ['in-1']],
      ])
      expect(result.guards.filter(({ holds }) => !holds)).toEqual([])
      expect(result.notJudged?.map(({ kind }) => kind)).toContain('torn-transaction')
      expect(resultText(judgeHistory(file))).toBe(resultText(result))
    } finally {
      rmSync(outDir, { recursive: true })
    }
  })

  it('begins where it is told to', async () => {
    const { lines } = await audit({ outputTopics: ['codecs'], firstOffsets: { 'codecs-0': 52 } })
    const [end] = of(lines, 'partition-end').filter(({ partition }) => partition === 0)
    expect(end?.firstOffset).toBe(52)
    const offsets = (line: LogBatchLine) => line.partition === 0 && line.baseOffset
    expect(
      of(lines, 'log-batch').filter((line) => line.partition === 0 && offsets(line) === 0),
    ).toEqual([])
    expect(of(lines, 'reader-error')).toEqual([])
  })

  it('reports a topic that it cannot read, and does not hang', async () => {
    const { lines, summary } = await audit({ outputTopics: ['no-such-topic'], timeoutMs: 100 })
    expect(of(lines, 'reader-error')).toMatchObject([
      { reader: 'log', message: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION') },
    ])
    expect(summary.committedRecords).toBe(0)
  })

  it('a concurrent reader hands out each committed record once, over a kill and a restart of the broker', async () => {
    const topic = 'during'
    await createTopic(topic, 2)
    const lines: AuditLine[] = []
    let wanted = 0
    let reached: () => void = () => undefined
    const reader = await startConcurrentReader({
      bootstrap: [...cluster.bootstrap],
      topics: [topic],
      idSelector: 'header:gauntlet-id',
      onLine(line) {
        lines.push(line)
        if (reader.records() >= wanted) reached()
      },
    })
    const have = (count: number) =>
      new Promise<void>((resolve) => {
        wanted = count
        reached = resolve
        if (reader.records() >= count) resolve()
      })
    const writer = await openWriter(topic, 'during-0')
    const transaction = async (from: number, committed: boolean) => {
      await writer.add(0)
      await writer.add(1)
      await writer.write(0, numbered(from, 5))
      await writer.write(1, numbered(from + 5, 5))
      await writer.end(committed)
    }
    await transaction(0, true)
    await transaction(10, false)
    await transaction(20, true)
    await have(20)

    await cluster.kill(1)
    await cluster.start(1)
    client.close()
    client = await connect()
    const more = await openWriter(topic, 'during-1')
    await more.add(0)
    await more.write(0, numbered(40, 5))
    await more.end(true)
    await have(25)
    await reader.stop()

    expect(of(lines, 'reader-error')).toEqual([])
    const ids = of(lines, 'read').flatMap((line) => line.ids)
    expect(ids.sort()).toEqual([...numbered(0, 10), ...numbered(20, 10), ...numbered(40, 5)].sort())
  })
})
