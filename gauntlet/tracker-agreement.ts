// Does the tracker's view of each transaction agree with the brokers' own? Compared when everything has come to rest:
// whoever says otherwise then has followed the wire wrongly, and its word on the run is worth little. What the proxy
// cannot know (a lost answer, a timeout at the coordinator) is no disagreement.
import type { TransactionView } from '../proxy/transactions/tracker.ts'
import type { ClusterTransactions, CoordinatedTransaction } from './clusters/transaction-state.ts'

/** The group's offsets join a transaction too; the tracker knows them by their group. */
const offsetsTopic = /^__consumer_offsets-/

const commits = ['PrepareCommit', 'CompleteCommit']
const aborts = ['PrepareAbort', 'CompleteAbort', 'PrepareEpochFence', 'Dead']
const nothingOpen = ['Empty', 'CompleteCommit', 'CompleteAbort', 'Dead']

type Relation = 'same' | 'bumped' | 'newer' | 'older'

/** A sentence for each transactional id that the two speak of differently. */
export function disagreements(
  views: readonly TransactionView[],
  cluster: ClusterTransactions,
): string[] {
  return views.flatMap((view) => {
    const { transactionalId } = view
    const named = cluster.transactions.filter((one) => one.transactionalId === transactionalId)
    const said = newestOf(named)
    const difference = said === undefined ? undefined : differenceFrom(view, said)
    const held = difference === undefined && said !== undefined ? heldOpen(view, said, cluster) : []
    return [...(difference === undefined ? [] : [difference]), ...held].map(
      (text) =>
        `the tracker and the cluster disagree about transaction ${transactionalId} #${view.transaction}: ${text}`,
    )
  })
}

/** After a move the old coordinator may still tell of it. */
function newestOf(named: readonly CoordinatedTransaction[]): CoordinatedTransaction | undefined {
  return named.reduce<CoordinatedTransaction | undefined>((newest, one) => {
    if (newest === undefined || one.producerId > newest.producerId) return one
    return one.producerId === newest.producerId && one.producerEpoch > newest.producerEpoch
      ? one
      : newest
  }, undefined)
}

function relationOf(view: TransactionView, said: CoordinatedTransaction): Relation {
  if (view.producerId < 0) return 'newer'
  if (said.producerId !== view.producerId) {
    return said.producerId > view.producerId ? 'newer' : 'older'
  }
  if (said.producerEpoch === view.producerEpoch) return 'same'
  if (said.producerEpoch < view.producerEpoch) return 'older'
  return said.producerEpoch === view.producerEpoch + 1 ? 'bumped' : 'newer'
}

function ids(of: { producerId: number; producerEpoch: number }): string {
  return `producer ${of.producerId} epoch ${of.producerEpoch}`
}

function differenceFrom(view: TransactionView, said: CoordinatedTransaction): string | undefined {
  const relation = relationOf(view, said)
  const otherIds = `${ids(view)} here, ${ids(said)} there`
  if (relation === 'older') return otherIds
  if (relation !== 'same') {
    // Answers were lost, or the id was initialised past the proxy: what the cluster tells is of a later life.
    if (view.unsure || said.state === 'Empty') return undefined
    const isKnown =
      view.phase === 'idle' || (view.phase === 'ended' && view.lastOutcome !== 'unknown')
    if (relation === 'newer') return isKnown ? otherIds : undefined
    if (view.phase === 'idle') return otherIds
  }
  if (!allowedStates(view, relation).includes(said.state)) {
    return `${phrase(view)} here, ${said.state} there`
  }
  if (relation !== 'same' || said.state !== 'Ongoing') return undefined
  const strange = said.partitions.filter(
    (place) => !offsetsTopic.test(place) && !view.partitions.includes(place),
  )
  return strange.length === 0 ? undefined : `${strange.join(', ')} takes part there, not here`
}

function phrase(view: TransactionView): string {
  return view.phase === 'ended' ? `${view.lastOutcome ?? 'ended'}` : view.phase
}

/** What the coordinator may call a transaction that the tracker sees so. */
function allowedStates(view: TransactionView, relation: Relation): readonly string[] {
  const { phase, lastOutcome, registered } = view
  if (phase === 'idle') return nothingOpen
  if (phase === 'ended') {
    if (lastOutcome === 'committed') return commits
    // Where nothing was accepted, the coordinator still tells of what was before.
    if (lastOutcome === 'aborted') return registered ? aborts : [...aborts, ...nothingOpen]
    return ['Ongoing', ...commits, ...aborts, ...nothingOpen]
  }
  if (phase === 'ending') return ['Ongoing', ...commits, ...aborts, ...nothingOpen]
  // Open here. The coordinator may have aborted it by its timeout, never committed it.
  const open = ['Ongoing', ...aborts]
  return registered && relation === 'same' ? open : [...open, ...nothingOpen]
}

/** Partitions that hold open what has ended by both accounts. */
function heldOpen(
  view: TransactionView,
  said: CoordinatedTransaction,
  { producers }: ClusterTransactions,
): string[] {
  const isOver = view.phase === 'idle' || view.phase === 'ended'
  if (!isOver || !nothingOpen.includes(said.state)) return []
  return producers
    .filter(({ isOpen, producerId }) => isOpen && producerId === said.producerId)
    .map(({ place }) => `${phrase(view)} here and ${said.state} there, but open in ${place}`)
}
