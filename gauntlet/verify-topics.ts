// Topics of a cluster that never stood behind the proxy: their logs are read as after a run, and become a history
// that can be judged like any other. What only the wire could have told is missing in it, and its result says so.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../proxy/errors.ts'
import type { BrokerAccess } from '../proxy/flow/access.ts'
import { systemRuntime } from '../proxy/runtime.ts'
import { auditCluster } from '../validators/audit.ts'
import type { AuditSummary } from '../validators/audit-steps.ts'
import { openHistoryWriter } from '../validators/history-file.ts'
import type { Contract } from '../validators/history-line.ts'
import { createClusterClient } from '../validators/readers/cluster-client.ts'
import { externalCluster } from './clusters/external.ts'
import { historyName } from './judge-history.ts'
import { topicsLine } from './run-line.ts'

export interface TopicsToVerify {
  bootstrap: readonly string[]
  /** How the brokers are reached; absent: plainly. */
  access?: BrokerAccess
  /** None for an application that only produces. */
  input: string | undefined
  outputs: readonly string[]
  group: string | undefined
  id: string
  inputId: string
  contract: Contract
  /** How long to wait until everything has come to rest. */
  drainMs: number
  outDir: string
}

const askTimeoutMs = 10_000
const patienceMs = 10_000

/** How many partitions each topic has. */
export async function partitionCounts(
  bootstrap: readonly string[],
  topics: readonly string[],
  access?: BrokerAccess,
): Promise<Map<string, number>> {
  const client = createClusterClient(bootstrap, {
    clientId: 'gauntlet-verify',
    requestTimeoutMs: askTimeoutMs,
    patienceMs,
    access,
  })
  const counts = new Map<string, number>()
  try {
    for (const topic of topics) counts.set(topic, (await client.partitions([topic])).length)
    return counts
  } catch (cause) {
    throw new OperatorError(
      'cluster-unavailable',
      `the cluster did not tell about ${topics.join(', ')}: ${(cause as Error).message}`,
      'Check the names of the topics, and that all their partitions have a leader.',
    )
  } finally {
    client.close()
  }
}

/** Reads the topics into `history.ndjson` of the folder. Resolves when the file is whole. */
export async function auditTopics(
  wanted: TopicsToVerify,
): Promise<{ file: string; summary: AuditSummary }> {
  const { input, outputs, group, contract, access } = wanted
  const runtime = systemRuntime(0)
  const cluster = await externalCluster(wanted.bootstrap, access)
  const inputs = input === undefined ? [] : [input]
  const partitions = await partitionCounts(cluster.bootstrap, [...inputs, ...outputs], access)
  await mkdir(wanted.outDir, { recursive: true })
  const file = join(wanted.outDir, historyName)
  const history = openHistoryWriter(file)
  const line = topicsLine(
    cluster,
    { inputs, outputs, partitions, contract },
    {
      atMs: runtime.nowMs(),
      plan: 'verify',
      asks: `What do ${[...inputs, ...outputs].join(', ')} hold?`,
      seed: 0,
      ...(group === undefined ? {} : { group }),
      id: wanted.id,
      inputId: wanted.inputId,
      proxied: false,
      faults: [],
      expect: { verdict: 'PASS', allow: [] },
    },
  )
  try {
    history.write(line)
    const summary = await auditCluster({
      bootstrap: [...cluster.bootstrap],
      access,
      inputTopics: inputs,
      outputTopics: [...outputs],
      ...(group === undefined ? {} : { group }),
      idSelector: wanted.id,
      inputIdSelector: wanted.inputId,
      timeoutMs: wanted.drainMs,
      onLine: (one) => void history.write(one),
    })
    history.write({ type: 'phase', atMs: runtime.nowMs(), phase: 'audited' })
    return { file, summary }
  } finally {
    await history.close()
    await cluster.stop()
  }
}
