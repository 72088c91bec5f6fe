// `aborted-read` (G1a): a record of an aborted transaction is readable as committed. Four witnesses:
// - the wire: every EndTxn that the client sent in the transaction of this batch was an abort, and yet the batch
//   lies committed in the log (a late commit of an earlier transaction does that with V1 producers);
// - the application's journal: more committed copies of an id than it ever tried to commit, and it aborted some;
// - a read_committed reader was handed a record that the log shows as aborted or undecided;
// - the input: an output, or a read that the application reports, of an input that was never committed.
// Must not conclude it from an aborted copy beside a committed one (abort, then the work done again), from a batch
// that was sent in several transactions, or from the journals of a run in which a process died: the line about a
// commit that was under way is missing then.
import { batchAt, recordProof } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import { recordsOf, recordsRead } from '../facts/reads.ts'
import { onlyAborted } from '../facts/wire.ts'
import { counted, type Finding, gather, type Proof } from '../finding.ts'
import type { History } from '../history.ts'
import type { Slot } from '../identity.ts'

export function abortedRead(history: History): Finding[] {
  const inOutputs = history.run.outputs.flatMap(({ topic }) => abortedIn(history, topic))
  return [...inOutputs, ...readByApplication(history)]
}

function abortedIn(history: History, topic: string): Finding[] {
  const witnesses = new Set<string>()
  const found = new Map<Slot, { id: string; proofs: Proof[] }>()
  const add = (witness: string, id: string, slot: Slot, proof: Proof) => {
    witnesses.add(witness)
    const one = found.get(slot) ?? { id, proofs: [] }
    found.set(slot, one)
    one.proofs.push(proof)
  }
  const suspects = suspectsOfJournal(history)
  if (suspects.size === 0 && !anyCanBeFound(history, topic)) return []

  for (const line of history.lines('log-batch', 'read')) {
    if (line.type === 'log-batch' && line.topic === topic && line.state === 'committed') {
      const batch = batchAt(history, line)
      const sends = history.wire.sendsOf(batch)
      const wireSaysAborted =
        sends.length > 0 &&
        sends.every(({ transaction }) => transaction !== undefined && onlyAborted(transaction))
      for (const record of recordsOf(line)) {
        if (record.id === null) continue
        const slot = history.slot(record.id)
        if (wireSaysAborted) {
          const shows = 'committed though its transaction was only ever asked to abort'
          add('the wire', record.id, slot, recordProof(history, batch, record, shows))
        }
        if (line.transactional && suspects.has(slot)) {
          const shows =
            'a committed copy, of which there are more than the application tried to commit'
          add(
            "the application's journal",
            record.id,
            slot,
            recordProof(history, batch, record, shows),
          )
        }
        if (isUncommittedInput(history, slot)) {
          const shows = 'an output of an input that was never committed'
          add('the input', record.id, slot, recordProof(history, batch, record, shows))
        }
      }
    }
    if (line.type === 'read' && line.topic === topic) {
      for (const record of recordsRead(line)) {
        const batch = history.log.batchAt(topicPartition(line), record.offset)
        if (batch === undefined || batch.state === 'committed' || record.id === null) continue
        const shows = `handed to the ${line.reader} read_committed reader, and ${batch.state} in the log`
        const proof = { ...recordProof(history, batch, record, shows), atMs: line.atMs }
        add('a read_committed reader', record.id, history.slot(record.id), proof)
      }
    }
  }
  if (found.size === 0) return []
  addJournalLines(history, found)
  const gathered = gather()
  for (const { id, proofs } of found.values()) if (gathered.add(id)) gathered.prove(...proofs)
  return [
    gathered.finding(
      'aborted-read',
      `${counted(found.size, 'id')} of aborted transactions readable as committed in ${topic} (by ${[...witnesses].join(', ')})`,
    ),
  ]
}

/** Cheap: whether there is anything at all that could be read and must not be. */
function anyCanBeFound(history: History, topic: string): boolean {
  if (history.log.input.uncommitted.distinct > 0) return true
  if (history.wire.transactions.some(onlyAborted)) return true
  return [...history.log.partitions.values()].some(
    (partition) =>
      partition.topic === topic && partition.batches.some(({ state }) => state !== 'committed'),
  )
}

function isUncommittedInput(history: History, slot: Slot): boolean {
  const { committed, uncommitted } = history.log.input
  return uncommitted.count(slot) > 0 && committed.count(slot) === 0
}

/** Ids of which more copies are committed than the application tried to commit, one abort at least among its tries. */
function suspectsOfJournal(history: History): Set<Slot> {
  const { belief, log, timeline } = history
  const suspects = new Set<Slot>()
  const died = timeline.instances.some(({ change }) => change === 'killed' || change === 'exited')
  if (died || belief.aborted.distinct === 0) return suspects
  for (const line of history.lines('journal')) {
    if (line.type !== 'journal' || !('txn' in line.entry) || line.entry.txn !== 'abort') continue
    for (const id of line.entry.ids) {
      const slot = history.slot(id)
      const tried = belief.commitTried.count(slot)
      const isThere = [...log.outputs.values()].some(({ committed }) => {
        return tried < belief.commitTried.limit && committed.count(slot) > tried
      })
      if (isThere) suspects.add(slot)
    }
  }
  return suspects
}

/** Adds the journal's abort to the proofs of the ids found. */
function addJournalLines(
  history: History,
  found: ReadonlyMap<Slot, { id: string; proofs: Proof[] }>,
): void {
  if (history.belief.aborted.distinct === 0) return
  for (const line of journalLines(history)) {
    if (!('txn' in line.entry) || line.entry.txn !== 'abort') continue
    for (const id of line.entry.ids) {
      found.get(history.slot(id))?.proofs.push({
        shows: `${line.instance} aborted it (${line.entry.outcome})`,
        id,
        instance: line.instance,
        journal: { instance: line.instance, line: line.line },
      })
    }
  }
}

function* journalLines(history: History) {
  for (const line of history.lines('journal')) if (line.type === 'journal') yield line
}

/** Inputs that the application says it was handed, though they were never committed. */
function readByApplication(history: History): Finding[] {
  if (history.log.input.uncommitted.distinct === 0) return []
  const isOutput = (slot: Slot): boolean =>
    [...history.log.outputs.values()].some(({ committed }) => committed.count(slot) > 0)
  const gathered = gather()
  const seen = new Set<Slot>()
  for (const line of journalLines(history)) {
    if (!('read' in line.entry)) continue
    for (const id of line.entry.read) {
      const slot = history.slot(id)
      if (seen.has(slot) || !isUncommittedInput(history, slot) || isOutput(slot)) continue
      seen.add(slot)
      if (!gathered.add(id)) continue
      const { instance } = line
      gathered.prove({
        shows: `${instance} was handed an input that was never committed`,
        id,
        instance,
        journal: { instance, line: line.line },
      })
    }
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding(
      'aborted-read',
      `${counted(gathered.count, 'input')} never committed, and yet handed to the application`,
    ),
  ]
}
