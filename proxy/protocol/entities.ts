// What a message is about: transactional ids, groups, topics with partitions, producer ids, brokers. A struct
// with a topic's name or id is a topic; partitions inside it, however deep, are partitions of it.

import { zeroUuid } from './bytes.ts'
import { type Direction, type Message, perMessage } from './codec.ts'
import type { FieldLayout, StructLayout } from './layout.ts'
import { isForgotten, roleOf, subjectOfList } from './subjects.ts'
import { structIn } from './walk.ts'

export interface TopicEntity {
  name?: string
  topicId?: string
  partitions: number[]
}

export interface Entities {
  transactionalIds: string[]
  groups: string[]
  topics: TopicEntity[]
  /** Without -1, which stands for none. */
  producerIds: number[]
  /** Without -1, which stands for none. */
  brokers: number[]
}

const findCoordinatorKey = 10

type Collect = (struct: Message, found: Entities, topic: TopicEntity | undefined) => void

const collectorOf = perMessage((layout) => structCollector(layout, false, new Map()))

export function entitiesOf(
  direction: Direction,
  apiKey: number,
  version: number,
  message: Message,
): Entities {
  const found: Entities = {
    transactionalIds: [],
    groups: [],
    topics: [],
    producerIds: [],
    brokers: [],
  }
  collectorOf(direction, apiKey, version)(message, found, undefined)
  if (apiKey === findCoordinatorKey && direction === 'request') coordinatorKeys(message, found)
  return found
}

/** FindCoordinator's keys are one or the other by a number beside them, which no schema says. */
function coordinatorKeys(message: Message, found: Entities): void {
  const one = message.key
  const many = message.coordinatorKeys
  const keys = [...(typeof one === 'string' && one !== '' ? [one] : []), ...textsIn(many)]
  for (const key of keys) {
    if (message.keyType === 0) add(found.groups, key)
    else if (message.keyType === 1) add(found.transactionalIds, key)
    // A share partition: group, topic id and partition.
    else if (message.keyType === 2) add(found.groups, key.split(':').slice(0, -2).join(':'))
  }
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((element) => typeof element === 'string') : []
}

function add<Item>(list: Item[], item: Item): void {
  if (!list.includes(item)) list.push(item)
}

function structCollector(
  struct: StructLayout,
  insideTopic: boolean,
  done: Map<string, Collect>,
): Collect {
  const index = `${struct.name}/${insideTopic}`
  const known = done.get(index)
  if (known !== undefined) return known
  const roles = struct.fields.map(roleOf)
  const isTopic = roles.includes('topic-name') || roles.includes('topic-id')
  const parts = struct.fields
    .filter((field) => field.present && !isForgotten(field))
    .map((field) => fieldCollector(field, isTopic || insideTopic, done))
    .filter((part) => part !== undefined)
  const collect: Collect = (value, found, outerTopic) => {
    let topic = outerTopic
    if (isTopic) {
      topic = { partitions: [] }
      found.topics.push(topic)
    }
    for (const part of parts) part(value, found, topic)
  }
  done.set(index, collect)
  return collect
}

function fieldCollector(
  field: FieldLayout,
  insideTopic: boolean,
  done: Map<string, Collect>,
): Collect | undefined {
  const { name } = field
  const inner = structIn(field.type)
  if (inner !== undefined) return structsCollector(name, structCollector(inner, insideTopic, done))
  const entity = entityCollector(field)
  if (entity !== undefined) return entity
  if (!insideTopic) return undefined
  const role = roleOf(field)
  if (role === 'topic-id') {
    return (value, _found, topic) => {
      const id = value[name]
      if (typeof id === 'string' && id !== zeroUuid && topic !== undefined) topic.topicId = id
    }
  }
  if (role === 'partition') {
    return (value, _found, topic) => {
      const partition = value[name]
      if (typeof partition === 'number') topic?.partitions.push(partition)
    }
  }
  if (subjectOfList(field) === 'partition') {
    return (value, _found, topic) => {
      const partitions = value[name]
      if (!Array.isArray(partitions)) return
      for (const partition of partitions as number[]) topic?.partitions.push(partition)
    }
  }
  return undefined
}

function structsCollector(name: string, collect: Collect): Collect {
  return (value, found, topic) => {
    const inner = value[name]
    if (inner === null || inner === undefined) return
    if (Array.isArray(inner)) for (const one of inner) collect(one as Message, found, topic)
    else collect(inner as Message, found, topic)
  }
}

function entityCollector(field: FieldLayout): Collect | undefined {
  const { name } = field
  const entity = roleOf(field) === 'group' ? 'groupId' : field.entityType
  switch (entity) {
    case 'topicName':
      return (value, found, topic) => {
        const named = value[name]
        if (typeof named === 'string') {
          if (topic !== undefined && named !== '') topic.name = named
        } else {
          for (const one of textsIn(named)) found.topics.push({ name: one, partitions: [] })
        }
      }
    case 'transactionalId':
      return (value, found) => addTexts(found.transactionalIds, value[name])
    case 'groupId':
      return (value, found) => addTexts(found.groups, value[name])
    case 'producerId':
      return (value, found) => addNumbers(found.producerIds, value[name])
    case 'brokerId':
      return (value, found) => addNumbers(found.brokers, value[name])
    default:
      return undefined
  }
}

function addTexts(list: string[], value: unknown): void {
  if (typeof value === 'string' && value !== '') add(list, value)
  else for (const one of textsIn(value)) add(list, one)
}

function addNumbers(list: number[], value: unknown): void {
  for (const one of Array.isArray(value) ? value : [value]) {
    if ((typeof one === 'number' || typeof one === 'bigint') && one >= 0) add(list, Number(one))
  }
}
