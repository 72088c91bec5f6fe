// `lost-write`: something that was acknowledged, or whose commit was decided, cannot be read.
// Two witnesses. The wire: a batch outside transactions whose acknowledgement reached the client, or a batch of a
// transaction that the client only ever asked to commit and the coordinator agreed to; by producer id, epoch and
// sequence it must be in the log, and not aborted. The application's journal: ids in commits (or, for a producer
// without transactions, in sends) that it was told had succeeded.
// What both of them say of an id is said once; of a batch that is not there at all nobody knows the ids, so the ids that
// the journal alone misses are taken to be those.
// Must not conclude anything from unknown answers, from partitions that were not read to their end, or from
// offsets before the place where reading began.
import { batchAt, place, recordProof, sendProof, transactionName } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import { recordsOf } from '../facts/reads.ts'
import { noError, provablyCommitted, type WireSend } from '../facts/wire.ts'
import { counted, type Finding, type Gathering, gather } from '../finding.ts'
import { type History, outputsWereRead } from '../history.ts'
import type { Slot } from '../identity.ts'

export function lostWrite(history: History): Finding[] {
  const gathered = gather()
  const wire = lostOnTheWire(history, gathered)
  const believed = lostByJournal(history, gathered, wire.ids)
  gathered.addUnnamed(Math.max(0, wire.nameless - believed))
  if (gathered.count === 0) return []
  const isOnWire = wire.ids.size > 0 || wire.nameless > 0
  return [
    gathered.finding(
      'lost-write',
      isOnWire
        ? `${counted(gathered.count, 'record')} acknowledged or decided, and not readable`
        : `${counted(gathered.count, 'id')} that the application believes to be written, in no output`,
    ),
  ]
}

function mustBeReadable({ batch, transaction }: WireSend): boolean {
  if (!batch.transactional) return batch.told === 'ok'
  if (transaction === undefined || !provablyCommitted(transaction)) return false
  return batch.told === 'ok' || batch.brokerError === noError
}

/** Gathers what the wire knows to be lost; gives the ids, and how many records beyond them have none. */
function lostOnTheWire(
  history: History,
  gathered: Gathering,
): { ids: ReadonlySet<Slot>; nameless: number } {
  const ids = new Set<Slot>()
  let nameless = 0
  /** Batches that are there but aborted: their ids come from the log. */
  const abortedAt = new Map<string, WireSend>()
  const seen = new Set<string>()
  for (const send of history.wire.sends) {
    const { batch } = send
    const partition = history.log.partitions.get(topicPartition(batch))
    if (partition?.role !== 'output' || partition.end === undefined) continue
    if (!mustBeReadable(send)) continue
    const { baseOffset } = batch
    if (baseOffset !== undefined && baseOffset < partition.end.firstOffset) continue
    const identity = history.log.batchOf(batch)
    const found =
      batch.producerId >= 0
        ? identity
        : baseOffset === undefined
          ? undefined
          : history.log.batchAt(topicPartition(batch), baseOffset)
    if (batch.producerId < 0 && baseOffset === undefined) continue
    if (found?.state === 'committed' || found?.state === 'open') continue
    const key = `${topicPartition(batch)}/${batch.producerId}/${batch.producerEpoch}/${batch.baseSequence}/${baseOffset}`
    if (seen.has(key)) continue
    seen.add(key)
    if (found !== undefined) {
      abortedAt.set(place(found, found.baseOffset), send)
      continue
    }
    nameless += batch.records
    const how =
      send.transaction === undefined
        ? 'was acknowledged'
        : `belongs to ${transactionName(send.transaction)}, whose commit was decided`
    gathered.prove({
      shows: `a batch of ${counted(batch.records, 'record')} ${how}, and is not in the log`,
      ...(baseOffset === undefined ? {} : { place: place(batch, baseOffset) }),
      producerId: batch.producerId,
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      ...sendProof(send),
    })
  }
  if (abortedAt.size > 0) {
    for (const line of history.lines('log-batch')) {
      if (line.type !== 'log-batch' || !abortedAt.has(place(line, line.baseOffset))) continue
      for (const record of recordsOf(line)) {
        if (record.id !== null) {
          const slot = history.slot(record.id)
          if (ids.has(slot)) continue
          ids.add(slot)
        }
        if (!gathered.add(record.id)) continue
        gathered.prove(
          recordProof(
            history,
            batchAt(history, line),
            record,
            'aborted though its commit was decided',
          ),
        )
      }
    }
  }
  return { ids, nameless }
}

/** Gathers what the application believes to be written and the wire has not named; gives how many. */
function lostByJournal(history: History, gathered: Gathering, named: ReadonlySet<Slot>): number {
  const { belief, log } = history
  const promised = belief.transactional ? belief.committed : belief.acknowledged
  if (promised.distinct === 0 || !outputsWereRead(history)) return 0
  const isThere = (slot: Slot): boolean =>
    [...log.outputs.values()].some(({ committed }) => committed.count(slot) > 0)
  const seen = new Set<Slot>(named)
  for (const line of history.lines('journal')) {
    if (line.type !== 'journal') continue
    const { entry, instance } = line
    const isCommit = 'txn' in entry && entry.txn === 'commit' && entry.outcome === 'ok'
    const isSend = !belief.transactional && 'sent' in entry && entry.outcome === 'ok'
    const ids = isCommit ? entry.ids : isSend ? [entry.sent] : []
    for (const id of ids) {
      const slot = history.slot(id)
      if (seen.has(slot) || isThere(slot)) continue
      seen.add(slot)
      if (!gathered.add(id)) continue
      const what = isCommit ? 'committed' : 'acknowledged'
      gathered.prove({
        shows: `${instance} believes that it was ${what}`,
        id,
        instance,
        journal: { instance, line: line.line },
        atMs: line.atMs,
      })
    }
  }
  return seen.size - named.size
}
