import { describe, expect, it } from 'vitest'
import { exitCodeOf, isAsExpected } from '../../gauntlet/exit-code.ts'
import { findingOf, resultOf } from './result-builder.ts'

const pass = resultOf()
const fail = resultOf({ verdict: 'FAIL', findings: [findingOf('duplicate')] })
const inconclusive = resultOf({ verdict: 'INCONCLUSIVE' })
const expectsFail = { expected: 'FAIL', expectedFindings: ['duplicate'] } as const

describe('a result is as expected', () => {
  it('when the verdict is, and exactly the named kinds were found', () => {
    expect(isAsExpected(pass)).toBe(true)
    expect(isAsExpected({ ...fail, ...expectsFail })).toBe(true)
    expect(isAsExpected({ ...fail, expected: 'FAIL' })).toBe(true)
  })

  it('not when another kind was found, or one more', () => {
    const other = { ...fail, ...expectsFail, findings: [findingOf('lost-write')] }
    const more = { ...fail, ...expectsFail, findings: [...fail.findings, findingOf('lost-write')] }
    expect(isAsExpected(other)).toBe(false)
    expect(isAsExpected(more)).toBe(false)
  })

  it('also with findings that the plan allows', () => {
    const findings = [...fail.findings, findingOf('reordered', 'two sources share a key')]
    expect(isAsExpected({ ...fail, ...expectsFail, findings })).toBe(true)
  })
})

describe('the exit code', () => {
  it.each([
    ['0 when all is as expected', [pass, { ...fail, ...expectsFail }], 0],
    ['1 for a FAIL', [pass, fail], 1],
    ['1 for a PASS where FAIL was expected', [{ ...pass, ...expectsFail }], 1],
    ['2 for nothing worse than INCONCLUSIVE', [pass, inconclusive], 2],
    ['1 for both', [inconclusive, fail], 1],
    [
      '0 for an INCONCLUSIVE that was expected',
      [{ ...inconclusive, expected: 'INCONCLUSIVE' as const }],
      0,
    ],
  ])('is %s', (_what, results, code) => {
    expect(exitCodeOf(results)).toBe(code)
  })
})
