// The stage of a run whose proxy runs already: its cluster is the one behind that proxy, and neither is taken down
// at the end.
import { OperatorError } from '../proxy/errors.ts'
import { planesOf } from '../proxy/faults/planes.ts'
import type { Reach } from '../proxy/faults/reach.ts'
import { type Plan, topicAliases } from '../proxy/plans/plan.ts'
import { behindOwnDoor, recognitionsOf } from './attached-application.ts'
import type { Cluster } from './clusters/cluster.ts'
import { readAccess } from './clusters/credentials.ts'
import { externalCluster } from './clusters/external.ts'
import { connectProxy, type ProxyByRest, reachOfProxy, type ToldResult } from './proxy-by-rest.ts'
import type { RestProxy } from './rest-client.ts'
import type { Stage, StageParts } from './run-stage.ts'

/** What the running proxy can do nothing about, said before anything starts. */
function refuseBeyond({ plan }: StageParts, { planes }: Reach, url: string): void {
  if (Object.keys(plan.advertise).length > 0) {
    throw new OperatorError(
      'cannot-do-here',
      `plan ${plan.name} has \`advertise\`, which the proxy at ${url} was told at its own start`,
      'Start that proxy with --advertise, and take the key out of the plan; or run without --proxy.',
    )
  }
  if (plan.policies.length > 0) {
    throw new OperatorError(
      'cannot-do-here',
      `plan ${plan.name} has \`policies\`, which the proxy at ${url} was told at its own start`,
      'Start that proxy with a plan that has them, and take the key out of this one; or run without --proxy.',
    )
  }
  const beyond = [...planesOf(plan.faults)].filter((plane) => !planes.includes(plane))
  if (beyond.length === 0) return
  throw new OperatorError(
    'cannot-do-here',
    `plan ${plan.name} speaks of the ${beyond.join(' and ')} plane, which is not behind the proxy at ${url}`,
    'Run it without --proxy, on brokers that gauntlet starts itself.',
  )
}

/** The brokers by the addresses at which this machine reaches them: they need not be those that the proxy dials. */
async function clusterBehind(plan: Plan, proxy: ProxyByRest, url: string): Promise<Cluster> {
  if (plan.cluster.kind !== 'external') throw new Error('behind a proxy there are others’ brokers')
  const access = readAccess(plan.cluster)
  const cluster = await externalCluster(plan.cluster.bootstrap, access).catch((cause: Error) => {
    throw new OperatorError(
      'cluster-unavailable',
      cause.message,
      'The run itself writes and reads past the proxy. If this machine knows the brokers by other addresses, give them: --cluster HOST:PORT,…',
    )
  })
  const nodes = cluster.brokers.map(({ node }) => node)
  const behind = (await proxy.brokers()).map(({ node }) => node)
  if (behind.some((node) => nodes.includes(node))) return cluster
  throw new OperatorError(
    'cannot-do-here',
    `brokers ${nodes.join(', ')} answer there, and brokers ${behind.join(', ')} are behind the proxy at ${url}`,
    'Give --cluster the addresses of the brokers behind that proxy.',
  )
}

/** Conducts runs with a running proxy, and leaves each verdict there. */
export function createRestStages(rest: RestProxy): {
  raise(parts: StageParts): Promise<Stage>
  putVerdict(result: ToldResult): Promise<void>
} {
  let proxy: ProxyByRest | undefined
  return {
    async raise(parts) {
      const { plan } = parts
      refuseBeyond(parts, await reachOfProxy(rest), rest.url)
      const connected = await connectProxy(
        rest,
        {
          name: plan.name,
          instances: behindOwnDoor(plan),
          topicAliases: topicAliases(plan),
          recognised: recognitionsOf(plan),
        },
        parts.onEvents,
      )
      proxy = connected
      try {
        const cluster = await clusterBehind(plan, connected, rest.url)
        return { cluster, proxy: connected, created: [], stop: () => connected.terminate() }
      } catch (cause) {
        await connected.terminate()
        throw cause
      }
    },
    putVerdict: async (result) => proxy?.putVerdict(result),
  }
}
