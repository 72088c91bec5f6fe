// Where a record keeps its id: `header:NAME`, `key`, `value`, `json:$.path`, `regex:PATTERN`. The text of a plan
// becomes a function from record to id here; null means that the record has no id in that place. There are two ways to
// look at a record: as kafkajs hands it out, and as it lies in the bytes of a log, where nothing is made but the id.
import { OperatorError } from '../proxy/errors.ts'

/** The header that our generator writes; copiers keep it. */
export const defaultIdSelector = 'header:gauntlet-id'

/** What a selector may look at. */
export interface SelectableRecord {
  key: Buffer | null
  value: Buffer | null
  headers: ReadonlyArray<{ key: string; value: Buffer | null }>
}

/** The same in the bytes of a log; a part that is null starts at -1. */
export interface PlacedRecord {
  bytes: Buffer
  keyStart: number
  keyEnd: number
  valueStart: number
  valueEnd: number
  headerCount: number
  /** Four for each header: where its key starts and ends, where its value does. */
  headers: Int32Array
}

export type IdSelector = (record: SelectableRecord) => string | null
export type PlacedIdSelector = (record: PlacedRecord) => string | null

/** Longer texts are no ids: they would make a finding unreadable and a history huge. */
export const idLengthMax = 512

/** Up to here a loop over characters is quicker than a call into the runtime. */
const shortTextBytes = 16

function bounded(text: string | null): string | null {
  return text === null || text.length === 0 || text.length > idLengthMax ? null : text
}

/** Compiles a selector, or says what is wrong with it. */
export function idSelector(text: string): IdSelector {
  const { part, read } = compile(text)
  const find = partOf(part)
  return (record) => {
    const bytes = find(record)
    return bytes === null ? null : bounded(read(bytes, 0, bytes.length))
  }
}

/** The same for records in the bytes of a log. */
export function placedIdSelector(text: string): PlacedIdSelector {
  const { part, read } = compile(text)
  if (part === 'key') {
    return ({ bytes, keyStart, keyEnd }) =>
      keyStart < 0 ? null : bounded(read(bytes, keyStart, keyEnd))
  }
  if (part === 'value') {
    return ({ bytes, valueStart, valueEnd }) =>
      valueStart < 0 ? null : bounded(read(bytes, valueStart, valueEnd))
  }
  const name = Buffer.from(part.header, 'utf8')
  return ({ bytes, headerCount, headers }) => {
    for (let place = (headerCount - 1) * 4; place >= 0; place -= 4) {
      if (!isTextAt(bytes, headers[place] ?? 0, headers[place + 1] ?? 0, name)) continue
      const start = headers[place + 2] ?? -1
      return start < 0 ? null : bounded(read(bytes, start, headers[place + 3] ?? 0))
    }
    return null
  }
}

function isTextAt(bytes: Buffer, start: number, end: number, text: Buffer): boolean {
  if (end - start !== text.length) return false
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text[index]) return false
  }
  return true
}

function plainText(bytes: Buffer, start: number, end: number): string {
  if (end - start > shortTextBytes) return bytes.toString('utf8', start, end)
  let text = ''
  for (let index = start; index < end; index++) {
    const byte = bytes[index] ?? 0
    if (byte >= 0x80) return bytes.toString('utf8', start, end)
    text += String.fromCharCode(byte)
  }
  return text
}

interface Selection {
  part: 'key' | 'value' | { header: string }
  /** From the bytes of that part. */
  read(bytes: Buffer, start: number, end: number): string | null
}

function partOf(part: Selection['part']): (record: SelectableRecord) => Buffer | null {
  if (part === 'key') return ({ key }) => key
  if (part === 'value') return ({ value }) => value
  const name = part.header
  return ({ headers }) => {
    // The last one counts: an application that copies headers and adds its own appends.
    for (let index = headers.length - 1; index >= 0; index--) {
      const header = headers[index]
      if (header !== undefined && header.key === name) return header.value
    }
    return null
  }
}

function compile(text: string): Selection {
  if (text === 'key' || text === 'value') return { part: text, read: plainText }
  const colon = text.indexOf(':')
  const place = colon < 0 ? text : text.slice(0, colon)
  const rest = colon < 0 ? '' : text.slice(colon + 1)
  if (rest !== '') {
    if (place === 'header') return { part: { header: rest }, read: plainText }
    if (place === 'json') return { part: 'value', read: jsonReader(rest) }
    if (place === 'regex') return { part: 'value', read: regexReader(rest) }
  }
  throw new OperatorError(
    'wrong-plan',
    `\`${text}\` does not say where a record keeps its id`,
    'Use header:NAME, key, value, json:$.path or regex:PATTERN.',
  )
}

/** `$.order.lines[0].id` -> ['order', 'lines', 0, 'id'] */
function jsonPath(path: string): Array<string | number> {
  const wrong = () =>
    new OperatorError(
      'wrong-plan',
      `\`json:${path}\` is not a path that can be followed`,
      'Write it like json:$.order.id or json:$.lines[0].id.',
    )
  if (!path.startsWith('$')) throw wrong()
  const steps: Array<string | number> = []
  const step = /\.([^.[\]]+)|\[([0-9]+)\]|\['([^']*)'\]/y
  step.lastIndex = 1
  while (step.lastIndex < path.length) {
    const match = step.exec(path)
    if (match === null) throw wrong()
    const [, name, index, quoted] = match
    steps.push(index !== undefined ? Number(index) : (name ?? quoted ?? ''))
  }
  if (steps.length === 0) throw wrong()
  return steps
}

function jsonReader(path: string): Selection['read'] {
  const steps = jsonPath(path)
  return (bytes, start, end) => {
    let found: unknown
    try {
      found = JSON.parse(bytes.toString('utf8', start, end))
    } catch {
      return null
    }
    for (const step of steps) {
      if (typeof found !== 'object' || found === null) return null
      found = (found as Record<string | number, unknown>)[step]
    }
    return typeof found === 'string' || typeof found === 'number' ? String(found) : null
  }
}

function regexReader(pattern: string): Selection['read'] {
  let expression: RegExp
  try {
    expression = new RegExp(pattern)
  } catch (cause) {
    throw new OperatorError(
      'wrong-plan',
      `\`regex:${pattern}\` is no regular expression: ${(cause as Error).message}`,
      'The first group of the expression is the id; without a group the whole match is.',
    )
  }
  return (bytes, start, end) => {
    const match = expression.exec(bytes.toString('utf8', start, end))
    return match === null ? null : (match[1] ?? match[0])
  }
}
