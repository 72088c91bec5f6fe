import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { clientClasspath, kafkaClasspath } from '../../../gauntlet/clusters/jars.ts'

afterEach(() => vi.unstubAllEnvs())

const names = (classpath: string) => classpath.split(delimiter).map((file) => basename(file))

describe('the class path', () => {
  it('of a client holds the client of that version and no server', async () => {
    const jars = names(await clientClasspath('4.3.1'))
    expect(jars).toContain('kafka-clients-4.3.1.jar')
    expect(jars.filter((name) => /^(kafka_|scala|slf4j-nop)/.test(name))).toEqual([
      'slf4j-nop-1.7.36.jar',
    ])
  })

  it('needs no Maven the second time', async () => {
    const first = [await clientClasspath('4.3.1'), await kafkaClasspath('4.3.1')]
    vi.stubEnv('PATH', '')
    vi.stubEnv('MAVEN_HOME', '')
    expect([await clientClasspath('4.3.1'), await kafkaClasspath('4.3.1')]).toEqual(first)
  })

  it('needs Maven when the jars are not there, and says so', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'jars-test-'))
    vi.stubEnv('XDG_CACHE_HOME', empty)
    vi.stubEnv('PATH', '')
    vi.stubEnv('MAVEN_HOME', '')
    await expect(kafkaClasspath('4.3.1')).rejects.toMatchObject({ code: 'missing-prerequisite' })
    rmSync(empty, { recursive: true, force: true })
  })

  it('comes from KAFKA_HOME when that is of the wanted version, without Maven', async () => {
    const home = mkdtempSync(join(tmpdir(), 'jars-test-'))
    mkdirSync(join(home, 'libs'))
    for (const name of ['kafka_2.13-98.7.jar', 'kafka-clients-98.7.jar', 'README']) {
      writeFileSync(join(home, 'libs', name), '')
    }
    vi.stubEnv('KAFKA_HOME', home)
    vi.stubEnv('PATH', '')
    vi.stubEnv('MAVEN_HOME', '')
    expect(names(await kafkaClasspath('98.7'))).toEqual([
      'kafka-clients-98.7.jar',
      'kafka_2.13-98.7.jar',
    ])
    vi.stubEnv('XDG_CACHE_HOME', join(home, 'cache'))
    await expect(kafkaClasspath('98.8')).rejects.toMatchObject({ code: 'missing-prerequisite' })
    rmSync(home, { recursive: true, force: true })
  })

  it('is refused for anything that is not a version', async () => {
    for (const text of ['latest', '../../etc', '4.3.1</version>', '']) {
      await expect(kafkaClasspath(text)).rejects.toMatchObject({ code: 'cluster-unavailable' })
    }
  })
})
