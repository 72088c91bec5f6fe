// Where a value does not fit a JSON Schema, in words for the person who wrote it. Ajv says what failed; this
// file says it in our words, and for a choice between shapes it asks which one was meant.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { Flaw, PlanPath } from './problem.ts'

type Schema = Record<string, unknown>

const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, strictTypes: false })
const compiled = new WeakMap<object, ValidateFunction>()

function validatorOf(schema: Schema): ValidateFunction {
  let validator = compiled.get(schema)
  if (validator === undefined) {
    validator = ajv.compile(schema)
    compiled.set(schema, validator)
  }
  return validator
}

/** All that is wrong with `data`, each at its place; empty when it fits. */
export function schemaFlaws(schema: Schema, data: unknown, path: PlanPath = []): Flaw[] {
  const validate = validatorOf(schema)
  if (validate(data)) return []
  const flaws: Flaw[] = []
  for (const error of validate.errors ?? []) {
    // Complaints of single branches are asked for again, one branch at a time.
    if (error.schemaPath.includes('/anyOf/')) continue
    const place = [...path, ...pointerPath(error.instancePath, data)]
    if (error.keyword === 'anyOf') flaws.push(...choiceFlaws(error, place))
    else flaws.push(flawOf(error, place))
  }
  return flaws
}

/** `/a/b~1c/0` as keys and positions. */
function pointerPath(pointer: string, data: unknown): (string | number)[] {
  let value = data
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const step = Array.isArray(value) ? Number(key) : key
      value = (value as Record<string | number, unknown>)[step]
      return step
    })
}

function branchesOf(schema: Schema): Schema[] {
  const branches = schema.anyOf as Schema[] | undefined
  return branches === undefined ? [schema] : branches.flatMap(branchesOf)
}

const isMap = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const keysOf = (schema: Schema): string[] => Object.keys((schema.properties as Schema) ?? {})
const isOpenMap = (schema: Schema) => schema.patternProperties !== undefined

/** No branch fits: complain about the one that was meant, or name them all. */
function choiceFlaws(error: ErrorObject, path: PlanPath): Flaw[] {
  const branches = branchesOf({ anyOf: error.schema as Schema[] })
  const { data } = error
  const likely = branches.filter((branch) => sameShape(branch, data))
  if (likely.length === 0) {
    const wanted = [...new Set(branches.map(shapeName))].join(', or ')
    return [{ path, at: 'value', message: `must be ${wanted}, not ${inWords(data)}` }]
  }
  if (isMap(data) && !likely.some(isOpenMap)) {
    const allowed = [...new Set(likely.flatMap(keysOf))]
    const unknown = Object.keys(data).filter((key) => !allowed.includes(key))
    if (unknown.length > 0) return unknown.map((key) => unknownKey(path, key, 'key', allowed))
  }
  const known = (branch: Schema) =>
    isMap(data) ? Object.keys(data).filter((key) => keysOf(branch).includes(key)).length : 0
  const attempts = likely.map((branch) => ({
    known: known(branch),
    flaws: schemaFlaws(branch, data, path),
  }))
  attempts.sort((a, b) => b.known - a.known || a.flaws.length - b.flaws.length)
  return attempts[0]?.flaws ?? []
}

function sameShape(schema: Schema, data: unknown): boolean {
  if (Array.isArray(schema.enum)) return typeof data === typeof schema.enum[0]
  switch (schema.type) {
    case 'object':
      return isMap(data)
    case 'array':
      return Array.isArray(data)
    case 'integer':
    case 'number':
      return typeof data === 'number'
    default:
      return typeof data === schema.type
  }
}

