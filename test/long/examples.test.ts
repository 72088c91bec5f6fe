// The services in examples/, each by its one command, as its README promises: the correct form passes, the other is
// caught. What a machine lacks is said, and that one is left out.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import type { Result } from '../../gauntlet/run-events.ts'

const folder = mkdtempSync(join(tmpdir(), 'examples-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const isThere = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args).status === 0

const examples = [
  { name: 'node-payments', needs: 'Node', isPossible: true, findings: ['duplicate'] },
  {
    name: 'java-payments',
    needs: 'Maven',
    isPossible: isThere('mvn', '--version'),
    findings: ['missing-output'],
  },
  {
    name: 'python-payments',
    needs: 'Python 3 with venv',
    isPossible: isThere('python3', '-c', 'import venv, ensurepip'),
    findings: ['aborted-read'],
  },
]

for (const { name, needs, isPossible } of examples) {
  if (!isPossible) console.warn(`examples/${name} is left out: there is no ${needs}.`)
}

describe.each(examples.filter(({ isPossible }) => isPossible))('$name', ({ name, findings }) => {
  it('passes in its correct form, and fails in its other one with what its README says', () => {
    const out = join(folder, name)
    const script = join(packageRoot(), 'examples', name, 'run.sh')
    const { status, stdout, stderr } = spawnSync('sh', [script, '--out', out], { encoding: 'utf8' })
    expect(status, `${stdout}${stderr}`).toBe(0)
    const results = readdirSync(out).map(
      (run) => JSON.parse(readFileSync(join(out, run, 'result.json'), 'utf8')) as Result,
    )
    const told = Object.fromEntries(results.map((result) => [result.plan, result]))
    expect(told[name]).toMatchObject({ verdict: 'PASS', asExpected: true, findings: [] })
    const [other] = results.filter(({ plan }) => plan !== name)
    expect(other).toMatchObject({ verdict: 'FAIL', asExpected: true })
    expect(other?.findings.map(({ kind }) => kind)).toEqual(findings)
    const readme = readFileSync(join(packageRoot(), 'examples', name, 'README.md'), 'utf8')
    expect(readme).toContain(`FAIL: ${findings.join(', ')}`)
  })
})
