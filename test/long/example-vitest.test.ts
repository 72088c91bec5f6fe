// examples/vitest-suite as its reader would run it: a folder of its own, with our package among its own packages.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-example-'))

beforeAll(() => {
  const root = packageRoot()
  cpSync(join(root, 'examples/vitest-suite'), folder, { recursive: true })
  const packages = join(folder, 'node_modules')
  mkdirSync(packages)
  symlinkSync(root, join(packages, 'eos-gauntlet'))
  for (const name of ['kafkajs', 'vitest']) {
    symlinkSync(join(root, 'node_modules', name), join(packages, name))
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the example of a vitest suite', () => {
  it('passes: the careful application with PASS, the hasty one caught', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(packageRoot(), 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=verbose'],
      { cwd: folder, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', VITEST: undefined } },
    )
    expect(status, stdout + stderr).toBe(0)
    expect(stdout).toMatch(/✓ .*are made exactly once/)
    expect(stdout).toMatch(/✓ .*are made twice by an application that sends again/)
  })
})
