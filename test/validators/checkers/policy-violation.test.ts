import { describe, expect, it } from 'vitest'
import { policyViolation } from '../../../validators/checkers/policy-violation.ts'
import { judge } from '../../../validators/verdict.ts'
import { cleanLines, history, violation } from '../builders.ts'

describe('policy-violation', () => {
  it('finds what an instance did otherwise than a policy wants', () => {
    expect(policyViolation(history(violation({})))).toEqual([
      {
        kind: 'policy-violation',
        summary: '1 way in which a policy was not kept',
        count: 1,
        ids: [],
        proof: [
          {
            shows: 'copier-0 writes to output without acks=all, which policy p does not want',
            instance: 'copier-0',
            atMs: 1_000,
          },
        ],
      },
    ])
  })

  it('fails a run, refused or only reported, unless the plan allows it', () => {
    const lines = [...cleanLines(), violation({ action: 'refused' })]
    const strict = judge(history(...lines))
    expect(strict.verdict).toBe('FAIL')
    expect(strict.reasons[0]).toContain('copier-0 writes to output without acks=all')
    const allow = [{ kind: 'policy-violation' as const, reason: 'known' }]
    expect(judge(history(...lines), { verdict: 'PASS', allow }).verdict).toBe('PASS')
  })

  it('says nothing about a client that is no instance of the run', () => {
    expect(policyViolation(history(violation({ client: { clientId: 'other' } })))).toEqual([])
    const elsewhere = { clientId: 'other', instance: 'other-0' }
    expect(policyViolation(history(violation({ client: elsewhere })))).toEqual([])
  })

  it('finds nothing in an empty and in a clean history', () => {
    expect(policyViolation(history())).toEqual([])
    expect(policyViolation(history(...cleanLines()))).toEqual([])
  })
})
