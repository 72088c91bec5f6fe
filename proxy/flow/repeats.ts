// A Produce like one before it is followed by its shape alone, without being decoded: see produce-shape.ts for the
// bytes. Here is when that may be done, and what the tracker is told instead.
import type { MessageView } from '../faults/message-view.ts'
import type { RuleBook } from '../faults/rules.ts'
import type { Message } from '../protocol/codec.ts'
import type { BatchFacts } from '../protocol/record-batch.ts'
import type { Observation, Tracker } from '../transactions/tracker.ts'
import type { Connection } from './connection.ts'
import type { Demand } from './demand.ts'
import type { Exchange } from './exchange.ts'
import {
  hasShape,
  type ProduceShape,
  produceShape,
  produceShapesMax,
  readRepeated,
} from './produce-shape.ts'
import type { About } from './taken.ts'

const produceKey = 0

export interface Repeats {
  /** The shape that a Produce has as far as it is there. */
  shapeIn(c: Connection, chunk: Buffer, at: number, available: number): ProduceShape | undefined
  /** Whether a rule or a waiter could care for a request of this shape, or for its answer. */
  isAsked(of: ProduceShape): boolean
  /** Those that follow may be like this one. To be asked while its records are still there. */
  learnShape(c: Connection, exchange: Exchange<About>, about: About, frame: Buffer): void
  /** A whole request is like one before it, and the tracker was told so. */
  isRepeated(exchange: Exchange<About>, chunk: Buffer, at: number, end: number): boolean
  /** From here on the exchange is one like any other. */
  expand(about: About): void
}

export function createRepeats(parts: {
  rules: RuleBook
  tracker: Tracker
  demand: Demand
  viewOf: (observation: Observation, errors: () => readonly string[]) => MessageView
}): Repeats {
  const { rules, tracker } = parts
  /** Filled anew by each repeated Produce. */
  const batch: BatchFacts = { producerId: 0, producerEpoch: 0, baseSequence: 0, recordCount: 0 }

  function shapeIn(
    c: Connection,
    chunk: Buffer,
    at: number,
    available: number,
  ): ProduceShape | undefined {
    const { produceShapes: shapes } = c
    for (let place = shapes.length - 1; place >= 0; place--) {
      const candidate = shapes[place]
      if (candidate !== undefined && hasShape(candidate, chunk, at, available)) return candidate
    }
    return undefined
  }

  function isAsked(of: ProduceShape): boolean {
    if (of.askedAt !== parts.demand.chartNumber) {
      of.askedAt = parts.demand.chartNumber
      const view = parts.viewOf(of.of.sample, () => [])
      of.isAsked = rules.couldMatch(view) || rules.couldMatch({ ...view, side: 'reply' })
    }
    return of.isAsked
  }

  function learnShape(c: Connection, exchange: Exchange<About>, about: About, frame: Buffer): void {
    const { observation, request } = about
    if (exchange.apiKey !== produceKey || about.shape !== undefined) return
    if (c.plane !== 'client' || observation === undefined || request === undefined) return
    const of = tracker.repeatable(observation)
    if (of === undefined) return
    const [topic] = request.topicData as Message[]
    const [partition] = (topic?.partitionData ?? []) as Message[]
    if (!Buffer.isBuffer(partition?.records)) return
    const learnt = produceShape(frame, exchange.version, of, partition.records)
    if (learnt === undefined) return
    about.shape = learnt
    c.produceShapes.push(learnt)
    if (c.produceShapes.length > produceShapesMax) c.produceShapes.shift()
  }

  function expand(about: About): void {
    if (about.repeated === undefined) return
    const observation = tracker.expand(about.repeated)
    about.repeated = undefined
    about.observation = observation
    about.request = observation.request
    about.clientId = observation.clientId
  }

  function isRepeated(exchange: Exchange<About>, chunk: Buffer, at: number, end: number): boolean {
    const { about } = exchange
    if (about?.shape === undefined || isAsked(about.shape)) return false
    if (!readRepeated(about.shape, chunk, at, end, batch)) return false
    about.repeated = tracker.repeat(about.shape.of, batch, {
      correlationId: exchange.correlationId,
      atMs: about.sentAtMs,
    })
    return about.repeated !== undefined
  }

  return { shapeIn, isAsked, learnShape, isRepeated, expand }
}
