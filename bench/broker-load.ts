// A real Java producer on a real broker: megabytes per second straight to it, through Toxiproxy, and through our
// proxy. Clients go where a broker's advertised address sends them, so Toxiproxy stands in front of the one
// listener whose advertised address we can choose, the inter-broker one; ours rewrites addresses and needs none.
import { join } from 'node:path'
import { openAdmin } from '../gauntlet/clusters/admin.ts'
import { planEmbeddedPorts, startEmbedded } from '../gauntlet/clusters/embedded.ts'
import { clientClasspath } from '../gauntlet/clusters/jars.ts'
import { reservePorts } from '../gauntlet/clusters/ports.ts'
import { packageRoot } from '../gauntlet/entry.ts'
import { findJava } from '../gauntlet/prerequisites.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import { median } from './figures.ts'
import type { GoPrograms } from './go-programs.ts'
import { startLineProcess } from './line-process.ts'
import { cpuSeconds, type MeasuredProcess } from './measured-process.ts'
import { startOurProxy } from './rounds.ts'
import { startToxiproxy } from './toxiproxy.ts'

const kafkaVersion = '4.3.1'
const host = '127.0.0.1'
const topic = 'bench'
const partitions = 3
const bytesPerMegabyte = 1e6
/** The disk is not what is measured: old records go quickly. */
const retention = {
  'log.retention.bytes': 128 * 1024 * 1024,
  'log.segment.bytes': 32 * 1024 * 1024,
  'log.retention.check.interval.ms': 2_000,
}

export type BrokerWay = 'bare' | 'toxiproxy' | 'idle' | 'armed'

export interface BrokerFigures {
  way: BrokerWay
  megabytesPerSecond: number
  cpuSecondsPerGb?: number
}

type ProducerLine =
  | { at: 'ready' | 'begin' | 'end' | 'done' }
  | { at: 'result'; bytes: number; seconds: number }

interface OpenWay {
  way: BrokerWay
  port: number
  proxy: MeasuredProcess | undefined
}

async function startWays(
  programs: GoPrograms | undefined,
  ports: { client: number; interBroker: number },
  toxiproxyPort: number,
  running: MeasuredProcess[],
): Promise<OpenWay[]> {
  const ways: OpenWay[] = [{ way: 'bare', port: ports.client, proxy: undefined }]
  if (programs !== undefined) {
    const proxy = await startToxiproxy(programs.toxiproxy, ports.interBroker, toxiproxyPort)
    running.push(proxy)
    ways.push({ way: 'toxiproxy', port: proxy.port, proxy })
  }
  for (const way of ['idle', 'armed'] as const) {
    const proxy = await startOurProxy(ports.client, way)
    running.push(proxy)
    ways.push({ way, port: proxy.port, proxy })
  }
  return ways
}

/** Medians over the rounds, per way. */
export async function measureBrokerLoad(parts: {
  programs: GoPrograms | undefined
  rounds: number
  measureMs: number
  say: (line: string) => void
}): Promise<BrokerFigures[]> {
  const { programs, rounds, measureMs, say } = parts
  const [ports] = await planEmbeddedPorts(1)
  const [toxiproxyPort] = await reservePorts(1)
  if (ports === undefined || toxiproxyPort === undefined) throw new Error('ports were asked for')
  const running: MeasuredProcess[] = []
  const measured = new Map<BrokerWay, BrokerFigures[]>()
  const java = await findJava()
  const advertised = programs === undefined ? ports.interBroker : toxiproxyPort
  const cluster = await startEmbedded(
    {
      version: kafkaVersion,
      brokers: 1,
      features: { 'transaction.version': 2 },
      config: retention,
    },
    {
      ports: [ports],
      planes: { 'inter-broker': new Map([[ports.node, { host, port: advertised }]]) },
      onLog: say,
      runtime: systemRuntime(1),
    },
  )
  const admin = openAdmin(cluster.brokers)
  try {
    await admin.createTopics([{ name: topic, partitions }])
    const ways = await startWays(programs, ports, toxiproxyPort, running)
    const producer = await startLineProcess<ProducerLine>('producer', java.java, [
      '-Xmx256m',
      '-cp',
      await clientClasspath(kafkaVersion),
      join(packageRoot(), 'bench', 'ProducerLoad.java'),
    ])
    try {
      // The round before the first warms the broker and the producer up.
      for (let round = 0; round <= rounds; round++) {
        say(round === 0 ? 'warming the broker up' : `broker round ${round} of ${rounds}`)
        for (const open of ways) {
          let spent = 0
          await producer.perform(`${host}:${open.port} ${topic} ${measureMs}`, (line) => {
            const { proxy } = open
            if (line.at === 'begin' && proxy !== undefined) spent = -cpuSeconds(proxy.pid)
            else if (line.at === 'end' && proxy !== undefined) spent += cpuSeconds(proxy.pid)
            else if (line.at === 'result' && round > 0) {
              const megabytes = line.bytes / bytesPerMegabyte
              measured.set(open.way, [
                ...(measured.get(open.way) ?? []),
                {
                  way: open.way,
                  megabytesPerSecond: megabytes / line.seconds,
                  ...(proxy === undefined ? {} : { cpuSecondsPerGb: (spent / megabytes) * 1_000 }),
                },
              ])
            }
          })
        }
      }
    } finally {
      await producer.stop()
    }
  } finally {
    admin.close()
    await Promise.all(running.map((process) => process.stop()))
    await cluster.stop()
  }
  return [...measured].map(([way, figures]) => ({
    way,
    megabytesPerSecond: median(figures.map((each) => each.megabytesPerSecond)),
    ...(way === 'bare'
      ? {}
      : { cpuSecondsPerGb: median(figures.map((each) => each.cpuSecondsPerGb ?? Number.NaN)) }),
  }))
}
