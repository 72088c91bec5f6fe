// The checker is checked: clean histories of random shape are clean, and one thing changed in them (a record dropped,
// doubled, swapped with its neighbour, a transaction aborted, one that was to be aborted committed) is found, with the
// kinds that it deserves and no other. Prints misses and false alarms: both are 0.
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { historyOf } from '../../validators/history.ts'
import type { AnomalyKind } from '../../validators/history-line.ts'
import { judge } from '../../validators/verdict.ts'
import { again, cleanModel, linesOf, type Model, type Written } from './model.ts'

const seed = 20_261_124
const runs = 100
let judged = 0
let misses = 0
let falseAlarms = 0

afterAll(() => {
  console.log(`${judged} histories judged: ${misses} misses, ${falseAlarms} false alarms`)
  expect([misses, falseAlarms]).toEqual([0, 0])
})

const models = fc
  .record({
    inputPartitions: fc.integer({ min: 1, max: 3 }),
    outputPartitions: fc.integer({ min: 1, max: 3 }),
    sizes: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 8 }),
  })
  .map(cleanModel)

/** Compares what is found with what was done to the history. */
function check(model: Model, expected: readonly AnomalyKind[]): void {
  judged++
  const found = [...new Set(judge(historyOf(linesOf(model))).findings.map(({ kind }) => kind))]
  if (expected.some((kind) => !found.includes(kind))) misses++
  if (found.some((kind) => !expected.includes(kind))) falseAlarms++
  expect(found.sort()).toEqual([...expected].sort())
}

/** The model with one of its batches changed; undefined leaves it as it is. */
function changed(
  model: Model,
  pick: number,
  change: (batch: Written) => Partial<Written> | undefined,
): Model | undefined {
  const index = pick % model.written.length
  const batch = model.written[index]
  const changes = batch === undefined ? undefined : change(batch)
  if (batch === undefined || changes === undefined) return undefined
  const written = model.written.map((one, at) => (at === index ? { ...one, ...changes } : one))
  return { ...model, written }
}

function withTransaction(model: Model, pick: number, changes: Partial<Written>): Model {
  const { transaction } = model.written[pick % model.written.length] ?? { transaction: 0 }
  const written = model.written.map((one) =>
    one.transaction === transaction ? { ...one, ...changes } : one,
  )
  return { ...model, written }
}

const isTorn = (model: Model, pick: number): boolean => {
  const chosen = model.written[pick % model.written.length]
  return model.written.filter(({ transaction }) => transaction === chosen?.transaction).length > 1
}

function mutate(
  name: string,
  apply: (model: Model, pick: number) => { model: Model; kinds: AnomalyKind[] } | undefined,
): void {
  it(name, () => {
    fc.assert(
      fc.property(models, fc.nat(1_000), (model, pick) => {
        const mutated = apply(model, pick)
        fc.pre(mutated !== undefined)
        if (mutated !== undefined) check(mutated.model, mutated.kinds)
      }),
      { seed, numRuns: runs },
    )
  })
}

describe('a clean history', () => {
  mutate('is clean, whatever its shape', (model) => ({ model, kinds: [] }))

  mutate('is clean with a transaction that was aborted and done again', (model, pick) => {
    const first = model.written[pick % model.written.length]
    if (first === undefined) return undefined
    const last = Math.max(...model.written.map(({ transaction }) => transaction))
    // Only the last one, so that what is done again keeps the order.
    const aborted = withTransaction(
      model,
      model.written.findIndex(({ transaction }) => transaction === last),
      { state: 'aborted', asked: 'abort' },
    )
    const redone = model.written
      .filter(({ transaction }) => transaction === last)
      .map(({ ids, partition }) => again(model, ids, partition))
    return { model: { ...model, written: [...aborted.written, ...redone] }, kinds: [] }
  })
})

describe('one thing changed in a clean history', () => {
  mutate('a record dropped from a batch', (model, pick) => {
    const dropped = changed(model, pick, ({ ids }) =>
      ids.length < 2 ? undefined : { ids: ids.slice(0, -1) },
    )
    return dropped && { model: dropped, kinds: ['missing-output'] }
  })

  mutate('a whole batch dropped', (model, pick) => {
    const dropped = changed(model, pick, () => ({ ids: [] }))
    return dropped && { model: dropped, kinds: ['missing-output', 'lost-write'] }
  })

  mutate('a record doubled by a later transaction', (model, pick) => {
    const { ids, partition } = model.written[pick % model.written.length] ?? {}
    const id = ids?.[pick % ids.length]
    if (id === undefined || partition === undefined) return undefined
    const written = [...model.written, again(model, [id], partition)]
    return { model: { ...model, written }, kinds: ['duplicate'] }
  })

  mutate('a record doubled in another partition', (model, pick) => {
    const { ids, partition } = model.written[pick % model.written.length] ?? {}
    const id = ids?.[pick % ids.length]
    if (id === undefined || partition === undefined || model.outputPartitions < 2) return undefined
    const other = (partition + 1) % model.outputPartitions
    const written = [...model.written, again(model, [id], other)]
    return { model: { ...model, written }, kinds: ['duplicate'] }
  })

  mutate('two neighbours swapped', (model, pick) => {
    const swapped = changed(model, pick, ({ ids }) => {
      const at = pick % (ids.length - 1)
      const [first, second] = [ids[at], ids[at + 1]]
      if (first === undefined || second === undefined) return undefined
      return { ids: [...ids.slice(0, at), second, first, ...ids.slice(at + 2)] }
    })
    return swapped && { model: swapped, kinds: ['reordered'] }
  })

  mutate('a transaction aborted whose commit was decided', (model, pick) => ({
    model: withTransaction(model, pick, { state: 'aborted' }),
    kinds: ['missing-output', 'lost-write'],
  }))

  mutate('a part of a transaction aborted', (model, pick) => {
    if (!isTorn(model, pick)) return undefined
    const torn = changed(model, pick, () => ({ state: 'aborted' }))
    return torn && { model: torn, kinds: ['missing-output', 'lost-write', 'torn-transaction'] }
  })

  mutate('a transaction committed that the application had aborted', (model, pick) => ({
    model: withTransaction(model, pick, { asked: 'abort' }),
    kinds: ['aborted-read'],
  }))

  mutate('an id that nobody wrote in the place of another', (model, pick) => {
    const strange = changed(model, pick, ({ ids }) => ({ ids: [...ids.slice(0, -1), 'p0-777777'] }))
    return strange && { model: strange, kinds: ['missing-output', 'unexpected'] }
  })
})
