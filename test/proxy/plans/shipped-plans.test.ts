import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { shippedPlaces } from '../../../gauntlet/plan-files.ts'
import { kafkaNames } from '../../../proxy/plans/kafka-names.ts'
import type { Plan } from '../../../proxy/plans/plan.ts'
import { mistakes } from '../../../proxy/plans/plan-schema.ts'
import { problemText } from '../../../proxy/plans/problem.ts'
import { editorSchema, readPlan } from '../../../proxy/plans/read-plan.ts'

const folder = join(packageRoot(), 'chaos-plans')
const places = shippedPlaces()
const fileOf = (name: string) => places.find((place) => place.name === name)?.file ?? name
const textOf = (name: string) => readFileSync(fileOf(name), 'utf8')
const names = places.map(({ name }) => name)

function planOf(name: string, set: string[] = []): Plan {
  const result = readPlan(textOf(name), fileOf(name), { set })
  if ('problems' in result) throw new Error(result.problems.map(problemText).join('\n'))
  return result.plan
}

describe.each(names)('the shipped plan %s', (name) => {
  it('is valid, for every client that it is meant for', () => {
    expect(planOf(name).name).toBe(name)
    for (const client of ['java', 'kafkajs'] as const) {
      if (planOf(name).notFor[client] !== undefined) continue
      const other = planOf(name, [`workload.copier.client=${client}`])
      expect(other.workload).toMatchObject({ client })
    }
  })

  it('opens with its question, says what a correct application shows, and names its seed', () => {
    const lines = textOf(name).split('\n')
    const depth = places.find((place) => place.name === name)?.folder === '' ? '.' : '..'
    expect(lines.slice(0, 2)).toEqual([
      `# yaml-language-server: $schema=${depth}/plan.schema.json`,
      `# $schema: ${depth}/plan.schema.json`,
    ])
    expect(planOf(name).asks).toContain('?')
    expect(lines[3]).toMatch(/^asks: /)
    const comment = lines
      .slice(4)
      .filter((line) => line.startsWith('# '))
      .join(' ')
    expect(comment).toContain('correct')
    expect(textOf(name)).toMatch(/^seed: \d+$/m)
  })

  it('names a finding whenever it expects FAIL', () => {
    const { verdict, findings } = planOf(name).expect
    expect(findings.length > 0).toBe(verdict === 'FAIL')
  })
})

it('has every name once, and the four promises at the top', () => {
  expect(new Set(names).size).toBe(names.length)
  const top = places.filter((place) => place.folder === '').map(({ name }) => name)
  expect(top).toEqual(
    expect.arrayContaining([
      'broker-outage-in-two-phase-commit',
      'coordinator-crash-in-commit',
      'network-partition',
      'rebalance-mid-transaction',
    ]),
  )
})

it('has a plan for each wrong copier', () => {
  const made = names.map((name) => planOf(name).workload)
  const shown = made.flatMap((workload) => (workload.kind === 'copier' ? [workload.mistake] : []))
  expect(new Set(shown.filter((mistake) => mistake !== undefined))).toEqual(new Set(mistakes))
})

describe('the schema for editors', () => {
  const file = JSON.parse(readFileSync(join(folder, 'plan.schema.json'), 'utf8')) as object

  it('is what the code says', () => {
    expect(file).toEqual(JSON.parse(JSON.stringify(editorSchema(kafkaNames))))
  })

  it('is a valid draft-07 schema that lists the APIs of Kafka', () => {
    expect(new Ajv({ strict: false }).validateSchema(file)).toBe(true)
    expect(JSON.stringify(file)).toContain('"WriteTxnMarkers"')
  })
})
