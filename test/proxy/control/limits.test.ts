// What REST does not do, however it is asked: for strangers, for too many, for too much, and with what it must not say.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  httpConnectionsMax,
  refusalsMax,
  requestsMax,
  startControl,
} from '../../../proxy/control/control.ts'
import { streamsMax } from '../../../proxy/control/stream-events.ts'
import { clientPlaneOnly } from '../../../proxy/faults/reach.ts'
import { openRest } from './rest-bench.ts'

type Rest = Awaited<ReturnType<typeof openRest>>
const closings: (() => unknown)[] = []
const rest = async (given?: Parameters<typeof openRest>[0]): Promise<Rest> => {
  const one = await openRest(given)
  closings.push(one.close)
  return one
}
afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

const slow = {
  name: 'slow',
  when: { request: 'Produce' },
  inject: { delay: { by: '10ms', of: 'request' } },
}

async function listening({ app }: Rest): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const bound = app.server.address()
  if (typeof bound !== 'object' || bound === null) throw new Error('it listens nowhere')
  return bound.port
}

/** All that comes on a socket until it is closed by the other side. */
function answerOn(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

describe('strangers', () => {
  it('are not listened to without a token: loopback only', async () => {
    const { engine: _engine, ...one } = await rest()
    const options = {
      engine: {} as Parameters<typeof startControl>[0]['engine'],
      runtime: one.runtime,
      token: undefined,
      reach: clientPlaneOnly,
      runListeners: { host: '127.0.0.1' },
      faults: [],
      version: '1.2.3',
      onProblem: () => undefined,
    }
    await expect(
      startControl({ ...options, listen: { host: '0.0.0.0', port: 0 } }),
    ).rejects.toMatchObject({
      code: 'wrong-arguments',
      remedy: expect.stringMatching(/GAUNTLET_TOKEN/),
    })
    const control = await startControl({ ...options, listen: { host: '127.0.0.1', port: 0 } })
    expect(control.address.host).toBe('127.0.0.1')
    await control.close()
  })

  it('arm nothing from the page of another site, nor under a name that is not ours', async () => {
    const { app, engine } = await rest()
    const post = (headers: Record<string, string>) =>
      app.inject({ method: 'POST', url: '/v1/faults', headers, payload: slow })
    const foreign = await post({ host: 'localhost', origin: 'https://attacker.example' })
    expect([foreign.statusCode, foreign.json().code]).toEqual([403, 'foreign-origin'])
    const rebound = await post({ host: 'attacker.example' })
    expect([rebound.statusCode, rebound.json().code]).toEqual([403, 'unknown-host'])
    expect(engine.status()).toEqual([])
    expect((await post({ host: 'localhost', origin: 'http://localhost' })).statusCode).toBe(201)
  })

  it('who try one token after the other must wait; who has the right one need not', async () => {
    const { app } = await rest({ token: 'secret' })
    const ask = async (token: string) =>
      (await app.inject({ url: '/v1/faults', headers: { authorization: `Bearer ${token}` } }))
        .statusCode
    for (let nth = 0; nth < refusalsMax; nth += 1) expect(await ask(`guess-${nth}`)).toBe(401)
    expect(await ask('one more')).toBe(429)
    expect(await ask('secret')).toBe(200)
  })
})

describe('too much', () => {
  it('requests of one address are refused for a while', async () => {
    const { app } = await rest()
    const ask = () => app.inject({ url: '/health', headers: { host: 'localhost' } })
    for (let nth = 0; nth < requestsMax; nth += 1) await ask()
    const refused = await ask()
    expect(refused.statusCode).toBe(429)
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused.json().code).toBe('too-many-requests')
  })

  it('connections at once are turned away, and let in when others have left', async () => {
    const port = await listening(await rest())
    const sockets: Socket[] = []
    closings.push(() => sockets.forEach((socket) => void socket.destroy()))
    const open = () =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => resolve(socket))
        socket.once('error', reject)
        sockets.push(socket)
      })
    for (let nth = 0; nth < httpConnectionsMax; nth += 1) await open()
    const request = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    expect(await answerOn(port, request).catch(() => '')).toBe('')
    sockets.shift()?.destroy()
    await expect.poll(() => answerOn(port, request).catch(() => '')).toMatch(/^HTTP\/1.1 200/)
  })

  it('readers of events at once are refused, and let in when others have left', async () => {
    const port = await listening(await rest())
    const follow = async () => {
      const stop = new AbortController()
      closings.push(() => stop.abort())
      const answer = await fetch(`http://127.0.0.1:${port}/v1/events`, {
        headers: { accept: 'text/event-stream' },
        signal: stop.signal,
      })
      return { status: answer.status, stop: () => stop.abort() }
    }
    const first = await follow()
    for (let nth = 1; nth < streamsMax; nth += 1) expect((await follow()).status).toBe(200)
    expect((await follow()).status).toBe(503)
    first.stop()
    await expect.poll(async () => (await follow()).status).toBe(200)
  })

  it('heads, torn requests and wrong methods are answered with a problem too', async () => {
    const one = await rest()
    const port = await listening(one)
    const torn = await answerOn(port, 'what is this?\r\n\r\n')
    expect(torn).toMatch(
      /^HTTP\/1.1 400 Bad Request\r\n[\s\S]*application\/problem\+json[\s\S]*"code":"wrong-body"/,
    )
    const head = `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`
    expect(await answerOn(port, head)).toMatch(/^HTTP\/1.1 431/)
    const patch = await one.app.inject({
      method: 'PATCH',
      url: '/v1/faults/slow',
      headers: { host: 'localhost' },
    })
    expect([patch.statusCode, patch.headers.allow]).toEqual([405, 'DELETE, GET, HEAD, PUT'])
    const encoded = await one.ask('GET', '/v1/faults/%zz')
    expect([encoded.status, encoded.body.code]).toEqual([400, 'wrong-body'])
    expect(encoded.type).toMatch(/^application\/problem\+json/)
    const long = await one.ask('GET', `/v1/transactions/${encodeURIComponent('𗘎'.repeat(501))}`)
    expect([long.status, long.body.code]).toEqual([400, 'wrong-body'])
  })
})

