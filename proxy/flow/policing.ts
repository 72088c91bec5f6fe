// Where policies take hold of the flow: which requests must be read for them, and what becomes of one that is refused.
// Whether a request keeps a policy is the governor's to say.
import type { Emit } from '../events.ts'
import type { Governor } from '../policies/governor.ts'
import { encodeRequest, encodeResponse } from '../protocol/codec.ts'
import { requestFrame, responseFrame } from '../protocol/frame.ts'
import { fetchKey, produceKey } from '../transactions/api-keys.ts'
import type { Observation } from '../transactions/observation.ts'
import type { Posture } from '../transactions/posture.ts'
import type { Exchange, RequestVerdict } from './exchange.ts'
import { readCommitted, readFirstTopic, readIsolation } from './governed-heads.ts'
import { refuse } from './refused.ts'
import type { RequestHead } from './request-head.ts'
import type { About } from './taken.ts'
import type { TopicNames } from './topic-names.ts'
import { type FrameMode, gather, stream, tee } from './walker.ts'

export interface Policing {
  /** The mode that policies ask for, as far as the head of the request tells; negative: so many bytes are needed. */
  requestMode(head: RequestHead, chunk: Buffer, at: number, available: number): FrameMode
  /** What becomes of a request in which policies have a say; undefined where they let it pass. */
  judge(exchange: Exchange<About>, about: About, o: Observation): RequestVerdict | undefined
}

export function createPolicing(parts: {
  governor: Governor
  topics: TopicNames
  posture: Posture
  emit: Emit
}): Policing {
  const { governor, topics, posture, emit } = parts
  const modes = { none: stream, report: tee, refuse: gather } as const
  const [writes, reads] = [modes[governor.writes], modes[governor.reads]]

  return {
    requestMode(head, chunk, at, available) {
      const { apiKey, version, topicsAt } = head
      if (apiKey === fetchKey && reads !== stream) {
        const isolation = readIsolation(chunk, at, available, version)
        return isolation < 0 ? isolation : isolation === readCommitted ? stream : reads
      }
      if (apiKey !== produceKey || writes === stream) return stream
      // An unknown header tag: too rare to read by hand.
      if (topicsAt === 0) return writes
      const first = readFirstTopic(chunk, at, available, version, topicsAt)
      if (typeof first === 'number') return first
      if (!first.isOnly) return writes
      const topic = first.topicId === undefined ? first.name : topics.nameOf(first.topicId)
      return governor.concerns(apiKey, topic) ? writes : stream
    },

    judge(exchange, about, o) {
      const { apiKey, version, correlationId } = exchange
      if (apiKey !== produceKey && apiKey !== fetchKey) return undefined
      const { refusals, told, isBroken } = governor.judge(o, () => posture.clientOf(o))
      for (const event of told) {
        emit(event)
        posture.breaksPolicy(o, event.topic, event.message)
      }
      about.isBreaking = isBroken
      if (refusals.length === 0) return undefined
      // As brokers do with acks=0, whose senders wait for no answer.
      if (exchange.silent) return { do: 'cut', forward: false, with: 'fin' }
      const { answer, rest } = refuse(apiKey, version, o.request, refusals)
      if (rest === undefined) {
        about.toldReply = answer
        const body = encodeResponse(apiKey, version, answer)
        return { do: 'answer', frame: responseFrame(apiKey, version, correlationId, body) }
      }
      about.refused = answer
      exchange.replyMode = gather
      const header = { apiKey, apiVersion: version, correlationId, clientId: about.clientId }
      return { do: 'replace', frame: requestFrame(header, encodeRequest(apiKey, version, rest)) }
    },
  }
}
