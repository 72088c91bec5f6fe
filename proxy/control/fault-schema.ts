// The schema of a fault as REST takes it: a plan's own, without what this proxy could not do anyway. Whoever makes a
// form or a client from it offers nothing that will be refused.
import type { TSchema } from 'typebox'
import type { Capability, FaultKind } from '../faults/fault.ts'
import { faultKindNamed } from '../faults/registry.ts'
import { kafkaNames } from '../plans/kafka-names.ts'
import { planSchema } from '../plans/read-plan.ts'

interface ObjectSchema {
  properties: Record<string, { enum?: readonly string[] } & Record<string, unknown>>
}

const examples = [
  {
    name: 'lost-reply',
    when: { reply: 'EndTxn', committed: true, error: 'NONE' },
    inject: { drop: { side: 'reply' } },
    for: '5s',
  },
]

/** A fault as a plan writes it, taken from the plan's own schema. */
export function faultSchema(can: readonly Capability[]): TSchema {
  const { properties } = planSchema(kafkaNames) as {
    properties: { faults: { items: ObjectSchema & Record<string, unknown> } }
  }
  const fault = properties.faults.items
  const inject = fault.properties.inject as unknown as ObjectSchema
  const kinds = Object.entries(inject.properties).flatMap(([name, params]) => {
    const kind = faultKindNamed(name)
    const possible = kind === undefined ? params : possibleParams(kind, params, can)
    return possible === undefined ? [] : [[name, possible] as const]
  })
  return {
    ...fault,
    properties: {
      ...fault.properties,
      inject: { ...inject, properties: Object.fromEntries(kinds) },
    },
    $id: 'Fault',
    title: 'Fault',
    examples,
  } as unknown as TSchema
}

/** The parameters of a kind without the words that need what is not here; nothing if none is left. */
function possibleParams(
  kind: FaultKind,
  params: ObjectSchema['properties'][string],
  can: readonly Capability[],
): object | undefined {
  if (kind.fromDiskOnly === true) return undefined
  const { needs } = kind
  if (needs === undefined) return params
  const isPossible = (given: object) => needs(given as never).every((need) => can.includes(need))
  const fields = Object.entries((params as unknown as Partial<ObjectSchema>).properties ?? {})
  const choices = fields.filter(([, field]) => field.enum !== undefined)
  if (choices.length === 0) return isPossible({}) ? params : undefined
  const narrowed = choices.map(([name, field]) => [
    name,
    { ...field, enum: field.enum?.filter((word) => isPossible({ [name]: word })) },
  ]) as [string, { enum: string[] }][]
  if (narrowed.some(([, field]) => field.enum.length === 0)) return undefined
  return {
    ...params,
    properties: { ...Object.fromEntries(fields), ...Object.fromEntries(narrowed) },
  }
}
