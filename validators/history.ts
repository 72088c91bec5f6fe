// The record of a run, as checkers see it: the lines, in order and as often as one likes, and the facts drawn from
// them in one pass. The same lines give the same facts, whether the run has just ended or is a year old.
import { OperatorError } from '../proxy/errors.ts'
import { type BeliefFacts, collectBelief } from './facts/belief.ts'
import { collectLog, type LogFacts } from './facts/log.ts'
import { collectReads, type ReadFacts } from './facts/reads.ts'
import { collectTimeline, type Timeline } from './facts/timeline.ts'
import { collectWire, type WireFacts } from './facts/wire.ts'
import { openHistoryFile } from './history-file.ts'
import type { Contract, HistoryLine, RunLine } from './history-line.ts'
import { createIdSpace, type Slot } from './identity.ts'

export interface History {
  run: RunLine
  /** The file ended within a line: its writer was killed. */
  torn: boolean
  /** All of them, or those of some types, which is far quicker. */
  lines(...types: ReadonlyArray<HistoryLine['type']>): Iterable<HistoryLine>
  /** The number that stands for an id in every tally of the facts. */
  slot(id: string): Slot
  /** Those of many ids, `noSlot` for null; good until the next call. */
  slots(ids: ReadonlyArray<string | null>): Float64Array
  log: LogFacts
  wire: WireFacts
  belief: BeliefFacts
  reads: ReadFacts
  timeline: Timeline
  firstAtMs: number
  lastAtMs: number
  /** Bytes held for ids: fingerprints and tallies. */
  idBytes: number
}

/** Copies that each input owes to an output: 1, or N of a fan-out. */
export function copiesOf(contract: Contract): number {
  return typeof contract === 'object' ? contract['fan-out'] : 1
}

/** Every partition that the run says the topic has was read to its end. */
export function topicWasRead(history: History, topic: string): boolean {
  const { inputs, outputs } = history.run
  const declared = [...inputs, ...outputs].find((one) => one.topic === topic)?.partitions ?? 0
  const partitions = [...history.log.partitions.values()].filter((one) => one.topic === topic)
  return (
    partitions.length > 0 &&
    partitions.length >= declared &&
    partitions.every(({ end }) => end !== undefined)
  )
}

/** An output that is no topic of Kafka. */
export function isSink(history: Pick<History, 'run'>, topic: string): boolean {
  return history.run.outputs.some((one) => one.topic === topic && one.sink !== undefined)
}

export function outputsWereRead(history: History): boolean {
  return history.run.outputs.every(({ topic }) => topicWasRead(history, topic))
}

export function inputsWereRead(history: History): boolean {
  const { inputs } = history.run
  return inputs.length > 0 && inputs.every(({ topic }) => topicWasRead(history, topic))
}

/** Draws the facts from lines that are at hand. */
export function historyOf(lines: readonly HistoryLine[]): History {
  return drawFacts(
    (...types) => (types.length === 0 ? lines : lines.filter(({ type }) => types.includes(type))),
    () => false,
  )
}

/** Draws the facts from lines that are made as they are asked for, the same each time. */
export function historyFrom(lines: History['lines']): History {
  return drawFacts(lines, () => false)
}

/** Draws the facts from the file of a run. */
export function openHistory(file: string): History {
  const opened = openHistoryFile(file)
  return drawFacts(opened.lines, opened.torn)
}

const noSlots = new Float64Array(0)

function findRun(lines: Iterable<HistoryLine>): RunLine {
  for (const line of lines) if (line.type === 'run') return line
  throw new OperatorError(
    'wrong-history',
    'the history has no `run` line, so nobody knows what it must come to',
    'Name the history.ndjson of a run.',
  )
}

function drawFacts(lines: History['lines'], torn: () => boolean): History {
  const run = findRun(lines('run'))
  if (run.format !== 1) {
    throw new OperatorError(
      'wrong-history',
      `the history has format ${String(run.format)}; this version reads format 1`,
      'Audit it with the version that wrote it.',
    )
  }
  const space = createIdSpace()
  const wide = new Set(
    run.outputs.filter(({ contract }) => copiesOf(contract) > 2).map(({ topic }) => topic),
  )
  const log = collectLog((topic) => (wide.has(topic) ? 8 : 2))
  const wire = collectWire()
  const belief = collectBelief(space)
  const reads = collectReads()
  const timeline = collectTimeline()
  let firstAtMs = Number.POSITIVE_INFINITY
  let lastAtMs = run.atMs
  for (const line of lines()) {
    firstAtMs = Math.min(firstAtMs, line.atMs)
    lastAtMs = Math.max(lastAtMs, line.atMs)
    const slots =
      line.type === 'log-batch' || line.type === 'read' ? space.slots(line.ids) : noSlots
    log.take(line, slots)
    wire.take(line)
    belief.take(line)
    reads.take(line, slots)
    timeline.take(line)
  }
  const logFacts = log.finish()
  const beliefFacts = belief.finish()
  const tallies = [
    logFacts.input.committed,
    logFacts.input.uncommitted,
    ...[...logFacts.outputs.values()].flatMap((count) => [count.committed, count.uncommitted]),
    beliefFacts.committed,
    beliefFacts.commitTried,
    beliefFacts.aborted,
    beliefFacts.sent,
    beliefFacts.acknowledged,
    beliefFacts.failed,
  ]
  return {
    run,
    torn: torn(),
    lines,
    slot: (id) => space.slot(id),
    slots: (ids) => space.slots(ids),
    log: logFacts,
    wire: wire.finish(),
    belief: beliefFacts,
    reads: reads.finish(),
    timeline: timeline.finish(run.faults),
    firstAtMs: Math.min(firstAtMs, run.atMs),
    lastAtMs,
    idBytes: space.bytes() + tallies.reduce((sum, tally) => sum + tally.bytes(), 0),
  }
}
