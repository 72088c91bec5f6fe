// How late an event loop is: looked at by a timer, and kept as the longest of the last seconds. A proxy whose loop is
// late makes everything late that passes.

/** The longest is that of this slot and of the one before. */
const slotMs = 15_000

export interface LoopLag {
  note(atMs: number, lateMs: number): void
  longestMs(atMs: number): number
}

export function createLoopLag(): LoopLag {
  let slot = 0
  let now = 0
  let before = 0
  function turn(atMs: number): void {
    const current = Math.floor(atMs / slotMs)
    if (current === slot) return
    before = current === slot + 1 ? now : 0
    now = 0
    slot = current
  }
  return {
    note(atMs, lateMs) {
      turn(atMs)
      now = Math.max(now, lateMs)
    },
    longestMs(atMs) {
      turn(atMs)
      return Math.max(now, before)
    },
  }
}
