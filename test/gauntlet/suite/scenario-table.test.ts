import { describe, expect, it } from 'vitest'
import { scenarioTable } from '../../../gauntlet/suite/scenario-table.ts'
import type { SuiteEntry, SuiteResult } from '../../../gauntlet/suite/suite-result.ts'
import { entry, judged } from './entries.ts'

function suite(startedAt: string, ...entries: SuiteEntry[]): SuiteResult {
  return { format: 1, startedAt, tookMs: 30_000, clusters: { started: 1, tookMs: 4_000 }, entries }
}

const rowOf = (table: string, plan: string) =>
  table.split('\n').find((line) => line.startsWith(`| ${plan} |`))

describe('scenarioTable', () => {
  it('has a row per scenario with a verdict per client, and the plan’s own words on a client’s fault', () => {
    const table = scenarioTable([
      suite(
        '2026-11-24T10:00:00Z',
        entry(judged('PASS', true)),
        entry(judged('FAIL', true, ['duplicate']), {
          client: 'kafkajs',
          expected: 'FAIL',
          because: 'it forgets | sometimes',
        }),
      ),
    ])
    expect(table).toContain('## mistakes')
    expect(table).toContain('2 runs in 30 s, each as its plan expects')
    expect(rowOf(table, 'trial')).toBe(
      '| trial | Is it so? | PASS | FAIL (duplicate) | 1/2, 1/2 | 12 s, 12 s | kafkajs: it forgets \\| sometimes |',
    )
  })

  it('shows what is not as expected, with the reason', () => {
    const table = scenarioTable([
      suite('2026-11-24T10:00:00Z', entry(judged('INCONCLUSIVE', false))),
    ])
    expect(table).toContain('1 not as expected')
    expect(rowOf(table, 'trial')).toContain(
      '| INCONCLUSIVE **expected PASS** | 1/2 | 12 s | java: it was INCONCLUSIVE |',
    )
  })

  it('says that something has not been run, and only then', () => {
    const [both, one] = [
      [entry(judged('PASS', true)), entry(judged('PASS', true), { client: 'kafkajs' })],
      [entry(judged('PASS', true), { plan: 'alone' })],
    ]
    expect(scenarioTable([suite('2026-11-24T10:00:00Z', ...both)])).not.toContain('not been run')
    const table = scenarioTable([suite('2026-11-24T10:00:00Z', ...both, ...one)])
    expect(table).toContain('A `-` stands for what has not been run.')
    expect(rowOf(table, 'alone')).toContain('| PASS | - |')
  })

  it('takes the latest run of a plan and client, whatever the order of the suites', () => {
    const table = scenarioTable([
      suite('2026-11-25T10:00:00Z', entry(judged('PASS', true))),
      suite('2026-11-24T10:00:00Z', entry(judged('FAIL', false, ['lost-write']))),
    ])
    expect(rowOf(table, 'trial')).toContain('| PASS |')
    expect(table).not.toContain('lost-write')
  })

  it('says of a client to whom the question cannot be put why that is', () => {
    const table = scenarioTable([
      suite(
        '2026-11-24T10:00:00Z',
        entry(judged('PASS', true)),
        entry(
          { kind: 'not-for-client', because: 'it speaks no KIP-848' },
          {
            client: 'kafkajs',
            tookMs: 0,
          },
        ),
      ),
    ])
    expect(rowOf(table, 'trial')).toBe(
      '| trial | Is it so? | PASS | left out | 1/2 | 12 s | kafkajs: it speaks no KIP-848 |',
    )
  })
})
