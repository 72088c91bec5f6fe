// Where a record keeps its id: `header:NAME`, `key`, `value`, `json:$.path`, `regex:PATTERN`. The text of a plan
// becomes a function from record to id here; null means that the record has no id in that place.
import { OperatorError } from '../proxy/errors.ts'

/** The header that our generator writes; copiers keep it. */
export const defaultIdSelector = 'header:gauntlet-id'

/** What a selector may look at. */
export interface SelectableRecord {
  key: Buffer | null
  value: Buffer | null
  headers: ReadonlyArray<{ key: string; value: Buffer | null }>
}

export type IdSelector = (record: SelectableRecord) => string | null

/** Longer texts are no ids: they would make a finding unreadable and a history huge. */
export const idLengthMax = 512

function bounded(text: string | null): string | null {
  return text === null || text.length === 0 || text.length > idLengthMax ? null : text
}

/** Compiles a selector, or says what is wrong with it. */
export function idSelector(text: string): IdSelector {
  const select = compile(text)
  return (record) => bounded(select(record))
}

function compile(text: string): IdSelector {
  if (text === 'key') return ({ key }) => key?.toString('utf8') ?? null
  if (text === 'value') return ({ value }) => value?.toString('utf8') ?? null
  const colon = text.indexOf(':')
  const place = colon < 0 ? text : text.slice(0, colon)
  const rest = colon < 0 ? '' : text.slice(colon + 1)
  if (rest !== '') {
    if (place === 'header') return headerSelector(rest)
    if (place === 'json') return jsonSelector(rest)
    if (place === 'regex') return regexSelector(rest)
  }
  throw new OperatorError(
    'wrong-plan',
    `\`${text}\` does not say where a record keeps its id`,
    'Use header:NAME, key, value, json:$.path or regex:PATTERN.',
  )
}

function headerSelector(name: string): IdSelector {
  return ({ headers }) => {
    // The last one counts: an application that copies headers and adds its own appends.
    for (let index = headers.length - 1; index >= 0; index--) {
      const header = headers[index]
      if (header !== undefined && header.key === name) return header.value?.toString('utf8') ?? null
    }
    return null
  }
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

function jsonSelector(path: string): IdSelector {
  const steps = jsonPath(path)
  return ({ value }) => {
    if (value === null) return null
    let found: unknown
    try {
      found = JSON.parse(value.toString('utf8'))
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

function regexSelector(pattern: string): IdSelector {
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
  return ({ value }) => {
    const match = value === null ? null : expression.exec(value.toString('utf8'))
    return match === null ? null : (match[1] ?? match[0])
  }
}
