import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { packageRoot } from '../../../gauntlet/entry.ts'
import { findProgram } from '../../../gauntlet/prerequisites.ts'
import { histogramText } from '../../../proxy/control/histogram.ts'
import { openRest } from './rest-bench.ts'

type Rest = Awaited<ReturnType<typeof openRest>>
let open: Rest | undefined
const rest = async (): Promise<Rest> => {
  open = await openRest()
  return open
}
afterEach(async () => {
  await open?.close()
  open = undefined
})

const scrape = async ({ ask }: Rest): Promise<string> => (await ask('GET', '/metrics')).body
const deployed = (name: string): string => readFileSync(join(packageRoot(), 'deploy', name), 'utf8')

/** What the tool says of it, or that it is not there. */
async function promtool(args: string[], input: string): Promise<string | undefined> {
  const program = await findProgram('promtool')
  if (program === undefined) {
    console.warn(`promtool ${args.join(' ')} was not run: it is not installed (package prometheus)`)
    return undefined
  }
  return new Promise((resolve) => {
    const child = execFile(program, args, (cause, stdout, stderr) =>
      resolve(cause === null ? `${stdout}${stderr}`.trim() : `${cause.message}${stdout}${stderr}`),
    )
    child.stdin?.end(input)
  })
}

describe('metrics', () => {
  it('have a help and a type each, and labels of closed sets only', async () => {
    const text = await scrape(await rest())
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(25)
    for (const name of names) expect(text).toContain(`# HELP ${name} `)
    const labels = new Set([...text.matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label))
    const allowed =
      'action api broker direction fault kind le outcome plane policy problem requirement stage state verdict version what'
    expect([...labels].filter((label) => !allowed.split(' ').includes(label ?? ''))).toEqual([])
  })

  it('are all that the dashboard and the alerts ask for', async () => {
    const text = await scrape(await rest())
    const there = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
    for (const file of ['grafana-dashboard.json', 'prometheus-alerts.yaml']) {
      const used = [...deployed(file).matchAll(/gauntlet_[a-z_]+/g)].map(([name]) =>
        name.replace(/_(bucket|sum|count)$/, ''),
      )
      expect(used.length).toBeGreaterThan(5)
      expect(used.filter((name) => !there.has(name))).toEqual([])
    }
  })

  it('are found right by promtool, and so are the alerts', async () => {
    const said = await promtool(['check', 'metrics'], await scrape(await rest()))
    if (said !== undefined) expect(said).toBe('')
    const rules = await promtool(
      ['check', 'rules', join(packageRoot(), 'deploy', 'prometheus-alerts.yaml')],
      '',
    )
    if (rules !== undefined) expect(rules).toMatch(/SUCCESS/)
  })
})

/** Every name of ecosystem conventions that a dashboard of others may rely on. */
const names = `build_info client_connections requests_total request_bytes_total request_duration_seconds
proxy_overhead_seconds fault_matched_total fault_fired_total fault_applied_total fault_active transactions
transactions_total transaction_duration_seconds commit_duration_seconds coordinator_duration_seconds
oldest_open_transaction_seconds hanging_transactions zombie_producers producer_fenced_total producer_timeouts_total
unknown_outcomes_total records_total anomalies_total run_verdict event_loop_stalls_total policy_violations_total`

