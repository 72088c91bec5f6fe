// Metrics for Prometheus. Nothing is counted here: values are taken from what is kept anyway when somebody scrapes.
// Labels come from closed sets or bounded lists; never a client id, a transactional id or an offset.
import { Counter, Gauge, Registry } from 'prom-client'
import type { RemoteEngine } from '../start-proxy.ts'
import type { Live } from './live.ts'
import type { Runs } from './runs.ts'

export interface Metrics {
  scrape(): Promise<{ contentType: string; text: string }>
}

/** Fault names past this number share one label value. */
const faultLabelsMax = 200
const quantiles = [0.5, 0.9, 0.99]

export function createMetrics(parts: {
  engine: RemoteEngine
  live: Live
  runs: Runs
  version: string
}): Metrics {
  const { engine, live, runs, version } = parts
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `gauntlet_${name}`, help, labelNames, registers })
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `gauntlet_${name}`, help, labelNames, registers })

  const buildInfo = gauge('build_info', 'The version of eos-gauntlet', ['version'])
  const connections = gauge('client_connections', 'Open connections by plane', ['plane'])
  const hurt = gauge('hurt_connections', 'Connections that a lasting fault holds now')
  const brokers = gauge('brokers', 'Brokers known')
  const open = gauge('transactions', 'Transactional ids by the phase of their transaction', [
    'state',
  ])
  const oldest = gauge('oldest_open_transaction_seconds', 'Age of the oldest open transaction')
  const ended = counter('transactions_total', 'Transactions ended, by outcome', ['outcome'])
  const latencyQuantile = gauge(
    'commit_duration_quantile_seconds',
    'From EndTxn(commit) to its answer, by quantile',
    ['quantile'],
  )
  const fenced = counter('producer_fenced_total', 'Producers fenced')
  const bumped = counter('producer_epoch_bumps_total', 'Epochs bumped by producers')
  const records = counter('records_total', 'Records by what became of their batch', ['stage'])
  const rebalances = counter('group_rebalances_total', 'Rebalances of consumer groups seen')
  const matched = counter('fault_matched_total', 'Messages that a fault’s trigger fits', ['fault'])
  const fired = counter('fault_fired_total', 'Firings of a fault', ['fault', 'kind'])
  const applied = counter('fault_applied_total', 'Effects of a fault that were there', ['fault'])
  const active = gauge('fault_active', 'Whether an effect of a fault lasts now', ['fault'])
  const errors = counter('errors_total', 'What the proxy could not do')
  const stalls = counter('event_loop_stalls_total', 'Times that the proxy stood still')
  const verdict = gauge('run_verdict', '1 for the verdict of the last run', ['verdict'])

  async function fill(): Promise<void> {
    const [views, links, nodes, statuses] = await Promise.all([
      engine.transactions(),
      engine.connections(),
      engine.brokers(),
      engine.status(),
    ])
    const totals = live.totals()
    registry.resetMetrics()
    buildInfo.set({ version }, 1)
    for (const plane of ['client', 'inter-broker', 'controller'] as const) {
      connections.set({ plane }, links.filter((link) => link.plane === plane).length)
    }
    hurt.set(links.filter((link) => link.hurt.length > 0).length)
    brokers.set(nodes.length)
    const phases = { idle: 0, begun: 0, producing: 0, offsets: 0, ending: 0, ended: 0 }
    let oldestAgeMs = 0
    for (const { phase, ageMs } of views) {
      phases[phase] += 1
      oldestAgeMs = Math.max(oldestAgeMs, ageMs)
    }
    for (const [state, count] of Object.entries(phases)) open.set({ state }, count)
    oldest.set(oldestAgeMs / 1_000)
    for (const [outcome, count] of Object.entries(totals.transactions)) {
      ended.inc({ outcome }, count)
    }
    for (const quantile of quantiles) {
      const valueMs = totals.commitLatencyMs.getValueAtPercentile(quantile * 100)
      latencyQuantile.set({ quantile: String(quantile) }, valueMs / 1_000)
    }
    fenced.inc(totals.fences)
    bumped.inc(totals.epochBumps)
    records.inc({ stage: 'accepted' }, totals.recordsAccepted)
    records.inc({ stage: 'unknown' }, totals.recordsUnknown)
    rebalances.inc(totals.rebalances)
    for (const [index, status] of statuses.entries()) {
      const fault = index < faultLabelsMax ? status.name : 'others'
      matched.inc({ fault }, status.matched)
      fired.inc({ fault, kind: status.kind }, status.fired)
      applied.inc({ fault }, status.applied)
      active.set({ fault }, status.state === 'active' ? 1 : 0)
    }
    errors.inc(totals.errors)
    stalls.inc(totals.loopStalls)
    const rolling = live.verdict(runs.list()).verdict
    for (const one of ['PASS', 'FAIL', 'INCONCLUSIVE']) {
      verdict.set({ verdict: one }, one === rolling ? 1 : 0)
    }
  }

  return {
    async scrape() {
      await fill()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}
