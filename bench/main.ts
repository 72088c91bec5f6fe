// npm run bench [-- --quick | --no-broker] [-- --save]: how fast and how dear the proxy is, beside no proxy and Toxiproxy.
// npm run bench -- --audit: the same of reading logs back and judging histories.
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot, packageVersion } from '../gauntlet/entry.ts'
import { benchAudit } from './audit.ts'
import { idleBytesMax } from './bars.ts'
import { type BrokerFigures, measureBrokerLoad } from './broker-load.ts'
import { figuresOf, loads, medianFigures, type Round, ratiosTo } from './figures.ts'
import { startGenerator } from './generator-client.ts'
import { buildGoPrograms, toxiproxyVersion } from './go-programs.ts'
import { type IdleMemory, measureIdleConnections } from './idle-connections.ts'
import { brokerLines, loadCostLines, megabytes, missedLines, tableLines } from './report.ts'
import { type Pace, playRounds, writeMessages } from './rounds.ts'

const thorough: Pace = { rounds: 5, moments: 5, warmMs: 100, measureMs: 400, settleCpuMs: 3_000 }
const quick: Pace = { rounds: 3, moments: 2, warmMs: 50, measureMs: 200, settleCpuMs: 1_500 }

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    audit: { type: 'boolean', default: false },
    'no-broker': { type: 'boolean', default: false },
  },
})

/** Runnable processes per core before we start, from which on others are measured along with us. */
const busyLoadPerCore = 0.3

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const progress = (line: string): void => void process.stderr.write(`${line}\n`)

async function save(
  rounds: readonly Round[],
  memory: IdleMemory,
  broker: readonly BrokerFigures[],
  loadBefore: number,
): Promise<string> {
  const at = new Date().toISOString()
  const folder = join(packageRoot(), 'bench', 'results')
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${at.slice(0, 10)}.json`)
  const results = loads.map((load) => ({
    load,
    ways: Object.fromEntries(
      [...(rounds[0]?.get(load.name)?.keys() ?? [])].map((way) => [
        way,
        {
          median: medianFigures(figuresOf(rounds, load.name, way)),
          toToxiproxy: ratiosTo(rounds, load.name, { way, base: 'toxiproxy' }),
          rounds: figuresOf(rounds, load.name, way),
        },
      ]),
    ),
  }))
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, loadBefore }
  const text = { at, version: packageVersion(), machine, toxiproxyVersion, results, memory, broker }
  await writeFile(file, `${JSON.stringify(text, undefined, 2)}\n`)
  return file
}

async function bench(): Promise<void> {
  if (process.platform !== 'linux') {
    throw new Error('the bench reads CPU time from /proc, so it runs on Linux only')
  }
  const pace = options.quick ? quick : thorough
  const [loadBefore = 0] = loadavg()
  const load = `load ${loadBefore.toFixed(1)} on ${cpus().length} cores`
  if (loadBefore > busyLoadPerCore * cpus().length) {
    print(`The machine is busy with other things (${load}): trust CPU per request more than speed.`)
  }
  const programs = await buildGoPrograms(progress)
  const messages = await writeMessages()
  const generator = await startGenerator()
  try {
    const rounds = await playRounds({ generator, messages, programs, say: progress }, pace)
    print(`Median of ${pace.rounds} rounds; × is the ratio to Toxiproxy ${toxiproxyVersion}.`)
    for (const line of tableLines(rounds)) print(line)
    for (const line of loadCostLines(rounds)) print(line)
    progress('idle connections')
    const memory = await measureIdleConnections({ generator, messages, programs })
    print(
      `${memory.connections} idle connections: ${megabytes(memory.bytesWith)} resident, ` +
        `${megabytes(memory.bytesBefore)} before them (bar ${megabytes(idleBytesMax)})`,
    )
    let broker: BrokerFigures[] = []
    if (!options.quick && !options['no-broker']) {
      broker = await measureBrokerLoad({ programs, rounds: 5, measureMs: 3_000, say: progress })
      for (const line of brokerLines(broker)) print(line)
    }
    const missed = missedLines(rounds, memory)
    print(missed.length === 0 ? 'Every bar is met.' : `Bars missed (${missed.length}):`)
    for (const line of missed) print(`  ${line}`)
    if (options.save) print(`written to ${await save(rounds, memory, broker, loadBefore)}`)
  } finally {
    await generator.stop()
    await messages.remove()
  }
}

if (options.audit)
  await benchAudit({ quick: options.quick, save: options.save, print, say: progress })
else await bench()
