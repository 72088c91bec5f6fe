// The bars that the proxy must reach, as data: factors to Toxiproxy within one run.
import type { Ratios, Way } from './figures.ts'

/** Noise that is not held against us. */
export const tolerance = 0.05
/** Resident memory of the proxy with its idle connections. */
export const idleConnections = 2_000
export const idleBytesMax = 200_000_000

/** How much worse than Toxiproxy each way may be; ways without an entry have no bar. */
export const allowedFactor: Partial<Record<Way, number>> = { idle: 1, armed: 1.3 }

export interface Judgement {
  met: boolean
  /** What was missed, in words; empty when met. */
  missed: string[]
}

export function judge(ratios: Ratios, factor: number): Judgement {
  const missed: string[] = []
  const times = (value: number): string => `${value.toFixed(2)}×`
  if (ratios.throughput < (1 / factor) * (1 - tolerance)) {
    missed.push(`throughput ${times(ratios.throughput)}, at least ${times(1 / factor)}`)
  }
  if (ratios.cpu > factor * (1 + tolerance)) {
    missed.push(`CPU ${times(ratios.cpu)}, at most ${times(factor)}`)
  }
  if (ratios.p50 > factor * (1 + tolerance)) {
    missed.push(`p50 ${times(ratios.p50)}, at most ${times(factor)}`)
  }
  return { met: missed.length === 0, missed }
}
