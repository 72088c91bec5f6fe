// How many transactional ids stand where, kept up as they change, so that asking costs nothing in proportion to how
// many have been seen: only open transactions are gone over, for their age.
import type { TransactionPhase } from '../events.ts'

export interface TransactionSummary {
  phases: Record<TransactionPhase, number>
  oldestOpenMs: number
  /** Open past their timeout. */
  hanging: number
  /** Ids whose producer has been fenced. */
  zombies: number
}

/** What is counted of one transactional id. */
export interface Standing {
  phase: TransactionPhase
  isFenced: boolean
  /** Undefined when none is open. */
  openSinceMs: number | undefined
}

/** Whoever has a standing remembers which one was counted. */
export interface Standee {
  standing: Standing | undefined
  timeoutMs: number | undefined
}

export interface Standings<Whose extends Standee> {
  /** Those with a transaction open. */
  readonly open: ReadonlySet<Whose>
  /** Takes note of how it stands now. */
  note(standee: Whose, now: Standing): void
  forget(standee: Whose): void
  summary(nowMs: number): TransactionSummary
}

export function createStandings<Whose extends Standee>(): Standings<Whose> {
  const phases = { idle: 0, begun: 0, producing: 0, offsets: 0, ending: 0, ended: 0 }
  let zombies = 0
  const open = new Set<Whose>()

  function count({ phase, isFenced }: Standing, by: 1 | -1): void {
    phases[phase] += by
    if (isFenced) zombies += by
  }

  return {
    open,
    note(standee, now) {
      const { standing } = standee
      if (standing !== undefined) count(standing, -1)
      count(now, 1)
      standee.standing = now
      if (now.openSinceMs === undefined) open.delete(standee)
      else open.add(standee)
    },
    forget(standee) {
      if (standee.standing !== undefined) count(standee.standing, -1)
      standee.standing = undefined
      open.delete(standee)
    },
    summary(nowMs) {
      let oldestOpenMs = 0
      let hanging = 0
      for (const { standing, timeoutMs } of open) {
        const ageMs = Math.max(0, nowMs - (standing?.openSinceMs ?? nowMs))
        oldestOpenMs = Math.max(oldestOpenMs, ageMs)
        if (timeoutMs !== undefined && ageMs > timeoutMs) hanging += 1
      }
      return { phases: { ...phases }, oldestOpenMs, hanging, zombies }
    },
  }
}
