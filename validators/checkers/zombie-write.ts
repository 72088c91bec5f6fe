// `zombie-write`: records of a fenced epoch are committed.
// From the log: a committed batch whose epoch is lower than one that its producer id had already reached in that
// partition, by a batch or a marker. From the wire: a batch sent after the same transactional id was initialised
// with a higher epoch, and committed.
// Must not judge epochs across producer ids, nor batches that were sent before the new epoch was given out.
import { batchAt, recordProof } from '../evidence.ts'
import type { LogBatch } from '../facts/log.ts'
import { recordsOf } from '../facts/reads.ts'
import { noError, type WireSend } from '../facts/wire.ts'
import { counted, type Finding, gather } from '../finding.ts'
import type { History } from '../history.ts'

export function zombieWrite(history: History): Finding[] {
  const zombies = new Map<LogBatch, string>()
  for (const { role, batches, markers } of history.log.partitions.values()) {
    if (role !== 'output') continue
    const reached = new Map<number, number>()
    const reach = (producerId: number, epoch: number): number => {
      const before = reached.get(producerId) ?? -1
      if (epoch > before) reached.set(producerId, epoch)
      return before
    }
    let next = 0
    for (const batch of batches) {
      for (let marker = markers[next]; marker !== undefined; marker = markers[++next]) {
        if (marker.offset > batch.baseOffset) break
        if (marker.producerId >= 0) reach(marker.producerId, marker.producerEpoch)
      }
      const { producerId, producerEpoch } = batch
      if (producerId < 0) continue
      const highest = reach(producerId, producerEpoch)
      if (batch.state === 'committed' && producerEpoch < highest) {
        zombies.set(batch, `committed with epoch ${producerEpoch}, after epoch ${highest}`)
      }
    }
  }
  for (const [batch, epoch] of sentAfterFencing(history)) {
    if (!zombies.has(batch)) {
      zombies.set(
        batch,
        `sent after epoch ${epoch} had been given to another producer, and committed`,
      )
    }
  }
  if (zombies.size === 0) return []

  const gathered = gather()
  for (const line of history.lines('log-batch')) {
    if (line.type !== 'log-batch' || line.role !== 'output') continue
    const batch = batchAt(history, line)
    const shows = zombies.get(batch)
    if (shows === undefined) continue
    for (const record of recordsOf(line)) {
      if (gathered.add(record.id)) gathered.prove(recordProof(history, batch, record, shows))
    }
  }
  return [
    gathered.finding(
      'zombie-write',
      `${counted(gathered.count, 'record')} of a fenced producer committed`,
    ),
  ]
}

/**
 * The same batch was sent before the fencing too, and may have been applied then: a later retry is answered as one. An
 * earlier send without an answer says nothing where a fault is known to have kept it back and delivered it later.
 */
function mayBeOlder(sends: readonly WireSend[], fencedAtMs: number): boolean {
  const cameLate = sends.some(({ late, batch }) => late && batch.brokerError === noError)
  return sends.some(
    ({ sentAtMs, late, batch }) =>
      !late && sentAtMs <= fencedAtMs && (batch.brokerError === noError || !cameLate),
  )
}

function sentAfterFencing(history: History): Map<LogBatch, number> {
  const initialised = history.wire.producers.filter(({ change }) => change === 'initialised')
  const found = new Map<LogBatch, number>()
  if (initialised.length === 0) return found
  for (const send of history.wire.sends) {
    const { batch, transaction } = send
    const deliveredAtMs = send.late ? send.atMs : send.sentAtMs
    if (transaction === undefined) continue
    const later = initialised.find(
      (producer) =>
        producer.transactionalId === transaction.transactionalId &&
        producer.producerId === batch.producerId &&
        producer.producerEpoch > batch.producerEpoch &&
        producer.atMs < deliveredAtMs,
    )
    if (later === undefined) continue
    if (mayBeOlder(history.wire.sendsOf(batch), later.atMs)) continue
    const inLog = history.log.batchOf(batch)
    if (inLog?.role === 'output' && inLog.state === 'committed') {
      found.set(inLog, later.producerEpoch)
    }
  }
  return found
}
