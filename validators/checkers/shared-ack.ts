// `shared-ack`: two records were acknowledged with one offset, so one of them is lost: the early, sure sign of a
// client that used sequence numbers again and was answered for the older batch.
// From the wire: acknowledged batches whose offsets overlap and that are not one and the same batch; the same
// producer id, epoch and sequence in two transactions, or with another number of records, is not the same batch.
// From the journal: sends of two ids confirmed at one place.
// Must not take a retry (same batch, same answer) for two batches, nor conclude anything from unknown answers.
import { place, sendProof } from '../evidence.ts'
import { topicPartition } from '../facts/log.ts'
import { identityKey, noError, type WireSend } from '../facts/wire.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'
import type { JournalLine } from '../history-line.ts'

/** What a client writes that was told of a success without an offset (DUPLICATE_SEQUENCE_NUMBER). */
const nowhere = '@-1'

export function sharedAck(history: History): Finding[] {
  return [...sharedOnTheWire(history), ...sharedInJournal(history)]
}

function isSameBatch(a: WireSend, b: WireSend): boolean {
  if (a.batch.producerId < 0 || a.batch.producerId !== b.batch.producerId) return false
  return (
    identityKey(a.batch) === identityKey(b.batch) &&
    a.batch.records === b.batch.records &&
    a.transaction === b.transaction
  )
}

function sharedOnTheWire(history: History): Finding[] {
  const acknowledged = new Map<string, Array<WireSend & { first: number; last: number }>>()
  for (const send of history.wire.sends) {
    const { batch } = send
    if (batch.told !== 'ok' || batch.baseOffset === undefined || batch.baseOffset < 0) continue
    if (batch.brokerError !== undefined && batch.brokerError !== noError) continue
    const key = topicPartition(batch)
    const known = acknowledged.get(key) ?? []
    acknowledged.set(key, known)
    known.push({
      ...send,
      first: batch.baseOffset,
      last: batch.baseOffset + Math.max(1, batch.records) - 1,
    })
  }
  const gathered = gather()
  for (const sends of acknowledged.values()) {
    sends.sort((a, b) => a.first - b.first || a.atMs - b.atMs)
    let before: (typeof sends)[number] | undefined
    for (const send of sends) {
      if (before !== undefined && send.first <= before.last && !isSameBatch(before, send)) {
        const shared = Math.min(before.last, send.last) - send.first + 1
        for (let index = 0; index < shared; index++) gathered.add(null)
        for (const one of [before, send]) {
          gathered.prove({
            shows: `a batch of ${counted(one.batch.records, 'record')} acknowledged at an offset that another one was given too`,
            place: place(one.batch, one.first),
            producerId: one.batch.producerId,
            producerEpoch: one.batch.producerEpoch,
            baseSequence: one.batch.baseSequence,
            ...sendProof(one),
          })
        }
      }
      if (before === undefined || send.last >= before.last) before = send
    }
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding(
      'shared-ack',
      `${counted(gathered.count, 'offset')} given to two batches as their acknowledgement`,
    ),
  ]
}

function sharedInJournal(history: History): Finding[] {
  if (!history.belief.sends) return []
  const first = new Map<string, JournalLine>()
  const gathered = gather()
  for (const line of history.lines('journal')) {
    if (line.type !== 'journal' || !('sent' in line.entry)) continue
    const { sent, outcome, at } = line.entry
    if (outcome !== 'ok' || at === undefined || at.endsWith(nowhere)) continue
    const other = first.get(at)
    if (other === undefined) first.set(at, line)
    if (other === undefined || !('sent' in other.entry) || other.entry.sent === sent) continue
    if (!gathered.add(sent)) continue
    for (const one of [other, line]) {
      if (!('sent' in one.entry)) continue
      gathered.prove({
        shows: `${one.instance} was told that it lies there`,
        id: one.entry.sent,
        place: at,
        instance: one.instance,
        journal: { instance: one.instance, line: one.line },
      })
    }
  }
  if (gathered.count === 0) return []
  return [
    gathered.finding(
      'shared-ack',
      `${counted(gathered.count, 'id')} confirmed at the place of another id`,
    ),
  ]
}
