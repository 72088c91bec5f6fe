// What plans may say of policies, and where they are told that they went wrong; and the schema that editors read.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { problemText } from '../../../proxy/plans/problem.ts'
import { readProxyPlan } from '../../../proxy/plans/read-plan.ts'

const read = (policies: string) => readProxyPlan(`seed: 1\npolicies:\n${policies}`, 'proxy.yaml')
const shown = (policies: string): string => {
  const result = read(policies)
  return 'problems' in result ? result.problems.map(problemText).join('\n') : ''
}

describe('policies', () => {
  it('have defaults: called by their topics, reporting, binding everybody', () => {
    expect(read('  - { topics: ["payments.*", ledger], require: [transactions] }\n')).toMatchObject(
      {
        plan: {
          policies: [
            {
              name: 'payments.*,ledger',
              topics: ['payments.*', 'ledger'],
              require: ['transactions'],
              onViolation: 'report',
              except: [],
            },
          ],
        },
      },
    )
  })

  it.each([
    [
      '{ topics: [a], require: [transaction] }',
      'proxy.yaml:3:30  unknown requirement "transaction", did you mean "transactions"?',
    ],
    [
      '{ topics: [a], require: [idempotence, idempotence] }',
      'proxy.yaml:3:43  "idempotence" stands here twice',
    ],
    [
      '{ topics: [a], require: [acks-all], on-violation: deny }',
      'proxy.yaml:3:55  unknown consequence "deny"; allowed: report, refuse',
    ],
    [
      '{ topics: [a], require: [acks-all], onviolation: report }',
      'unknown key "onviolation", did you mean "on-violation"?',
    ],
    ['{ topics: a, require: [acks-all] }', 'must be a list, not "a"'],
    ['{ topics: [], require: [acks-all] }', 'must have at least 1 entries'],
    ['{ topics: [a] }', 'needs `require:`'],
  ])('%s is refused at its place', (policy, problem) => {
    expect(shown(`  - ${policy}\n`)).toContain(problem)
  })

  it('must be told apart', () => {
    const one = '  - { topics: [a], require: [acks-all] }\n'
    expect(shown(`${one}${one}`)).toContain('proxy.yaml:4:7  another policy has the same topics')
    const named = '  - { name: p, topics: [a], require: [acks-all] }\n'
    expect(shown(`${named}${named}`)).toContain('proxy.yaml:4:13  two policies are called "p"')
  })
})

describe('the schema of a proxy’s file for editors', () => {
  const schemaAt = (name: string) =>
    JSON.parse(readFileSync(join(packageRoot(), 'chaos-plans', name), 'utf8'))
  const ajv = new Ajv({ strict: false })
  ajv.addSchema(schemaAt('plan.schema.json'), 'plan.schema.json')
  const validate = ajv.compile(schemaAt('proxy.schema.json'))

  it('takes a file of policies and faults alone, and finds what is wrong in one', () => {
    const policies = 'policies: [{ topics: [a], require: [acks-all] }]'
    expect(validate(parse(policies))).toBe(true)
    expect(
      validate(
        parse(
          `${policies}\nfaults: [{ when: { manual: true }, inject: { refuse: { with: reset } } }]`,
        ),
      ),
    ).toBe(true)
    expect(validate(parse('policies: [{ topics: [a], require: [acks] }]'))).toBe(false)
    expect(validate(parse('policy: []'))).toBe(false)
  })

  it('takes the example of the documentation', () => {
    const text = readFileSync(join(packageRoot(), 'docs', 'policies.md'), 'utf8')
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? []
    expect(validate(parse(example))).toBe(true)
    expect(readProxyPlan(example, 'example.yaml')).toMatchObject({
      plan: { policies: [{ onViolation: 'refuse' }, { onViolation: 'report' }] },
    })
  })
})
