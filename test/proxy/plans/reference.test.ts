// The reference of the plan language (docs/plan-language.md) against the schema: no word of it is missing there,
// each example can be read, and the tests that it names are there.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { faultFields } from '../../../proxy/faults/fault.ts'
import { faultKinds } from '../../../proxy/faults/registry.ts'
import { Trigger } from '../../../proxy/faults/trigger-schema.ts'
import { PlanSchema } from '../../../proxy/plans/plan-schema.ts'
import { problemText } from '../../../proxy/plans/problem.ts'
import { readPlan } from '../../../proxy/plans/read-plan.ts'

const text = readFileSync(join(packageRoot(), 'docs', 'plan-language.md'), 'utf8')
const words = new Set(
  text.match(/`[^`\n]+`/g)?.flatMap((code) => code.match(/[a-z][a-z-]*/g) ?? []),
)

const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
  block.split(/^---\n/m),
)

/** An example is a whole plan, its workload, or the inside of one fault. */
function planAround(example: string): string {
  if (/^name: /m.test(example)) return example
  if (/^workload:/.test(example)) return `name: example\nload: { records: 100 }\n${example}`
  const fault = example.replace(/^/gm, '    ').trimEnd()
  return `name: example
workload: { copier: { client: java } }
load: { records: 100 }
faults:
  - name: example
${fault}
`
}

describe('the reference of the plan language', () => {
  it.each([
    ['plan', Object.keys(PlanSchema.properties)],
    ['fault', [...Object.keys(faultFields), 'inject']],
    ['trigger', Object.keys(Trigger.properties)],
    ['kind', faultKinds.map(({ name }) => name)],
  ])('has every word of a %s', (_what, all) => {
    expect(all.filter((word) => !words.has(word))).toEqual([])
    expect(all.length).toBeGreaterThan(5)
  })

  it('has every parameter of every kind', () => {
    const kindLines = text.slice(text.indexOf('\n## inject\n')).split('\n')
    const missing = faultKinds.flatMap(({ name, params }) => {
      const line = kindLines.find((one) => one.startsWith(`| \`${name}\` |`)) ?? ''
      const shapes = [params, ...((params as { anyOf?: object[] }).anyOf ?? [])]
      const keys = shapes.flatMap((shape) =>
        Object.keys((shape as { properties?: object }).properties ?? {}),
      )
      return keys.filter((key) => !line.includes(key)).map((key) => `${name}.${key}`)
    })
    expect(missing).toEqual([])
  })

  it('has examples that can be read', () => {
    const problems = examples.flatMap((example) => {
      const result = readPlan(planAround(example), 'example.yaml', {})
      return 'problems' in result ? result.problems.map(problemText) : []
    })
    expect(problems).toEqual([])
    expect(examples.length).toBe(6)
  })

  it('names tests that are there', () => {
    const named = text
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => line.split('|').at(-2)?.split(',') ?? [])
      .map((name) => name.trim())
      .filter((name) => /^[a-z/-]+$/.test(name))
    const short = { 'read-plan': 'proxy/plans/read-plan', 'planes-faults': 'kafka/planes-faults' }
    const missing = named.filter((name) => {
      const path = short[name as keyof typeof short] ?? name.replace(/^faults\//, 'kafka/faults/')
      const place = join(packageRoot(), 'test', path)
      return !existsSync(`${place}.test.ts`) && !existsSync(place)
    })
    expect(missing).toEqual([])
    expect(named.length).toBeGreaterThan(60)
  })
})
