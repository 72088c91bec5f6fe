// A proxy that knows a password and keys, with clients that authenticate through it, and a fault armed on just that, so
// that their tokens are decoded: nothing that it tells anybody holds any of it.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openRotatingHistory } from '../../../gauntlet/rotating-history.ts'
import type { BrokerAccess } from '../../../proxy/flow/access.ts'
import { connectBroker } from '../../../proxy/flow/broker-client.ts'
import { createAuthority, doorTls } from '../../../proxy/flow/certificates.ts'
import { apiNamed } from '../../../proxy/protocol/codec.ts'
import { type FakeBroker, startFakeBroker } from '../fake-broker.ts'
import { openRest } from './rest-bench.ts'

const host = '127.0.0.1'
const token = 'the-token-of-this-interface'
const own = { username: 'gauntlet', password: 'what-the-proxy-knows' }
const theirs = { username: 'payments', password: 'what-the-client-knows' }
const secrets = [token, own.password, theirs.password]
/** In any of the forms that a secret could be told in. */
function isTold(text: string): string[] {
  return secrets.filter((secret) => {
    const bytes = Buffer.from(secret)
    // The first and the last characters of a Base64 text depend on what stands beside it.
    const forms = [secret, bytes.toString('hex'), bytes.toString('base64').slice(4, -4)]
    return forms.some((form) => text.includes(form))
  })
}
/** What of a key no other text holds. */
const bodyOf = (pem: string): string => pem.split('\n')[1] ?? pem

let broker: FakeBroker
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-secrets-'))
})

afterAll(async () => {
  await broker?.close()
  rmSync(folder, { recursive: true, force: true })
})

it('no answer of REST, no metric, no event, no history and no problem holds a secret', async () => {
  const authority = await createAuthority(Date.now())
  const pair = await authority.forHosts([host])
  const doorOf = await doorTls([host], authority, Date.now())
  secrets.push(bodyOf(pair.key), bodyOf(doorOf.identity.key))
  const tls = { ca: authority.certificate, checksName: true }
  broker = await startFakeBroker(1, { cert: pair.certificate, key: pair.key })
  const offered = ['Metadata', 'SaslHandshake', 'SaslAuthenticate', 'ApiVersions']
  broker.says.set('ApiVersions', () => ({
    apiKeys: offered.map((name) => ({
      apiKey: apiNamed(name)?.key ?? -1,
      minVersion: 0,
      maxVersion: name === 'Metadata' ? 12 : 2,
    })),
  }))
  const access: BrokerAccess = { tls, sasl: { mechanism: 'plain', ...own } }
  const rest = await openRest({
    token,
    options: {
      bootstrap: [broker.address],
      access,
      door: doorOf,
    },
    faults: [
      {
        name: 'refused',
        when: { request: 'SaslAuthenticate' },
        inject: { error: { code: 'SASL_AUTHENTICATION_FAILED', 'seen-by-broker': true } },
      },
    ],
  })
  try {
    await rest.engine.discover()
    const door = await rest.engine.openDoor(undefined, 0)
    const come = () =>
      connectBroker(door, {
        clientId: 'payments',
        timeoutMs: 10_000,
        access: { tls, sasl: { mechanism: 'plain', ...theirs } },
      })
    await expect(come()).rejects.toThrow('SASL_AUTHENTICATION_FAILED')
    const client = await come()
    await client.request('Metadata', { topics: [] })
    // Both passwords have really passed, and the fault has opened the frame of one.
    const passed = broker.received.map(({ request }) => String(request.authBytes ?? ''))
    expect(passed.some((text) => text.includes(own.password))).toBe(true)
    expect(passed.some((text) => text.includes(theirs.password))).toBe(true)
    expect(rest.engine.status()[0]).toMatchObject({ fired: 1, applied: 1 })

    const asked: Record<string, string> = {}
    const headers = { host: 'localhost', authorization: `Bearer ${token}` }
    const described = await rest.app.inject({ url: '/openapi.json', headers })
    const paths = Object.entries(described.json().paths as Record<string, object>)
      .filter(([path, methods]) => 'get' in methods && path !== '/v1/events')
      .map(([path]) => path.replace('{name}', 'refused').replace(/\{[^}]+\}/, 'payments'))
    for (const url of [...paths, '/openapi.json', '/docs', '/']) {
      asked[url] = (await rest.app.inject({ url, headers })).body
    }
    // Refused ones answer too.
    asked.refused = (await rest.app.inject({ url: '/v1/faults', headers: { host: 'x' } })).body
    client.close()
    expect(paths.length).toBeGreaterThan(10)
    expect(asked['/metrics']).toContain('gauntlet_requests_total')
    expect(asked['/v1/faults/refused']).toContain('SaslAuthenticate')
    for (const [url, text] of Object.entries(asked)) expect(isTold(text), url).toEqual([])

    const history = openRotatingHistory({
      folder,
      fileBytes: 1_000_000,
      filesMax: 1,
      nowMs: Date.now,
      head: () => {
        const cluster = { kind: 'external', version: 'unknown', brokers: 1, features: {} }
        return {
          type: 'run',
          atMs: 0,
          format: 1,
          plan: 'proxy',
          seed: 1,
          cluster,
          inputs: [],
          outputs: [],
          id: 'key',
          instances: [],
          proxied: true,
          faults: [],
          expect: { verdict: 'PASS', allow: [] },
        }
      },
      onProblem: (message) => rest.problems.push(message),
    })
    history.write(rest.events)
    await history.close()
    const [file = ''] = readdirSync(folder)
    const text = readFileSync(join(folder, file), 'utf8')
    expect(text).toContain('fault-applied')
    expect(isTold(text)).toEqual([])
    expect(isTold(rest.problems.join('\n'))).toEqual([])
    // Were one of them told, this would find it.
    expect(isTold(`x${Buffer.from(own.password).toString('base64')}y`)).toEqual([own.password])
  } finally {
    await rest.close()
  }
}, 60_000)
