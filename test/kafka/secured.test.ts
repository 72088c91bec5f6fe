// A real broker that asks for TLS and SASL: whole runs by `cluster.external`, and what the Java client makes of
// faults in moments of security.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyCommand } from '../../gauntlet/commands/verify.ts'
import { dataOutput, processOutput } from '../../gauntlet/reports/output.ts'
import { runPlan } from '../../gauntlet/run.ts'
import type { Result } from '../../gauntlet/run-events.ts'
import { connectBroker } from '../../proxy/flow/broker-client.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { until } from './faults/grounds.ts'
import { type Puppet, PuppetError, startPuppet } from './puppet/puppet.ts'
import { javaSettings, raiseSecured, type SecuredGround, sessionMs } from './secured-ground.ts'

let ground: SecuredGround
let puppet: Puppet

beforeAll(async () => {
  ground = await raiseSecured()
  puppet = await startPuppet()
  process.env.SECURED_TEST_PASSWORD = ground.security.user.password
}, 180_000)

afterAll(async () => {
  delete process.env.SECURED_TEST_PASSWORD
  await puppet?.stop()
  await ground?.close()
}, 60_000)

async function ran(name: string, rest: string): Promise<{ result: Result; outDir: string }> {
  const text = `
name: ${name}
seed: 3
cluster:
  external:
    bootstrap: ${JSON.stringify(ground.bootstrap)}
    tls: { ca-file: ${ground.caFile} }
    sasl: { mechanism: scram-sha-512, username: ${ground.security.user.username}, password-env: SECURED_TEST_PASSWORD }
topics: { input: { name: ${name}-in, partitions: 1 }, output: { name: ${name}-out, partitions: 1 } }
load: { records: 200, rate: 100/s }
${rest}`
  const read = readPlan(text, `${name}.yaml`)
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  const outDir = join(ground.folder, name)
  const signal = new AbortController().signal
  const result = await runPlan(read.plan, { outDir, verbose: true }, () => undefined, signal)
  return { result, outDir }
}

describe('a run', () => {
  it('is PASS through TLS and SCRAM with a fault at a transaction’s step, and keeps no secret', async () => {
    const { result, outDir } = await ran(
      'secured-java',
      `proxy: { tls: generated }
workload: { copier: { client: java, instances: 1, transaction-size: 20 } }
faults:
  - name: lost
    when: { reply: EndTxn, committed: true, nth: 2 }
    inject: { disconnect: { at: before-reply, with: reset } }
`,
    )
    expect(result.verdict, JSON.stringify(result.reasons)).toBe('PASS')
    expect(result.faults[0]).toMatchObject({ fired: 1, applied: 1 })
    expect(result.records.committed).toBeGreaterThanOrEqual(200)
    const files = readdirSync(outDir, { recursive: true, encoding: 'utf8' })
    expect(files).toContain('history.ndjson')
    for (const file of files) {
      const kept = readFileSync(join(outDir, file), 'utf8')
      expect(kept.includes(ground.security.user.password), file).toBe(false)
      expect(kept.includes('PRIVATE KEY'), file).toBe(false)
    }
  }, 180_000)

  it('has topics that `verify` reads by flags alone', async () => {
    const written: string[] = []
    const output = {
      ...dataOutput(processOutput()),
      write: (text: string) => void written.push(text),
      writeError: (text: string) => void written.push(text),
    }
    const code = await verifyCommand(
      undefined,
      {
        bootstrap: ground.bootstrap.join(','),
        topics: 'secured-java-in,secured-java-out',
        caFile: ground.caFile,
        sasl: 'SCRAM-SHA-512',
        username: ground.security.user.username,
        passwordEnv: 'SECURED_TEST_PASSWORD',
        out: join(ground.folder, 'verified'),
      },
      { output, signal: new AbortController().signal },
    )
    expect(code, written.join('')).toBe(0)
    expect(written.join('')).toContain('PASS')
  }, 60_000)

  it('is PASS with kafkajs, and without TLS on the way to the proxy', async () => {
    const { result } = await ran(
      'secured-kafkajs',
      'workload: { copier: { client: kafkajs, instances: 1, transaction-size: 20 } }',
    )
    expect(result.verdict, JSON.stringify(result.reasons)).toBe('PASS')
    expect(result.transactions.committed).toBeGreaterThan(0)
  }, 180_000)
})

