// A schema seen at one version: which fields are there, in which form, with which defaults. The reader,
// the writer, the skipper and the walk are all compiled from this, so none of them looks at ranges again.
import { emptyBytes, zeroUuid } from './bytes.ts'
import {
  type FieldSchema,
  includesVersion,
  type MessageSchema,
  type StructSchema,
} from './schema.ts'

const primitives = [
  ...(['bool', 'int8', 'int16', 'int32', 'int64', 'uint16', 'uint32', 'float64'] as const),
  ...(['uuid', 'string', 'bytes', 'records'] as const),
] as const

export type Primitive = (typeof primitives)[number]

export type TypeLayout =
  | { kind: 'primitive'; primitive: Primitive }
  | { kind: 'array'; element: TypeLayout }
  | { kind: 'struct'; struct: StructLayout }

export type DefaultLayout =
  | { kind: 'value'; value: number | bigint | string | boolean | null }
  | { kind: 'empty-bytes' }
  | { kind: 'empty-array' }
  | { kind: 'struct'; struct: StructLayout }

export interface FieldLayout {
  name: string
  /** The type as Kafka writes it: `[]int32`. */
  typeName: string
  type: TypeLayout
  /** In this version at all, plain or tagged. */
  present: boolean
  /** Its tag, when in this version it is in the tagged section. */
  tag: number | undefined
  nullable: boolean
  /** Compact form for lengths. */
  compact: boolean
  default: DefaultLayout
  ignorable: boolean
  entityType: string | undefined
  mapKey: boolean
}

export interface StructLayout {
  /** Unique within its message. */
  name: string
  version: number
  /** Ends with a tagged section. */
  flexible: boolean
  /** In the order of the schema, which is the order on the wire. */
  fields: FieldLayout[]
  /** The fewest bytes that it can take. */
  bytesMin: number
}

export function layoutOf(message: MessageSchema, version: number): StructLayout {
  if (!includesVersion(message.versions, version)) {
    throw new Error(`${message.name} has no version ${version}`)
  }
  const flexible = includesVersion(message.flexible, version)
  const shared = new Map(message.structs?.map((struct) => [struct.name, struct]))
  const done = new Map<string, StructLayout>()

  function structLayout(schema: StructSchema): StructLayout {
    const known = done.get(schema.name)
    if (known !== undefined) return known
    const { name } = schema
    const layout: StructLayout = { name, version, flexible, fields: [], bytesMin: 0 }
    done.set(name, layout)
    layout.fields = schema.fields.map(fieldLayout)
    layout.bytesMin = structBytesMin(layout)
    return layout
  }

  function fieldLayout(field: FieldSchema): FieldLayout {
    const type = typeLayout(field, field.type)
    const nullable = includesVersion(field.nullable, version)
    const tagged = includesVersion(field.tagged, version)
    return {
      name: field.name,
      typeName: field.type,
      type,
      present: tagged || includesVersion(field.versions, version),
      tag: tagged ? field.tag : undefined,
      nullable,
      compact: flexible && field.flexible !== 'none',
      default: defaultLayout(field, type, nullable),
      ignorable: field.ignorable === true,
      entityType: field.entityType,
      mapKey: field.mapKey === true,
    }
  }

  function typeLayout(field: FieldSchema, typeName: string): TypeLayout {
    if (typeName.startsWith('[]')) {
      return { kind: 'array', element: typeLayout(field, typeName.slice(2)) }
    }
    const primitive = primitives.find((name) => name === typeName)
    if (primitive !== undefined) return { kind: 'primitive', primitive }
    const schema =
      field.fields === undefined ? shared.get(typeName) : { name: typeName, fields: field.fields }
    if (schema === undefined) throw new Error(`${message.name}: no struct named ${typeName}`)
    return { kind: 'struct', struct: structLayout(schema) }
  }

  return structLayout({ name: message.name, fields: message.fields })
}

function defaultLayout(field: FieldSchema, type: TypeLayout, nullable: boolean): DefaultLayout {
  const given = field.default
  if (given === null) return { kind: 'value', value: null }
  switch (type.kind) {
    case 'array':
      return { kind: 'empty-array' }
    case 'struct':
      return { kind: 'struct', struct: type.struct }
    case 'primitive':
      break
  }
  switch (type.primitive) {
    case 'bool':
      return { kind: 'value', value: given ?? false }
    case 'string':
      return { kind: 'value', value: given ?? '' }
    case 'uuid':
      return { kind: 'value', value: zeroUuid }
    case 'bytes':
      return { kind: 'empty-bytes' }
    case 'records':
      // Kafka's classes hold null here whatever the schema says; where null cannot be sent, empty can.
      return nullable ? { kind: 'value', value: null } : { kind: 'empty-bytes' }
    case 'int64':
      return { kind: 'value', value: BigInt(given ?? 0) }
    default:
      return { kind: 'value', value: given ?? 0 }
  }
}

const fixedBytes: Partial<Record<Primitive, number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
}

/** The size of a type whose values all take the same room. */
export function fixedBytesOf(type: TypeLayout): number | undefined {
  return type.kind === 'primitive' ? fixedBytes[type.primitive] : undefined
}

export function bytesMinOf(type: TypeLayout, compact: boolean): number {
  if (type.kind === 'struct') return type.struct.bytesMin
  const fixed = fixedBytesOf(type)
  if (fixed !== undefined) return fixed
  if (compact) return 1
  return type.kind === 'primitive' && type.primitive === 'string' ? 2 : 4
}

function structBytesMin(layout: StructLayout): number {
  let bytes = layout.flexible ? 1 : 0
  for (const field of layout.fields) {
    if (!field.present || field.tag !== undefined) continue
    bytes +=
      field.type.kind === 'struct' && field.nullable ? 1 : bytesMinOf(field.type, field.compact)
  }
  return bytes
}

/** A fresh value; structs become objects in which every field is at its default. */
export function defaultOf(layout: DefaultLayout): DefaultValue {
  switch (layout.kind) {
    case 'value':
      return layout.value
    case 'empty-bytes':
      return emptyBytes
    case 'empty-array':
      return []
    case 'struct':
      return defaultStruct(layout.struct)
  }
}

export type DefaultValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Buffer
  | never[]
  | { [field: string]: DefaultValue }

export function defaultStruct(layout: StructLayout): { [field: string]: DefaultValue } {
  return Object.fromEntries(layout.fields.map((field) => [field.name, defaultOf(field.default)]))
}
