import { describe, expect, it } from 'vitest'
import { type SuiteOutcome, suiteExitCode } from '../../../gauntlet/suite/suite-result.ts'
import { entry, judged } from './entries.ts'

const codeOf = (...outcomes: SuiteOutcome[]) =>
  suiteExitCode({ entries: outcomes.map((outcome) => entry(outcome)) })

const noCluster: SuiteOutcome = { kind: 'failed', message: 'no cluster', exitCode: 69 }

describe('suiteExitCode', () => {
  it('is 0 when each verdict is the one that its plan expects, FAIL included, or was rightly left out', () => {
    expect(codeOf()).toBe(0)
    expect(
      codeOf(judged('PASS', true), judged('FAIL', true), { kind: 'not-for-client', because: 'so' }),
    ).toBe(0)
  })

  it('is 1 when a verdict is wrong, also a PASS where FAIL was expected', () => {
    expect(codeOf(judged('PASS', true), judged('FAIL', false))).toBe(1)
    expect(codeOf(judged('PASS', false))).toBe(1)
    expect(codeOf(judged('INCONCLUSIVE', false), noCluster, judged('FAIL', false))).toBe(1)
  })

  it('is 2 when nothing worse than INCONCLUSIVE happened', () => {
    expect(codeOf(judged('INCONCLUSIVE', false), judged('PASS', true))).toBe(2)
  })

  it('says what kept a plan from its verdict', () => {
    expect(codeOf(judged('PASS', true), noCluster)).toBe(69)
    expect(codeOf(judged('INCONCLUSIVE', false), noCluster)).toBe(69)
  })
})
