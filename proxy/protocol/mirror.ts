// The shape of an answer to a request: for every topic, partition, group, transaction or other thing that the
// request names and the answer reports on one by one, an element that names it and is otherwise at its
// defaults. Which list of the answer goes with which list of the request is found by what their elements
// are about; the few that no schema relates are written out at the end.
import { type FieldValue, type Message, perMessage } from './codec.ts'
import { defaultStruct, type FieldLayout, type StructLayout } from './layout.ts'
import { isForgotten, roleOf, type Subject, subjectOf, subjectOfList } from './subjects.ts'
import { structIn } from './walk.ts'

const layoutFor = perMessage((layout) => layout)

export function responseLayout(apiKey: number, version: number): StructLayout {
  return layoutFor('response', apiKey, version)
}

/** A struct of the request, or a plain value from one of its lists. */
type Source = { struct: StructLayout; value: Message } | { plain: FieldValue; subject: Subject }

/** The elements about a subject inside a part of the request, however deep. */
function sourcesOf(subject: Subject, within: Source): Source[] {
  if (!('struct' in within)) return []
  const found: Source[] = []
  for (const field of within.struct.fields) {
    const value = within.value[field.name]
    if (!field.present || value === null || value === undefined) continue
    const inner = structIn(field.type)
    if (inner === undefined) {
      if (subjectOfList(field) !== subject) continue
      for (const plain of value as FieldValue[]) found.push({ plain, subject })
    } else if (!isForgotten(field)) {
      const elements = (Array.isArray(value) ? value : [value]) as Message[]
      const isAbout = Array.isArray(value) && subjectOf(inner) === subject
      for (const element of elements) {
        const source = { struct: inner, value: element }
        if (isAbout) found.push(source)
        else found.push(...sourcesOf(subject, source))
      }
    }
  }
  return found
}

/**
 * For lists whose elements are about something else (members, configuration resources): the request's list
 * of the same name, or its only list of such structs, element by element.
 */
function counterparts(list: FieldLayout, within: Source): Source[] {
  if (!('struct' in within)) return []
  const candidates = within.struct.fields.filter((field) => {
    const inner = structIn(field.type)
    const isList = field.present && field.type.kind === 'array'
    return isList && inner !== undefined && subjectOf(inner) === undefined
  })
  const sameName = candidates.find((field) => field.name === list.name)
  const chosen = sameName ?? (candidates.length === 1 ? candidates[0] : undefined)
  const struct = chosen === undefined ? undefined : structIn(chosen.type)
  if (chosen === undefined || struct === undefined) return []
  const elements = within.value[chosen.name]
  return Array.isArray(elements)
    ? elements.map((value) => ({ struct, value: value as Message }))
    : []
}

export function isErrorField(field: FieldLayout): boolean {
  if (!field.present || field.typeName !== 'int16') return false
  // Tells why a topic's configuration is missing from a successful answer: no error of the request.
  return /^(e|.*E)rrorCode$/.test(field.name) && field.name !== 'topicConfigErrorCode'
}

/** Whether an error can be said somewhere in this struct. */
export function hasErrorField(struct: StructLayout): boolean {
  return struct.fields.some((field) => {
    if (isErrorField(field)) return true
    const inner = field.present ? structIn(field.type) : undefined
    return inner !== undefined && hasErrorField(inner)
  })
}

/** An answer without errors that names what the request names. */
export function mirroredResponse(apiKey: number, version: number, request: Message): Message {
  const struct = layoutFor('request', apiKey, version)
  const response = mirrored(responseLayout(apiKey, version), { struct, value: request }, 'root')
  exceptions[apiKey]?.(request, response, version)
  return response
}

function mirrored(
  struct: StructLayout,
  source: Source,
  relation: 'root' | 'about' | 'counterpart',
): Message {
  const message: Message = defaultStruct(struct)
  for (const field of struct.fields) {
    if (!field.present) continue
    const inner = structIn(field.type)
    if (inner === undefined || relation === 'counterpart') {
      const named = relation === 'root' ? undefined : nameFrom(field, source, relation)
      if (named !== undefined) message[field.name] = named
    }
    if (inner === undefined || field.type.kind !== 'array' || !hasErrorField(inner)) continue
    const subject = subjectOf(inner)
    message[field.name] =
      subject === undefined
        ? counterparts(field, source).map((element) => mirrored(inner, element, 'counterpart'))
        : sourcesOf(subject, source).map((element) => mirrored(inner, element, 'about'))
  }
  return message
}

/** What the source says for a field that names the element. */
function nameFrom(
  field: FieldLayout,
  source: Source,
  relation: 'about' | 'counterpart',
): FieldValue | undefined {
  const role = roleOf(field)
  if (!('struct' in source)) {
    const named = source.subject === 'topic' ? 'topic-name' : source.subject
    return role === named ? source.plain : undefined
  }
  const same = source.struct.fields.find((candidate) => {
    if (!candidate.present) return false
    if (relation === 'about') return role !== undefined && roleOf(candidate) === role
    const kinds = [candidate.type.kind, field.type.kind]
    return candidate.name === field.name && kinds[0] === kinds[1] && !isErrorField(candidate)
  })
  if (same === undefined) return undefined
  const value = source.value[same.name]
  return value === null && !field.nullable ? undefined : value
}

// What no schema says.

type Exception = (request: Message, response: Message, version: number) => void

const exceptions: Record<number, Exception> = {
  /** FindCoordinator: one coordinator for each key. */
  10: (request, response, version) => {
    if (version < 4) return
    const shape = defaultElement('coordinators', 10, version)
    const keys = (request.coordinatorKeys ?? []) as string[]
    response.coordinators = keys.map((key) => ({ ...shape, key }))
  },
  /** DescribeLogDirs: before version 3 an error has no place but a directory's. */
  35: (_request, response, version) => {
    if (version < 3) response.results = [defaultElement('results', 35, version)]
  },
  /** DescribeUserScramCredentials: users are `name` in the request and `user` in the answer. */
  50: (request, response, version) => {
    const users = (request.users ?? []) as Message[]
    const shape = defaultElement('results', 50, version)
    response.results = users.map(({ name }) => ({ ...shape, user: name ?? '' }))
  },
  /** AlterUserScramCredentials: one result for each user of either list. */
  51: (request, response, version) => {
    const changes = [...(request.deletions as Message[]), ...(request.upsertions as Message[])]
    const users = new Set(changes.map(({ name }) => name ?? ''))
    const shape = defaultElement('results', 51, version)
    response.results = [...users].map((user) => ({ ...shape, user }))
  },
}

function defaultElement(list: string, apiKey: number, version: number): Message {
  const field = responseLayout(apiKey, version).fields.find(({ name }) => name === list)
  const inner = field === undefined ? undefined : structIn(field.type)
  if (inner === undefined) throw new Error(`API ${apiKey} has no list ${list}`)
  return defaultStruct(inner)
}
