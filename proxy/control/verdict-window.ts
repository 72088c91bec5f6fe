// What the last minutes have shown, kept in slots: the oldest is forgotten when a new one begins, so that a proxy which
// runs for days speaks of now and not of all its life.

export interface WindowCounts {
  committed: number
  aborted: number
  /** Transactions whose client never learnt what became of them. */
  unknown: number
  fences: number
  errors: number
  loopStalls: number
}

export interface VerdictWindow {
  note(atMs: number, what: keyof WindowCounts): void
  counts(nowMs: number): WindowCounts
  readonly lengthMs: number
}

const slots = 30

const none = (): WindowCounts => ({
  committed: 0,
  aborted: 0,
  unknown: 0,
  fences: 0,
  errors: 0,
  loopStalls: 0,
})

/** Its length is exact to one slot, a thirtieth of it. */
export function createVerdictWindow(lengthMs: number): VerdictWindow {
  const slotMs = lengthMs / slots
  const kept = new Map<number, WindowCounts>()
  const slotAt = (atMs: number): number => Math.floor(atMs / slotMs)

  function forget(nowMs: number): void {
    const oldest = slotAt(nowMs) - slots
    for (const slot of kept.keys()) if (slot <= oldest) kept.delete(slot)
  }

  return {
    lengthMs,
    note(atMs, what) {
      const slot = slotAt(atMs)
      let counts = kept.get(slot)
      if (counts === undefined) {
        forget(atMs)
        counts = none()
        kept.set(slot, counts)
      }
      counts[what] += 1
    },
    counts(nowMs) {
      forget(nowMs)
      const sum = none()
      for (const counts of kept.values()) {
        for (const what of Object.keys(sum) as Array<keyof WindowCounts>) sum[what] += counts[what]
      }
      return sum
    },
  }
}
