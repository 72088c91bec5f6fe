// `gauntlet proxy` for a long time in front of three brokers: 5,000 transactions a minute by applications that come and
// go. Its memory, its descriptors and the lateness of its event loop are written down every ten seconds, and nothing
// may be lost. GAUNTLET_SOAK_MINUTES says how long (default 30). Leaves its figures in docs/results/ under its date.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import { type Grounds, raiseGrounds } from '../kafka/faults/grounds.ts'
import { committedIn, compare } from './load/compare.ts'
import { type Sample, type StandingProxy, startStandingProxy } from './load/standing-proxy.ts'
import { startLoad } from './load/transactional-load.ts'

const minutes = Number(process.env.GAUNTLET_SOAK_MINUTES ?? '30')
const perMinute = 5_000
const applications = 60
const transactionsOfALife = 25
const partitions = 6
const sampleEveryMs = 10_000
const historyFiles = 4
const historyMegabytes = 8
const drainLimitMs = 20_000

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-soak-'))
let grounds: Grounds
let proxy: StandingProxy

beforeAll(async () => {
  grounds = await raiseGrounds()
  proxy = await startStandingProxy([
    ...['--bootstrap', grounds.cluster.bootstrap.join(',')],
    ...['--history', join(folder, 'history')],
    ...['--history-size', String(historyMegabytes), '--history-files', String(historyFiles)],
    ...['--drain', `${drainLimitMs}ms`],
  ])
}, 180_000)

afterAll(async () => {
  await proxy?.child.kill()
  await grounds?.close()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** The samples between two shares of the time. */
function between(samples: readonly Sample[], from: number, to: number): Sample[] {
  return samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to))
}

it(
  `stays small and loses nothing for ${minutes} minutes, and lets what is under way through when it is told to stop`,
  async () => {
    const topic = await grounds.topic([1, 2, 3, 1, 2, 3])
    const idle = await proxy.sample()
    const load = startLoad({
      bootstrap: proxy.bootstrap,
      topic,
      partitions,
      name: 'soak',
      applications,
      transactionsPerMinute: perMinute,
      transactions: transactionsOfALife,
    })
    const samples: Sample[] = []
    const beganMs = performance.now()
    while (performance.now() - beganMs < minutes * 60_000) {
      await new Promise((resolve) => setTimeout(resolve, sampleEveryMs))
      samples.push(await proxy.sample())
    }
    const tookMinutes = (performance.now() - beganMs) / 60_000
    const before = load.counts()
    // Under full load: nobody's transaction may be torn apart by the end.
    const ended = await proxy.terminate(60_000)
    await load.stop()
    const { failures: _, ...counts } = load.counts()
    const logs = await Promise.all(
      Array.from({ length: partitions }, (_, partition) => grounds.log({ topic, partition })),
    )
    const found = compare(load.told, logs)
    const histories = readdirSync(join(folder, 'history')).map(
      (name) => statSync(join(folder, 'history', name)).size,
    )
    const date = new Date().toISOString()
    const summary = {
      date,
      machine: { node: process.version, processors: cpus().length },
      minutes: Math.round(tookMinutes * 10) / 10,
      transactions: counts,
      transactionsPerMinute: Math.round((before.committed + before.aborted) / tookMinutes),
      failures: before.failures,
      committedInLog: committedIn(logs).size,
      found: {
        lost: found.lost.length,
        doubled: found.doubled.length,
        risen: found.risen.length,
        unknownCommitted: found.unknownCommitted,
        unknownAborted: found.unknownAborted,
      },
      stopped: ended,
      histories: { files: histories.length, bytes: histories.reduce((sum, one) => sum + one, 0) },
      idle,
      samples,
    }
    const results = join(packageRoot(), 'docs/results')
    mkdirSync(results, { recursive: true })
    writeFileSync(
      join(results, `soak-${date.slice(0, 10)}.json`),
      `${JSON.stringify(summary, undefined, 1)}\n`,
    )
    const { samples: __, ...short } = summary
    console.log(JSON.stringify(short, undefined, 1))

    expect(found).toMatchObject({ lost: [], doubled: [], risen: [] })
    expect(before.failures).toEqual({})
    expect(summary.transactionsPerMinute).toBeGreaterThan(perMinute * 0.9)
    const last = samples.at(-1)
    expect(last?.errors).toBe(0)
    // Once warm, it is flat.
    const early = between(samples, 0.25, 0.5)
    const late = between(samples, 0.75, 1)
    const memory = (part: readonly Sample[]) => median(part.map((one) => one.residentMegabytes))
    expect(memory(late)).toBeLessThan(memory(early) * 1.1 + 10)
    const open = (part: readonly Sample[]) => Math.max(...part.map((one) => one.descriptors))
    expect(open(late)).toBeLessThan(open(early) + 20)
    expect(histories.length).toBeLessThanOrEqual(historyFiles)
    expect(Math.max(...histories)).toBeLessThan((historyMegabytes + 1) * 1024 * 1024)
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(counts.unknown).toBe(0)
  },
  (minutes + 10) * 60_000,
)
