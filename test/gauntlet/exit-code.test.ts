import { expect, it } from 'vitest'
import { exitCodeOf } from '../../gauntlet/exit-code.ts'
import { resultOf } from './result-builder.ts'

const expected = resultOf()
const expectedFail = resultOf({ verdict: 'FAIL', expected: 'FAIL' })
const fail = resultOf({ verdict: 'FAIL', asExpected: false })
const otherFail = resultOf({ verdict: 'FAIL', expected: 'FAIL', asExpected: false })
const missedFail = resultOf({ expected: 'FAIL', asExpected: false })
const inconclusive = resultOf({ verdict: 'INCONCLUSIVE', asExpected: false })

it.each([
  ['0 when all is as expected', [expected, expectedFail], 0],
  ['1 for a FAIL', [expected, fail], 1],
  ['1 for a FAIL with other findings than expected', [otherFail], 1],
  ['1 for a PASS where FAIL was expected', [missedFail], 1],
  ['2 for nothing worse than INCONCLUSIVE', [expected, inconclusive], 2],
  ['1 for both', [inconclusive, fail], 1],
])('the exit code is %s', (_what, results, code) => {
  expect(exitCodeOf(results)).toBe(code)
})
