// Random messages of any layout, for fast-check.
import fc from 'fast-check'
import type { FieldValue, Message } from '../../proxy/protocol/codec.ts'
import {
  defaultOf,
  type FieldLayout,
  type Primitive,
  type StructLayout,
  type TypeLayout,
} from '../../proxy/protocol/layout.ts'

const primitives: Record<Primitive, fc.Arbitrary<FieldValue>> = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  int32: fc.integer(),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint16: fc.integer({ min: 0, max: 65_535 }),
  uint32: fc.integer({ min: 0, max: 4_294_967_295 }),
  float64: fc.double(),
  uuid: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => Buffer.from(bytes).toString('base64url')),
  string: fc.string({ unit: 'grapheme', maxLength: 40 }),
  bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  records: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
}

function valuesOf(type: TypeLayout): fc.Arbitrary<FieldValue> {
  switch (type.kind) {
    case 'primitive':
      return primitives[type.primitive]
    case 'array':
      return fc.array(valuesOf(type.element), { maxLength: 3 })
    case 'struct':
      return messageOf(type.struct)
  }
}

function fieldOf(field: FieldLayout): fc.Arbitrary<FieldValue> {
  if (!field.present) return fc.constant(null).map(() => defaultOf(field.default))
  const value = field.nullable ? fc.option(valuesOf(field.type)) : valuesOf(field.type)
  // Tagged fields are often at their default, and then not on the wire at all.
  if (field.tag === undefined) return value
  return fc.oneof(
    value,
    fc.constant(null).map(() => defaultOf(field.default)),
  )
}

const unknownTags: fc.Arbitrary<FieldValue> = fc
  .uniqueArray(fc.integer({ min: 50, max: 2_000_000 }), { minLength: 1, maxLength: 3 })
  .chain((tags) =>
    fc.tuple(
      ...tags.sort((a, b) => a - b).map((tag) => primitives.bytes.map((bytes) => ({ tag, bytes }))),
    ),
  )

/** Every field of the layout; sometimes with tagged fields that nobody knows. */
export function messageOf(struct: StructLayout): fc.Arbitrary<Message> {
  const fields = Object.fromEntries(struct.fields.map((field) => [field.name, fieldOf(field)]))
  const known = fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<Message>
  if (!struct.flexible) return known
  return fc
    .tuple(known, fc.option(unknownTags, { freq: 4, nil: undefined }))
    .map(([message, tags]) =>
      tags === undefined ? message : { ...message, unknownTaggedFields: tags },
    )
}
