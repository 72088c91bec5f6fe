// Kafka's error codes by number and name, from generated/error-codes.json.
import { createRequire } from 'node:module'

interface KafkaError {
  code: number
  name: string
  retriable: boolean
}

const { errors } = createRequire(import.meta.url)('./generated/error-codes.json') as {
  errors: KafkaError[]
}

const byCode = new Map(errors.map((error) => [error.code, error]))
const byName = new Map(errors.map((error) => [error.name, error]))

export const errorNames: readonly string[] = errors.map((error) => error.name)

export function isErrorName(name: string): boolean {
  return byName.has(name)
}

/** Names are checked where a plan is read, so an unknown one here is a bug. */
export function errorCodeNamed(name: string): number {
  const error = byName.get(name)
  if (error === undefined) throw new Error(`Kafka has no error named ${name}`)
  return error.code
}

/** A code that our release does not know (a newer broker's) keeps its number: `ERROR_200`. */
export function errorNameOf(code: number): string {
  return byCode.get(code)?.name ?? `ERROR_${code}`
}

/** Whether Kafka's own clients may try again after it. */
export function isRetriable(code: number): boolean {
  return byCode.get(code)?.retriable ?? false
}
