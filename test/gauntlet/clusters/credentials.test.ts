import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readAccess, readDoor } from '../../../gauntlet/clusters/credentials.ts'
import { OperatorError } from '../../../proxy/errors.ts'
import { createAuthority } from '../../../proxy/flow/certificates.ts'

const variable = 'CREDENTIALS_TEST_PASSWORD'
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'credentials-'))
})
afterEach(() => {
  delete process.env[variable]
  rmSync(folder, { recursive: true })
})

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('how brokers are reached', () => {
  it('is nothing where the plan says nothing', () => {
    expect(readAccess({})).toBeUndefined()
  })

  it('takes a password from the environment or from a file, without the file’s last line break', () => {
    process.env[variable] = 'from the environment'
    const who = { mechanism: 'plain', username: 'ann' } as const
    expect(readAccess({ sasl: { ...who, 'password-env': variable } })?.sasl).toEqual({
      ...who,
      password: 'from the environment',
    })
    const path = file('password', ' with spaces \n')
    expect(readAccess({ sasl: { ...who, 'password-file': path } })?.sasl).toEqual({
      ...who,
      password: ' with spaces ',
    })
  })

  it('reads certificates, and leaves a token’s file to be read when it is needed', () => {
    const [ca, certificate, key] = ['ca', 'certificate', 'key'].map((name) => file(name, name))
    const token = file('token', 'secret token')
    const access = readAccess({
      tls: {
        'ca-file': ca as string,
        'certificate-file': certificate as string,
        'key-file': key as string,
      },
      sasl: { mechanism: 'oauthbearer', 'token-file': token },
      map: { 'a:1': 'b:2' },
    })
    expect(access).toEqual({
      tls: { ca: 'ca', identity: { certificate: 'certificate', key: 'key' }, checksName: true },
      sasl: { mechanism: 'oauthbearer', token: { file: token } },
      map: { 'a:1': 'b:2' },
    })
  })

  it.each([
    ['a variable that is not set', { 'password-env': variable }, variable],
    ['a file that is not there', { 'password-file': '/nowhere/password' }, '/nowhere/password'],
  ])('%s is named, with a remedy', (_, where, name) => {
    const read = () => readAccess({ sasl: { mechanism: 'plain', username: 'ann', ...where } })
    expect(read).toThrow(OperatorError)
    expect(read).toThrow(name)
  })
})

describe('the proxy’s door', () => {
  it('takes a certificate of the user’s, and tells who is who towards brokers', async () => {
    const authority = await createAuthority(Date.now())
    const pair = await authority.forHosts(['proxy.example'])
    const files = {
      'certificate-file': file('certificate', pair.certificate),
      'key-file': file('key', pair.key),
    }
    const written = {
      ...files,
      'ca-file': file('ca', authority.certificate),
      'client-ca-file': file('clients', authority.certificate),
      clients: { 'CN=orders': files },
    }
    const door = await readDoor(written, ['proxy.example'], Date.now())
    expect(door.tls.identity).toEqual(pair)
    expect(door.tls.clients).toEqual({ 'CN=orders': pair })
    expect(door.tls.clientCa).toBe(authority.certificate)
    expect(door.ca).toBe(authority.certificate)
    expect(new Set(Object.values(door.tls.wrong).map(({ key }) => key)).size).toBe(3)
  })
})
