// Looks into an answer without decoding it: goes over the body by lengths and allocates nothing in
// proportion to its size. What to skip is worked out once per (API, version) from the layout; neighbours of
// fixed size become one step.
import {
  type Cursor,
  cursorOver,
  ProtocolError,
  readInt16,
  readInt32,
  readPresence,
  readUnsignedVarint,
} from './bytes.ts'
import { perMessage, responseVersion } from './codec.ts'
import { type FieldLayout, fixedBytesOf, type StructLayout, type TypeLayout } from './layout.ts'

type Skip = (cursor: Cursor) => void

const skimmerOf = perMessage((layout) => ({
  flexible: layout.flexible,
  skipFields: fieldsSkip(layout),
}))

/** Whether an answer carries this tagged field at its root. Throws a ProtocolError for damaged bytes. */
export function hasRootTag(
  apiKey: number,
  version: number,
  frame: Buffer,
  bodyOffset: number,
  tag: number,
): boolean {
  const laidOut = responseVersion(apiKey, version, frame, bodyOffset)
  const skimmer = skimmerOf('response', apiKey, laidOut)
  if (!skimmer.flexible) return false
  const cursor = cursorOver(frame, bodyOffset)
  skimmer.skipFields(cursor)
  for (let left = readUnsignedVarint(cursor); left > 0; left--) {
    const found = readUnsignedVarint(cursor)
    if (found === tag) return true
    // Tags ascend, so a higher one means that ours is not there.
    if (found > tag) return false
    skipBytes(cursor, readUnsignedVarint(cursor))
  }
  return false
}

function skipBytes(cursor: Cursor, count: number): void {
  const left = cursor.end - cursor.position
  if (count > left) throw new ProtocolError(`${count} bytes wanted, ${left} left`, cursor.position)
  cursor.position += count
}

function skipTags(cursor: Cursor): void {
  for (let left = readUnsignedVarint(cursor); left > 0; left--) {
    readUnsignedVarint(cursor)
    skipBytes(cursor, readUnsignedVarint(cursor))
  }
}

function sequence(skips: Skip[]): Skip {
  const [first, ...rest] = skips
  if (first === undefined) return () => undefined
  if (rest.length === 0) return first
  return (cursor) => {
    for (const skip of skips) skip(cursor)
  }
}

function structSkip(struct: StructLayout): Skip {
  const fields = fieldsSkip(struct)
  return struct.flexible ? sequence([fields, skipTags]) : fields
}

/** The fields before the tagged section. */
function fieldsSkip(struct: StructLayout): Skip {
  const skips: Skip[] = []
  let fixedBytes = 0
  const endRun = (): void => {
    const count = fixedBytes
    if (count > 0) skips.push((cursor) => skipBytes(cursor, count))
    fixedBytes = 0
  }
  for (const field of struct.fields) {
    if (!field.present || field.tag !== undefined) continue
    const fixed = fixedBytesOf(field.type)
    if (fixed !== undefined) {
      fixedBytes += fixed
    } else {
      endRun()
      skips.push(fieldSkip(field))
    }
  }
  endRun()
  return sequence(skips)
}

function fieldSkip(field: FieldLayout): Skip {
  const { type, compact, nullable } = field
  if (type.kind === 'struct') {
    const skip = structSkip(type.struct)
    if (!nullable) return skip
    return (cursor) => {
      if (readPresence(cursor)) skip(cursor)
    }
  }
  return type.kind === 'array' ? arraySkip(type.element, compact) : textSkip(type, compact)
}

/** Texts and bytes. Null has length 0 or -1, and nothing to skip. */
function textSkip(type: TypeLayout, compact: boolean): Skip {
  if (compact) return (cursor) => skipBytes(cursor, Math.max(0, readUnsignedVarint(cursor) - 1))
  if (type.kind === 'primitive' && type.primitive === 'string') {
    return (cursor) => skipBytes(cursor, Math.max(0, readInt16(cursor)))
  }
  return (cursor) => skipBytes(cursor, Math.max(0, readInt32(cursor)))
}

function arraySkip(element: TypeLayout, compact: boolean): Skip {
  const count = compact
    ? (cursor: Cursor) => readUnsignedVarint(cursor) - 1
    : (cursor: Cursor) => readInt32(cursor)
  const fixed = fixedBytesOf(element)
  if (fixed !== undefined) return (cursor) => skipBytes(cursor, Math.max(0, count(cursor)) * fixed)
  const skip = element.kind === 'struct' ? structSkip(element.struct) : textSkip(element, compact)
  return (cursor) => {
    const elements = count(cursor)
    if (elements > cursor.end - cursor.position) {
      throw new ProtocolError(`an array of ${elements} in too few bytes`, cursor.position)
    }
    for (let left = elements; left > 0; left--) skip(cursor)
  }
}
