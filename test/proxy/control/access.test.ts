import { describe, expect, it, vi } from 'vitest'
import { type Caller, createAccess } from '../../../proxy/control/access.ts'
import { RestError } from '../../../proxy/control/problem.ts'

const compared = vi.hoisted(() => [] as [number, number][])
vi.mock(import('node:crypto'), async (original) => {
  const crypto = await original()
  return {
    ...crypto,
    timingSafeEqual(a, b) {
      compared.push([a.byteLength, b.byteLength])
      return crypto.timingSafeEqual(a, b)
    },
  }
})

const caller = (given: Partial<Caller>): Caller => ({
  path: '/v1/faults',
  host: '127.0.0.1:8474',
  origin: undefined,
  authorization: undefined,
  ...given,
})

function refusal(mayCall: (caller: Caller) => void, given: Partial<Caller>): string | undefined {
  try {
    mayCall(caller(given))
    return undefined
  } catch (error) {
    if (error instanceof RestError) return error.problem.code
    throw error
  }
}

describe('access without a token', () => {
  const mayCall = createAccess({ token: undefined, hosts: ['gauntlet'] })

  it('lets programs of this machine in, by each loopback name', () => {
    for (const host of ['127.0.0.1:8474', 'localhost', 'localhost:1', '[::1]:8474', 'LOCALHOST']) {
      expect(refusal(mayCall, { host })).toBeUndefined()
    }
  })

  it('refuses a rebound name, and lets a name in that it was told of', () => {
    expect(refusal(mayCall, { host: 'attacker.example:8474' })).toBe('unknown-host')
    expect(refusal(mayCall, { host: 'localhost.attacker.example' })).toBe('unknown-host')
    expect(refusal(mayCall, { host: undefined })).toBe('unknown-host')
    expect(refusal(mayCall, { host: 'gauntlet:8474' })).toBeUndefined()
  })

  it('refuses what a page of another site asks, even for the open paths', () => {
    expect(refusal(mayCall, { origin: 'http://attacker.example' })).toBe('foreign-origin')
    expect(refusal(mayCall, { origin: 'null' })).toBe('foreign-origin')
    expect(refusal(mayCall, { path: '/health', origin: 'http://attacker.example' })).toBe(
      'foreign-origin',
    )
    expect(refusal(mayCall, { origin: 'http://127.0.0.1:8474' })).toBeUndefined()
  })
})

describe('access with a token', () => {
  const mayCall = createAccess({ token: 'a secret', hosts: [] })

  it('needs the right one for everything that tells or changes something', () => {
    expect(refusal(mayCall, {})).toBe('not-authorized')
    expect(refusal(mayCall, { authorization: 'Bearer a secre' })).toBe('not-authorized')
    expect(refusal(mayCall, { authorization: 'Basic a secret' })).toBe('not-authorized')
    expect(refusal(mayCall, { authorization: 'Bearer a secret' })).toBeUndefined()
    expect(
      refusal(mayCall, { host: 'anything:1', authorization: 'bearer a secret' }),
    ).toBeUndefined()
  })

  it('compares tokens of any length in the same time', () => {
    compared.length = 0
    for (const given of ['a secret', 'b secret', 'a', 'x'.repeat(1_000), 'a secret and more']) {
      refusal(mayCall, { authorization: `Bearer ${given}` })
    }
    expect(compared).toEqual(Array.from({ length: 5 }, () => [32, 32]))
  })

  it('leaves health, readiness, the page and the description open, and nothing else', () => {
    for (const path of ['/health', '/ready', '/', '/openapi.json', '/docs', '/docs/static/a.js']) {
      expect(refusal(mayCall, { path, host: 'gauntlet:8474' })).toBeUndefined()
    }
    expect(refusal(mayCall, { path: '/metrics' })).toBe('not-authorized')
    expect(refusal(mayCall, { path: '/docsx' })).toBe('not-authorized')
    expect(refusal(mayCall, { path: '/v1/docs/' })).toBe('not-authorized')
  })

  it('never says the token', () => {
    try {
      mayCall(caller({ authorization: 'Bearer wrong' }))
      expect.unreachable()
    } catch (error) {
      expect(JSON.stringify((error as RestError).problem)).not.toMatch(/a secret|wrong/)
    }
  })
})
