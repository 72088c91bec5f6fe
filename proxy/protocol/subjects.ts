// What the structs and lists of a message are about, told by the schema's entity types, and where it has none
// by names that Kafka uses throughout: a number named partition, an id named topicId.
import type { FieldLayout, StructLayout } from './layout.ts'

/** What one element of a list is about. */
export type Subject = 'transaction' | 'group' | 'topic' | 'partition' | 'producer'

const partitionNames = new Set(['partition', 'partitionIndex', 'index', 'partitionId'])
const partitionListNames = new Set(['partitions', 'partitionIndexes'])

/** What a field says about the struct that holds it. A topic is named by its name, its id, or both. */
export type Role = Exclude<Subject, 'topic'> | 'topic-name' | 'topic-id'

export function roleOf(field: FieldLayout): Role | undefined {
  const { typeName, name, entityType } = field
  if (!field.present) return undefined
  switch (typeName) {
    case 'int32':
      return partitionNames.has(name) ? 'partition' : undefined
    case 'uuid':
      return name === 'topicId' ? 'topic-id' : undefined
    case 'int64':
      return entityType === 'producerId' ? 'producer' : undefined
    case 'string':
      if (entityType === 'topicName') return 'topic-name'
      if (entityType === 'transactionalId') return 'transaction'
      // The requests of the share coordinator have the field without its entity type.
      return entityType === 'groupId' || name === 'groupId' ? 'group' : undefined
    default:
      return undefined
  }
}

const subjectsByWeight: readonly Subject[] = [
  'transaction',
  'group',
  'topic',
  'partition',
  'producer',
]

/** A struct that names several things is about the first of them in the order above. */
export function subjectOf(struct: StructLayout): Subject | undefined {
  const roles = new Set(struct.fields.map(roleOf))
  return subjectsByWeight.find((subject) =>
    subject === 'topic' ? roles.has('topic-name') || roles.has('topic-id') : roles.has(subject),
  )
}

/** The subject of a list of plain values. */
export function subjectOfList(field: FieldLayout): Subject | undefined {
  switch (field.typeName) {
    case '[]int32':
      return partitionListNames.has(field.name) ? 'partition' : undefined
    case '[]string':
      if (field.entityType === 'topicName') return 'topic'
      if (field.entityType === 'transactionalId') return 'transaction'
      return field.entityType === 'groupId' ? 'group' : undefined
    default:
      return undefined
  }
}

/** What a Fetch only takes out of its session: nothing is asked and no answer is due for it. */
export function isForgotten(field: FieldLayout): boolean {
  return field.name === 'forgottenTopicsData'
}
