// Reads fields of decoded messages without trusting their shape: a field that a version does not have, or
// that is null, gives the neutral value. So a strange message is an oddity at most, never a throw.
import type { Message } from '../protocol/codec.ts'

const none: readonly never[] = []

export function textOf(message: Message, field: string): string | undefined {
  const value = message[field]
  return typeof value === 'string' ? value : undefined
}

/** int64 fields are bigints on the wire; ids and offsets fit a plain number. */
export function numberOf(message: Message, field: string, otherwise: number): number {
  const value = message[field]
  if (typeof value === 'number') return value
  return typeof value === 'bigint' ? Number(value) : otherwise
}

export function flagOf(message: Message, field: string): boolean {
  return message[field] === true
}

export function bytesOf(message: Message, field: string): Buffer | undefined {
  const value = message[field]
  return Buffer.isBuffer(value) ? value : undefined
}

export function structsOf(message: Message, field: string): readonly Message[] {
  const value = message[field]
  if (!Array.isArray(value)) return none
  return value.every(isStruct) ? (value as readonly Message[]) : none
}

export function textsOf(message: Message, field: string): readonly string[] {
  const value = message[field]
  if (!Array.isArray(value)) return none
  return value.filter((entry): entry is string => typeof entry === 'string')
}

export function numbersOf(message: Message, field: string): readonly number[] {
  const value = message[field]
  if (!Array.isArray(value)) return none
  return value.filter((entry): entry is number => typeof entry === 'number')
}

export function isStruct(value: unknown): value is Message {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)
  )
}
