// Whole runs on a real cluster: a PASS, and the ways in which a run must refuse to say PASS.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../gauntlet/clusters/embedded.ts'
import { packageRoot } from '../../gauntlet/entry.ts'
import { runPlan } from '../../gauntlet/run.ts'
import type { Result, RunEvent } from '../../gauntlet/run-events.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { openHistory } from '../../validators/history.ts'
import { resultOf } from '../../validators/result.ts'
import { judge } from '../../validators/verdict.ts'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-run-test-'))
let cluster: EmbeddedCluster

beforeAll(async () => {
  const ports = await planEmbeddedPorts(3)
  cluster = await startEmbedded(
    { version: '4.3.1', brokers: 3, features: {}, config: {} },
    { ports, planes: {}, runtime: systemRuntime(1) },
  )
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
