// Offsets that a group commits, inside a transaction or outside, as events: one per outcome, since a broker
// answers for each partition by itself.
import type { CommittedOffset, Outcome } from '../events.ts'
import type { Message } from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import type { Answer } from './apply-reply.ts'
import { batchMayBeInLog, none } from './broker-answers.ts'
import { numberOf, structsOf } from './message-fields.ts'
import { topicOf } from './subjects.ts'

export interface OffsetsOutcome {
  offsets: CommittedOffset[]
  told: Outcome
  brokerError: string | undefined
}

export function offsetsIn(
  request: Message,
  topicName: (topicId: string) => string | undefined,
): CommittedOffset[] {
  return structsOf(request, 'topics').flatMap((struct) => {
    const topic = topicOf(struct, topicName) ?? ''
    return structsOf(struct, 'partitions').map((partition) => ({
      topic,
      partition: numberOf(partition, 'partitionIndex', -1),
      offset: numberOf(partition, 'committedOffset', -1),
    }))
  })
}

function codesByPlace(
  reply: Message | undefined,
  topicName: (topicId: string) => string | undefined,
): ReadonlyMap<string, number> {
  const codes = new Map<string, number>()
  for (const struct of reply === undefined ? [] : structsOf(reply, 'topics')) {
    const topic = topicOf(struct, topicName) ?? ''
    for (const partition of structsOf(struct, 'partitions')) {
      const place = `${topic}-${numberOf(partition, 'partitionIndex', -1)}`
      codes.set(place, numberOf(partition, 'errorCode', none))
    }
  }
  return codes
}

/** What became of each offset of a request, those with the same fate together. */
export function offsetOutcomes(
  request: Message,
  answer: Answer,
  topicName: (topicId: string) => string | undefined,
): OffsetsOutcome[] {
  const fromBroker = codesByPlace(answer.broker, topicName)
  const toClient = codesByPlace(answer.client, topicName)
  const fates = new Map<string, OffsetsOutcome>()
  for (const offset of offsetsIn(request, topicName)) {
    const place = `${offset.topic}-${offset.partition}`
    const brokerCode = fromBroker.get(place)
    const brokerError = brokerCode === undefined ? undefined : errorNameOf(brokerCode)
    const told = toldOf(answer, toClient.get(place))
    const fate = `${told} ${brokerError}`
    const known = fates.get(fate)
    if (known === undefined) fates.set(fate, { offsets: [offset], told, brokerError })
    else known.offsets.push(offset)
  }
  return [...fates.values()]
}

function toldOf(answer: Answer, code: number | undefined): Outcome {
  // A fault changed the broker's answer without saying into what: the whole was a failure.
  const changed = answer.stated === 'failed' && answer.client === answer.broker
  if (answer.told === 'unknown' || code === undefined || changed) return answer.told
  if (code === none) return 'ok'
  return batchMayBeInLog(code) ? 'unknown' : 'failed'
}
