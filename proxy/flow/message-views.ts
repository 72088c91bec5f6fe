// What the rules see of a message. Drawn only as far as they ask: most of them ask for the API alone.
import type { Emit } from '../events.ts'
import type { MessageSubject, MessageView } from '../faults/message-view.ts'
import { recordIds } from '../faults/record-ids.ts'
import { retryIdentities } from '../faults/retry-identity.ts'
import type { Message } from '../protocol/codec.ts'
import { errorNameOf } from '../protocol/error-codes.ts'
import { errorCodesIn } from '../protocol/synthesize.ts'
import type { Observation, Tracker } from '../transactions/tracker.ts'

/** Names of every error code other than NONE in an answer. */
export function errorsIn(apiKey: number, version: number, reply: Message): string[] {
  return errorCodesIn(apiKey, version, reply).map(errorNameOf)
}

export function messageView(
  parts: { tracker: Tracker; emit: Emit },
  observation: Observation,
  errors: () => readonly string[],
): MessageView {
  const { tracker, emit } = parts
  let subject: MessageSubject | undefined
  let ids: readonly string[] | undefined
  let identities: readonly string[] | undefined
  const subjectNow = (): MessageSubject => {
    const found = subject ?? tracker.locate(observation)
    subject = found
    return found
  }
  return {
    side: observation.side,
    plane: observation.plane,
    node: observation.node,
    instance: observation.instance,
    source: observation.source,
    clientId: observation.clientId,
    apiKey: observation.apiKey,
    api: observation.api,
    version: observation.version,
    memberId: () => {
      const { memberId } = observation.request
      return typeof memberId === 'string' ? memberId : undefined
    },
    subject: subjectNow,
    recordIds() {
      ids ??= recordIds(observation.apiKey, observation.request, observation.reply, (cause) => {
        const message = `records of ${observation.api}: ${cause instanceof Error ? cause.message : cause}`
        emit({
          type: 'error',
          code: 'cannot-decode',
          message,
          connection: observation.connection,
        })
      })
      return ids
    },
    retryIdentities() {
      const { apiKey, version, request } = observation
      identities ??= retryIdentities(apiKey, version, request, subjectNow())
      return identities
    },
    errors,
  }
}
