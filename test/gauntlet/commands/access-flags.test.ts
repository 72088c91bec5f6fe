import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { accessOf } from '../../../gauntlet/commands/access-flags.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-access-flags-'))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
afterAll(() => {
  delete process.env.ACCESS_FLAGS_TEST
  rmSync(folder, { recursive: true })
})

describe('flags that say how brokers are reached', () => {
  it('are a plain way where there are none', () => {
    expect(accessOf({ bootstrap: 'kafka:9092' })).toBeUndefined()
  })

  it('take files and variables to what a connection needs', () => {
    process.env.ACCESS_FLAGS_TEST = 'from the environment'
    expect(
      accessOf({
        caFile: file('ca.pem', 'who signed'),
        anyName: true,
        sasl: 'SCRAM-SHA-512',
        username: 'audit',
        passwordFile: file('password', 'from a file\n'),
        map: ['kafka-1:9093=localhost:31093', 'kafka-2:9093=localhost:31094'],
      }),
    ).toEqual({
      tls: { ca: 'who signed', checksName: false },
      sasl: { mechanism: 'scram-sha-512', username: 'audit', password: 'from a file' },
      map: { 'kafka-1:9093': 'localhost:31093', 'kafka-2:9093': 'localhost:31094' },
    })
    expect(accessOf({ tls: true })).toEqual({ tls: { checksName: true } })
    expect(accessOf({ sasl: 'oauthbearer', tokenEnv: 'ACCESS_FLAGS_TEST' })).toEqual({
      sasl: { mechanism: 'oauthbearer', token: { text: 'from the environment' } },
    })
  })

  it('say what is missing or does not go together, and quote no secret', () => {
    const wrong: ReadonlyArray<readonly [options: Record<string, unknown>, why: string]> = [
      [{ username: 'audit' }, '--username without --sasl'],
      [{ sasl: 'gssapi' }, '--sasl gssapi is no mechanism that we speak'],
      [{ sasl: 'plain', username: 'audit' }, 'exactly one of --password-env and --password-file'],
      [
        { sasl: 'plain', username: 'a', usernameEnv: 'B', passwordEnv: 'C' },
        'exactly one of --username and --username-env',
      ],
      [
        { sasl: 'oauthbearer', tokenEnv: 'ACCESS_FLAGS_TEST', username: 'a' },
        '--username does not go with --sasl oauthbearer',
      ],
      [{ certificateFile: 'c.pem' }, 'a certificate and its key go together'],
      [{ map: 'kafka-1' }, '--map kafka-1 is no address'],
      [{ caFile: join(folder, 'none.pem') }, 'cannot be read (ENOENT)'],
      [{ sasl: 'plain', username: 'a', passwordEnv: 'NOT_SET_ANYWHERE' }, 'is not set'],
    ]
    for (const [options, why] of wrong) {
      expect(() => accessOf(options), why).toThrowError(
        expect.objectContaining({ message: expect.stringContaining(why) }),
      )
    }
  })
})
