// Somebody else's cluster: its brokers are asked for, nothing of it is started, stopped or hurt as a process.
import { OperatorError } from '../../proxy/errors.ts'
import type { BrokerAccess } from '../../proxy/flow/access.ts'
import { connectBroker } from '../../proxy/flow/broker-client.ts'
import type { Message } from '../../proxy/protocol/codec.ts'
import type { Cluster } from './cluster.ts'

const askTimeoutMs = 5_000

function refuse(): Promise<never> {
  const remedy = 'Use `how: wire`, or let gauntlet start the cluster.'
  return Promise.reject(
    new OperatorError('cannot-do-here', 'the brokers of this cluster are not ours to stop', remedy),
  )
}

/** Asks the first bootstrap address that answers who the brokers are. */
export async function externalCluster(
  bootstrap: readonly string[],
  access?: BrokerAccess,
): Promise<Cluster> {
  const failures: string[] = []
  for (const text of bootstrap) {
    const at = text.lastIndexOf(':')
    const address = { host: text.slice(0, at), port: Number(text.slice(at + 1)) }
    try {
      const client = await connectBroker(address, {
        clientId: 'gauntlet',
        timeoutMs: askTimeoutMs,
        access,
      })
      const reply = await client.request('Metadata', { topics: [] })
      const features = Object.fromEntries(client.features)
      client.close()
      const brokers = (reply.brokers as Message[]).map((broker) => ({
        node: broker.nodeId as number,
        address: { host: broker.host as string, port: broker.port as number },
        access,
      }))
      return {
        kind: 'external',
        version: 'unknown',
        features,
        brokers,
        bootstrap: brokers.map(({ address: { host, port } }) => `${host}:${port}`),
        access,
        can: { kill: false, pause: false },
        state: () => 'running',
        kill: refuse,
        pause: refuse,
        resume: refuse,
        start: refuse,
        stopBroker: refuse,
        stop: async () => undefined,
      }
    } catch (cause) {
      failures.push(`${text}: ${cause instanceof Error ? cause.message : cause}`)
    }
  }
  throw new OperatorError(
    'cluster-unavailable',
    `no broker answered (${failures.join('; ')})`,
    'Check the bootstrap addresses, that the cluster runs, and what it asks for: TLS, SASL.',
  )
}
