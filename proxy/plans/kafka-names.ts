// The names that Kafka itself gives: APIs and error codes. The schema of a plan names them by title only;
// here they become the list of what there is, for the reader and for editors alike.
import { allApis } from '../protocol/codec.ts'
import { errorNames } from '../protocol/error-codes.ts'

export interface KafkaNames {
  apis: readonly string[]
  errors: readonly string[]
}

/** All that our release of the protocol knows. */
export const kafkaNames: KafkaNames = {
  apis: allApis()
    .map(({ name }) => name)
    .sort(),
  errors: errorNames,
}

type Schema = Record<string, unknown>

/** A copy of a schema in which every API and error code is an enumeration of the names there are. */
export function withKafkaNames(schema: object, names: KafkaNames): Schema {
  const listOf: Record<string, readonly string[]> = { API: names.apis, 'error code': names.errors }
  const copy = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copy)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, inner]) => [key, copy(inner)])
    const copied = Object.fromEntries(entries) as Schema
    const list = typeof copied.title === 'string' ? listOf[copied.title] : undefined
    if (list !== undefined && copied.type === 'string') copied.enum = [...list]
    return copied
  }
  return copy(schema) as Schema
}
