// What becomes of a request that a policy refuses: the answer in the broker's place, and the rest of the request that
// may go on. Messages only; who is refused is the governor's to say.
import {
  type GovernedKey,
  governedFields,
  partitionsIn,
  placeOf,
  topicKey,
  topicsIn,
} from '../policies/governed-fields.ts'
import type { Refusal } from '../policies/governor.ts'
import type { Message } from '../protocol/codec.ts'
import { errorCodeNamed } from '../protocol/error-codes.ts'
import { errorAnswer, setErrors } from '../protocol/synthesize.ts'
import { fetchKey, produceKey } from '../transactions/api-keys.ts'
import { numberOf, structsOf } from '../transactions/message-fields.ts'

const errorMessageSince = 8
const sessionsSince = 7
const noSession = -1

export interface RefusedRequest {
  /** What is refused, answered. */
  answer: Message
  /** What is left of the request; undefined: nothing. */
  rest: Message | undefined
}

const codeOf = (name: string): number => {
  const code = errorCodeNamed(name)
  if (code === undefined) throw new Error(`there is no error code ${name}`)
  return code
}

/** Parts a request; `refusals` is not empty. */
export function refuse(
  apiKey: GovernedKey,
  version: number,
  request: Message,
  refusals: readonly Refusal[],
): RefusedRequest {
  const own = governedFields[apiKey]
  const byPlace = new Map(refusals.map((refusal) => [refusal.place, refusal]))
  /** The request with the partitions that are refused, or without them. */
  const only = (isRefused: boolean): Message => ({
    ...request,
    [own.topics]: topicsIn(apiKey, request).flatMap((topic) => {
      const partitions = partitionsIn(apiKey, topic).filter(
        (one) => byPlace.has(placeOf(apiKey, topic, one)) === isRefused,
      )
      return partitions.length === 0 ? [] : [{ ...topic, [own.partitions]: partitions }]
    }),
  })

  if (apiKey === fetchKey && version >= sessionsSince && numberOf(request, 'sessionEpoch', 0) > 0) {
    // A session would go on without these partitions, and its client would never hear of them again.
    const code = codeOf('FETCH_SESSION_ID_NOT_FOUND')
    return { answer: errorAnswer(apiKey, version, request, code, 'all'), rest: undefined }
  }
  const answer = errorAnswer(apiKey, version, only(true), codeOf('POLICY_VIOLATION'), 'all')
  const unknown = refusals.filter(({ isUnknown }) => isUnknown).map(({ place }) => place)
  if (unknown.length > 0) {
    setErrors(apiKey, version, answer, codeOf('UNKNOWN_TOPIC_ID'), unknown)
  }
  if (apiKey === produceKey && version >= errorMessageSince) explain(answer, byPlace)
  const rest = only(false)
  if (topicsIn(apiKey, rest).length === 0) return { answer, rest: undefined }
  // Without a session each Fetch names all that it wants, so that each is judged.
  if (apiKey === fetchKey && version >= sessionsSince) rest.sessionEpoch = noSession
  return { answer, rest }
}

/** Says which policy it was, where clients show that. */
function explain(answer: Message, byPlace: ReadonlyMap<string, Refusal>): void {
  for (const topic of structsOf(answer, 'responses')) {
    for (const partition of structsOf(topic, 'partitionResponses')) {
      const place = `${topicKey(topic)}-${numberOf(partition, 'index', -1)}`
      partition.errorMessage = byPlace.get(place)?.message ?? null
    }
  }
}

/** Puts what was refused into the broker's answer to the rest. */
export function addRefused(apiKey: number, reply: Message, refused: Message): void {
  const answers = apiKey === produceKey ? 'partitionResponses' : 'partitions'
  const topics = [...structsOf(reply, 'responses')]
  for (const topic of structsOf(refused, 'responses')) {
    const same = topics.find((one) => topicKey(one) === topicKey(topic))
    if (same === undefined) topics.push(topic)
    else same[answers] = [...structsOf(same, answers), ...structsOf(topic, answers)]
  }
  reply.responses = topics
}
