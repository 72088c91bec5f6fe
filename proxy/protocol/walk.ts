// Visits the fields of a decoded message that exist in its version, with what the schema says of each, in the
// order of the schema and outside before inside. Nothing here knows a message by name.
import { type Direction, type FieldValue, type Message, perMessage } from './codec.ts'
import type { FieldLayout, StructLayout, TypeLayout } from './layout.ts'

/** One field of one struct. The same object serves for every field: take what you need before you return. */
export interface VisitedField {
  readonly name: string
  /** As Kafka writes it: `int16`, `[]string`, or the name of a struct. */
  readonly type: string
  readonly entityType: string | undefined
  /** The struct that holds the field: set `owner[name]` to change it. */
  readonly owner: Message
  readonly value: FieldValue
  /** `topics[0].partitions[1].errorCode`; put together only when asked for. */
  readonly path: string
}

/** Which fields to visit, and through which structs they are reached. */
export interface WalkPlan {
  steps: WalkStep[]
}

interface WalkStep {
  field: FieldLayout
  wanted: boolean
  below: WalkPlan | undefined
}

/** A plan for the wanted fields only: whole subtrees without any are not entered. */
export function walkPlan(
  layout: StructLayout,
  wanted: (field: FieldLayout, struct: StructLayout) => boolean,
): WalkPlan {
  const done = new Map<StructLayout, WalkPlan>()
  function planOf(struct: StructLayout): WalkPlan {
    const known = done.get(struct)
    if (known !== undefined) return known
    const plan: WalkPlan = { steps: [] }
    done.set(struct, plan)
    for (const field of struct.fields) {
      if (!field.present) continue
      const inner = structIn(field.type)
      const below = inner === undefined ? undefined : planOf(inner)
      const enters = below !== undefined && below.steps.length > 0
      const isWanted = wanted(field, struct)
      if (isWanted || enters) {
        plan.steps.push({ field, wanted: isWanted, below: enters ? below : undefined })
      }
    }
    return plan
  }
  return planOf(layout)
}

/** The struct of a struct field or of an array of structs. */
export function structIn(type: TypeLayout): StructLayout | undefined {
  if (type.kind === 'struct') return type.struct
  return type.kind === 'array' && type.element.kind === 'struct' ? type.element.struct : undefined
}

const wholePlan = perMessage((layout) => walkPlan(layout, () => true))

export function visitFields(
  direction: Direction,
  apiKey: number,
  version: number,
  message: Message,
  visit: (field: VisitedField) => void,
): void {
  walk(wholePlan(direction, apiKey, version), message, visit)
}

// A class, because an object literal with a getter is made anew, slowly, for every message.
class Visit implements VisitedField {
  name = ''
  type = ''
  entityType: string | undefined = undefined
  value: FieldValue = null
  owner: Message
  readonly callback: (field: VisitedField) => void
  /** The fields on the way from the root, and the element's index where one is a list. */
  readonly trail: string[] = []
  readonly indexes: number[] = []
  depth = 0

  constructor(root: Message, callback: (field: VisitedField) => void) {
    this.owner = root
    this.callback = callback
  }

  get path(): string {
    let path = ''
    for (let depth = 0; depth < this.depth; depth++) {
      const index = this.indexes[depth] ?? -1
      path += index < 0 ? `${this.trail[depth]}.` : `${this.trail[depth]}[${index}].`
    }
    return path + this.name
  }
}

export function walk(plan: WalkPlan, message: Message, visit: (field: VisitedField) => void): void {
  walkStruct(plan, message, new Visit(message, visit))
}

function walkStruct(plan: WalkPlan, owner: Message, visit: Visit): void {
  for (const { field, wanted, below } of plan.steps) {
    const value = owner[field.name]
    if (value === undefined) continue
    if (wanted) {
      visit.name = field.name
      visit.type = field.typeName
      visit.entityType = field.entityType
      visit.owner = owner
      visit.value = value
      visit.callback(visit)
    }
    if (below === undefined) continue
    // The visitor may have put another value there.
    const inner = owner[field.name]
    if (inner === null || typeof inner !== 'object') continue
    visit.trail[visit.depth] = field.name
    if (Array.isArray(inner)) walkList(below, inner as Message[], visit)
    else walkInner(below, inner as Message, -1, visit)
  }
}

function walkList(plan: WalkPlan, elements: Message[], visit: Visit): void {
  for (let index = 0; index < elements.length; index++) {
    walkInner(plan, elements[index]!, index, visit)
  }
}

function walkInner(plan: WalkPlan, owner: Message, index: number, visit: Visit): void {
  visit.indexes[visit.depth] = index
  visit.depth++
  walkStruct(plan, owner, visit)
  visit.depth--
}

/** A copy whose structs and arrays are its own; bytes are shared, since nobody changes them in place. */
export function copyMessage(message: Message): Message {
  return copyValue(message) as Message
}

function copyValue(value: FieldValue): FieldValue {
  if (Array.isArray(value)) return value.map(copyValue)
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyValue(inner)]))
}
