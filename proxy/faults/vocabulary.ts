// The words that every fault, trigger and plan field is made of: durations, rates, percentages, globs.
// Each is a schema (the one source for YAML, REST, OpenAPI and editors) with the function that reads it.
import Type from 'typebox'

/** `250ms`, `5s`, `2m`, `1h` */
export const Duration = Type.String({
  pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$',
  title: 'duration',
  description: 'A length of time: 250ms, 5s, 2m.',
})

/** `64KB/s`, `2000/s` is a rate of records and has its own schema. */
export const ByteRate = Type.String({
  pattern: '^[0-9]+(\\.[0-9]+)?(B|KB|MB)/s$',
  title: 'byte rate',
  description: 'Bytes per second: 64KB/s, 1MB/s.',
})

export const RecordRate = Type.String({
  pattern: '^[0-9]+(\\.[0-9]+)?/s$',
  title: 'record rate',
  description: 'Records per second: 2000/s.',
})

export const Percentage = Type.String({
  pattern: '^[0-9]+(\\.[0-9]+)?%$',
  title: 'percentage',
  description: 'A share of one hundred: 5%, 0.5%.',
})

/** Names from Kafka's own tables. A plan's schema turns them into the list of what there is, by title. */
export const ApiName = Type.String({
  title: 'API',
  description: 'A Kafka API by name, e.g. EndTxn.',
})

export const ErrorName = Type.String({
  title: 'error code',
  description: 'A Kafka error code by name, e.g. NOT_COORDINATOR; NONE for success.',
})

const millisecondsPer = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/** Milliseconds of a duration that the schema has accepted. */
export function durationMs(text: string): number {
  const match = /^([0-9.]+)(ms|s|m|h)$/.exec(text)
  if (match === null) throw new Error(`not a duration: ${text}`)
  return Number(match[1]) * millisecondsPer[match[2] as keyof typeof millisecondsPer]
}

/** Bytes per second of a rate that the schema has accepted. */
export function bytesPerSecond(text: string): number {
  const match = /^([0-9.]+)(B|KB|MB)\/s$/.exec(text)
  if (match === null) throw new Error(`not a byte rate: ${text}`)
  const unit = match[2] === 'MB' ? 1_000_000 : match[2] === 'KB' ? 1_000 : 1
  return Number(match[1]) * unit
}

/** Records per second of a rate that the schema has accepted. */
export function recordsPerSecond(text: string): number {
  return Number(text.replace('/s', ''))
}

/** A share between 0 and 1 of a percentage that the schema has accepted. */
export function share(text: string): number {
  return Number(text.replace('%', '')) / 100
}

/** Turns a glob (`*` any run, `?` one character) into a test. Text without either compares whole. */
export function globMatcher(glob: string): (text: string) => boolean {
  if (!/[*?]/.test(glob)) return (text) => text === glob
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  const expression = new RegExp(`^${pattern}$`, 's')
  return (text) => expression.test(text)
}
