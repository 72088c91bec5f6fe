// What a fault is: a kind, its parameters, and the effect it asks for, as a value. A kind never touches
// a socket, a process or a clock; the engine and the flow carry its effect out and count it when it is there.
import Type from 'typebox'
import { type BrokerSelector, type ClientSelector, Scope } from './selectors.ts'
import { type MessageTrigger, Trigger } from './trigger-schema.ts'
import { Duration } from './vocabulary.ts'

/** One entry of `faults:` in a plan, and the body of an armed fault: the same JSON everywhere. */
export interface FaultSpec {
  name: string
  when: Trigger
  /** Exactly one key: the kind; its value: the kind's parameters. */
  inject: Record<string, unknown>
  on?: Scope
  for?: string
  times?: number | 'unlimited'
  /** It fires only after this, and before that. */
  from?: Trigger
  to?: Trigger
}

/** The fields of a fault beside `inject`, whose shape comes from the registry of kinds. */
export const faultFields = {
  name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$', maxLength: 100 }),
  when: Trigger,
  on: Type.Optional(Scope),
  for: Type.Optional(Duration),
  times: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Literal('unlimited')])),
  from: Type.Optional(Trigger),
  to: Type.Optional(Trigger),
}

export type Side = 'request' | 'reply'

/** When a held or detached message goes on; a copy may also go when its original was answered. */
export type Until = 'client-gave-up' | 'released' | 'answered' | { trigger: MessageTrigger }

/** What becomes of the one message that set the fault off. */
export type MessageVerdict =
  | { do: 'delay'; requestMs: number; replyMs: number; jitterMs: number }
  /** Swallowed; nothing more is answered on the connection (unless unrealistic). */
  | { do: 'drop'; side: Side; unrealistic: boolean }
  | {
      do: 'disconnect'
      at: 'before-request' | 'after-request' | 'before-reply' | 'mid-reply'
      with: 'fin' | 'reset'
    }
  | { do: 'error'; code: string; seenByBroker: boolean; partitions: 'all' | 'first' | string[] }
  | { do: 'answer'; body: Record<string, unknown> }
  | { do: 'hold'; side: Side; until: Until; plusMs: number; limitMs: number }
  | { do: 'detach'; until: Until; plusMs: number; limitMs: number }
  /** Sent again on another connection. */
  | { do: 'duplicate'; until: Until; plusMs: number; limitMs: number }
  | { do: 'corrupt'; crc: 'broken' | 'valid' }
  | { do: 'rewrite'; fields: Record<string, unknown> }

/** What becomes of whole connections until the fault heals. */
export type ConnectionVerdict =
  | { do: 'slow'; requestMs: number; replyMs: number; jitterMs: number }
  /** Bytes are accepted and thrown away; the connection cannot live on after that and is closed at heal. */
  | { do: 'block'; toBroker: boolean; toClient: boolean }
  | { do: 'refuse'; with: 'reset' | 'timeout' | 'handshake' }
  /** The proxy presents a certificate that no client should accept. */
  | { do: 'present'; certificate: 'expired' | 'untrusted' | 'wrong-host' }
  /** The proxy stops reading a socket, so that the other end has to wait. */
  | { do: 'stop-reading'; side: 'client' | 'broker' }
  /** Bytes leave by a rate, or in slices. */
  | {
      do: 'narrow'
      request: boolean
      reply: boolean
      bytesPerSecond?: number
      slicing?: { bytes: number; variationBytes: number; gapMs: number; jitterMs: number }
    }

export type PartitionSide = { clients: ClientSelector } | { brokers: BrokerSelector }

/** The effect that a kind asks for when its fault fires. */
export type FaultEffect =
  | { on: 'message'; verdict: MessageVerdict }
  | { on: 'connections'; verdict: ConnectionVerdict }
  | { on: 'network'; between: [PartitionSide, PartitionSide]; oneWay: boolean }
  | { on: 'coordinator'; how: 'wire' | 'process'; transactionalId?: string; group?: string }
  | { on: 'coordinator-seat'; how: 'wire' | 'process'; transactionalId?: string; group?: string }
  /** Another replica leads: of one partition, or of a whole topic's. */
  | { on: 'leadership'; partitions: string }
  /** Every replica leaves these brokers. */
  | { on: 'replicas'; from: BrokerSelector }
  | { on: 'broker'; how: 'wire' | 'kill' | 'pause' | 'stop' }
  | { on: 'group'; how: 'evict' | 'error' | 'ghost-member' | 'heartbeats-lost'; group?: string }
  /** A new producer of this id, elsewhere; default: the id of the triggering message. */
  | { on: 'fence'; transactionalId?: string }
  /** Processes of the application; default: the one whose message triggered it. */
  | { on: 'process'; how: 'kill' | 'pause'; instance?: number | string; restartAfterMs?: number }
  /** The user's own commands. */
  | { on: 'hook'; command: string; healCommand?: string; timeoutMs: number }

/** What the place where a fault runs must be able to do. */
export type Capability =
  | 'kill-broker'
  | 'pause-broker'
  | 'kill-client'
  | 'pause-client'
  | 'run-command'
  /** The proxy terminates TLS towards clients. */
  | 'terminate-tls'

export interface KindProblem {
  path: string[]
  message: string
  /** Which part of the place is wrong; by default the value, or the kind itself for an empty path. */
  at?: 'key' | 'value'
  /** The wrong word and the right ones, where that is the problem. */
  given?: string
  allowed?: readonly string[]
}

export interface FaultKind<Params extends Type.TSchema = Type.TSchema> {
  /** The word used in plans, REST, events and metrics. */
  name: string
  /** One sentence for help and docs. */
  summary: string
  params: Params
  /** The effect lasts until the fault heals (`for`, or by hand). */
  windowed(params: Type.Static<Params>, spec: FaultSpec): boolean
  /** It lasts, and knows by itself when it is over: `for` may be left out. */
  endsByItself?(params: Type.Static<Params>): boolean
  /** Only a plan on this machine's disk may ask for it: it reaches beyond the proxy. */
  fromDiskOnly?: true
  effect(params: Type.Static<Params>, spec: FaultSpec): FaultEffect
  /** What does not go together: a request cannot be lost once its reply is there. */
  problems?(params: Type.Static<Params>, spec: FaultSpec): KindProblem[]
  needs?(params: Type.Static<Params>): Capability[]
}

/** Keeps the parameter type of a kind while the registry sees one common type. */
export function defineKind<Params extends Type.TSchema>(kind: FaultKind<Params>): FaultKind {
  return kind as unknown as FaultKind
}

/** A loss on the request's side cannot be set off by the reply: the broker has applied it by then. */
export function needsRequestTrigger(spec: FaultSpec, path: string[]): KindProblem[] {
  if (spec.when.reply === undefined) return []
  return [
    {
      path,
      message: 'cannot happen on a `reply:` trigger: the broker has applied the request by then',
    },
  ]
}

/** Kinds that change one message have nothing to act on without one. */
export function needsMessageTrigger(spec: FaultSpec): KindProblem[] {
  if (spec.when.request !== undefined || spec.when.reply !== undefined) return []
  return [{ path: [], message: 'changes a message, so `when` must be `request:` or `reply:`' }]
}
