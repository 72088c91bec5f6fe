// What a program's own application has come to: the topics that it read and wrote, judged with all that the proxy has
// seen, by the same readers, checkers and guards as a run.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import type { FaultStatus } from '../../proxy/events.ts'
import { durationMs } from '../../proxy/faults/vocabulary.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import type { RemoteEngine } from '../../proxy/start-proxy.ts'
import { auditCluster } from '../../validators/audit.ts'
import { openHistoryWriter } from '../../validators/history-file.ts'
import type { AnomalyKind, Contract, PlannedFault } from '../../validators/history-line.ts'
import type { RunResult } from '../../validators/result.ts'
import { defaultIdSelector, idSelector } from '../../validators/selector.ts'
import type { Cluster } from '../clusters/cluster.ts'
import { historyName, judgeWithHistory, writeResult } from '../judge-history.ts'
import { writeRunReport } from '../report-files.ts'
import { topicsLine } from '../run-line.ts'
import { partitionCounts } from '../verify-topics.ts'
import type { SessionHistory } from './session-history.ts'

/** Beyond the longest transaction timeout seen: how long everything may take to come to rest. */
const drainMarginMs = 30_000

export interface VerdictWish {
  /** Topics that the application reads; none for one that only produces. */
  input?: string | readonly string[]
  /** Topics that it writes. */
  output: string | readonly string[]
  /** Its consumer group; without one nobody waits until all input has been worked off. */
  group?: string
  /** Where outputs keep the id of their input: `header:NAME` (`header:gauntlet-id` unless given), `key`, `value`, `json:$.PATH`, `regex:EXPRESSION`. */
  id?: string
  /** Where inputs keep theirs, if it differs. */
  inputId?: string
  /** What every output owes to the input; `one-per-input` unless given, `acked` without an input. */
  contract?: Contract
  /** Findings that are no failure, each with a reason. */
  allow?: ReadonlyArray<{ kind: AnomalyKind; reason: string }>
  /** How long everything may take to come to rest: `30s`; the longest transaction timeout seen and 30 s unless given. */
  drain?: string
  /** Called when all has come to rest, before the outputs are read: stop the application here, or before. */
  whenDrained?: () => Promise<void>
  /** How the result calls it. */
  name?: string
}

export interface SessionParts {
  cluster: Cluster
  engine: Pick<RemoteEngine, 'transactions' | 'healAll' | 'status' | 'posture'>
  runtime: Runtime
  seed: number
  history: Pick<SessionHistory, 'copyTo'>
  /** Faults injected since the verdict before. */
  planned: readonly PlannedFault[]
  /** Where history, result and report go. */
  folder: string
}

const asList = (given: string | readonly string[] | undefined): string[] =>
  given === undefined ? [] : typeof given === 'string' ? [given] : [...given]

function checked(selector: string): string {
  try {
    idSelector(selector)
    return selector
  } catch (cause) {
    throw new OperatorError(
      'wrong-arguments',
      `"${selector}" is no place of an id: ${(cause as Error).message}`,
      'Use header:NAME, key, value, json:$.path or regex:PATTERN.',
    )
  }
}

/** A name may have been armed before; the newest status is the last. */
function statusesOf(all: readonly FaultStatus[], planned: readonly PlannedFault[]): FaultStatus[] {
  const newest = new Map(all.map((status) => [status.name, status]))
  return planned.flatMap(({ name }) => newest.get(name) ?? [])
}

export async function sessionVerdict(wish: VerdictWish, parts: SessionParts): Promise<RunResult> {
  const { cluster, engine, runtime, history, planned, folder } = parts
  const inputs = asList(wish.input)
  const outputs = asList(wish.output)
  const id = checked(wish.id ?? defaultIdSelector)
  const inputId = checked(wish.inputId ?? id)
  const contract = wish.contract ?? (inputs.length === 0 ? 'acked' : 'one-per-input')
  const partitions = await partitionCounts(
    cluster.bootstrap,
    [...inputs, ...outputs],
    cluster.access,
  )
  const line = topicsLine(
    cluster,
    { inputs, outputs, partitions, contract },
    {
      atMs: runtime.nowMs(),
      plan: wish.name ?? 'session',
      asks: `What has become of ${[...inputs, ...outputs].join(', ')}?`,
      seed: parts.seed,
      ...(wish.group === undefined ? {} : { group: wish.group }),
      id,
      inputId,
      proxied: true,
      faults: [...planned],
      expect: { verdict: 'PASS', allow: [...(wish.allow ?? [])] },
    },
  )
  const timeouts = (await engine.transactions()).map(({ timeoutMs }) => timeoutMs ?? 0)
  await mkdir(folder, { recursive: true })
  const file = join(folder, historyName)
  const writer = openHistoryWriter(file)
  try {
    writer.write(line)
    writer.write({ type: 'phase', atMs: runtime.nowMs(), phase: 'drain-started' })
    await auditCluster({
      bootstrap: [...cluster.bootstrap],
      access: cluster.access,
      inputTopics: inputs,
      outputTopics: outputs,
      ...(wish.group === undefined ? {} : { group: wish.group }),
      idSelector: id,
      inputIdSelector: inputId,
      timeoutMs:
        wish.drain === undefined
          ? Math.max(0, ...timeouts) + drainMarginMs
          : durationMs(wish.drain),
      onLine: (one) => void writer.write(one),
      async onDrained() {
        await engine.healAll()
        const faults = statusesOf(await engine.status(), planned)
        writer.write({ type: 'fault-status', atMs: runtime.nowMs(), faults })
        const clients = await engine.posture()
        writer.write({ type: 'posture-list', atMs: runtime.nowMs(), clients })
        await wish.whenDrained?.()
        writer.write({ type: 'phase', atMs: runtime.nowMs(), phase: 'instances-stopped' })
      },
    })
    writer.write({ type: 'phase', atMs: runtime.nowMs(), phase: 'audited' })
    await history.copyTo(writer)
  } finally {
    await writer.close()
  }
  const { history: record, result } = judgeWithHistory(file)
  await writeResult(folder, result)
  writeRunReport(folder, record, result)
  return result
}
