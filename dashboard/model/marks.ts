// When faults took effect and when they were over: drawn across the lanes.
import type { ProxyEvent } from '../../proxy/events.ts'

/** Marks kept. */
export const marksMax = 500

export interface Mark {
  fault: string
  kind: string
  number: number
  firedMs: number
  appliedMs?: number
  healedMs?: number
}

export interface Marks {
  all(): readonly Mark[]
  see(event: ProxyEvent): void
  clear(): void
}

export function createMarks(): Marks {
  const marks: Mark[] = []
  return {
    all: () => marks,
    see(event) {
      if (event.type === 'fault-disarmed') {
        // What is disarmed has been healed, whether or not each firing was told.
        for (const mark of marks) if (mark.fault === event.fault) mark.healedMs ??= event.atMs
        return
      }
      if (
        event.type !== 'fault-fired' &&
        event.type !== 'fault-applied' &&
        event.type !== 'fault-healed'
      ) {
        return
      }
      const { fault, kind, firing, atMs } = event
      const isIt = (mark: Mark) =>
        mark.fault === fault && mark.number === firing.number && mark.firedMs === firing.firedAtMs
      let mark = marks.findLast(isIt)
      if (mark === undefined) {
        mark = { fault, kind, number: firing.number, firedMs: firing.firedAtMs }
        marks.push(mark)
        if (marks.length > marksMax) marks.shift()
      }
      if (event.type === 'fault-applied') mark.appliedMs = firing.appliedAtMs ?? atMs
      if (event.type === 'fault-healed') mark.healedMs = firing.healedAtMs ?? atMs
    },
    clear: () => void marks.splice(0),
  }
}
