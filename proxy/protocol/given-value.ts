// Values that a person wrote (in a plan, in a request to the proxy) in the form that the encoder wants, checked
// against the field's type: int64 as a number or as digits, bytes as base64, error codes also by name.
import type { FieldValue } from './codec.ts'
import { errorCodeNamed, isErrorName } from './error-codes.ts'
import type { FieldLayout, Primitive, TypeLayout } from './layout.ts'
import { isErrorField } from './mirror.ts'

/** The value does not fit the field; the message says where and why. */
export class WrongValueError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WrongValueError'
  }
}

const integerRanges: Partial<Record<Primitive, readonly [number, number]>> = {
  int8: [-(2 ** 7), 2 ** 7 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint16: [0, 2 ** 16 - 1],
  uint32: [0, 2 ** 32 - 1],
}
const int64Min = -(2n ** 63n)
const int64Max = 2n ** 63n - 1n

/** What a field is to hold. Throws a WrongValueError. */
export function fieldValue(field: FieldLayout, given: unknown, path: string): FieldValue {
  if (isErrorField(field) && typeof given === 'string') {
    if (!isErrorName(given)) throw new WrongValueError(`${path}: unknown error code "${given}"`)
    return errorCodeNamed(given)
  }
  return typedValue(field.type, field.nullable, given, path)
}

/** What an element of a list is to hold, or a field without regard to its name. */
export function typedValue(
  type: TypeLayout,
  nullable: boolean,
  given: unknown,
  path: string,
): FieldValue {
  if (given === null) {
    if (!nullable) throw new WrongValueError(`${path} may not be null`)
    return null
  }
  switch (type.kind) {
    case 'primitive':
      return primitiveValue(type.primitive, given, path)
    case 'array':
      if (!Array.isArray(given)) throw new WrongValueError(`${path} must be a list`)
      return given.map((element, index) =>
        typedValue(type.element, false, element, `${path}[${index}]`),
      )
    case 'struct': {
      if (typeof given !== 'object' || Array.isArray(given) || Buffer.isBuffer(given)) {
        throw new WrongValueError(`${path} must have fields`)
      }
      const entries = Object.entries(given as object).map(([name, inner]) => {
        const field = type.struct.fields.find((candidate) => candidate.name === name)
        if (field?.present !== true) {
          throw new WrongValueError(`there is no field ${path}.${name}`)
        }
        return [name, fieldValue(field, inner, `${path}.${name}`)]
      })
      return Object.fromEntries(entries)
    }
  }
}

function primitiveValue(primitive: Primitive, given: unknown, path: string): FieldValue {
  const wrong = (wanted: string): WrongValueError =>
    new WrongValueError(`${path} must be ${wanted}, not ${inWords(given)}`)
  const range = integerRanges[primitive]
  if (range !== undefined) {
    const [lowest, highest] = range
    if (typeof given !== 'number' || !Number.isInteger(given)) {
      throw wrong(`a whole number (${primitive})`)
    }
    if (given < lowest || given > highest) throw wrong(`between ${lowest} and ${highest}`)
    return given
  }
  switch (primitive) {
    case 'int64': {
      const isWritten = typeof given === 'string' && /^-?[0-9]+$/.test(given)
      const isWhole = typeof given === 'number' && Number.isSafeInteger(given)
      if (typeof given !== 'bigint' && !isWritten && !isWhole) throw wrong('a whole number (int64)')
      const value = BigInt(given as bigint | number | string)
      if (value < int64Min || value > int64Max) throw wrong(`between ${int64Min} and ${int64Max}`)
      return value
    }
    case 'bool':
      if (typeof given !== 'boolean') throw wrong('true or false')
      return given
    case 'float64':
      if (typeof given !== 'number') throw wrong('a number')
      return given
    case 'string':
      if (typeof given !== 'string') throw wrong('text')
      return given
    case 'uuid':
      if (typeof given !== 'string' || !/^[A-Za-z0-9_-]{22}$/.test(given)) {
        throw wrong('a uuid in Kafka’s form (22 characters)')
      }
      return given
    case 'bytes':
    case 'records':
      if (Buffer.isBuffer(given)) return given
      if (typeof given !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(given)) {
        throw wrong('bytes in base64')
      }
      return Buffer.from(given, 'base64')
    default:
      throw new Error(`no rule for ${primitive}`)
  }
}

function inWords(given: unknown): string {
  if (Array.isArray(given)) return 'a list'
  if (typeof given === 'object') return 'a map'
  return typeof given === 'bigint' ? String(given) : JSON.stringify(given)
}
