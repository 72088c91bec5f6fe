// Workflows and the action by actionlint, where Go is there to build it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'

const actionlint = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'
const hasGo = spawnSync('go', ['version']).status === 0
if (!hasGo) console.warn('There is no Go: workflows and action.yml are not checked.')

function lint(folder: string, ...files: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('go', ['run', actionlint, ...files], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, said: `${stdout}${stderr}` }
}

describe.runIf(hasGo)('by actionlint', () => {
  it('our workflow, what it gives to our action, and the example are right', () => {
    expect(lint(packageRoot())).toEqual({ status: 0, said: '' })
    expect(lint(packageRoot(), 'examples/ci/github-workflow.yml')).toEqual({ status: 0, said: '' })
  })

  it('an input that the action does not have would be found', () => {
    const folder = mkdtempSync(join(tmpdir(), 'workflows-test-'))
    try {
      spawnSync('git', ['init', '-q'], { cwd: folder })
      cpSync(join(packageRoot(), 'action.yml'), join(folder, 'action.yml'))
      const workflow = readFileSync(join(packageRoot(), '.github/workflows/gauntlet.yml'), 'utf8')
      mkdirSync(join(folder, '.github', 'workflows'), { recursive: true })
      const file = join(folder, '.github', 'workflows', 'gauntlet.yml')
      writeFileSync(file, workflow.replace('suite: smoke', 'suites: smoke'))
      expect(lint(folder).said).toContain('input "suites" is not defined in action "eos-gauntlet"')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
