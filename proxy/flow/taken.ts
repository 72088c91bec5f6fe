// What the pipeline knows of a message and its exchange, and hands to whoever carries out a rule's decision on it.
import type { MessageView } from '../faults/message-view.ts'
import type { Decision } from '../faults/rules.ts'
import type { Message } from '../protocol/codec.ts'
import type { Observation, RepeatedProduce } from '../transactions/tracker.ts'
import type { Connection } from './connection.ts'
import type { Effect, Exchange, ReplyVerdict, RequestVerdict } from './exchange.ts'
import type { ProduceShape } from './produce-shape.ts'
import type { FrameMode } from './walker.ts'

/** What the pipeline knows of an exchange. */
export interface About {
  mode: FrameMode
  request: Message | undefined
  clientId: string | null
  sentAtMs: number
  observation: Observation | undefined
  view: MessageView | undefined
  /** A Produce like one before it. */
  shape: ProduceShape | undefined
  /** It was followed by that, and nothing of it was decoded. */
  repeated: RepeatedProduce | undefined
  /** Decided at the request, done at the reply. */
  replyPlan: ((message: TakenReply) => ReplyVerdict) | undefined
  /** Wants to know the broker's answer that the client will not get. */
  effect: Effect | undefined
  /** Delivered after its time: the client did not send it in what is now going on. */
  late: boolean
  answered: boolean
  /** What the client is handed when that is not the broker's answer. */
  toldReply: Message | undefined
  /** The broker's answer, as long as it is held back. */
  waiting: Observation | undefined
  /** Shown to the posture. */
  isSampled: boolean
  /** Policies have a say in it. */
  isGoverned: boolean
  /** It breaks one, so that the next like it must be judged too. */
  isBreaking: boolean
  /** Answers to what was refused of it, to be put into the broker's answer to the rest. */
  refused: Message | undefined
}

/** Every field at once: objects of one shape are quicker to work with. */
export function newAbout(mode: FrameMode, sentAtMs: number): About {
  return {
    mode,
    request: undefined,
    clientId: null,
    sentAtMs,
    observation: undefined,
    view: undefined,
    shape: undefined,
    repeated: undefined,
    replyPlan: undefined,
    effect: undefined,
    late: false,
    answered: false,
    toldReply: undefined,
    waiting: undefined,
    isSampled: false,
    isGoverned: false,
    isBreaking: false,
    refused: undefined,
  }
}

export interface TakenRequest {
  connection: Connection
  exchange: Exchange<About>
  about: About
  view: MessageView
  request: Message
  /** The request's frame as the client sent it. */
  bytes(): Buffer
  /** The request, kept back so far or sent once more, is on its way to the broker now. */
  deliveredLate(): void
  /** What the broker says to a request sent once more, as a frame without its size. */
  answeredLate(answer: Buffer): void
}

export interface TakenReply extends TakenRequest {
  reply: Message
  /** The verdict that lets the answer go on, addresses rewritten. */
  goOn: ReplyVerdict
  /** Leads brokers' addresses in a changed answer through the proxy again; others stay. */
  readdress(answer: Message): void
}

/** Turns a rule's decision on a message into what the connection shall do. */
export interface Taker {
  request(decision: Decision, message: TakenRequest): RequestVerdict
  reply(decision: Decision, message: TakenReply): ReplyVerdict
}
