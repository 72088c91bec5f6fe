// What the application believed, from its own journal: per id, how often a commit was tried, how often it was
// aborted, and what was reported as failed.
import type { HistoryLine } from '../history-line.ts'
import type { IdSpace, Tally } from '../identity.ts'
import { createTally } from '../identity.ts'

export interface BeliefFacts {
  /** Instances that wrote at least one line. */
  instances: ReadonlySet<string>
  /** At least one line speaks of a transaction. */
  transactional: boolean
  /** At least one line speaks of a single send. */
  sends: boolean
  /** Ids in commits that succeeded, and in all that were tried. */
  committed: Tally
  commitTried: Tally
  aborted: Tally
  /** Ids of single sends: tried at all, and confirmed. */
  sent: Tally
  acknowledged: Tally
  /** Ids that the application itself reported as failed, in a send or a commit. */
  failed: Tally
}

export interface BeliefCollector {
  take(line: HistoryLine): void
  finish(): BeliefFacts
}

export function collectBelief(space: IdSpace): BeliefCollector {
  const instances = new Set<string>()
  const committed = createTally()
  const commitTried = createTally()
  const aborted = createTally()
  const sent = createTally()
  const acknowledged = createTally()
  const failed = createTally()
  let transactional = false
  let sends = false
  return {
    take(line) {
      if (line.type !== 'journal') return
      instances.add(line.instance)
      const { entry } = line
      if ('sent' in entry) {
        sends = true
        const slot = space.slot(entry.sent)
        sent.add(slot)
        if (entry.outcome === 'ok') acknowledged.add(slot)
        if (entry.outcome === 'failed') failed.add(slot)
      } else if ('txn' in entry) {
        transactional = true
        for (const id of entry.ids) {
          const slot = space.slot(id)
          if (entry.txn === 'abort') aborted.add(slot)
          else {
            commitTried.add(slot)
            if (entry.outcome === 'ok') committed.add(slot)
            if (entry.outcome === 'failed') failed.add(slot)
          }
        }
      }
    },
    finish: () => ({
      instances,
      transactional,
      sends,
      committed,
      commitTried,
      aborted,
      sent,
      acknowledged,
      failed,
    }),
  }
}
