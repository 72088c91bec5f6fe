import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  accessEnvironment,
  accessFromEnvironment,
  type ClientAccess,
} from '../../../gauntlet/workloads/client-access.ts'

describe('the way to the proxy, as environment variables', () => {
  it('is nothing where it is plain', () => {
    expect(accessEnvironment(undefined)).toEqual({})
    expect(accessFromEnvironment({})).toBeUndefined()
  })

  it.each<[string, ClientAccess]>([
    ['SASL_PLAINTEXT', { sasl: { mechanism: 'plain', username: 'ann', password: 'a,b="c"' } }],
    [
      'SASL_SSL',
      { tls: { caFile: undefined }, sasl: { mechanism: 'oauthbearer', token: { file: '/t' } } },
    ],
    [
      'SASL_SSL',
      { tls: { caFile: undefined }, sasl: { mechanism: 'oauthbearer', token: { text: 't' } } },
    ],
    ['SSL', { tls: { caFile: undefined } }],
  ])('%s comes back as it was', (protocol, access) => {
    const environment = accessEnvironment(access)
    expect(environment.KAFKA_SECURITY_PROTOCOL).toBe(protocol)
    expect(accessFromEnvironment(environment)).toEqual({
      ...(access.tls === undefined ? {} : { tls: { checksName: true } }),
      ...(access.sasl === undefined ? {} : { sasl: access.sasl }),
    })
  })

  it('what to trust comes by file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'access-'))
    try {
      const caFile = join(folder, 'ca.pem')
      writeFileSync(caFile, 'an authority')
      const environment = accessEnvironment({ tls: { caFile } })
      expect(environment).toEqual({ KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CA_FILE: caFile })
      expect(accessFromEnvironment(environment)?.tls?.ca).toBe('an authority')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