function flawOf(error: ErrorObject, path: PlanPath): Flaw {
  const parent = (error.parentSchema ?? {}) as Schema
  const key = path.at(-1)
  const noun = typeof parent.title === 'string' ? parent.title : String(key ?? 'plan')
  switch (error.keyword) {
    case 'additionalProperties': {
      const wrong = String(error.params.additionalProperty)
      return unknownKey(path, wrong, parent.title === 'fault kind' ? noun : 'key', keysOf(parent))
    }
    case 'required':
      return {
        path,
        at: 'key',
        message: `${placeName(path)} needs \`${error.params.missingProperty}:\``,
      }
    case 'enum':
      return wrongWord(path, noun, error.data, parent.enum as unknown[])
    case 'pattern':
    case 'type':
      return {
        path,
        at: 'value',
        message: `must be ${shapeName(parent)}, not ${inWords(error.data)}`,
      }
    case 'const':
      return { path, at: 'value', message: `must be ${JSON.stringify(parent.const)}` }
    case 'minimum':
      return { path, at: 'value', message: `must be ${parent.minimum} or more` }
    case 'maximum':
      return { path, at: 'value', message: `must be ${parent.maximum} or less` }
    case 'minLength':
      return { path, at: 'value', message: 'must not be empty' }
    case 'maxLength':
      return { path, at: 'value', message: `must have at most ${parent.maxLength} characters` }
    case 'minItems':
      return { path, at: 'value', message: `must have at least ${parent.minItems} entries` }
    case 'maxItems':
      return { path, at: 'value', message: `must have at most ${parent.maxItems} entries` }
    case 'uniqueItems': {
      const { i, j } = error.params as { i: number; j: number }
      const [place, twice] = [Math.max(i, j), (error.data as unknown[])[i]]
      return { path: [...path, place], at: 'value', message: `${inWords(twice)} stands here twice` }
    }
    case 'minProperties':
      return { path, at: 'key', message: `${placeName(path)} is empty`, allowed: keysOf(parent) }
    case 'maxProperties':
      return {
        path,
        at: 'key',
        message: `${placeName(path)} takes exactly one of its keys, not ${Object.keys(error.data as object).join(' and ')}`,
      }
    default:
      throw new Error(`the plan schema uses ${error.keyword}, which has no words yet`)
  }
}

function unknownKey(path: PlanPath, key: string, noun: string, allowed: readonly string[]): Flaw {
  return {
    path: [...path, key],
    at: 'key',
    message: `unknown ${noun} "${key}"`,
    given: key,
    allowed,
  }
}

function wrongWord(path: PlanPath, noun: string, data: unknown, list: unknown[]): Flaw {
  const allowed = list.map(String)
  if (typeof data !== 'string') {
    return { path, at: 'value', message: `must be one word, not ${inWords(data)}`, allowed }
  }
  return { path, at: 'value', message: `unknown ${noun} "${data}"`, given: data, allowed }
}

function placeName(path: PlanPath): string {
  const key = path.at(-1)
  if (key === undefined) return 'the plan'
  return typeof key === 'number' ? `entry ${key + 1} of ${String(path.at(-2))}` : `\`${key}\``
}

/** What a schema asks for, in a few words. */
function shapeName(schema: Schema): string {
  if (Array.isArray(schema.enum) && schema.enum.length <= 8) return schema.enum.join(' or ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.pattern !== undefined && typeof schema.title === 'string') {
    return `${article(schema.title)} ${schema.title} (${hint(String(schema.description))})`
  }
  switch (schema.type) {
    case 'object': {
      const keys = keysOf(schema)
      return keys.length > 0 && keys.length <= 4 ? `a map with ${keys.join(', ')}` : 'a map'
    }
    case 'array':
      return 'a list'
    case 'integer':
      return 'a whole number'
    case 'number':
      return 'a number'
    case 'boolean':
      return 'true or false'
    default:
      return 'text'
  }
}

const article = (noun: string) => (/^[aeiou]/.test(noun) ? 'an' : 'a')

/** A description inside of a sentence. */
const hint = (description: string) =>
  description.charAt(0).toLowerCase() + description.slice(1).replace(/\.$/, '')

/** A value as a person would name it; long ones are cut. */
function inWords(data: unknown): string {
  if (data === null || data === undefined) return 'nothing'
  if (Array.isArray(data)) return 'a list'
  if (typeof data === 'object') return 'a map'
  const text = JSON.stringify(data)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
