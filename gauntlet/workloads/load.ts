// What the generator writes: phases one after the other, and the records that they consist of.
import { fillTemplate } from './template.ts'

export type LoadPhase =
  | {
      kind: 'records'
      /** How many; in an open-ended phase at least so many, then on until the run has seen enough. */
      records: number
      ratePerSecond: number
      /** Share (0 to 1) of them that is written in transactions which are aborted. */
      abortedShare?: number
      openEnded?: boolean
      /** Texts with `${id}`, `${source}`, `${sequence}`, `${partition}`, `${amount}`; several are used in turn. */
      value?: string | readonly string[]
      key?: string
    }
  | { kind: 'wait'; waitMs: number }

export type RecordsPhase = Extract<LoadPhase, { kind: 'records' }>

/** One phase that goes on until it is told to finish. */
export function steadyLoad(options: {
  records: number
  rate: number
  aborted?: number
}): LoadPhase[] {
  const { records, rate, aborted } = options
  return [
    {
      kind: 'records',
      records,
      ratePerSecond: rate,
      abortedShare: aborted ?? 0,
      openEnded: true,
    },
  ]
}

export interface InputRecord {
  id: string
  partition: number
  key: string
  value: string
}

/**
 * Names and fills records. Inputs of partition 3 are `p3-0`, `p3-1`, …; those that are to be aborted have a
 * source of their own, `a3-0`, `a3-1`, …, so that no committed source has gaps.
 */
export function recordMaker(
  random: () => number,
): (phase: RecordsPhase, place: { partition: number; aborted: boolean }) => InputRecord {
  const sequences = new Map<string, number>()
  let made = 0
  return (phase, { partition, aborted }) => {
    const source = `${aborted ? 'a' : 'p'}${partition}`
    const sequence = sequences.get(source) ?? 0
    sequences.set(source, sequence + 1)
    const id = `${source}-${sequence}`
    const amount = 1 + Math.floor(random() * 100)
    const values = {
      id,
      source,
      sequence: String(sequence),
      partition: String(partition),
      amount: String(amount),
    }
    const texts = typeof phase.value === 'string' ? [phase.value] : phase.value
    const text = texts?.[made++ % texts.length]
    return {
      id,
      partition,
      key: phase.key === undefined ? id : fillTemplate(phase.key, values),
      value: text === undefined ? JSON.stringify({ id, amount }) : fillTemplate(text, values),
    }
  }
}
