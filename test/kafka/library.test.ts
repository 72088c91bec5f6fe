// What `import … from 'eos-gauntlet'` gives, on a real broker: a session of a program with the cluster and the proxy,
// its verdicts, a whole plan, and that nothing is left of it.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../gauntlet/entry.ts'
import { type Gauntlet, startGauntlet } from '../../gauntlet/start-gauntlet.ts'

const outDir = mkdtempSync(join(tmpdir(), 'gauntlet-library-test-'))
let gauntlet: Gauntlet

beforeAll(async () => {
  gauntlet = await startGauntlet({ cluster: { embedded: { brokers: 1 } }, seed: 5, outDir })
})
afterAll(async () => {
  await gauntlet?.stop()
  rmSync(outDir, { recursive: true })
})

/** Writes ids through the proxy, one transaction each; a commit that fails is done again only where asked for. */
async function write(topic: string, ids: readonly string[], again: boolean): Promise<void> {
  const kafka = new Kafka({
    brokers: [gauntlet.bootstrapServers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 10 },
  })
  const open = async () => {
    const made = kafka.producer({
      transactionalId: topic,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await made.connect()
    return made
  }
  let producer = await open()
  for (const id of ids) {
    for (;;) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: id, headers: { 'gauntlet-id': id } }] })
      try {
        await transaction.commit()
        break
      } catch {
        await producer.disconnect()
        producer = await open()
        if (!again) break
      }
    }
  }
  await producer.disconnect()
}

const lostAnswer = {
  when: { reply: 'EndTxn', committed: true, error: 'NONE', nth: 2 },
  inject: { disconnect: { at: 'before-reply' } },
}

describe('a session of a program', () => {
  it('judges what came through the proxy, fault by fault, verdict by verdict', async () => {
    await gauntlet.createTopics([
      { name: 'kept', partitions: 1 },
      { name: 'twice', partitions: 1 },
    ])
    const first = await gauntlet.inject({ name: 'lost', ...lostAnswer })
    await write('kept', ['a', 'b', 'c'], false)
    expect((await first.applied()).effect).toMatch(/connection/)
    expect(await gauntlet.transactions()).toMatchObject([
      { transactionalId: 'kept', phase: 'ended' },
    ])
    const kept = await gauntlet.verdict({ output: 'kept', name: 'kept' })
    expect(kept, kept.reasons.join()).toMatchObject({
      verdict: 'PASS',
      records: { committed: 3 },
      faults: [{ name: 'lost', applied: 1 }],
    })
    // The same name again is another fault: the verdict before has taken the first away.
    await gauntlet.inject({ name: 'lost', ...lostAnswer })
    await write('twice', ['a', 'b', 'c'], true)
    const twice = await gauntlet.verdict({ output: 'twice' })
    expect(twice, twice.reasons.join()).toMatchObject({
      verdict: 'FAIL',
      findings: [{ kind: 'duplicate', ids: ['b'] }],
      faults: [{ name: 'lost', applied: 1 }],
    })
    expect(readdirSync(join(outDir, 'kept-1')).sort()).toEqual([
      'history.ndjson',
      'junit.xml',
      'report.html',
      'result.json',
    ])
  })

  it('cannot say PASS while a fault that was injected has done nothing', async () => {
    await gauntlet.createTopics([{ name: 'unhurt', partitions: 1 }])
    const never = await gauntlet.inject({ ...lostAnswer, name: 'never' })
    await write('unhurt', ['a'], false)
    await expect(never.applied({ timeoutMs: 1 })).rejects.toMatchObject({
      code: 'fault-not-in-time',
    })
    const { verdict, reasons } = await gauntlet.verdict({ output: 'unhurt' })
    expect(verdict).toBe('INCONCLUSIVE')
    expect(reasons.join()).toContain('fault never never fired')
  })

  it('refuses a wrong fault with the nearest right word, and a name that is taken', async () => {
    await expect(
      gauntlet.inject({ when: { reply: 'EndTnx' }, inject: { drop: { side: 'reply' } } }),
    ).rejects.toThrow(/unknown API "EndTnx", did you mean "EndTxn"/)
    await gauntlet.inject({ name: 'taken', ...lostAnswer })
    await expect(gauntlet.inject({ name: 'taken', ...lostAnswer })).rejects.toMatchObject({
      code: 'wrong-fault',
    })
    await gauntlet.heal()
  })

  it('runs a whole plan on its cluster', async () => {
    const plan = {
      name: 'a-plan-within',
      cluster: { embedded: { brokers: 3 } },
      workload: { copier: { client: 'kafkajs', instances: 1, 'transaction-size': 10 } },
      load: { records: 40, rate: '200/s' },
      faults: [
        {
          name: 'slow',
          when: { reply: 'EndTxn', nth: 2 },
          inject: { delay: { by: '50ms', of: 'reply' } },
        },
      ],
    }
    const result = await gauntlet.run(plan)
    expect(result, result.reasons.join()).toMatchObject({
      verdict: 'PASS',
      cluster: { brokers: 1 },
      faults: [{ name: 'slow', applied: 1 }],
    })
  })
})

describe('the end of a session', () => {
  /** A program of its own, in front of the cluster that is there already. */
  async function program(ending: string) {
    const script = `
      import { startGauntlet } from 'eos-gauntlet'
      const gauntlet = await startGauntlet({ bootstrap: '${gauntlet.directBootstrapServers}' })
      console.log(gauntlet.bootstrapServers)
      ${ending}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: packageRoot(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString()
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    return { code, said: said.trim(), complaint }
  }

  /** What a connection there comes to. */
  function knock(address: string): Promise<string | undefined> {
    const [host = '', port] = address.split(':')
    return new Promise((resolve) => {
      const socket = connect(Number(port), host)
      socket.once('connect', () => {
        socket.destroy()
        resolve('connected')
      })
      socket.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code))
    })
  }
  const sessions = () =>
    readdirSync(tmpdir()).filter((name) => name.startsWith('eos-gauntlet-session-'))

  it('lets the program come to its own end, with no listener and no folder left', async () => {
    const before = sessions()
    const { code, said, complaint } = await program('await gauntlet.stop(); await gauntlet.stop()')
    expect({ code, complaint }).toEqual({ code: 0, complaint: '' })
    expect(await knock(said)).toBe('ECONNREFUSED')
    expect(sessions().filter((name) => !before.includes(name))).toEqual([])
  })

  it('takes the brokers that were started for it along, and keeps the folder that was named', async () => {
    const { directBootstrapServers, bootstrapServers } = gauntlet
    expect(await knock(directBootstrapServers)).toBe('connected')
    await gauntlet[Symbol.asyncDispose]()
    expect(await knock(directBootstrapServers)).toBe('ECONNREFUSED')
    expect(await knock(bootstrapServers)).toBe('ECONNREFUSED')
    expect(existsSync(join(outDir, 'kept-1', 'result.json'))).toBe(true)
  })
})
