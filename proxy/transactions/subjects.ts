// Which transactional ids, producers, groups and topics a message names. Looks at the message alone; what
// only the tracker can know (whose producer id that is) is added by locate.ts.
import { zeroUuid } from '../protocol/bytes.ts'
import type { Message } from '../protocol/codec.ts'
import {
  addOffsetsToTxnKey,
  addPartitionsToTxnKey,
  endTxnKey,
  findCoordinatorKey,
  groupKeyType,
  initProducerIdKey,
  produceKey,
  transactionKeyType,
  txnOffsetCommitKey,
  writeTxnMarkersKey,
} from './api-keys.ts'
import {
  flagOf,
  isStruct,
  numberOf,
  numbersOf,
  structsOf,
  textOf,
  textsOf,
} from './message-fields.ts'
import type { TopicPartition } from './observation.ts'

/** A producer as a request names it; -1 where it does not say. */
export interface NamedProducer {
  transactionalId: string
  producerId: number
  producerEpoch: number
}

/** A transaction's marker, which names no transactional id. */
export interface NamedMarker {
  producerId: number
  producerEpoch: number
  committed: boolean
}

const unknown = -1

function named(message: Message, transactionalId: string | undefined): readonly NamedProducer[] {
  if (transactionalId === undefined) return []
  return [
    {
      transactionalId,
      producerId: numberOf(message, 'producerId', unknown),
      producerEpoch: numberOf(message, 'producerEpoch', unknown),
    },
  ]
}

/** Producers of the transactional APIs other than Produce, whose ids are in its batches. */
export function producersIn(apiKey: number, request: Message): readonly NamedProducer[] {
  switch (apiKey) {
    case endTxnKey:
    case addOffsetsToTxnKey:
    case txnOffsetCommitKey:
    case initProducerIdKey:
      return named(request, textOf(request, 'transactionalId'))
    case addPartitionsToTxnKey: {
      const transactions = structsOf(request, 'transactions')
      if (transactions.length > 0) {
        return transactions.flatMap((entry) => named(entry, textOf(entry, 'transactionalId')))
      }
      const transactionalId = textOf(request, 'v3AndBelowTransactionalId')
      // The codec gives the other layout's field its default, an empty text.
      if (transactionalId === undefined || transactionalId === '') return []
      return [
        {
          transactionalId,
          producerId: numberOf(request, 'v3AndBelowProducerId', unknown),
          producerEpoch: numberOf(request, 'v3AndBelowProducerEpoch', unknown),
        },
      ]
    }
    default:
      return []
  }
}

export function markersIn(request: Message): readonly NamedMarker[] {
  return structsOf(request, 'markers').map((marker) => ({
    producerId: numberOf(marker, 'producerId', unknown),
    producerEpoch: numberOf(marker, 'producerEpoch', unknown),
    committed: flagOf(marker, 'transactionResult'),
  }))
}

/** Keys that a FindCoordinator asks for. */
export function coordinatorKeysIn(request: Message): { keyType: number; keys: readonly string[] } {
  const keyType = numberOf(request, 'keyType', groupKeyType)
  const many = textsOf(request, 'coordinatorKeys')
  if (many.length > 0) return { keyType, keys: many }
  const key = textOf(request, 'key')
  return { keyType, keys: key === undefined || key === '' ? [] : [key] }
}

/** Transactional ids that a request names in so many words, whatever its API. */
export function transactionalIdsIn(apiKey: number, request: Message): readonly string[] {
  if (apiKey === findCoordinatorKey) {
    const { keyType, keys } = coordinatorKeysIn(request)
    return keyType === transactionKeyType ? keys : []
  }
  const producers = producersIn(apiKey, request)
  if (producers.length > 0) return producers.map((producer) => producer.transactionalId)
  const one = textOf(request, 'transactionalId')
  if (one !== undefined) return [one]
  return textsOf(request, 'transactionalIds')
}

/** Groups that a request names, whatever its API. */
export function groupsIn(apiKey: number, request: Message): readonly string[] {
  if (apiKey === findCoordinatorKey) {
    const { keyType, keys } = coordinatorKeysIn(request)
    return keyType === groupKeyType ? keys : []
  }
  if (apiKey === produceKey || apiKey === writeTxnMarkersKey) return []
  const one = textOf(request, 'groupId')
  if (one !== undefined && one !== '') return [one]
  for (const field of ['groups', 'groupIds', 'groupsNames']) {
    const texts = textsOf(request, field)
    if (texts.length > 0) return texts
    const structs = structsOf(request, field)
    if (structs.length > 0) {
      return structs.flatMap((group) => textOf(group, 'groupId') ?? [])
    }
  }
  return []
}

/** The topic of a struct, by name or by id; an id that nobody knows stands for itself. */
export function topicOf(
  struct: Message,
  topicName: (topicId: string) => string | undefined,
): string | undefined {
  const topicId = textOf(struct, 'topicId')
  if (topicId !== undefined && topicId !== zeroUuid) return topicName(topicId) ?? topicId
  return textOf(struct, 'name') ?? textOf(struct, 'topic') ?? textOf(struct, 'topicName')
}

const partitionFields = ['partitionIndex', 'index', 'partition', 'partitionId'] as const

function partitionOf(struct: Message): number | undefined {
  for (const field of partitionFields) {
    const value = struct[field]
    if (typeof value === 'number') return value
  }
  return undefined
}

/**
 * Topic-partitions anywhere in a message, found by shape: a struct with a topic's name or id and a list of
 * partitions beside it. One walk serves every API, so a new one needs no entry in a table.
 */
export function topicPartitionsIn(
  message: Message,
  topicName: (topicId: string) => string | undefined,
): TopicPartition[] {
  const found: TopicPartition[] = []
  const visit = (struct: Message): void => {
    const topic = topicOf(struct, topicName)
    for (const [field, value] of Object.entries(struct)) {
      if (isStruct(value)) visit(value)
      if (!Array.isArray(value)) continue
      const numbers = /^partition/i.test(field) ? numbersOf(struct, field) : []
      if (topic !== undefined) {
        for (const partition of numbers) found.push({ topic, partition })
      }
      for (const entry of structsOf(struct, field)) {
        const partition = topic === undefined ? undefined : partitionOf(entry)
        if (topic !== undefined && partition !== undefined) found.push({ topic, partition })
        else visit(entry)
      }
    }
  }
  visit(message)
  return found
}
