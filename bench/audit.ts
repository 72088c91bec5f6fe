// npm run bench -- --audit [--quick] [--save]: how fast logs are read back, and what judging a history costs.
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { entryFile, packageRoot } from '../gauntlet/entry.ts'
import { measureAuditRate, type RateFigures } from './audit-rate.ts'

interface MemoryFigures {
  ids: 'sequence' | 'uuid'
  records: number
  seconds: number
  cpuSeconds: number
  idBytes: number
  peakBytes: number
  emptyBytes: number
}

/** The bars of the project, for ten million records. */
const peakBytesMax = { sequence: 250e6, uuid: 600e6 }
const barRecords = 10_000_000
const toKafkajsMin = 5
const toJavaMin = 0.5

const full = { records: 1_000_000, rounds: 3, sizes: [1, 2, 5, 10] }
const quick = { records: 200_000, rounds: 1, sizes: [1, 2] }
const recordBytes = 500

export async function benchAudit(options: {
  quick: boolean
  save: boolean
  print: (line: string) => void
  say: (line: string) => void
}): Promise<void> {
  const { print, say } = options
  const { records, rounds, sizes } = options.quick ? quick : full
  const [loadBefore = 0] = loadavg()
  print(`load ${loadBefore.toFixed(1)} on ${cpus().length} cores`)
  const rates = await measureAuditRate({ records, recordBytes, rounds, say })
  for (const line of rateLines(rates, records)) print(line)
  const memory: MemoryFigures[] = []
  for (const ids of ['sequence', 'uuid'] as const) {
    for (const millions of sizes) {
      say(`${millions} million records with ${ids} ids`)
      memory.push(await judgeInChild(ids, millions * 1_000_000))
    }
  }
  for (const line of memoryLines(memory)) print(line)
  if (!options.save) return
  const at = new Date().toISOString()
  const folder = join(packageRoot(), 'bench', 'results')
  await mkdir(folder, { recursive: true })
  const file = join(folder, `audit-${at.slice(0, 10)}.json`)
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, loadBefore }
  await writeFile(file, `${JSON.stringify({ at, machine, rates, memory }, undefined, 2)}\n`)
  print(`written to ${file}`)
}

async function judgeInChild(ids: MemoryFigures['ids'], records: number): Promise<MemoryFigures> {
  const program = entryFile('bench/audit-memory.js')
  const { stdout } = await promisify(execFile)(process.execPath, [program, ids, String(records)])
  return { ids, ...(JSON.parse(stdout) as Omit<MemoryFigures, 'ids'>) }
}

function rateLines(rates: readonly RateFigures[], records: number): string[] {
  const rateOf = (reader: RateFigures['reader']) =>
    rates.find((one) => one.reader === reader)?.recordsPerSecond ?? Number.NaN
  const [toKafkajs, toJava] = [rateOf('ours') / rateOf('kafkajs'), rateOf('ours') / rateOf('java')]
  const met = (isMet: boolean) => (isMet ? 'met' : 'MISSED')
  return [
    `${records} records of ${recordBytes} bytes with their ids, in transactions of 1,000, from one broker:`,
    ...rates.map(
      ({ reader, recordsPerSecond, megabytesPerSecond, cpuMicrosPerRecord }) =>
        `  ${reader.padEnd(8)} ${Math.round(recordsPerSecond).toLocaleString('en').padStart(10)} records/s ${megabytesPerSecond.toFixed(1).padStart(7)} MB/s ${cpuMicrosPerRecord.toFixed(2).padStart(7)} µs of CPU per record`,
    ),
    `  ours to kafkajs ${toKafkajs.toFixed(1)} (bar ${toKafkajsMin}: ${met(toKafkajs >= toKafkajsMin)}), to Java ${toJava.toFixed(2)} (bar ${toJavaMin}: ${met(toJava >= toJavaMin)})`,
  ]
}

function memoryLines(figures: readonly MemoryFigures[]): string[] {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
  return [
    'Judging a synthetic history, in a process of its own (inputs, outputs, and the outputs read again):',
    ...figures.map(({ ids, records, seconds, cpuSeconds, idBytes, peakBytes, emptyBytes }) => {
      const bar = peakBytesMax[ids]
      const verdict =
        records === barRecords
          ? ` (bar ${megabytes(bar)}: ${peakBytes <= bar ? 'met' : 'MISSED'})`
          : ''
      return (
        `  ${ids.padEnd(8)} ${records.toLocaleString('en').padStart(10)} records ${seconds.toFixed(1).padStart(6)} s (CPU ${cpuSeconds.toFixed(1)} s), ` +
        `ids ${(idBytes / records).toFixed(2)} bytes each, ${megabytes(peakBytes)} at most, ${megabytes(emptyBytes)} of them empty${verdict}`
      )
    }),
  ]
}
