// examples/java-junit on a real engine, as its reader would run it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'

/** The example takes half a minute; an engine that cannot pull its images would be waited for without end. */
const mavenLimitMs = 240_000

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
  it('passes: with transactions PASS, without idempotence caught', {
    timeout: mavenLimitMs + 10_000,
  }, () => {
    const { status, stdout } = spawnSync('mvn', ['-q', '-B', 'test'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      timeout: mavenLimitMs,
    })
    expect(status, stdout).toBe(0)
    const reports = join(folder, 'target/surefire-reports')
    const [summary] = readdirSync(reports).filter((name) => name.endsWith('.txt'))
    expect(readFileSync(join(reports, summary ?? ''), 'utf8')).toMatch(
      /Tests run: 2, Failures: 0, Errors: 0, Skipped: 0/,
    )
  })
})
