// From a connection and its message to what the tracker and the rules are told. One per message, so built by
// assignment: spreads cost more than the decoding.
import type { Message } from '../protocol/codec.ts'
import { apiOf } from '../protocol/codec.ts'
import type { Observation } from '../transactions/tracker.ts'
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { sourceOf } from './windows.ts'

/** What the tracker and the rules are told of a request. */
export function requestObservation(
  c: Connection,
  { apiKey, version, correlationId }: Exchange,
  { sentAtMs, clientId }: { sentAtMs: number; clientId: string | null },
  request: Message,
): Observation {
  const source = c.plane === 'client' ? undefined : sourceOf(clientId)
  const observation: Observation = {
    atMs: sentAtMs,
    side: 'request',
    plane: c.plane,
    node: c.node,
    connection: c.id,
    apiKey,
    api: apiOf(apiKey)?.name ?? String(apiKey),
    version,
    correlationId,
    clientId,
    request,
  }
  if (c.instance !== undefined) observation.instance = c.instance
  if (source !== undefined) observation.source = source
  return observation
}

/** The same for its answer. */
export function replyObservation(
  observation: Observation,
  atMs: number,
  reply: Message,
): Observation {
  const answered: Observation = {
    atMs,
    side: 'reply',
    plane: observation.plane,
    node: observation.node,
    connection: observation.connection,
    apiKey: observation.apiKey,
    api: observation.api,
    version: observation.version,
    correlationId: observation.correlationId,
    clientId: observation.clientId,
    request: observation.request,
    reply,
  }
  if (observation.instance !== undefined) answered.instance = observation.instance
  if (observation.source !== undefined) answered.source = observation.source
  return answered
}