describe('the Java client', () => {
  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    'meets a refused authentication of %s, and an expired certificate, and nothing when both are over',
    async (mechanism) => {
      const proxy = await ground.proxy()
      const topic = await ground.topic(`moments-${mechanism.toLowerCase()}`)
      const bootstrap = await proxy.bootstrap()
      const settings = {
        'bootstrap.servers': bootstrap,
        'transactional.id': `moments-${mechanism}`,
        'max.block.ms': 10_000,
        ...javaSettings(ground, mechanism),
      }
      proxy.arm({
        name: 'refused',
        when: { request: 'SaslAuthenticate' },
        inject: { error: { code: 'SASL_AUTHENTICATION_FAILED', 'seen-by-broker': false } },
      })
      await puppet.create('producer', 'early', settings)
      await expect(puppet.call('init', 'early')).rejects.toMatchObject({
        thrown: 'SaslAuthenticationException',
      })
      await puppet.call('close', 'early')
      expect(proxy.status('refused')).toMatchObject({ fired: 1, applied: 1 })

      const when = { manual: true } as const
      const inject = { certificate: { is: 'expired' } }
      proxy.arm({ name: 'expired', when, inject, for: '5m' })
      await proxy.engine.fire('expired')
      await puppet.create('producer', 'late', settings)
      await expect(puppet.call('init', 'late')).rejects.toMatchObject({
        thrown: 'SslAuthenticationException',
      })
      await puppet.call('close', 'late')
      expect(proxy.status('expired').applied).toBeGreaterThan(0)
      await proxy.engine.heal('expired')

      await puppet.create('producer', 'good', settings)
      await puppet.call('init', 'good')
      await puppet.call('begin', 'good')
      await puppet.call('send', 'good', topic, '0', 'through')
      await puppet.call('commit', 'good')
      await puppet.call('close', 'good')
      const reader = { ...settings, 'isolation.level': 'read_committed' }
      const { 'transactional.id': _id, 'max.block.ms': _block, ...consumer } = reader
      await puppet.create('consumer', 'reader', {
        ...consumer,
        'group.id': `readers-${mechanism}`,
        'auto.offset.reset': 'earliest',
      })
      await puppet.call('subscribe', 'reader', topic)
      expect(await puppet.call('poll', 'reader', '1', '15000')).toBe('0:0:through')
      await puppet.call('close', 'reader')
      expect(proxy.errors()).toEqual([])
    },
    120_000,
  )

  it('says again who it is in the middle of its connections, past a fault that is armed on that', async () => {
    const proxy = await ground.proxy()
    const topic = await ground.topic('again')
    const settings = javaSettings(ground, 'SCRAM-SHA-256')
    await puppet.create('producer', 'again', {
      'bootstrap.servers': await proxy.bootstrap(),
      'transactional.id': 'again',
      ...settings,
    })
    await puppet.call('init', 'again')
    let commits = 0
    const commit = async (): Promise<void> => {
      commits += 1
      await puppet.call('begin', 'again')
      await puppet.call('send', 'again', topic, '0', `value-${commits}`)
      await puppet.call('commit', 'again')
    }
    await commit()
    const old = proxy.engine.connections().map(({ id }) => id)
    const when = { request: 'SaslAuthenticate' } as const
    proxy.arm({ name: 'slow', when, inject: { delay: { by: '200ms' } }, times: 'unlimited' })
    const slowed = () =>
      proxy.status('slow').firings.filter(({ exchange, appliedAtMs }) => {
        return appliedAtMs !== undefined && old.includes(exchange?.connection ?? -1)
      })
    await until(async () => {
      await commit()
      return slowed().length > 0
    })
    // The connection lives on, and is followed as before.
    await commit()
    await puppet.call('close', 'again')
    const committed = proxy.events.filter(
      (event) => event.type === 'transaction' && event.outcome === 'committed',
    )
    expect(committed).toHaveLength(commits)
    expect(proxy.errors()).toEqual([])
  }, 120_000)

  it.each([
    [{ certificate: { is: 'untrusted' } }, 'SslAuthenticationException'],
    [{ certificate: { is: 'wrong-host' } }, 'SslAuthenticationException'],
    [{ refuse: { with: 'handshake' } }, 'TimeoutException'],
  ] as const)(
    'cannot begin while TLS is hurt by %j, and can before and after',
    async (inject, thrown) => {
      const proxy = await ground.proxy()
      const settings = {
        'bootstrap.servers': await proxy.bootstrap(),
        'transactional.id': `hurt-${Object.values(Object.values(inject)[0] ?? {})[0]}`,
        'max.block.ms': 3_000,
        ...javaSettings(ground, 'PLAIN'),
      }
      const begins = async (name: string): Promise<string> => {
        await puppet.create('producer', name, settings)
        try {
          await puppet.call('init', name)
          return 'begun'
        } catch (cause) {
          if (!(cause instanceof PuppetError)) throw cause
          return cause.thrown
        } finally {
          await puppet.call('close', name)
        }
      }
      expect(await begins('before')).toBe('begun')
      proxy.arm({ when: { manual: true }, inject, for: '5m' })
      await proxy.engine.fire('fault')
      expect(await begins('meanwhile')).toBe(thrown)
      expect(proxy.status().applied).toBeGreaterThan(0)
      await proxy.engine.heal('fault')
      expect(await begins('after')).toBe('begun')
      expect(proxy.errors()).toEqual([])
    },
  )
})

it('a client of our own says again who it is, and keeps its connection', async () => {
  const { user, access } = ground.security
  const [host = '', port] = (ground.bootstrap[0] ?? '').split(':')
  const client = await connectBroker(
    { host, port: Number(port) },
    {
      clientId: 'ours',
      timeoutMs: 10_000,
      access: { ...access, sasl: { mechanism: 'scram-sha-256', ...user } },
    },
  )
  const endMs = performance.now() + sessionMs * 1.5
  await until(async () => {
    await client.request('Metadata', { topics: [] })
    return performance.now() > endMs
  })
  expect(client.open).toBe(true)
  client.close()
}, 60_000)
