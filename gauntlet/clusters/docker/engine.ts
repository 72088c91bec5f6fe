// The container engine as testcontainers finds it: a network for a cluster's brokers, and how they and we reach each
// other. This folder alone knows testcontainers, and is loaded only where containers are asked for.
import { createServer } from 'node:net'
import { type ContainerRuntimeClient, getContainerRuntimeClient, Network } from 'testcontainers'
import { OperatorError } from '../../../proxy/errors.ts'

/** What containers of Docker Desktop and the like call the machine that they run for. */
const hostName = 'host.docker.internal'

export interface BrokerNetwork {
  client: ContainerRuntimeClient
  name: string
  /** Where published ports are found. */
  publishedHost: string
  /** Where a proxy for traffic between brokers is to listen, and what brokers are to call it. */
  proxyPlace: { listenHost: string; advertisedHost: string }
  /** Names that containers need beside those of their network. */
  extraHosts: { host: string; ipAddress: string }[]
  stop(): Promise<void>
}

export async function findEngine(): Promise<ContainerRuntimeClient> {
  try {
    return await getContainerRuntimeClient()
  } catch (cause) {
    throw new OperatorError(
      'missing-prerequisite',
      `no container engine answers (${(cause as Error).message})`,
      'Start Docker, or point DOCKER_HOST at an engine.',
    )
  }
}

/**
 * On Linux containers reach us by their bridge's address; elsewhere that address lies within a virtual machine. Tried, not
 * looked up: a bridge that has no containers yet is in no list of interfaces.
 */
function isOurs(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const trial = createServer()
    trial.once('error', () => resolve(false))
    trial.listen({ host: address, port: 0 }, () => trial.close(() => resolve(true)))
  })
}

export async function openNetwork(): Promise<BrokerNetwork> {
  const client = await findEngine()
  const network = await new Network().start()
  const { IPAM } = await client.container.dockerode.getNetwork(network.getId()).inspect()
  const gateway = (IPAM?.Config as { Gateway?: string }[] | undefined)?.[0]?.Gateway
  const isNear = gateway !== undefined && (await isOurs(gateway))
  const { host } = client.info.containerRuntime
  return {
    client,
    name: network.getName(),
    publishedHost: host === 'localhost' ? '127.0.0.1' : host,
    proxyPlace: isNear
      ? { listenHost: gateway, advertisedHost: gateway }
      : { listenHost: '127.0.0.1', advertisedHost: hostName },
    extraHosts: isNear ? [] : [{ host: hostName, ipAddress: 'host-gateway' }],
    stop: async () => void (await network.stop()),
  }
}
