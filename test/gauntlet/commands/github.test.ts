import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planLines, tellGithub } from '../../../gauntlet/commands/github.ts'
import { processOutput } from '../../../gauntlet/reports/output.ts'
import { resultOf } from '../result-builder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-github-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const text = `name: orders
faults:
  - name: crash
    when: { reply: EndTxn, nth: 2 }
  - name: slow
    when: { at: 5s }
expect: { verdict: PASS }
`
const faults = [{ name: 'crash' }, { name: 'slow' }] as never

function told(summaryFile: string | undefined) {
  const out: string[] = []
  const errors: string[] = []
  const output = {
    ...processOutput({}),
    write: (said: string) => void out.push(said),
    writeError: (said: string) => void errors.push(said),
  }
  const run = {
    plan: 'orders',
    outcome: {
      kind: 'judged' as const,
      result: resultOf({ verdict: 'INCONCLUSIVE', asExpected: false, reasons: ['not drained'] }),
    },
    lineOf: () => undefined,
    again: 'gauntlet run orders',
  }
  tellGithub([run], output, summaryFile)
  return { out, errors }
}

describe('--github', () => {
  it('finds the line of a fault, else that of the expectation, from the root of the checkout', () => {
    const file = join(folder, 'orders.yaml')
    writeFileSync(file, text)
    const lineOf = planLines({ file, faults }, folder)
    expect(lineOf('slow')).toMatchObject({ file: 'orders.yaml', line: 5 })
    expect(lineOf(undefined)).toMatchObject({ file: 'orders.yaml', line: 7, column: 1 })
    expect(lineOf('no-such-fault')).toMatchObject({ line: 7 })
  })

  it('names no line of a plan outside of the checkout', () => {
    const file = join(folder, 'orders.yaml')
    writeFileSync(file, text)
    expect(planLines({ file, faults }, join(folder, 'elsewhere'))('slow')).toBeUndefined()
  })

  it('writes annotations to the output and adds to the summary that is there', () => {
    const summary = join(folder, 'summary.md')
    writeFileSync(summary, '# before\n')
    const { out } = told(summary)
    expect(out).toEqual(['::error title=orders%3A INCONCLUSIVE::not drained\n'])
    expect(readFileSync(summary, 'utf8')).toMatch(/^# before\n## ⚠️ INCONCLUSIVE: orders\n/)
  })

  it('says so when there is no file for a summary', () => {
    expect(told('').errors.join('')).toContain('GITHUB_STEP_SUMMARY names no file')
  })
})
