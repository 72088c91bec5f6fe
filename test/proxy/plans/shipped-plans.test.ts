import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { kafkaNames } from '../../../proxy/plans/kafka-names.ts'
import type { Plan } from '../../../proxy/plans/plan.ts'
import { mistakes } from '../../../proxy/plans/plan-schema.ts'
import { problemText } from '../../../proxy/plans/problem.ts'
import { editorSchema, readPlan } from '../../../proxy/plans/read-plan.ts'

const folder = join(packageRoot(), 'chaos-plans')
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'))
const textOf = (file: string) => readFileSync(join(folder, file), 'utf8')

function planOf(file: string, set: string[] = []): Plan {
  const result = readPlan(textOf(file), file, { set })
  if ('problems' in result) throw new Error(result.problems.map(problemText).join('\n'))
  return result.plan
}

describe.each(files)('the shipped plan %s', (file) => {
  it('is valid, also for the other client', () => {
    expect(planOf(file).name).toBe(file.replace('.yaml', ''))
    const other = planOf(file, ['workload.copier.client=kafkajs'])
    expect(other.workload).toMatchObject({ client: 'kafkajs' })
  })

  it('opens with its question, says what a correct application shows, and names its seed', () => {
    const lines = textOf(file).split('\n')
    expect(lines.slice(0, 2)).toEqual([
      '# yaml-language-server: $schema=./plan.schema.json',
      '# $schema: ./plan.schema.json',
    ])
    expect(planOf(file).asks).toContain('?')
    expect(lines[3]).toMatch(/^asks: /)
    const comment = lines
      .slice(4)
      .filter((line) => line.startsWith('# '))
      .join(' ')
    expect(comment).toContain('correct')
    expect(textOf(file)).toMatch(/^seed: \d+$/m)
  })

  it('names a finding whenever it expects FAIL', () => {
    const { verdict, findings } = planOf(file).expect
    expect(findings.length > 0).toBe(verdict === 'FAIL')
  })
})

it('has one plan for each wrong copier', () => {
  const made = files.map((file) => planOf(file).workload)
  const shown = made.flatMap((workload) => (workload.kind === 'copier' ? [workload.mistake] : []))
  expect(shown.filter((mistake) => mistake !== undefined).sort()).toEqual([...mistakes].sort())
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