describe('what the metrics tell', () => {
  it('is there by every name', async () => {
    const text = await scrape(await rest())
    const there = new Set([...text.matchAll(/^# TYPE gauntlet_(\S+)/gm)].map(([, name]) => name))
    expect(names.split(/\s+/).filter((name) => !there.has(name))).toEqual([])
  })

  it('follows transactions, records, stalls and groups as they pass', async () => {
    const one = await rest()
    const transaction = { transactionalId: 't', transaction: 1, producerId: 1, producerEpoch: 0 }
    const group = { type: 'group', group: 'g', protocol: 'classic', state: 'stable' } as const
    one.see([
      { atMs: 1_000, type: 'transaction', phase: 'ending', ...transaction },
      {
        atMs: 1_020,
        type: 'transaction',
        phase: 'ended',
        outcome: 'committed',
        durationMs: 300,
        ...transaction,
      },
      { atMs: 2_000, type: 'transaction', phase: 'ended', outcome: 'unknown', ...transaction },
      { atMs: 2_001, type: 'producer', change: 'fenced', ...transaction },
      { atMs: 2_002, type: 'loop-stalled', stalledMs: 1_500 },
      { atMs: 2_003, ...group, epoch: 1, members: 1, rebalances: 2 },
      { atMs: 2_004, ...group, epoch: 2, members: 1, rebalances: 3 },
    ])
    const text = await scrape(one)
    for (const line of [
      'transactions_total{outcome="committed"} 1',
      'transactions_total{outcome="unknown"} 1',
      'commit_duration_seconds_bucket{le="0.025"} 1',
      'transaction_duration_seconds_sum 0.3',
      'unknown_outcomes_total{what="transaction"} 1',
      'producer_fenced_total 1',
      'event_loop_stalls_total 1',
      'group_rebalances_total 3',
    ]) {
      expect(text).toContain(`gauntlet_${line}\n`)
    }
  })

  it('takes over what the audit of a run has counted', async () => {
    const one = await rest()
    await one.ask('POST', '/v1/runs', { name: 'trial', instances: [] })
    const records = { expected: 100, committed: 97, lost: 3, duplicated: 2, unexpected: 0 }
    const told = await one.ask('PUT', '/v1/runs/trial/verdict', {
      verdict: 'FAIL',
      reasons: ['3 lost'],
      records,
      anomalies: [
        { kind: 'lost-write', count: 3 },
        { kind: 'duplicate', count: 2 },
      ],
    })
    expect(told.status).toBe(200)
    const text = await scrape(one)
    for (const line of [
      'records_total{stage="expected"} 100',
      'records_total{stage="lost"} 3',
      'anomalies_total{kind="duplicate"} 2',
      'run_verdict{verdict="FAIL"} 1',
      'run_verdict{verdict="PASS"} 0',
    ]) {
      expect(text).toContain(`gauntlet_${line}\n`)
    }
  })

  it('has a bounded number of labels, whatever passes and whatever is armed', async () => {
    const one = await rest()
    for (let number = 0; number < 230; number++) {
      const fault = { name: `f-${number}`, when: { manual: true as const }, for: '1s' }
      one.engine.arm({ ...fault, inject: { block: {} }, on: { clients: 'all' } })
    }
    const transaction = { transaction: 1, producerId: 1, producerEpoch: 0 }
    one.see(
      Array.from({ length: 5_000 }, (_, id) => ({
        atMs: id,
        type: 'transaction' as const,
        phase: 'ended' as const,
        outcome: 'committed' as const,
        transactionalId: `id-${id}`,
        ...transaction,
      })),
    )
    const text = await scrape(one)
    expect(text.match(/^gauntlet_fault_active\{/gm)).toHaveLength(201)
    expect(text).toContain('gauntlet_fault_active{fault="others"} 0')
    // The newest have labels of their own.
    expect(text).toContain('gauntlet_fault_active{fault="f-229"} 0')
    expect(text).not.toContain('id-')
    expect(text.split('\n').length).toBeLessThan(1_500)
  })
})

describe('a histogram as text', () => {
  it('adds its groups up, and turns milliseconds into seconds', () => {
    const series = [{ labels: { api: 'a"b' }, groups: [1, 2, 4], sumMs: 1_500 }]
    expect(histogramText('x_seconds', 'What it is', [5, 500], series)).toBe(
      [
        '# HELP x_seconds What it is',
        '# TYPE x_seconds histogram',
        'x_seconds_bucket{api="a\\"b",le="0.005"} 1',
        'x_seconds_bucket{api="a\\"b",le="0.5"} 3',
        'x_seconds_bucket{api="a\\"b",le="+Inf"} 7',
        'x_seconds_sum{api="a\\"b"} 1.5',
        'x_seconds_count{api="a\\"b"} 7',
        '',
      ].join('\n'),
    )
  })
})
