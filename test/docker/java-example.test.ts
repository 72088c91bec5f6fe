// examples/java-junit on a real engine, as its reader would run it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-java-example-'))

beforeAll(() => {
  const built = spawnSync('docker', ['build', '-q', '-t', 'eos-gauntlet:local', '.'], {
    cwd: packageRoot(),
    encoding: 'utf8',
  })
  expect(built.status, built.stderr).toBe(0)
  cpSync(join(packageRoot(), 'examples/java-junit'), folder, { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the example of a JUnit suite', () => {
  it('passes: with transactions PASS, without idempotence caught', { timeout: 600_000 }, () => {
    const { status, stdout } = spawnSync('mvn', ['-q', '-B', 'test'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    expect(status, stdout).toBe(0)
    const reports = join(folder, 'target/surefire-reports')
    const [summary] = readdirSync(reports).filter((name) => name.endsWith('.txt'))
    expect(readFileSync(join(reports, summary ?? ''), 'utf8')).toMatch(
      /Tests run: 2, Failures: 0, Errors: 0, Skipped: 0/,
    )
  })
})
