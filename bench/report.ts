// The bench's results as text.
import { allowedFactor, idleBytesMax, judge } from './bars.ts'
import type { BrokerFigures } from './broker-load.ts'
import {
  type Figures,
  figuresOf,
  loads,
  medianFigures,
  type Ratios,
  type Round,
  ratiosTo,
  type Way,
} from './figures.ts'
import type { IdleMemory } from './idle-connections.ts'

const wayNames: Record<Way, string> = {
  bare: 'bare',
  toxiproxy: 'Toxiproxy',
  idle: 'ours, idle',
  armed: 'ours, tracking, armed',
  'armed-produce': 'ours, rule on Produce',
}

const columns = [
  '',
  'req/s',
  'p50 µs',
  'p99 µs',
  'CPU µs/req',
  'CPU s/GB',
  '×req/s',
  '×CPU',
  '×p50',
  'bar',
]

function whole(value: number | undefined): string {
  return value === undefined ? '' : Math.round(value).toLocaleString('en')
}
function exact(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(2)
}

function row(way: Way, figures: Figures, ratios: Ratios | undefined): string[] {
  const factor = allowedFactor[way]
  const bar =
    factor === undefined || ratios === undefined ? '' : judge(ratios, factor).met ? 'met' : 'MISSED'
  return [
    `  ${wayNames[way]}`,
    whole(figures.requestsPerSecond),
    whole(figures.p50Us),
    whole(figures.p99Us),
    figures.cpuUsPerRequest === undefined ? '' : figures.cpuUsPerRequest.toFixed(1),
    exact(figures.cpuSecondsPerGb),
    exact(ratios?.throughput),
    exact(ratios?.cpu),
    exact(ratios?.p50),
    bar,
  ]
}

function aligned(rows: readonly string[][]): string[] {
  const widths = columns.map((_, index) =>
    Math.max(...rows.map((cells) => cells[index]?.length ?? 0)),
  )
  return rows.map((cells) =>
    cells
      .map((cell, index) =>
        index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

const waysIn = (rounds: readonly Round[]): Way[] => [
  ...(rounds[0]?.values().next().value?.keys() ?? []),
]

/** One block per load; ratios are to Toxiproxy, medians of the ratios within each round. */
export function tableLines(rounds: readonly Round[]): string[] {
  const rows: string[][] = [columns]
  for (const load of loads) {
    rows.push([load.name])
    for (const way of waysIn(rounds)) {
      const figures = medianFigures(figuresOf(rounds, load.name, way))
      const ratios =
        way === 'toxiproxy' ? undefined : ratiosTo(rounds, load.name, { way, base: 'toxiproxy' })
      rows.push(row(way, figures, ratios))
    }
  }
  return aligned(rows)
}

/** A line for every bar that was missed. */
export function missedLines(rounds: readonly Round[], memory: IdleMemory | undefined): string[] {
  const lines: string[] = []
  for (const load of loads) {
    for (const way of waysIn(rounds)) {
      const factor = allowedFactor[way]
      const ratios = ratiosTo(rounds, load.name, { way, base: 'toxiproxy' })
      if (factor === undefined || ratios === undefined) continue
      for (const missed of judge(ratios, factor).missed) {
        lines.push(`${load.name}, ${wayNames[way]}: ${missed}`)
      }
    }
  }
  if (memory !== undefined && memory.bytesWith > idleBytesMax) {
    lines.push(`memory: ${megabytes(memory.bytesWith)}, at most ${megabytes(idleBytesMax)}`)
  }
  return lines
}

/** What the load itself cost: where it is as dear as the proxy, it dilutes the ratios. */
export function loadCostLines(rounds: readonly Round[]): string[] {
  return loads.map((load) => {
    const { peerCpuUsPerRequest, generatorCpuUsPerRequest } = medianFigures(
      figuresOf(rounds, load.name, 'bare'),
    )
    const peer = peerCpuUsPerRequest.toFixed(1)
    return `${load.name}: peer ${peer}, generator ${generatorCpuUsPerRequest.toFixed(1)} CPU µs/req`
  })
}

/** The real broker's part; there is no bar for it, since the broker is the limit. */
export function brokerLines(all: readonly BrokerFigures[]): string[] {
  const lines = all.map(({ way, megabytesPerSecond, cpuSecondsPerGb }) => {
    const cpu = cpuSecondsPerGb === undefined ? '' : `, ${cpuSecondsPerGb.toFixed(2)} CPU s/GB`
    return `  ${wayNames[way]}: ${megabytesPerSecond.toFixed(1)} MB/s${cpu}`
  })
  return ['Java producer in transactions, one real broker:', ...lines]
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}
