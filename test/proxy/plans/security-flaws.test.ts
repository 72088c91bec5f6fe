// What plans may say of TLS and SASL, and where they are told that they went wrong.
import { describe, expect, it } from 'vitest'
import { saslMechanisms as mechanismsOfConnections } from '../../../proxy/flow/access.ts'
import { saslMechanisms } from '../../../proxy/plans/plan-schema.ts'
import { readPlan, readProxyPlan } from '../../../proxy/plans/read-plan.ts'

function read(cluster: string, rest = '') {
  return readPlan(
    `name: p\ncluster: ${cluster}\nworkload: { copier: { client: kafkajs } }\nload: { records: 1 }\n${rest}`,
    'p.yaml',
  )
}
const external = (security: string) => `{ external: { bootstrap: ["k:1"], ${security} } }`
const problems = (result: ReturnType<typeof read>) =>
  'problems' in result ? result.problems.map(({ path, message }) => `${path}: ${message}`) : []

it('mechanisms are those that connections know', () => {
  expect(saslMechanisms).toEqual(mechanismsOfConnections)
})

describe('a plan', () => {
  it('names files and variables, which stay names', () => {
    const result = read(
      external(
        'tls: { ca-file: ca.pem }, sasl: { mechanism: plain, username: ann, password-env: P }, map: { "a:1": "b:2" }',
      ),
      'proxy: { tls: generated }',
    )
    expect(problems(result)).toEqual([])
    expect('plan' in result && result.plan).toMatchObject({
      cluster: {
        kind: 'external',
        tls: { 'ca-file': 'ca.pem' },
        sasl: { mechanism: 'plain', username: 'ann', 'password-env': 'P' },
        map: { 'a:1': 'b:2' },
      },
      doorTls: 'generated',
    })
  })

  it('gives the proxy alone its cluster, too', () => {
    const text = 'cluster: { external: { bootstrap: ["k:1"], tls: {} } }\nproxy: { tls: generated }'
    expect(readProxyPlan(text, 'p.yaml')).toMatchObject({
      plan: { external: { bootstrap: ['k:1'], tls: {} }, doorTls: 'generated' },
    })
  })

  it('of a secured cluster of its own has TLS at the proxy as well', () => {
    const result = read('{ embedded: { security: sasl-ssl } }')
    expect(result).toMatchObject({ plan: { cluster: { isSecured: true }, doorTls: 'generated' } })
  })

  it.each([
    ['a password in the text', 'sasl: { mechanism: plain, username: a, password: b }', 'password'],
    ['no password', 'sasl: { mechanism: plain, username: a }', 'password-env'],
    [
      'two passwords',
      'sasl: { mechanism: plain, username: a, password-env: B, password-file: c }',
      'keep one',
    ],
    ['no token', 'sasl: { mechanism: oauthbearer }', 'token-env'],
    ['a certificate without a key', 'tls: { certificate-file: c }', 'belong together'],
  ])('with %s is refused', (_, security, message) => {
    const found = problems(read(external(security)))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(message)
  })

  it.each(['{ certificate: { is: expired } }', '{ refuse: { with: handshake } }'])(
    'with %s needs TLS at the proxy',
    (inject) => {
      const faults = `faults: [{ when: { at: 1s }, inject: ${inject}, for: 1s }]`
      const found = problems(read('{ embedded: {} }', faults))
      expect(found).toHaveLength(1)
      expect(found[0]).toContain('proxy: { tls: generated }')
      expect(problems(read('{ embedded: { security: sasl-ssl } }', faults))).toEqual([])
      expect(problems(read('{ embedded: {} }', `${faults}\nproxy: { tls: generated }`))).toEqual([])
    },
  )
})
