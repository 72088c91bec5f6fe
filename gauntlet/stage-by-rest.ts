// The stage of a run whose proxy runs already: its cluster is the one behind that proxy, and neither is taken down
// at the end.
import { OperatorError } from '../proxy/errors.ts'
import { planesOf } from '../proxy/faults/planes.ts'
import { topicAliases } from '../proxy/plans/plan.ts'
import { behindOwnDoor, recognitionsOf } from './attached-application.ts'
import { readAccess } from './clusters/credentials.ts'
import { externalCluster } from './clusters/external.ts'
import { connectProxy, type ProxyByRest } from './proxy-by-rest.ts'
import type { RestProxy } from './rest-client.ts'
import type { Stage, StageParts } from './run-stage.ts'

/** What the running proxy can do nothing about, said before anything starts. */
function refuseBeyond({ plan }: StageParts, url: string): void {
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
  const beyond = [...planesOf(plan.faults)].filter((plane) => plane !== 'client')
  if (beyond.length === 0) return
  throw new OperatorError(
    'cannot-do-here',
    `plan ${plan.name} speaks of the ${beyond.join(' and ')} plane, which is not behind the proxy at ${url}`,
    'Run it without --proxy, on brokers that gauntlet starts itself.',
  )
}

/** Conducts runs with a running proxy, and leaves each verdict there. */
export function createRestStages(rest: RestProxy): {
  raise(parts: StageParts): Promise<Stage>
  putVerdict(verdict: string, expected: string, reasons: readonly string[]): Promise<void>
} {
  let proxy: ProxyByRest | undefined
  return {
    async raise(parts) {
      const { plan } = parts
      refuseBeyond(parts, rest.url)
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
        const addresses = (await connected.brokers()).flatMap(({ address }) =>
          address === undefined ? [] : [`${address.host}:${address.port}`],
        )
        const access = plan.cluster.kind === 'external' ? readAccess(plan.cluster) : undefined
        const cluster = await externalCluster(addresses, access)
        return { cluster, proxy: connected, created: [], stop: () => connected.terminate() }
      } catch (cause) {
        await connected.terminate()
        throw cause
      }
    },
    putVerdict: async (verdict, expected, reasons) => proxy?.putVerdict(verdict, expected, reasons),
  }
}
