// Makes answers that no broker gave: errors in every place where an API says them, and plain ones. Values
// beside an error follow what brokers send with it (-1 for offsets and producer ids, no host, no records).
import { emptyBytes, ProtocolError } from './bytes.ts'
import { type FieldValue, type Message, perMessage } from './codec.ts'
import { errorCodeNamed } from './error-codes.ts'
import { fieldValue } from './given-value.ts'
import type { FieldLayout, StructLayout } from './layout.ts'
import { hasErrorField, isErrorField, mirroredResponse, responseLayout } from './mirror.ts'
import { roleOf, subjectOf } from './subjects.ts'
import { structIn, walk, walkPlan } from './walk.ts'

/** Everywhere, at the first partition, or at those named `topic-partition` (a topic's name or its id). */
export type ErrorPlaces = 'all' | 'first' | readonly string[]

const carries = perMessage(hasErrorField)

/** Whether an answer of this API can say an error at all. */
export function carriesError(apiKey: number, version: number): boolean {
  return carries('response', apiKey, version)
}

const errorPlan = perMessage((layout) => walkPlan(layout, isErrorField))

/** Every error code other than 0 in an answer, as often as it is there. */
export function errorCodesIn(apiKey: number, version: number, response: Message): number[] {
  const codes: number[] = []
  walk(errorPlan('response', apiKey, version), response, ({ value }) => {
    if (typeof value === 'number' && value !== 0) codes.push(value)
  })
  return codes
}

/** An answer to the request with the error; partitions that are not meant are answered without one. */
export function errorAnswer(
  apiKey: number,
  version: number,
  request: Message,
  errorCode: number,
  partitions: ErrorPlaces,
): Message {
  const response = mirroredResponse(apiKey, version, request)
  if (apiKey === joinGroup) response.memberId = request.memberId ?? ''
  return setErrors(apiKey, version, response, errorCode, partitions)
}

/** Puts the error into a decoded answer (the object itself is changed, and returned). */
export function setErrors(
  apiKey: number,
  version: number,
  response: Message,
  errorCode: number,
  partitions: ErrorPlaces,
): Message {
  const layout = responseLayout(apiKey, version)
  const places: ErrorPlace[] = []
  findPlaces(layout, response, { isRoot: true }, places)
  for (const place of meantPlaces(apiKey, places, errorCode, partitions)) {
    place.owner[place.field.name] = errorCode
    if (errorCode !== 0) applyConventions(apiKey, place)
  }
  return response
}

/** A success with the given fields of the body (names as on the wire, bytes as base64 text). */
export function plainAnswer(
  apiKey: number,
  version: number,
  request: Message,
  overrides: Readonly<Record<string, unknown>>,
): Message {
  const layout = responseLayout(apiKey, version)
  const response = mirroredResponse(apiKey, version, request)
  for (const field of layout.fields) {
    const echoed = request[field.name]
    if (field.present && echoed !== undefined && echoesRequest(field, echoed)) {
      response[field.name] = echoed
    }
    if (field.name === 'heartbeatIntervalMs') response[field.name] = heartbeatIntervalMs
  }
  // A member that joins with epoch 0 is never told 0.
  if (response.memberEpoch === 0) response.memberEpoch = 1
  for (const [name, value] of Object.entries(overrides)) {
    const field = layout.fields.find((candidate) => candidate.name === name)
    if (field?.present !== true) {
      throw new ProtocolError(`version ${version} of this answer has no field ${name}`, 0)
    }
    response[name] = fieldValue(field, value, name)
  }
  return response
}

/** What a broker tells its members unless it is configured otherwise. */
const heartbeatIntervalMs = 5_000

/** Member ids, epochs, producer ids: what a client expects to find again. */
function echoesRequest(field: FieldLayout, echoed: FieldValue): boolean {
  if (field.type.kind !== 'primitive' || isErrorField(field)) return false
  return (echoed !== null || field.nullable) && typeof echoed !== 'object'
}

// Where errors go

interface ErrorPlace {
  owner: Message
  struct: StructLayout
  field: FieldLayout
  isRoot: boolean
  /** Of a place at a partition: `name-0`, `topicId-0`. */
  partition?: string[]
}

interface Surroundings {
  isRoot: boolean
  topicNames?: string[]
}

function findPlaces(
  struct: StructLayout,
  message: Message,
  around: Surroundings,
  places: ErrorPlace[],
): void {
  const subject = around.isRoot ? undefined : subjectOf(struct)
  const topicNames = subject === 'topic' ? textsNaming(struct, message) : around.topicNames
  const partition =
    subject === 'partition' && topicNames !== undefined
      ? topicNames.map((topic) => `${topic}-${partitionOf(struct, message)}`)
      : undefined
  for (const field of struct.fields) {
    if (isErrorField(field)) {
      const { isRoot } = around
      places.push({ owner: message, struct, field, isRoot, ...(partition && { partition }) })
    }
    const inner = field.present ? structIn(field.type) : undefined
    const value = message[field.name]
    if (inner === undefined || value === null || value === undefined) continue
    if (!hasErrorField(inner)) continue
    const inside: Surroundings = { isRoot: false, ...(topicNames && { topicNames }) }
    for (const element of (Array.isArray(value) ? value : [value]) as Message[]) {
      findPlaces(inner, element, inside, places)
    }
  }
}

