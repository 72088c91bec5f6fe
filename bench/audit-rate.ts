// How fast a log is read back: by our own reader of raw batches, by kafkajs, and by Java's consumer, from the same
// topic of a real broker, in turns. Each goes through all partitions read_committed (ours decides it by itself) and
// looks at the id of every record.
import { join } from 'node:path'
import { openAdmin } from '../gauntlet/clusters/admin.ts'
import { planEmbeddedPorts, startEmbedded } from '../gauntlet/clusters/embedded.ts'
import { clientClasspath } from '../gauntlet/clusters/jars.ts'
import { packageRoot } from '../gauntlet/entry.ts'
import { findJava } from '../gauntlet/prerequisites.ts'
import { kafkajsClient } from '../gauntlet/workloads/kafkajs-client.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import { createClusterClient } from '../validators/readers/cluster-client.ts'
import { readLog } from '../validators/readers/kafka-log.ts'
import { defaultIdSelector, placedIdSelector } from '../validators/selector.ts'
import { median } from './figures.ts'
import { startLineProcess } from './line-process.ts'

const kafkaVersion = '4.3.1'
const topic = 'audited'
const partitions = 4
const requestTimeoutMs = 10_000
const patienceMs = 30_000

export const readers = ['ours', 'kafkajs', 'java'] as const
export type Reader = (typeof readers)[number]

export interface RateFigures {
  reader: Reader
  recordsPerSecond: number
  megabytesPerSecond: number
  /** Of the reading process; says more than the rate where the machine is busy. */
  cpuMicrosPerRecord: number
}

interface Took {
  seconds: number
  cpuSeconds: number
}

type JavaLine =
  | { at: 'ready' | 'done' }
  | { at: 'result'; records: number; bytes: number; seconds: number; cpuSeconds: number }

export async function measureAuditRate(parts: {
  records: number
  recordBytes: number
  rounds: number
  say: (line: string) => void
}): Promise<RateFigures[]> {
  const { records, recordBytes, rounds, say } = parts
  const cluster = await startEmbedded(
    { version: kafkaVersion, brokers: 1, features: {}, config: {} },
    { ports: await planEmbeddedPorts(1), planes: {}, onLog: say, runtime: systemRuntime(1) },
  )
  const admin = openAdmin(cluster.brokers)
  try {
    await admin.createTopics([{ name: topic, partitions }])
    const bootstrap = [...cluster.bootstrap]
    const { java } = await findJava()
    const javaClient = await startLineProcess<JavaLine>('java', java, [
      '-Xmx256m',
      '-cp',
      await clientClasspath(kafkaVersion),
      join(packageRoot(), 'bench', 'AuditLoad.java'),
    ])
    try {
      say(`writing ${records} records of ${recordBytes} bytes`)
      await javaClient.perform(`fill ${bootstrap.join(',')} ${topic} ${records} ${recordBytes}`)
      const ways: Record<Reader, () => Promise<Took>> = {
        ours: () => timed(records, () => readByUs(bootstrap)),
        kafkajs: () => timed(records, () => readByKafkajs(bootstrap, records)),
        async java() {
          let took: Took | undefined
          await javaClient.perform(`read ${bootstrap.join(',')} ${topic}`, (line) => {
            if (line.at !== 'result') return
            checkCount('java', line.records, records)
            took = line
          })
          if (took === undefined) throw new Error('java has told no result')
          return took
        },
      }
      const took = new Map<Reader, Took[]>()
      // The round before the first warms everybody up.
      for (let round = 0; round <= rounds; round++) {
        say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
        for (const reader of readers) {
          const one = await ways[reader]()
          if (round > 0) took.set(reader, [...(took.get(reader) ?? []), one])
        }
      }
      return readers.map((reader) => {
        const rounds = took.get(reader) ?? []
        const seconds = median(rounds.map((one) => one.seconds))
        return {
          reader,
          recordsPerSecond: records / seconds,
          megabytesPerSecond: (records * recordBytes) / 1e6 / seconds,
          cpuMicrosPerRecord: (median(rounds.map((one) => one.cpuSeconds)) * 1e6) / records,
        }
      })
    } finally {
      await javaClient.stop()
    }
  } finally {
    admin.close()
    await cluster.stop()
  }
}

function checkCount(reader: Reader, counted: number, written: number): void {
  if (counted === written) return
  throw new Error(`${reader} has read ${counted} of ${written} records`)
}

async function timed(
  records: number,
  read: () => Promise<{ reader: Reader; records: number }>,
): Promise<Took> {
  const began = performance.now()
  const cpuBefore = process.cpuUsage()
  const { reader, records: counted } = await read()
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  checkCount(reader, counted, records)
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}

async function readByUs(bootstrap: string[]) {
  const runtime = systemRuntime(1)
  const options = { clientId: 'bench-audit', requestTimeoutMs, patienceMs, runtime }
  const cluster = createClusterClient(bootstrap, options)
  const select = placedIdSelector(defaultIdSelector)
  let records = 0
  try {
    await Promise.all(
      Array.from({ length: partitions }, (_, partition) =>
        readLog({
          cluster,
          role: 'output',
          topic,
          partition,
          select,
          nowMs: () => runtime.nowMs(),
          sink(line) {
            if (line.type === 'log-batch' && line.state === 'committed') records += line.ids.length
          },
        }),
      ),
    )
  } finally {
    cluster.close()
  }
  return { reader: 'ours' as const, records }
}

let group = 0

async function readByKafkajs(bootstrap: string[], wanted: number) {
  const client = kafkajsClient({ bootstrap, clientId: 'bench-kafkajs', requestTimeoutMs })
  group++
  const consumer = client.consumer({
    groupId: `bench-${group}`,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxBytes: 16 * 1024 * 1024,
    maxWaitTimeInMs: 100,
  })
  let records = 0
  let idBytes = 0
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          async eachBatch({ batch }) {
            for (const { headers } of batch.messages) {
              idBytes += headers?.['gauntlet-id']?.toString().length ?? 0
            }
            records += batch.messages.length
            if (records >= wanted) resolve()
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  if (idBytes === 0) throw new Error('kafkajs has seen no ids')
  return { reader: 'kafkajs' as const, records }
}
