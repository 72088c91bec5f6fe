// What result.json holds, drawn from the judgement of a run. The same history gives the same text, timings included:
// they too come from the history.
import type { ClientPosture, FaultStatus } from '../proxy/events.ts'
import { availability } from './availability.ts'
import { commitLatency, type Latencies } from './commit-latency.ts'
import type { RecordCounts, TransactionCounts } from './counts.ts'
import type { AttributedFinding, Cause, Proof } from './finding.ts'
import type { History } from './history.ts'
import type { AnomalyKind, Phase, Verdict } from './history-line.ts'
import { type NotJudged, notJudged } from './not-judged.ts'
import { type UnknownOutcomes, unknownOutcomes } from './unknown-outcomes.ts'
import type { Judgement } from './verdict.ts'

export interface ResultFinding {
  kind: AnomalyKind
  summary: string
  /** What happened: transaction, faults, what the application did next. */
  sentence: string
  /** The first of them; `count` says how many there are. */
  ids: string[]
  count: number
  proof: Proof[]
  /** `crash#1 (transaction)`: fault, firing, how it is related. */
  causes: string[]
  /** The plan's reason, if it allows this kind. */
  allowed?: string
}

export interface RunResult {
  verdict: Verdict
  expected: Verdict
  expectedFindings: AnomalyKind[]
  asExpected: boolean
  reasons: string[]
  notes: string[]
  plan: string
  asks: string
  seed: number
  cluster: { kind: string; version: string; brokers: number; features: Record<string, number> }
  records: RecordCounts
  transactions: TransactionCounts
  faults: FaultStatus[]
  findings: ResultFinding[]
  recovery: { longestStallMs?: number; timeToRecoverMs?: number }
  /** Share of the time between warm and the load's end in which anybody made progress. */
  availability?: { share: number; windows: number }
  /** Milliseconds, all commits and those inside and outside of the faults' windows. */
  commitLatency?: { whole: Latencies; inside?: Latencies; outside?: Latencies }
  /** Sends whose client never learnt what became of them, and what the log says. */
  unknownOutcomes?: UnknownOutcomes
  /** What was made sure of, and what could not be. */
  guards: Array<{ name: string; holds: boolean; missing: string[] }>
  /** Kinds that could not be judged, or in part; only where the traffic did not pass the proxy. */
  notJudged?: NotJudged[]
  /** How the application's clients use Kafka, and what is wrong with that whatever the verdict. */
  posture?: ClientPosture[]
  /** Milliseconds from one phase to the next. */
  timings: Record<string, number>
}

export function resultOf(history: History, judgement: Judgement): RunResult {
  const { run } = history
  const { longestStallMs, timeToRecoverMs } = judgement.liveness
  const gaps = notJudged(history)
  return {
    verdict: judgement.verdict,
    expected: judgement.expected,
    expectedFindings: judgement.expectedFindings,
    asExpected: judgement.asExpected,
    reasons: judgement.reasons,
    notes: judgement.notes,
    plan: run.plan,
    asks: run.asks ?? '',
    seed: run.seed,
    cluster: run.cluster,
    records: judgement.records,
    transactions: judgement.transactions,
    faults: history.timeline.faults.map(
      ({ planned: _planned, times: _times, ...status }) => status,
    ),
    findings: [
      ...judgement.findings.map((finding) => resultFinding(finding)),
      ...judgement.allowed.map(({ allowed, ...finding }) => resultFinding(finding, allowed)),
    ],
    recovery: {
      ...(longestStallMs === undefined ? {} : { longestStallMs: Math.round(longestStallMs) }),
      ...(timeToRecoverMs === undefined ? {} : { timeToRecoverMs: Math.round(timeToRecoverMs) }),
    },
    ...livenessParts(history),
    guards: judgement.guards.map(({ name, missing }) => ({
      name,
      holds: missing.length === 0,
      missing,
    })),
    ...(gaps.length === 0 ? {} : { notJudged: gaps }),
    ...(history.timeline.posture.length === 0 ? {} : { posture: [...history.timeline.posture] }),
    timings: timingsOf(history),
  }
}

function livenessParts(
  history: History,
): Pick<RunResult, 'availability' | 'commitLatency' | 'unknownOutcomes'> {
  const worked = availability(history)
  const { whole, inside, outside } = commitLatency(history)
  const unknown = unknownOutcomes(history)
  return {
    ...(worked === undefined
      ? {}
      : { availability: { share: rounded(worked.share), windows: worked.windows } }),
    ...(whole === undefined
      ? {}
      : {
          commitLatency: {
            whole,
            ...(inside === undefined ? {} : { inside }),
            ...(outside === undefined ? {} : { outside }),
          },
        }),
    ...(unknown.sends === 0 ? {} : { unknownOutcomes: unknown }),
  }
}

const rounded = (share: number): number => Math.round(share * 10_000) / 10_000

function resultFinding(finding: AttributedFinding, allowed?: string): ResultFinding {
  const { kind, summary, sentence, ids, count, proof, causes } = finding
  return {
    kind,
    summary,
    sentence,
    ids,
    count,
    proof,
    causes: causes.flatMap(causeTexts),
    ...(allowed === undefined ? {} : { allowed }),
  }
}

/** Firings named per cause; an unlimited fault may have thousands. */
const firingsNamedMax = 5

function causeTexts({ fault, firings, relation }: Cause): string[] {
  return firings.slice(0, firingsNamedMax).map((number) => `${fault}#${number} (${relation})`)
}

/** How long each step took until the next one was reached. */
function timingsOf({ timeline, run, lastAtMs }: History): Record<string, number> {
  const reached: Array<[Phase | 'start', number]> = [
    ['start', run.atMs],
    ...[...timeline.phases].sort(([, a], [, b]) => a - b),
  ]
  const timings: Record<string, number> = {}
  reached.forEach(([name, atMs], index) => {
    timings[name] = Math.round((reached[index + 1]?.[1] ?? lastAtMs) - atMs)
  })
  timings.whole = Math.round(lastAtMs - run.atMs)
  return timings
}
