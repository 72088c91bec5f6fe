// Whole runs on a real cluster: a PASS, and the ways in which a run must refuse to say PASS.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EmbeddedCluster } from '../../gauntlet/clusters/embedded.ts'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runPlan } from '../../gauntlet/run.ts'
import type { Result, RunEvent } from '../../gauntlet/run-events.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { openHistory } from '../../validators/history.ts'
import { resultOf } from '../../validators/result.ts'
import { judge } from '../../validators/verdict.ts'
import { startPlainCluster } from './plain-cluster.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-run-test-'))
let cluster: EmbeddedCluster

beforeAll(async () => {
  cluster = await startPlainCluster(3)
})

afterAll(async () => {
  await cluster.stop()
  rmSync(folder, { recursive: true })
})

interface Ran {
  result: Result
  outDir: string
}

function planOf(name: string, rest: string) {
  const text = `
name: ${name}
seed: 3
cluster: { external: { bootstrap: ${JSON.stringify(cluster.bootstrap)} } }
topics: { input: { name: ${name}-in, partitions: 2 }, output: { name: ${name}-out, partitions: 2 } }
load: { records: 300, rate: 150/s }
${rest}`
  const read = readPlan(text, `${name}.yaml`)
  if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
  return read.plan
}

async function ran(
  name: string,
  rest: string,
  signal: AbortSignal = new AbortController().signal,
  report: (event: RunEvent) => void = () => undefined,
): Promise<Ran> {
  const outDir = join(folder, name)
  const result = await runPlan(planOf(name, rest), { outDir, verbose: false }, report, signal)
  return { result, outDir }
}

const kafkajsCopier =
  'workload: { copier: { client: kafkajs, instances: 1, transaction-size: 20 } }'

describe('a run', () => {
  it('is PASS when every record arrives once, and the same when its history is judged again', async () => {
    const { result, outDir } = await ran('passing', kafkajsCopier)
    expect(result.reasons).toEqual([expect.stringContaining('every one accounted for')])
    expect(result).toMatchObject({ verdict: 'PASS', asExpected: true, findings: [] })
    expect(result.records).toMatchObject({ lost: 0, duplicated: 0, unexpected: 0 })
    expect(result.records.committed).toBe(result.records.expected)
    expect(result.records.expected).toBeGreaterThanOrEqual(300)
    expect(result.transactions.committed).toBeGreaterThan(5)
    const history = openHistory(join(outDir, 'history.ndjson'))
    expect(resultOf(history, judge(history))).toEqual(result)
    expect(readFileSync(join(outDir, 'junit.xml'), 'utf8')).toContain('failures="0"')
  })

  it('is INCONCLUSIVE when a planned fault never fires', async () => {
    const faults = `
faults:
  - name: never
    when: { request: EndTxn, nth: 1000000 }
    inject: { drop: request }`
    const { result } = await ran('unfired', `${kafkajsCopier}${faults}`)
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.asExpected).toBe(false)
    expect(result.reasons.join('; ')).toContain('fault never never fired')
    expect(result.faults).toMatchObject([{ name: 'never', fired: 0, applied: 0 }])
    expect(result.faults[0]?.matched).toBeGreaterThan(5)
  })

  it('is INCONCLUSIVE when records went round the proxy', async () => {
    const program = join(packageRoot(), 'test', 'kafka', 'round-about.mjs')
    const workload = `
workload:
  command:
    run: node ${program}
    instances: 1
    env: { DIRECT: "${cluster.bootstrap.join(',')}" }`
    const { result } = await ran('round-about', workload)
    expect(result.findings).toEqual([])
    expect(result.verdict).toBe('INCONCLUSIVE')
    expect(result.reasons.join('; ')).toMatch(/never (seen|passed)|round the proxy|not seen/)
  })

  it('is PASS with a service that somebody else starts when the run says where, known by its client id', async () => {
    const text = `
name: attached
cluster: { external: { bootstrap: ${JSON.stringify(cluster.bootstrap)} } }
topics: { input: { name: attached-in, partitions: 2 }, output: { name: attached-out, partitions: 2 } }
load: { records: 200, rate: 100/s, value: '{"orderId":"$\{id}","amount":$\{amount}}' }
workload:
  attach: { instances: [{ client-id: payment-* }], group: payers, id: "json:$.orderId" }
`
    const read = readPlan(text, 'attached.yaml')
    if (!('plan' in read)) throw new Error(JSON.stringify(read.problems))
    let service: ChildProcess | undefined
    const outDir = join(folder, 'attached')
    const settings = { outDir, verbose: false }
    const started = (event: RunEvent): void => {
      const address =
        event.type === 'note' ? /start it with (\S+) as/.exec(event.text)?.[1] : undefined
      if (address === undefined) return
      const program = join(packageRoot(), 'examples', 'node-payments', 'payment-service.mjs')
      service = spawn('node', [program], {
        stdio: 'ignore',
        env: {
          ...process.env,
          KAFKA_BOOTSTRAP_SERVERS: address,
          ORDERS_TOPIC: 'attached-in',
          PAYMENTS_TOPIC: 'attached-out',
          GROUP_ID: 'payers',
        },
      })
    }
    try {
      const result = await runPlan(read.plan, settings, started, new AbortController().signal)
      expect(result.reasons).toEqual([expect.stringContaining('every one accounted for')])
      expect(result.posture?.map(({ instance }) => instance)).toContain('attach-0')
      expect(service?.exitCode).toBeNull()
    } finally {
      service?.kill('SIGKILL')
    }
  })

  it('ends when it is interrupted, and says so', async () => {
    const stop = new AbortController()
    const phases: string[] = []
    const interrupted = ran('interrupted', kafkajsCopier, stop.signal, (event) => {
      if (event.type === 'phase-started') phases.push(event.phase)
      if (event.type === 'phase-started' && event.phase === 'load') stop.abort()
    })
    await expect(interrupted).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 })
    expect(phases.at(-1)).toBe('load')
  })
})
