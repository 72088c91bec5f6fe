// Places in a message by path: `brokers.*.port`, `topics.0.partitions.*.leaderId`, `throttleTimeMs`. Names are
// those of Kafka's schemas; a number is a place in a list, `*` all of it.
import { apiOf, type Direction, type FieldValue, type Message, messageLayout } from './codec.ts'
import { fieldValue, typedValue, WrongValueError } from './given-value.ts'
import type { FieldLayout, StructLayout, TypeLayout } from './layout.ts'

/** A path that leads nowhere, or a value that does not fit there. */
export interface PathProblem {
  message: string
  /** The wrong name and the right ones, where a name is the problem. */
  given?: string
  allowed?: readonly string[]
  /** The value is the problem, not the path. */
  isValue?: boolean
}

type Found =
  | { kind: 'place'; field: FieldLayout; type: TypeLayout; isElement: boolean }
  | { kind: 'no-field'; name: string; within: string; fields: readonly string[] }
  | { kind: 'wrong-step'; message: string }

function stepsOf(path: string): string[] {
  return path.split('.')
}

const isListStep = (step: string): boolean => step === '*' || /^[0-9]+$/.test(step)

function find(root: StructLayout, steps: readonly string[]): Found {
  let struct: StructLayout | undefined = root
  let place: Extract<Found, { kind: 'place' }> | undefined
  for (const [at, step] of steps.entries()) {
    const walked = steps.slice(0, at).join('.')
    if (struct !== undefined) {
      const field: FieldLayout | undefined = struct.fields.find(({ name }) => name === step)
      if (field?.present !== true) {
        const fields = struct.fields.filter(({ present }) => present).map(({ name }) => name)
        return { kind: 'no-field', name: step, within: walked, fields }
      }
      place = { kind: 'place', field, type: field.type, isElement: false }
    } else if (place?.type.kind === 'array') {
      if (!isListStep(step)) {
        const message = `\`${walked}\` is a list: say \`${walked}.*\` for all of it, or \`${walked}.0\` for its first`
        return { kind: 'wrong-step', message }
      }
      place = { ...place, type: place.type.element, isElement: true }
    } else return { kind: 'wrong-step', message: `\`${walked}\` has no fields` }
    struct = place.type.kind === 'struct' ? place.type.struct : undefined
  }
  if (place === undefined) return { kind: 'wrong-step', message: 'the path is empty' }
  return place
}

function valueAt(place: Extract<Found, { kind: 'place' }>, given: unknown, path: string) {
  const { field, type, isElement } = place
  return isElement ? typedValue(type, false, given, path) : fieldValue(field, given, path)
}

/** What is wrong with a path and a value; nothing when any of the versions has such a field for it. */
export function pathProblem(
  direction: Direction,
  apiKey: number,
  versions: readonly number[],
  path: string,
  given: unknown,
): PathProblem | undefined {
  const steps = stepsOf(path)
  const names = new Set<string>()
  let missing: Extract<Found, { kind: 'no-field' }> | undefined
  let wrongStep: string | undefined
  let wrongValue: string | undefined
  for (const version of versions) {
    const found = find(messageLayout(direction, apiKey, version), steps)
    if (found.kind === 'no-field') {
      // The version that knew the most of the path knows best what was meant.
      const isDeeper = missing === undefined || depthOf(found) > depthOf(missing)
      if (isDeeper) names.clear()
      if (isDeeper || missing?.within === found.within) {
        missing = found
        for (const name of found.fields) names.add(name)
      }
    } else if (found.kind === 'wrong-step') wrongStep = found.message
    else {
      try {
        valueAt(found, given, path)
        return undefined
      } catch (cause) {
        if (!(cause instanceof WrongValueError)) throw cause
        wrongValue = cause.message
      }
    }
  }
  if (wrongValue !== undefined) return { message: wrongValue, isValue: true }
  if (wrongStep !== undefined) return { message: wrongStep }
  if (missing === undefined) return { message: 'this API has no such version' }
  const what = `${apiOf(apiKey)?.name} ${direction === 'request' ? 'requests' : 'replies'}`
  const where = missing.within === '' ? '' : ` within \`${missing.within}\``
  return {
    message: `unknown field "${missing.name}" of ${what}${where}`,
    given: missing.name,
    allowed: [...names],
  }
}

const depthOf = ({ within }: { within: string }): number =>
  within === '' ? 0 : stepsOf(within).length

/**
 * Sets the value in every place that the path names (the object itself is changed); how many there were. Throws
 * when the version at hand has no such field, or not for such a value.
 */
export function setAtPath(
  direction: Direction,
  apiKey: number,
  version: number,
  message: Message,
  path: string,
  given: unknown,
): number {
  const steps = stepsOf(path)
  const found = find(messageLayout(direction, apiKey, version), steps)
  if (found.kind === 'no-field') {
    const where = found.within === '' ? '' : ` within ${found.within}`
    throw new WrongValueError(`version ${version} has no field ${found.name}${where}`)
  }
  if (found.kind === 'wrong-step') throw new WrongValueError(found.message)
  return assign(message, steps, valueAt(found, given, path))
}

function assign(
  holder: FieldValue | undefined,
  steps: readonly string[],
  value: FieldValue,
): number {
  const [step, ...rest] = steps
  if (step === undefined || holder === null || typeof holder !== 'object') return 0
  if (Array.isArray(holder)) {
    let count = 0
    const [from, to] = step === '*' ? [0, holder.length] : [Number(step), Number(step) + 1]
    for (let index = from; index < Math.min(to, holder.length); index++) {
      if (rest.length > 0) count += assign(holder[index], rest, value)
      else {
        holder[index] = value
        count += 1
      }
    }
    return count
  }
  if (Buffer.isBuffer(holder)) return 0
  if (rest.length > 0) return assign(holder[step], rest, value)
  holder[step] = value
  return 1
}
