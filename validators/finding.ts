// What a checker hands back: one anomaly with its proof. Long lists are cut and counted, never left out in silence.
import type { ExchangeIdentity } from '../proxy/events.ts'
import type { AnomalyKind } from './history-line.ts'

/** One piece of evidence: a record, a batch, a transaction or a moment, and what it shows. */
export interface Proof {
  /** A sentence without its place and time. */
  shows: string
  id?: string
  /** `topic-partition@offset` */
  place?: string
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
  instance?: string
  transactionalId?: string
  /** The Nth transaction of that transactional id. */
  transaction?: number
  /** The exchange that carried it. */
  exchange?: ExchangeIdentity
  /** The line of an instance's journal that speaks of it. */
  journal?: { instance: string; line: number }
  /** When it passed the proxy, or happened. */
  atMs?: number
  /** The time in the marker that ended the batch's transaction. */
  markedAtMs?: number
  /** The faults that touched its exchange, transaction, instance or time, nearest first. */
  touchedBy?: Touch[]
}

/** One firing of a fault, and how it is tied to a proof. */
export interface Touch {
  fault: string
  kind: string
  /** Its number within the fault, from 1. */
  firing: number
  relation: Relation
  firedAtMs: number
  appliedAtMs?: number
  healedAtMs?: number
  /** The message that set it off. */
  api?: string
  transaction?: number
  moment?: 'request' | 'reply'
  effect?: string
  /** The broker's answer to a message that the fault delivered late or twice. */
  brokerAnswer?: string
}

export interface Finding {
  kind: AnomalyKind
  /** One sentence for people. */
  summary: string
  /** Ids concerned, or records where ids are not known. */
  count: number
  /** The first of them. */
  ids: string[]
  proof: Proof[]
}

/** How strongly a fault is tied to a finding, strongest first. */
export const relations = [
  'exchange',
  'transaction',
  'transactional-id',
  'instance',
  'window',
] as const
export type Relation = (typeof relations)[number]

export interface Cause {
  fault: string
  kind: string
  /** Numbers of its firings. */
  firings: number[]
  relation: Relation
}

export interface AttributedFinding extends Finding {
  causes: Cause[]
  /** What happened, in one sentence for people. */
  sentence: string
}

/** Ids and proofs that one finding names; the count says how many there are. */
export const idsNamedMax = 20
export const proofsMax = 40

/** Gathers ids and proofs up to the limits while counting all of them. */
export interface Gathering {
  /** Counts one more id; true while its proof is still wanted. */
  add(id: string | null): boolean
  /** Counts ids that are not named any more. */
  addUnnamed(more: number): void
  prove(...proofs: Proof[]): void
  readonly count: number
  finding(kind: AnomalyKind, summary: string): Finding
}

export function gather(): Gathering {
  const ids: string[] = []
  const proof: Proof[] = []
  let count = 0
  return {
    add(id) {
      count++
      if (id !== null && ids.length < idsNamedMax) ids.push(id)
      return proof.length < proofsMax
    },
    addUnnamed(more) {
      count += more
    },
    prove(...proofs) {
      for (const one of proofs) if (proof.length < proofsMax) proof.push(one)
    },
    get count() {
      return count
    },
    finding: (kind, summary) => ({ kind, summary, count, ids, proof }),
  }
}

/** `1 record`, `2 records` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
