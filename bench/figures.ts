// What is measured, and how figures of several rounds become one.

/** A way from the generator to the peer. */
export type Way = 'bare' | 'toxiproxy' | 'idle' | 'armed' | 'armed-produce'

export interface Load {
  name: string
  frameBytes: number
  depth: number
}

/** Most messages per second: also the load to warm a program up with. */
export const briskLoad: Load = { name: '1 kB, depth 32', frameBytes: 1_000, depth: 32 }

/** The sizes and depths of the acceptance bars. A kilobyte is 1,000 bytes here, a gigabyte 10^9. */
export const loads: readonly Load[] = [
  { name: '1 kB, depth 1', frameBytes: 1_000, depth: 1 },
  briskLoad,
  { name: '16 kB, depth 8', frameBytes: 16_000, depth: 8 },
  { name: '500 kB, depth 4', frameBytes: 500_000, depth: 4 },
]

export interface Figures {
  requestsPerSecond: number
  p50Us: number
  p99Us: number
  /** Of the proxy's process; absent without a proxy. */
  cpuUsPerRequest?: number
  cpuSecondsPerGb?: number
  /** Of the peer and the generator: tells whether they, and not the proxy, were the limit. */
  peerCpuUsPerRequest: number
  generatorCpuUsPerRequest: number
}

/** Figures of one round, by load and way. */
export type Round = Map<string, Map<Way, Figures>>

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

export function figuresOf(rounds: readonly Round[], load: string, way: Way): Figures[] {
  return rounds.flatMap((round) => round.get(load)?.get(way) ?? [])
}

/** Median over the rounds of each figure by itself. */
export function medianFigures(all: readonly Figures[]): Figures {
  const of = (pick: (figures: Figures) => number | undefined): number =>
    median(all.map((figures) => pick(figures) ?? Number.NaN))
  const hasProxy = all.every(({ cpuUsPerRequest }) => cpuUsPerRequest !== undefined)
  return {
    requestsPerSecond: of((figures) => figures.requestsPerSecond),
    p50Us: of((figures) => figures.p50Us),
    p99Us: of((figures) => figures.p99Us),
    ...(hasProxy
      ? {
          cpuUsPerRequest: of((figures) => figures.cpuUsPerRequest),
          cpuSecondsPerGb: of((figures) => figures.cpuSecondsPerGb),
        }
      : {}),
    peerCpuUsPerRequest: of((figures) => figures.peerCpuUsPerRequest),
    generatorCpuUsPerRequest: of((figures) => figures.generatorCpuUsPerRequest),
  }
}

export interface Ratios {
  throughput: number
  cpu: number
  p50: number
}

/** Median of the ratios within each round: a busy minute then hits both sides of a ratio alike. */
export function ratiosTo(
  rounds: readonly Round[],
  load: string,
  ways: { way: Way; base: Way },
): Ratios | undefined {
  const pairs = rounds.flatMap((round) => {
    const figures = round.get(load)?.get(ways.way)
    const base = round.get(load)?.get(ways.base)
    return figures === undefined || base === undefined ? [] : [{ figures, base }]
  })
  if (pairs.length === 0) return undefined
  const of = (pick: (figures: Figures) => number | undefined): number =>
    median(
      pairs.map(({ figures, base }) => (pick(figures) ?? Number.NaN) / (pick(base) ?? Number.NaN)),
    )
  return {
    throughput: of((figures) => figures.requestsPerSecond),
    cpu: of((figures) => figures.cpuUsPerRequest),
    p50: of((figures) => figures.p50Us),
  }
}
