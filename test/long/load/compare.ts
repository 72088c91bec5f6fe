// What clients were told of their transactions, against what lies in the logs.
import type { LogEntry } from '../../kafka/faults/raw.ts'
import type { Told } from './transactional-load.ts'

export interface Comparison {
  /** Told committed, and not there. */
  lost: string[]
  /** There more than once. */
  doubled: string[]
  /** Told aborted, and there. */
  risen: string[]
  /** Of those whose client never learnt it. */
  unknownCommitted: number
  unknownAborted: number
}

/** How often each value lies committed in these logs, by the markers behind it. */
export function committedIn(logs: readonly LogEntry[][]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const log of logs) {
    const open = new Map<number, string[]>()
    for (const { value, producerId } of log) {
      const own = open.get(producerId) ?? []
      if (value === '<commit>') {
        for (const one of own) counts.set(one, (counts.get(one) ?? 0) + 1)
      }
      if (value === '<commit>' || value === '<abort>') open.delete(producerId)
      else open.set(producerId, [...own, value])
    }
  }
  return counts
}

export function compare(told: ReadonlyMap<string, Told>, logs: readonly LogEntry[][]): Comparison {
  const there = committedIn(logs)
  const result: Comparison = {
    lost: [],
    doubled: [],
    risen: [],
    unknownCommitted: 0,
    unknownAborted: 0,
  }
  for (const [value, outcome] of told) {
    const times = there.get(value) ?? 0
    if (times > 1) result.doubled.push(value)
    if (outcome === 'committed' && times === 0) result.lost.push(value)
    if (outcome === 'aborted' && times > 0) result.risen.push(value)
    if (outcome === 'unknown' && times > 0) result.unknownCommitted += 1
    if (outcome === 'unknown' && times === 0) result.unknownAborted += 1
  }
  return result
}