function textsNaming(struct: StructLayout, message: Message): string[] {
  return struct.fields
    .filter((field) => roleOf(field) === 'topic-name' || roleOf(field) === 'topic-id')
    .map(({ name }) => message[name])
    .filter((value) => typeof value === 'string' && value !== '') as string[]
}

function partitionOf(struct: StructLayout, message: Message): FieldValue | undefined {
  const field = struct.fields.find((candidate) => roleOf(candidate) === 'partition')
  return field === undefined ? undefined : message[field.name]
}

const fetch = 1
const joinGroup = 11
const leaveGroup = 13
const shareFetch = 78
const shareAcknowledge = 79

/** Errors of a fetch session as a whole. */
const sessionErrors = new Set(
  [
    'FETCH_SESSION_ID_NOT_FOUND',
    'INVALID_FETCH_SESSION_EPOCH',
    'FETCH_SESSION_TOPIC_ID_ERROR',
    'SHARE_SESSION_NOT_FOUND',
    'INVALID_SHARE_SESSION_EPOCH',
    'SHARE_SESSION_LIMIT_REACHED',
  ].map(errorCodeNamed),
)

/** What a coordinator says of a member that leaves; everything else is said of the request as a whole. */
const memberErrors = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'].map(errorCodeNamed))

function meantPlaces(
  apiKey: number,
  places: ErrorPlace[],
  errorCode: number,
  partitions: ErrorPlaces,
): ErrorPlace[] {
  if (apiKey === leaveGroup && errorCode !== 0) {
    // Never both: kafkajs (from version 3 on) leaves a rejection unhandled then, which ends the process.
    const atMembers = places.filter((place) => !place.isRoot)
    const isOfMembers = memberErrors.has(errorCode) && atMembers.length > 0
    return isOfMembers ? atMembers : places.filter((place) => place.isRoot)
  }
  const atPartitions = places.filter((place) => place.partition !== undefined)
  if (partitions === 'all' || atPartitions.length === 0) {
    const isFetch = apiKey === fetch || apiKey === shareFetch || apiKey === shareAcknowledge
    if (!isFetch || errorCode === 0) return places
    // Clients read nothing further once the root says an error, and brokers use the root for the session
    // only: a partition's error there would never be seen as one.
    const atRoot = places.filter((place) => place.isRoot)
    if (sessionErrors.has(errorCode) && atRoot.length > 0) return atRoot
    return atPartitions.length > 0 ? atPartitions : places
  }
  if (partitions === 'first') {
    const first = atPartitions[0]?.owner
    return atPartitions.filter((place) => place.owner === first)
  }
  const meant = atPartitions.filter((place) =>
    place.partition?.some((name) => partitions.includes(name)),
  )
  if (meant.length === 0) {
    throw new ProtocolError(`the answer names none of ${partitions.join(', ')}`, 0)
  }
  return meant
}

// What stands beside an error. Fields that a struct does not have in its version are passed over.

const noOffset = -1n
const conventions: Record<number, Record<string, FieldValue>> = {
  /** Produce */
  0: { baseOffset: noOffset, logAppendTimeMs: -1n, logStartOffset: noOffset },
  /** Fetch */
  1: {
    highWatermark: noOffset,
    lastStableOffset: noOffset,
    logStartOffset: noOffset,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: emptyBytes,
    responses: [],
  },
  /** ListOffsets */
  2: { timestamp: -1n, offset: noOffset, leaderEpoch: -1 },
  /** OffsetFetch */
  9: { committedOffset: noOffset, committedLeaderEpoch: -1, metadata: '' },
  /** FindCoordinator */
  10: { nodeId: -1, host: '', port: -1 },
  /** JoinGroup */
  11: { generationId: -1, protocolName: null, leader: '', members: [] },
  /** LeaveGroup */
  13: { members: [] },
  /** SyncGroup */
  14: { assignment: emptyBytes },
  /** DeleteRecords */
  21: { lowWatermark: noOffset },
  /** InitProducerId */
  22: { producerId: -1n, producerEpoch: -1 },
  /** OffsetForLeaderEpoch */
  23: { leaderEpoch: -1, endOffset: noOffset },
  /** EndTxn */
  26: { producerId: -1n, producerEpoch: -1 },
  /** ConsumerGroupHeartbeat */
  68: { assignment: null },
  /** ShareFetch */
  78: { records: emptyBytes, acquiredRecords: [], responses: [] },
  /** ShareAcknowledge */
  79: { responses: [] },
}

function applyConventions(apiKey: number, { owner, struct }: ErrorPlace): void {
  const values = conventions[apiKey]
  if (values === undefined) return
  for (const field of struct.fields) {
    const value = values[field.name]
    if (field.present && value !== undefined && (value !== null || field.nullable)) {
      owner[field.name] = Array.isArray(value) ? [] : value
    }
  }
}
