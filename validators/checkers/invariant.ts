// `invariant`: the plan's business invariant, a sum over the committed records of all outputs, is not what it must be.
// At the end it is taken over the whole log. With `at: every-read` also over what the concurrent reader had been handed
// after each of its reads; the values are those that the log holds at the offsets handed out.
// Markers reach partitions at different times, so a reader sees a committed transaction in parts. Hence a read counts
// only if every transaction that it has seen is whole, and all those that ended before them have been seen too.
// Must not judge a read after which anything stays unjoined: a transactional batch that the wire does not know.
import { batchAt, place, recordProof, transactionOf } from '../evidence.ts'
import { type LogBatch, topicPartition } from '../facts/log.ts'
import { recordsOf, recordsRead } from '../facts/reads.ts'
import type { WireTransaction } from '../facts/wire.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'

/** Sums of fractions are never exact. */
const slack = 1e-6

interface Unit {
  transaction: WireTransaction | undefined
  /** Undefined for a transactional batch that the wire does not know. */
  joined: boolean
  records: number
  sum: number
  endedAtMs: number
  first: LogBatch
  seen: number
}

export function brokenInvariant(history: History): Finding[] {
  const { invariant } = history.run.expect
  if (invariant === undefined) return []
  const { equals } = invariant
  const { units, unitOf, valueAt } = unitsOf(history)
  const isBroken = (sum: number): boolean =>
    Math.abs(sum - equals) > slack * Math.max(1, Math.abs(equals))
  const gathered = gather()

  if (invariant.at === 'every-read') {
    readsInto(history, { units, unitOf, valueAt, isBroken, equals }, gathered)
  }
  const whole = units.reduce((sum, unit) => sum + unit.sum, 0)
  if (isBroken(whole)) {
    gathered.add(null)
    gathered.prove({ shows: `${said(whole)} over all committed records, not ${said(equals)}` })
  }
  if (gathered.count === 0) return []
  // Where all together must come to nothing, so must each transaction: those that do not are the ones to look at.
  if (equals === 0) {
    for (const unit of units) {
      if (!isBroken(unit.sum)) continue
      const record = { offset: unit.first.baseOffset, id: null }
      const shows = `${counted(unit.records, 'record')} adding up to ${said(unit.sum)}`
      gathered.prove(recordProof(history, unit.first, record, shows))
    }
  }
  return [
    gathered.finding(
      'invariant',
      `the sum of ${invariant.sum} is not ${said(equals)}: ${said(whole)} at the end, broken at ${counted(gathered.count, 'place')}`,
    ),
  ]
}

const said = (sum: number): string => String(Math.round(sum * 1e6) / 1e6)

function unitsOf(history: History): {
  units: Unit[]
  unitOf: ReadonlyMap<LogBatch, Unit>
  valueAt: (batch: LogBatch, offset: number) => number
} {
  const units: Unit[] = []
  const ofTransaction = new Map<WireTransaction, Unit>()
  const unitOf = new Map<LogBatch, Unit>()
  const values = new Map<LogBatch, Map<number, number>>()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'output' || line.state !== 'committed') continue
    const batch = batchAt(history, line)
    const transaction = batch.transactional ? transactionOf(history, batch) : undefined
    const endedAtMs = history.log.markerOf(batch)?.timestampMs ?? batch.timestampMs
    let unit = transaction === undefined ? undefined : ofTransaction.get(transaction)
    if (unit === undefined) {
      const joined = !batch.transactional || transaction !== undefined
      unit = { transaction, joined, records: 0, sum: 0, endedAtMs, first: batch, seen: 0 }
      units.push(unit)
      if (transaction !== undefined) ofTransaction.set(transaction, unit)
    }
    unit.endedAtMs = Math.min(unit.endedAtMs, endedAtMs)
    unitOf.set(batch, unit)
    const own = new Map<number, number>()
    values.set(batch, own)
    let index = 0
    for (const { offset } of recordsOf(line)) {
      const value = line.values?.[index++] ?? 0
      own.set(offset, value)
      unit.records++
      unit.sum += value
    }
  }
  return { units, unitOf, valueAt: (batch, offset) => values.get(batch)?.get(offset) ?? 0 }
}

interface Reading extends ReturnType<typeof unitsOf> {
  isBroken: (sum: number) => boolean
  equals: number
}

function readsInto(history: History, reading: Reading, gathered: ReturnType<typeof gather>): void {
  const { units, unitOf, valueAt, isBroken, equals } = reading
  const inOrder = [...units].sort((a, b) => a.endedAtMs - b.endedAtMs)
  const outputs = new Set(history.run.outputs.map(({ topic }) => topic))
  let sum = 0
  let records = 0
  let begun = 0
  let whole = 0
  /** All before this one, in the order of their ends, are whole. */
  let upTo = 0
  let unjoined = false
  for (const line of history.lines('read')) {
    if (line.type !== 'read' || line.reader !== 'concurrent' || !outputs.has(line.topic)) continue
    let last = -1
    for (const { offset } of recordsRead(line)) {
      const batch = history.log.batchAt(topicPartition(line), offset)
      const unit = batch === undefined ? undefined : unitOf.get(batch)
      // What should not have been handed out is the matter of `aborted-read` and `inconsistent-offsets`.
      if (batch === undefined || unit === undefined) continue
      if (!unit.joined) unjoined = true
      if (unit.seen === 0) begun++
      if (++unit.seen === unit.records) whole++
      sum += valueAt(batch, offset)
      records++
      last = offset
    }
    while (isWhole(inOrder[upTo])) upTo++
    const next = inOrder[upTo]
    const before = inOrder[upTo - 1]
    // What ended in the same millisecond may have ended before.
    const isClosed =
      before !== undefined && (next === undefined || next.endedAtMs > before.endedAtMs)
    if (unjoined || begun !== whole || whole !== upTo || !isClosed || last < 0) continue
    if (!isBroken(sum)) continue
    gathered.add(null)
    gathered.prove({
      shows: `${said(sum)} over the ${counted(records, 'record')} read so far, not ${said(equals)}, every transaction seen being whole`,
      place: place(line, last),
      atMs: line.atMs,
    })
  }
}

function isWhole(unit: Unit | undefined): boolean {
  return unit !== undefined && unit.seen >= unit.records
}
