import { describe, expect, it } from 'vitest'
import { suiteReport } from '../../../../gauntlet/reports/html/suite-report.ts'
import type { SuiteEntry, SuiteResult } from '../../../../gauntlet/suite/suite-result.ts'
import { entry, judged } from '../../suite/entries.ts'
import { flawsOf } from './well-formed.ts'

const suite = (entries: SuiteEntry[]): SuiteResult => ({
  format: 1,
  startedAt: '2026-11-24T10:00:00.000Z',
  tookMs: 60_000,
  clusters: { started: 1, tookMs: 8_000 },
  entries,
})

const good = entry(judged('PASS', true), { plan: 'good', run: 'good-java', folder: '' })
const bad = entry(judged('FAIL', false, ['duplicate']), { plan: 'bad', run: 'bad-java' })
const none = entry(
  { kind: 'failed', message: 'no <cluster>\nanswers', exitCode: 69 },
  { plan: 'none', run: 'none-java' },
)
const leftOut = entry(
  { kind: 'not-for-client', because: 'it speaks no KIP-848' },
  { plan: 'left-out', run: 'left-out-kafkajs', client: 'kafkajs' },
)

describe('the page of a suite', () => {
  it('says first what is not as expected and why, then every plan by its folder', () => {
    const page = suiteReport(suite([good, bad, none, leftOut]), new Set())
    expect(flawsOf(page)).toEqual([])
    expect(page).toContain('✕ 2 of 4 not as expected')
    expect(page).toMatch(
      /<li><b>bad<\/b> \(java\): FAIL \(duplicate\), expected PASS\. it was FAIL/,
    )
    expect(page).toContain('no &lt;cluster&gt;')
    expect(page).toContain('it speaks no KIP-848')
    expect(page.indexOf('The top of the library')).toBeLessThan(page.indexOf('<h2>mistakes'))
  })

  it('is calm when all is as expected', () => {
    const page = suiteReport(suite([good, leftOut]), new Set())
    expect(page).toContain('class="verdict PASS"')
    expect(page).toContain('✓ All as expected')
  })

  it('warns, and does not cry, when a plan merely came to no verdict', () => {
    expect(suiteReport(suite([good, none]), new Set())).toContain('class="verdict INCONCLUSIVE"')
  })

  it('links to the pages that are there, and to no others', () => {
    const odd = entry(judged('PASS', true), { plan: 'odd', run: 'an "odd"/name' })
    const page = suiteReport(suite([good, bad, odd]), new Set(['good-java', 'an "odd"/name']))
    expect(page).toContain('<a href="good-java/report.html">good</a>')
    expect(page).toContain('<a href="an%20%22odd%22%2Fname/report.html">odd</a>')
    expect(page).not.toContain('bad-java/report.html')
  })
})
