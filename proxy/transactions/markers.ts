// Phase two, between brokers: WriteTxnMarkers names a producer id and an epoch, no transactional id. The
// client plane told whose id that is; the epoch tells which of its transactions.
import { decide, report, settle } from './lifecycle.ts'
import type { Observation } from './observation.ts'
import { markersIn, type NamedMarker } from './subjects.ts'
import type { Memory, Outbox, TrackedProducer, TrackedTransaction } from './tracked.ts'

export interface MarkerTarget {
  producer: TrackedProducer
  transaction: TrackedTransaction | undefined
}

/** Whose transaction a marker ends. */
export function markerTarget(memory: Memory, marker: NamedMarker): MarkerTarget | undefined {
  const producer = memory.owners.get(marker.producerId)
  if (producer === undefined) return undefined
  const { current, recent } = producer
  const newestFirst = current === undefined ? recent : [current, ...recent]
  const own = newestFirst.filter((transaction) => transaction.producerId === marker.producerId)
  // V1 marks with the epoch of the records; a transaction that nobody asked to end is not the one meant.
  const sameEpoch = own.filter(
    (transaction) =>
      transaction.protocol !== 'V2' && transaction.producerEpoch === marker.producerEpoch,
  )
  // V2 marks with the next epoch, and so does a coordinator that aborts by itself.
  const bumped = own.find((transaction) => transaction.producerEpoch === marker.producerEpoch - 1)
  const transaction =
    sameEpoch.find((candidate) => candidate.endsSent > 0) ?? sameEpoch[0] ?? bumped ?? own[0]
  return { producer, transaction }
}

/** The coordinator has begun to carry out its decisions. */
export function applyMarkers(outbox: Outbox, memory: Memory, o: Observation): void {
  for (const marker of markersIn(o.request)) {
    const target = markerTarget(memory, marker)
    const transaction = target?.transaction
    if (target === undefined || transaction === undefined) continue
    const decision = marker.committed ? 'committed' : 'aborted'
    if (transaction.decided === decision && transaction.outcome !== 'unknown') continue
    const news = transaction.decided === undefined
    decide(outbox, target.producer, transaction, decision)
    if (transaction.phase === 'ended') {
      settle(outbox, target.producer, transaction, decision, 'markers-seen')
    } else if (news) report(outbox, target.producer, transaction, 'markers-seen')
  }
}
