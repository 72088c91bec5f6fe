// From the schema of a fault to the fields of a form. Whatever the schema describes can be filled in; nothing here
// knows a fault or a word of the plan language.

export interface JsonSchema {
  type?: string
  enum?: readonly Json[]
  const?: Json
  anyOf?: readonly JsonSchema[]
  properties?: Readonly<Record<string, JsonSchema>>
  patternProperties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[]
  maxProperties?: number
  items?: JsonSchema
  title?: string
  description?: string
}

export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** How something is filled in. */
export type Shape =
  /** One of a few words. */
  | { is: 'choice'; options: readonly Json[] }
  /** One of many words: typed, with suggestions. */
  | { is: 'word'; options: readonly string[] }
  | { is: 'text'; mayBeNumber: boolean }
  /** There or not there. */
  | { is: 'fixed'; value: Json }
  | { is: 'fields'; fields: readonly Field[]; onlyOne: boolean }
  | { is: 'list'; items: JsonSchema }
  | { is: 'alternatives'; options: readonly JsonSchema[] }
  /** Anything: typed as JSON. */
  | { is: 'free' }

export interface Field {
  name: string
  schema: JsonSchema
  isRequired: boolean
}

const choiceMax = 12

const isPlain = ({ type, enum: words, const: fixed }: JsonSchema): boolean =>
  (type === 'string' || type === 'integer' || type === 'number') &&
  words === undefined &&
  fixed === undefined

/** Alternatives of alternatives, laid flat. */
function alternativesOf(schema: JsonSchema): JsonSchema[] {
  if (schema.anyOf === undefined) return [schema]
  return schema.anyOf.flatMap(alternativesOf)
}

export function shapeOf(schema: JsonSchema): Shape {
  if (schema.anyOf !== undefined) {
    const options = alternativesOf(schema)
    if (options.every(isPlain)) {
      return { is: 'text', mayBeNumber: options.some(({ type }) => type !== 'string') }
    }
    return { is: 'alternatives', options }
  }
  if (schema.const !== undefined) return { is: 'fixed', value: schema.const }
  if (schema.enum !== undefined) {
    const words = schema.enum.filter((word) => typeof word === 'string')
    const isLong = schema.enum.length > choiceMax && words.length === schema.enum.length
    return isLong ? { is: 'word', options: words } : { is: 'choice', options: schema.enum }
  }
  if (schema.type === 'boolean') return { is: 'choice', options: [true, false] }
  if (schema.type === 'array') return { is: 'list', items: schema.items ?? {} }
  if (schema.properties !== undefined) {
    const required = new Set(schema.required ?? [])
    const fields = Object.entries(schema.properties).map(([name, field]) => ({
      name,
      schema: field,
      isRequired: required.has(name),
    }))
    return { is: 'fields', fields, onlyOne: schema.maxProperties === 1 }
  }
  if (isPlain(schema)) return { is: 'text', mayBeNumber: schema.type !== 'string' }
  return { is: 'free' }
}

/** What a field holds when it has just been put into the form. */
export function blank(schema: JsonSchema): Json {
  const shape = shapeOf(schema)
  switch (shape.is) {
    case 'choice':
      return shape.options[0] ?? ''
    case 'word':
    case 'text':
      return ''
    case 'fixed':
      return shape.value
    case 'fields': {
      const wanted = shape.onlyOne ? shape.fields.slice(0, 1) : shape.fields
      return Object.fromEntries(
        wanted
          .filter(({ isRequired }) => isRequired || shape.onlyOne)
          .map(({ name, schema: field }) => [name, blank(field)]),
      )
    }
    case 'list':
      return []
    case 'alternatives':
      return blank(shape.options[0] ?? {})
    case 'free':
      return {}
  }
}

/** Whether a value is of a shape, roughly: enough to tell alternatives apart. */
function fits(schema: JsonSchema, value: Json): boolean {
  const shape = shapeOf(schema)
  switch (shape.is) {
    case 'choice':
      return shape.options.includes(value)
    case 'fixed':
      return shape.value === value
    case 'word':
    case 'text':
      return typeof value === 'string' || typeof value === 'number'
    case 'fields':
      return (
        isObject(value) &&
        Object.keys(value).every((key) => shape.fields.some(({ name }) => name === key)) &&
        shape.fields.every(({ name, isRequired }) => !isRequired || name in value)
      )
    case 'list':
      return Array.isArray(value)
    case 'alternatives':
      return shape.options.some((option) => fits(option, value))
    case 'free':
      return true
  }
}

/** One line of the list that alternatives are picked from. */
export interface Entry {
  name: string
  schema: JsonSchema
  /** What is filled in when it is picked. */
  value: Json
  /** Picking it says it all. */
  isWord: boolean
}

/** Words to choose from stand in the list themselves; what has to be filled in has one line. */
export function entriesOf(options: readonly JsonSchema[]): Entry[] {
  return options.flatMap((schema): Entry[] => {
    const shape = shapeOf(schema)
    if (shape.is === 'choice') {
      return shape.options.map((value) => ({ name: String(value), schema, value, isWord: true }))
    }
    if (shape.is === 'fixed') {
      return [{ name: String(shape.value), schema, value: shape.value, isWord: true }]
    }
    return [{ name: `${alternativeName(schema)} …`, schema, value: blank(schema), isWord: false }]
  })
}

export function entryOf(entries: readonly Entry[], value: Json): number {
  const place = entries.findIndex((entry) =>
    entry.isWord ? entry.value === value : fits(entry.schema, value),
  )
  return Math.max(0, place)
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What an alternative is called where one is picked. */
function alternativeName(schema: JsonSchema): string {
  const shape = shapeOf(schema)
  switch (shape.is) {
    case 'choice':
      return shape.options.map(String).join(' / ')
    case 'word':
      return 'one word'
    case 'fixed':
      return String(shape.value)
    case 'text':
      return schema.title ?? schema.description ?? (shape.mayBeNumber ? 'a number' : 'text')
    case 'fields': {
      const names = shape.fields.map(({ name }) => name)
      return names.length > 4 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ')
    }
    case 'list':
      return 'a list'
    case 'alternatives':
      return schema.title ?? 'several'
    case 'free':
      return 'JSON'
  }
}

export function readText(text: string, mayBeNumber: boolean): Json {
  return mayBeNumber && /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text
}

/** Dotted paths of everything that the form shows for a value. */
export function shownPaths(value: Json, path = ''): string[] {
  const inner = isObject(value)
    ? Object.entries(value).flatMap(([key, item]) =>
        shownPaths(item, path === '' ? key : `${path}.${key}`),
      )
    : []
  return path === '' ? inner : [path, ...inner]
}

/** Each problem at the field that is nearest to its place; '' is the form as a whole. */
export function placeProblems<Problem extends { path: string }>(
  problems: readonly Problem[],
  value: Json,
): Map<string, Problem[]> {
  const paths = shownPaths(value).sort((a, b) => b.length - a.length)
  const placed = new Map<string, Problem[]>()
  for (const problem of problems) {
    const path =
      paths.find((one) => problem.path === one || problem.path.startsWith(`${one}.`)) ?? ''
    placed.set(path, [...(placed.get(path) ?? []), problem])
  }
  return placed
}
