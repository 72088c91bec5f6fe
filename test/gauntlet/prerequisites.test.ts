import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  checkNode,
  findJava,
  findJdk,
  findMaven,
  parseJavaVersion,
} from '../../gauntlet/prerequisites.ts'
import { OperatorError } from '../../proxy/errors.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prerequisites-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function program(path: string, script: string): void {
  const file = join(folder, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}
const javaOf = (version: string) => `echo 'openjdk version "${version}" 2025-01-01' >&2`

async function complaintOf(work: Promise<unknown>): Promise<OperatorError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof OperatorError)) throw new Error(`not an operator error: ${error}`)
  return error
}

describe('Node', () => {
  it('is refused below 20.19, with the version to install', () => {
    for (const version of ['18.20.8', '20.18.3']) {
      expect(() => checkNode(version)).toThrow(`Node ${version} is too old.`)
    }
    for (const version of ['20.19.0', '20.20.2', '22.0.0']) checkNode(version)
  })
})

describe('Java', () => {
  it('tells its version in several ways', () => {
    expect(parseJavaVersion('openjdk version "17.0.15" 2025-04-15')?.major).toBe(17)
    expect(parseJavaVersion('java version "1.8.0_402"')?.major).toBe(8)
    expect(parseJavaVersion('openjdk version "25" 2025-09-16')?.major).toBe(25)
    expect(parseJavaVersion('openjdk version "26-ea" 2026-03-17')?.major).toBe(26)
    expect(parseJavaVersion('command not found')).toBeUndefined()
  })

  it('of JAVA_HOME goes before that of PATH', async () => {
    program('home/bin/java', javaOf('21.0.1'))
    program('path/java', javaOf('17.0.1'))
    const environment = { JAVA_HOME: join(folder, 'home'), PATH: join(folder, 'path') }
    expect((await findJava(environment)).version).toBe('21.0.1')
    expect((await findJava({ PATH: environment.PATH })).version).toBe('17.0.1')
  })

  it('that is missing or too old is a missing prerequisite, and the remedy names what to install', async () => {
    program('path/java', javaOf('11.0.2'))
    const missing = await complaintOf(findJava({ PATH: join(folder, 'empty') }))
    expect(missing).toMatchObject({ code: 'missing-prerequisite', exitCode: 69 })
    expect(missing.remedy).toContain('Install a JDK of version 17')
    const old = await complaintOf(findJava({ PATH: join(folder, 'path') }))
    expect(old.message).toContain('is version 11.0.2')
    const nowhere = await complaintOf(findJava({ JAVA_HOME: '/nowhere', PATH: '' }))
    expect(nowhere.message).toContain('JAVA_HOME (/nowhere)')
  })

  it('without a compiler is found as Java and refused as a JDK', async () => {
    program('path/java', javaOf('17.0.1'))
    const environment = { PATH: join(folder, 'path') }
    expect((await findJava(environment)).javac).toBeUndefined()
    expect((await complaintOf(findJdk(environment))).message).toContain('without a compiler')
    program('path/javac', '')
    expect((await findJdk(environment)).javac).toBe(join(folder, 'path/javac'))
  })
})

describe('Maven', () => {
  it('is found on PATH or in MAVEN_HOME, else the remedy names both ways out', async () => {
    program('maven/bin/mvn', '')
    program('path/mvn', '')
    expect(await findMaven({ MAVEN_HOME: join(folder, 'maven'), PATH: '' })).toBe(
      join(folder, 'maven/bin/mvn'),
    )
    expect(await findMaven({ PATH: join(folder, 'path') })).toBe(join(folder, 'path/mvn'))
    const missing = await complaintOf(findMaven({ PATH: '' }))
    expect(missing.code).toBe('missing-prerequisite')
    expect(missing.remedy).toMatch(/Maven.*KAFKA_HOME/)
  })
})
