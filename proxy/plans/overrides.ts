// `--set PATH=VALUE`: which place of the plan a dotted path means. Keys may hold dots themselves
// (`advertise.transaction.version=1`), and faults are addressed by name (`faults.crash.for=2s`).
import { entryName } from './plan.ts'
import type { PlanPath } from './problem.ts'

type Schema = Record<string, unknown>

/** The place that the flag names and where its value starts, or what is wrong with the flag itself. */
export function resolveOverride(
  text: string,
  data: unknown,
  schema: Schema,
): { path: PlanPath; valueStart: number } | { wrong: string } {
  const equals = text.indexOf('=')
  if (equals <= 0) return { wrong: 'write it as PATH=VALUE, for example load.records=500' }
  const words = text.slice(0, equals).split('.')
  if (words.some((word) => word === '')) return { wrong: 'the path has an empty part' }
  const path: (string | number)[] = []
  let place: unknown = data
  let shape: Schema | undefined = schema
  while (words.length > 0) {
    const step = Array.isArray(place) ? listStep(words, place) : mapStep(words, place, shape)
    if (step === undefined) {
      return { wrong: `\`${path.join('.')}\` has no entry "${words.join('.')}"` }
    }
    words.splice(0, step.words)
    path.push(step.key)
    place = (place as Record<string | number, unknown> | null | undefined)?.[step.key]
    shape = shapeBelow(shape, step.key)
  }
  return { path, valueStart: equals + 1 }
}

interface Step {
  key: string | number
  /** How many dotted words the key takes. */
  words: number
}

/** An entry of a list: by position, or by its name (a fault without one is named by its kind). */
function listStep(words: readonly string[], list: readonly unknown[]): Step | undefined {
  for (let count = words.length; count > 0; count--) {
    const name = words.slice(0, count).join('.')
    const index = list.findIndex((entry) => entryName(entry) === name)
    if (index !== -1) return { key: index, words: count }
  }
  const position = Number(words[0])
  return Number.isInteger(position) && position >= 0 && position <= list.length
    ? { key: position, words: 1 }
    : undefined
}

/** A key of a map: the longest that is there or that the schema knows; in an open map all that is left. */
function mapStep(words: readonly string[], map: unknown, schema: Schema | undefined): Step {
  const there = typeof map === 'object' && map !== null ? Object.keys(map) : []
  const known = new Set([...there, ...branchesOf(schema).flatMap(keysOf)])
  for (let count = words.length; count > 0; count--) {
    const key = words.slice(0, count).join('.')
    if (known.has(key)) return { key, words: count }
  }
  const open = branchesOf(schema).some((branch) => branch.patternProperties !== undefined)
  return open ? { key: words.join('.'), words: words.length } : { key: words[0] ?? '', words: 1 }
}

function branchesOf(schema: Schema | undefined): Schema[] {
  if (schema === undefined) return []
  const branches = schema.anyOf as Schema[] | undefined
  return branches === undefined ? [schema] : branches.flatMap(branchesOf)
}

const keysOf = (schema: Schema): string[] => Object.keys((schema.properties as Schema) ?? {})

function shapeBelow(schema: Schema | undefined, key: string | number): Schema | undefined {
  for (const branch of branchesOf(schema)) {
    const below =
      typeof key === 'number'
        ? branch.items
        : ((branch.properties as Schema | undefined)?.[key] ??
          Object.values((branch.patternProperties as Schema | undefined) ?? {})[0])
    if (below !== undefined) return below as Schema
  }
  return undefined
}
