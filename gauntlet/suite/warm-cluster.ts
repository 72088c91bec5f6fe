// A cluster that stays up from one plan to the next. After each plan it is made as it was: brokers started again,
// the plan's topics and group deleted, transactions closed, leaders back in their places. Names stay as the plan
// has them, so a plan means the same here and alone; only what lies behind the names is new.
import type { ClusterPlan } from '../../proxy/plans/plan.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import { openAdmin } from '../clusters/admin.ts'
import { clusterAtHand } from '../clusters/brokers-at-hand.ts'
import type { Cluster } from '../clusters/cluster.ts'
import {
  abortOpenTransactions,
  askHealth,
  deleteGroup,
  electPreferredLeaders,
  healthProblems,
} from '../clusters/cluster-health.ts'
import { readAccess } from '../clusters/credentials.ts'
import { loadDocker, startDocker } from '../clusters/docker.ts'
import { planEmbeddedPorts, startEmbedded } from '../clusters/embedded.ts'
import { prepareSecurity } from '../clusters/embedded-security.ts'
import { externalCluster } from '../clusters/external.ts'
import { groupOf } from '../run-line.ts'
import { type Stage, type StageParts, stageOn } from '../run-stage.ts'

/** A broker starts again in seconds, or in half a minute on a busy machine. */
const settleLimitMs = 90_000
const lookEveryMs = 100
const offsetsTopic = '__consumer_offsets'

export interface WarmCluster {
  cluster: Cluster
  /** The proxy in front of it, for one plan. */
  stage(parts: StageParts): Promise<Stage>
  /** Makes it as it was; gives what could not be mended, as sentences. */
  settle(signal: AbortSignal): Promise<string[]>
  stop(): Promise<void>
}

export interface WarmParts {
  logDirectory: string
  runtime: Runtime
  signal: AbortSignal
  /** Something about the cluster that whoever waits should know. */
  note: (text: string) => void
}

export async function startWarmCluster(
  wanted: ClusterPlan,
  parts: WarmParts,
): Promise<WarmCluster> {
  const { runtime } = parts
  let onBroker: StageParts['onBroker'] | undefined
  const cluster = await start(wanted, parts, (node) => onBroker?.(node, 'exited'))
  let stage: Stage | undefined
  let group: string | undefined

  async function forget(): Promise<boolean> {
    const created = stage?.created ?? []
    if (created.length === 0) return true
    const admin = openAdmin(cluster.brokers)
    try {
      await admin.deleteTopics(created)
    } finally {
      admin.close()
    }
    return group === undefined || deleteGroup(cluster.brokers, group)
  }

  /** One pass over everything; gives what is not well yet. */
  async function mend(): Promise<string[]> {
    const health = await askHealth(cluster.brokers)
    if (health.silent.length > 0) return healthProblems(health)
    await abortOpenTransactions(cluster.brokers, health.open)
    if (!(await forget())) return [`the group ${group} still has members`]
    if (health.displaced.length > 0) await electPreferredLeaders(cluster.brokers)
    const problems = healthProblems(await askHealth(cluster.brokers))
    return problems.length > 0 ? problems : await openOffsets()
  }

  /** A transaction that hangs in the offsets topic would hold up the next plan's commits. */
  async function openOffsets(): Promise<string[]> {
    const admin = openAdmin(cluster.brokers)
    try {
      const ends = await admin.logEnds(offsetsTopic)
      return ends
        .filter(({ highWatermark, lastStableOffset }) => lastStableOffset < highWatermark)
        .map(({ partition }) => `a transaction is open in ${offsetsTopic}-${partition}`)
    } finally {
      admin.close()
    }
  }

  return {
    cluster,
    async stage(own) {
      onBroker = own.onBroker
      // Members of an application that somebody else runs stay.
      group = own.plan.workload.kind === 'attach' ? undefined : groupOf(own.plan)
      stage = await stageOn(own, cluster)
      return stage
    },
    async settle(signal) {
      await stage?.stop()
      for (const { node } of cluster.brokers) {
        const state = cluster.state(node)
        if (state === 'paused') await cluster.resume(node)
        if (state === 'stopped') await cluster.start(node)
      }
      const endMs = runtime.nowMs() + settleLimitMs
      for (;;) {
        // Whatever fails while brokers come back is asked again until the time is over.
        const problems = await mend().catch((cause: Error) => [cause.message])
        if (problems.length === 0) stage = undefined
        if (problems.length === 0 || signal.aborted || runtime.nowMs() > endMs) return problems
        await new Promise<void>((resolve) => runtime.after(lookEveryMs, resolve))
      }
    },
    async stop() {
      await stage?.stop()
      await cluster.stop()
    },
  }
}

async function start(
  asked: ClusterPlan,
  parts: WarmParts,
  exited: (node: number) => void,
): Promise<Cluster> {
  const wanted = await clusterAtHand(asked, parts.note)
  if (wanted.kind === 'external') return externalCluster(wanted.bootstrap, readAccess(wanted))
  const ports = await planEmbeddedPorts(wanted.brokers)
  if (wanted.kind === 'docker') {
    const network = await (await loadDocker()).openNetwork()
    const { kind: _kind, ...spec } = wanted
    const cluster = await startDocker(spec, { ports, network, planes: {}, ...parts })
    cluster.onBrokerExit(({ node }) => exited(node))
    return cluster
  }
  const { kind: _kind, isSecured, ...spec } = wanted
  const security = isSecured ? await prepareSecurity(parts.runtime.nowMs()) : undefined
  const cluster = await startEmbedded(spec, {
    ports,
    planes: {},
    ...parts,
    ...(security === undefined ? {} : { security }),
  })
  cluster.onBrokerExit(({ node }) => exited(node))
  return cluster
}
