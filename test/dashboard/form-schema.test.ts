import { describe, expect, it } from 'vitest'
import {
  blank,
  entriesOf,
  entryOf,
  type JsonSchema,
  placeProblems,
  readText,
  shapeOf,
} from '../../dashboard/model/form-schema.ts'
import { faultSchema } from '../../proxy/control/fault-schema.ts'

const fault = faultSchema([]) as unknown as JsonSchema

function everyPart(schema: JsonSchema, seen: (part: JsonSchema) => void): void {
  seen(schema)
  for (const part of Object.values(schema.properties ?? {})) everyPart(part, seen)
  for (const part of schema.anyOf ?? []) everyPart(part, seen)
  if (schema.items !== undefined) everyPart(schema.items, seen)
}

describe('the form of a fault', () => {
  it('has a field of its own for every part of the schema, but for bodies without a shape', () => {
    const free: JsonSchema[] = []
    let parts = 0
    everyPart(fault, (part) => {
      parts += 1
      if (shapeOf(part).is === 'free') free.push(part)
    })
    expect(parts).toBeGreaterThan(100)
    for (const part of free) expect(part.patternProperties).toBeDefined()
  })

  it('begins with what is required, and one kind', () => {
    expect(blank(fault)).toEqual({ when: {}, inject: { answer: {} } })
    const kinds = shapeOf(fault.properties?.inject ?? {})
    expect(kinds).toMatchObject({ is: 'fields', onlyOne: true })
  })

  it('lets words be picked from a list, and asks for the rest', () => {
    const drop = shapeOf(fault.properties?.inject?.properties?.drop ?? {})
    const entries = entriesOf(drop.is === 'alternatives' ? drop.options : [])
    expect(entries.map(({ name }) => name)).toEqual(['request', 'reply', 'side, unrealistic …'])
    expect(entryOf(entries, 'reply')).toBe(1)
    expect(entryOf(entries, { side: 'reply', unrealistic: true })).toBe(2)
    expect(entries[2]?.value).toEqual({ side: 'request' })
  })

  it('suggests where there are many words, and offers all where there are few', () => {
    const when = fault.properties?.when?.properties ?? {}
    expect(shapeOf(when.request ?? {})).toMatchObject({ is: 'word' })
    expect(shapeOf(when.plane ?? {})).toMatchObject({ is: 'choice' })
    expect(shapeOf(when.committed ?? {})).toEqual({ is: 'choice', options: [true, false] })
    expect(shapeOf(when.instance ?? {})).toEqual({ is: 'text', mayBeNumber: true })
  })

  it('reads numbers only where there may be some', () => {
    expect(readText('3', true)).toBe(3)
    expect(readText('3', false)).toBe('3')
    expect(readText('3s', true)).toBe('3s')
  })

  it('puts each problem at the field nearest to its place', () => {
    const value = { name: 'x', when: { reply: 'EndTxm' }, inject: { drop: 'reply' } }
    const placed = placeProblems(
      [
        { path: 'when.reply' },
        { path: 'when.nth' },
        { path: 'times' },
        { path: 'inject.drop.side' },
      ],
      value,
    )
    expect(Object.fromEntries(placed)).toEqual({
      'when.reply': [{ path: 'when.reply' }],
      when: [{ path: 'when.nth' }],
      '': [{ path: 'times' }],
      'inject.drop': [{ path: 'inject.drop.side' }],
    })
  })
})
