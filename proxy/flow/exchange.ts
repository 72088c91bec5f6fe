// A request with its answer, and what may become of either: the words in which the pipeline tells a connection what
// to do. Values only; connection.ts carries them out.
import type { FrameMode } from './walker.ts'

/** A request and its answer. The pipeline hangs what it knows on `about`. */
export interface Exchange<About = unknown> {
  apiKey: number
  version: number
  correlationId: number
  replyMode: FrameMode
  /** acks=0: the broker will not answer. */
  silent: boolean
  /** An answer made by the proxy; the broker never sees the request. */
  made?: Buffer
  about?: About
}

/** Something that a message waits for. Opens once, with what to do then. */
export interface Gate<Verdict> {
  whenOpen(go: (verdict: Verdict) => void): void
}

/** Whose effect a verdict is; reported back when the effect is there. */
export interface Effect {
  applied(what: string): void
  /** The broker's answer to a message whose client does not get it. */
  answered(frame: Buffer): void
  /** The client went away while its request was held. */
  discarded(): void
}

/** `isFree`: nothing of the message is held on to, so its memory may be used again once it is out. */
export interface Pass {
  do: 'pass'
  isFree?: true
}

export type RequestVerdict =
  | Pass
  | { do: 'replace'; frame: Buffer; effect?: Effect }
  | { do: 'answer'; frame: Buffer; effect?: Effect }
  | { do: 'wait'; gate: Gate<RequestVerdict>; effect?: Effect; discardIfClientLeaves: boolean }
  /** Swallowed; nothing is forwarded or answered any more. */
  | { do: 'swallow'; effect: Effect; forMs?: number }
  /** Swallowed alone: the next message passes. Impossible on TCP. */
  | { do: 'skip'; effect: Effect }
  | { do: 'cut'; forward: boolean; with: 'fin' | 'reset'; effect?: Effect }
  | { do: 'detach'; gate: Gate<unknown>; effect: Effect }

export type ReplyVerdict =
  | Pass
  | { do: 'replace'; frame: Buffer; effect?: Effect }
  | { do: 'wait'; gate: Gate<ReplyVerdict>; effect?: Effect }
  | { do: 'swallow'; effect: Effect; forMs?: number }
  | { do: 'skip'; effect: Effect }
  | { do: 'cut'; part: 'none' | 'some'; with: 'fin' | 'reset'; effect?: Effect }
