// A gate that a message waits at. It opens once; whoever waits is told in a later turn of the event loop, so
// that opening a gate in the middle of one message never re-enters another.
import type { Gate } from './exchange.ts'

export interface OpenableGate<Verdict> extends Gate<Verdict> {
  open(verdict: Verdict): void
  readonly isOpen: boolean
}

export function createGate<Verdict>(): OpenableGate<Verdict> {
  let opened: { verdict: Verdict } | undefined
  const waiting: Array<(verdict: Verdict) => void> = []
  return {
    whenOpen(go) {
      if (opened === undefined) waiting.push(go)
      else {
        const { verdict } = opened
        queueMicrotask(() => go(verdict))
      }
    },
    open(verdict) {
      if (opened !== undefined) return
      opened = { verdict }
      for (const go of waiting) queueMicrotask(() => go(verdict))
    },
    get isOpen() {
      return opened !== undefined
    },
  }
}