describe('what must not be', () => {
  it('a kind that is refused here is not in the description either', async () => {
    const plain = await rest()
    const kindsOf = async (one: Rest) => {
      const { body } = await one.ask('GET', '/openapi.json')
      return body.components.schemas.Fault.properties.inject.properties
    }
    const kinds = await kindsOf(plain)
    for (const kind of ['exec', 'client-crash', 'client-pause', 'certificate']) {
      expect(kinds).not.toHaveProperty(kind)
    }
    expect(kinds['broker-outage'].properties.how.enum).toEqual(['wire'])
    expect(kinds['coordinator-crash'].properties.how.enum).toEqual(['wire'])
    expect(kinds.refuse.properties.with.enum).toEqual(['reset', 'timeout'])
    const certificate = {
      name: 'expired',
      when: { manual: true },
      inject: { certificate: { is: 'expired' } },
      for: '5s',
    }
    expect((await plain.ask('POST', '/v1/faults', certificate)).status).toBe(400)
    const secured = await rest({ terminatesTls: true })
    expect(await kindsOf(secured)).toHaveProperty('certificate')
    // Now it is the engine that says no: the one of these tests has no TLS.
    expect((await secured.ask('POST', '/v1/faults', certificate)).body.code).toBe('cannot-do-here')
  })

  it('a file that a plan names is not read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gauntlet-limits-test-'))
    closings.push(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'password')
    writeFileSync(file, 'hunter2')
    const plan = {
      name: 'files',
      proxy: { tls: { 'certificate-file': '/nowhere/a', 'key-file': '/nowhere/b' } },
      cluster: {
        external: {
          bootstrap: ['kafka:9092'],
          tls: { 'ca-file': '/nowhere/ca' },
          sasl: { mechanism: 'plain', username: 'a', 'password-file': file },
        },
      },
      faults: [slow],
    }
    const { ask, problems } = await rest()
    const checked = await ask('POST', '/v1/plans/validate', plan)
    const started = await ask('POST', '/v1/plans', plan)
    expect([checked.body, started.status]).toEqual([{ valid: true, problems: [] }, 201])
    expect(JSON.stringify([checked, started, problems])).not.toMatch(/hunter2|nowhere|password/)
  })

  it('the token, right or wrong, is in no answer, no log and no metric', async () => {
    const { app, problems } = await rest({ token: 'the-right-one' })
    const texts: string[] = []
    const ask = async (url: string, given: string, payload?: object | string) => {
      const answer = await app.inject({
        method: payload === undefined ? 'GET' : 'POST',
        url,
        headers: { authorization: given, 'content-type': 'application/json' },
        ...(payload === undefined ? {} : { payload }),
      })
      texts.push(`${JSON.stringify(answer.headers)}${answer.body}`)
      return answer.statusCode
    }
    expect(await ask('/v1/faults', 'Bearer the-wrong-one')).toBe(401)
    expect(await ask('/v1/faults?token=the-wrong-one', 'the-wrong-one')).toBe(401)
    const right = 'Bearer the-right-one'
    expect(await ask('/v1/faults?token=the-right-one', right)).toBe(400)
    expect(await ask('/nowhere?token=the-right-one', right)).toBe(404)
    expect(await ask('/v1/faults', right, '{"the-right-one')).toBe(400)
    expect(await ask('/v1/faults', right, slow)).toBe(201)
    for (const url of [
      '/metrics',
      '/openapi.json',
      '/v1/faults',
      '/v1/runs',
      '/health',
      '/docs/json',
    ]) {
      await ask(url, right)
    }
    expect(texts.join('\n')).toContain('gauntlet_build_info')
    expect(texts.join('\n')).not.toMatch(/the-(right|wrong)-one/)
    expect(problems.join('\n')).not.toMatch(/the-(right|wrong)-one/)
  })

  it('what only a bug can cause says nothing of the inside', async () => {
    const one = await rest({
      engine: { groups: () => Promise.reject(new Error('at /secret/place with hunter2')) },
    })
    const { status, body } = await one.ask('GET', '/v1/groups')
    expect([status, body.code]).toEqual([500, 'internal-error'])
    expect(JSON.stringify(body)).not.toMatch(/hunter2|secret/)
    expect(one.problems.join('\n')).toContain('at /secret/place')
  })
})
