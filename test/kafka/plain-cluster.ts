// A cluster as most tests want it: plain listeners, no features or settings of its own, nothing between its brokers.
import {
  type EmbeddedCluster,
  planEmbeddedPorts,
  startEmbedded,
} from '../../gauntlet/clusters/embedded.ts'
import { systemRuntime } from '../../proxy/runtime.ts'

export async function startPlainCluster(brokers: number): Promise<EmbeddedCluster> {
  return startEmbedded(
    { version: '4.3.1', brokers, features: {}, config: {} },
    { ports: await planEmbeddedPorts(brokers), planes: {}, runtime: systemRuntime(1) },
  )
}
