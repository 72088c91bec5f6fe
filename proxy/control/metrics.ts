// Metrics for Prometheus. Nothing is counted here: values are taken from what is kept anyway when somebody scrapes.
// Labels come from closed sets or bounded lists; never a client id, a transactional id or an offset.
import { readdirSync } from 'node:fs'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Counters } from '../engine.ts'
import { durationBoundsMs, overheadBoundsMs } from '../flow/traffic.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import { histogramText } from './histogram.ts'
import type { Live } from './live.ts'
import type { Runs } from './runs.ts'

export interface Metrics {
  scrape(): Promise<{ contentType: string; text: string }>
}

/** Fault names past this number share one label value. */
const faultLabelsMax = 200
/** Brokers and APIs past these numbers share one label value. */
const brokerLabelsMax = 100
const apiLabelsMax = 150

/** Counted where the kernel lists them. */
function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

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
  const fenced = counter('producer_fenced_total', 'Producers fenced')
  const bumped = counter('producer_epoch_bumps_total', 'Epochs bumped by producers')
  const records = counter(
    'records_total',
    'Records by what became of their batch (accepted, unknown), and as audits of runs counted them',
    ['stage'],
  )
  const anomalies = counter('anomalies_total', 'What audits of runs have found', ['kind'])
  const rebalances = counter('group_rebalances_total', 'Rebalances of consumer groups seen')
  const matched = counter('fault_matched_total', 'Messages that a fault’s trigger fits', ['fault'])
  const fired = counter('fault_fired_total', 'Firings of a fault', ['fault', 'kind'])
  const applied = counter('fault_applied_total', 'Effects of a fault that were there', ['fault'])
  const active = gauge('fault_active', 'Effects of a fault that last now', ['fault'])
  const errors = counter('errors_total', 'What the proxy could not do')
  const stalls = counter('event_loop_stalls_total', 'Times that the proxy stood still')
  const lastCommit = gauge(
    'last_commit_timestamp_seconds',
    'When a transaction was last seen committed; 0 before the first',
  )
  const hanging = gauge('hanging_transactions', 'Transactions open past their timeout')
  const zombies = gauge('zombie_producers', 'Transactional ids whose producer has been fenced')
  const timeouts = counter(
    'producer_timeouts_total',
    'Transactions that outlasted their timeout and were not committed',
  )
  const unknown = counter('unknown_outcomes_total', 'What clients never learnt the outcome of', [
    'what',
  ])
  const requests = counter('requests_total', 'Requests of clients', ['api', 'broker'])
  const bytes = counter('request_bytes_total', 'Bytes between clients and brokers', ['direction'])
  const problems = gauge('posture_problem_clients', 'Clients with a problem of posture', [
    'problem',
  ])
  const violations = counter(
    'policy_violations_total',
    'Requests that broke a policy, and what came of that',
    ['policy', 'requirement', 'action'],
  )
  const verdict = gauge('run_verdict', '1 for what can be said of the last window', ['verdict'])
  const lag = gauge('event_loop_lag_seconds', 'How late the event loop was at most, lately')
  const memory = new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of this process',
    registers,
  })
  const descriptors = new Gauge({
    name: 'process_open_fds',
    help: 'Open file descriptors of this process; 0 where the system does not tell',
    registers,
  })

  /** Fills the registry; what it has no form for comes back as text. */
  async function fill(): Promise<string> {
    const counters = await engine.counters()
    const totals = live.totals()
    registry.resetMetrics()
    buildInfo.set({ version }, 1)
    for (const [plane, count] of Object.entries(counters.connections)) {
      connections.set({ plane }, count)
    }
    hurt.set(counters.hurtConnections)
    brokers.set(counters.brokers)
    for (const [state, count] of Object.entries(counters.transactions.phases)) {
      open.set({ state }, count)
    }
    oldest.set(counters.transactions.oldestOpenMs / 1_000)
    hanging.set(counters.transactions.hanging)
    zombies.set(counters.transactions.zombies)
    timeouts.inc(counters.producerTimeouts)
    lastCommit.set(totals.lastCommitAtMs / 1_000)
    unknown.inc({ what: 'transaction' }, totals.transactions.unknown)
    unknown.inc({ what: 'record' }, totals.recordsUnknown)
    fillTraffic(counters)
    for (const { count, ...labels } of counters.policyViolations) violations.inc(labels, count)
    for (const [outcome, count] of Object.entries(totals.transactions)) {
      ended.inc({ outcome }, count)
    }
    fenced.inc(totals.fences)
    bumped.inc(totals.epochBumps)
    records.inc({ stage: 'accepted' }, totals.recordsAccepted)
    records.inc({ stage: 'unknown' }, totals.recordsUnknown)
    for (const [stage, count] of Object.entries(totals.recordsAudited)) {
      records.inc({ stage }, count)
    }
    for (const [kind, count] of totals.anomalies) anomalies.inc({ kind }, count)
    rebalances.inc(totals.rebalances)
    // The newest first: those that are armed now have labels of their own.
    const named = new Set<string>()
    for (const status of [...counters.faults].reverse()) {
      if (named.size < faultLabelsMax) named.add(status.name)
      const fault = named.has(status.name) ? status.name : 'others'
      matched.inc({ fault }, status.matched)
      fired.inc({ fault, kind: status.kind }, status.fired)
      applied.inc({ fault }, status.applied)
      active.inc({ fault }, status.state === 'active' ? 1 : 0)
    }
    lag.set(counters.loopLagMs / 1_000)
    memory.set(process.memoryUsage.rss())
    descriptors.set(openDescriptors())
    errors.inc(totals.errors)
    stalls.inc(totals.loopStalls)
    const rolling = live.verdict(runs.list(), counters.transactions.hanging).verdict
    for (const one of ['PASS', 'FAIL', 'INCONCLUSIVE']) {
      verdict.set({ verdict: one }, one === rolling ? 1 : 0)
    }
    return [
      histogramText(
        'gauntlet_request_duration_seconds',
        'From request to answer, of the requests that the proxy decodes',
        durationBoundsMs,
        counters.durations
          .slice(0, apiLabelsMax)
          .map(({ api, groups, sumMs }) => ({ labels: { api }, groups, sumMs })),
      ),
      histogramText(
        'gauntlet_coordinator_duration_seconds',
        'From request to answer, of what coordinators of transactions are asked',
        durationBoundsMs,
        counters.coordinators.slice(0, brokerLabelsMax).map(({ node, groups, sumMs }) => ({
          labels: { broker: node < 0 ? 'unknown' : String(node) },
          groups,
          sumMs,
        })),
      ),
      histogramText(
        'gauntlet_proxy_overhead_seconds',
        'How long a piece of what passes is held up by being looked at: a sample',
        overheadBoundsMs,
        [{ labels: {}, ...counters.overhead }],
      ),
      histogramText(
        'gauntlet_commit_duration_seconds',
        'From EndTxn to the answer that it is committed',
        durationBoundsMs,
        [{ labels: {}, ...totals.commitDurations }],
      ),
      histogramText(
        'gauntlet_transaction_duration_seconds',
        'From the first send of a transaction to its end',
        durationBoundsMs,
        [{ labels: {}, ...totals.transactionDurations }],
      ),
    ].join('')
  }

  /** One label for each broker, as long as there are not too many. */
  function brokerLabels(): (node: number) => string {
    const known = new Set<number>()
    return (node) => {
      if (node < 0) return 'unknown'
      if (known.size < brokerLabelsMax) known.add(node)
      return known.has(node) ? String(node) : 'others'
    }
  }

  function fillTraffic({ requests: counts, bytes: sums, postureProblems }: Counters): void {
    const label = brokerLabels()
    for (const { api, node, count } of counts) requests.inc({ api, broker: label(node) }, count)
    bytes.inc({ direction: 'from-clients' }, sums.fromClients)
    bytes.inc({ direction: 'from-brokers' }, sums.fromBrokers)
    for (const [problem, count] of Object.entries(postureProblems)) problems.set({ problem }, count)
  }

  return {
    async scrape() {
      const histograms = await fill()
      return { contentType: registry.contentType, text: `${await registry.metrics()}${histograms}` }
    },
  }
}
