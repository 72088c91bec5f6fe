// What the proxy asks of whoever started the processes: brokers die and freeze, instances of the application too,
// and commands of the user are run. Whatever is not there cannot be asked for.
import type { Host } from '../proxy/effects/host.ts'
import type { BrokerChange } from '../proxy/events.ts'
import type { Capability } from '../proxy/faults/fault.ts'
import type { BrokerProcesses } from './clusters/cluster.ts'
import type { Hooks } from './hooks.ts'
import type { InstanceChange, Instances } from './workloads/workload.ts'

export interface HostParts {
  /** Of brokers whose processes are within reach; they come later than the proxy. */
  brokers?: {
    cluster: () => BrokerProcesses | undefined
    told: (node: number, change: BrokerChange) => void
  }
  /** Of an application that we start. */
  clients?: {
    instances: Instances
    told: (instance: string, change: InstanceChange) => void
  }
  /** Of commands that a plan on this machine's disk asks for. */
  hooks?: Hooks
}

export function createHost({ brokers, clients, hooks }: HostParts): Host {
  const can: Capability[] = []
  if (hooks !== undefined) can.push('run-command')
  if (brokers !== undefined) can.push('kill-broker', 'pause-broker')
  if (clients !== undefined) can.push('kill-client', 'pause-client')

  const cluster = (): BrokerProcesses => {
    const found = brokers?.cluster()
    if (found === undefined) throw new Error('the cluster is not up yet')
    return found
  }
  const instance = (name: string) => {
    const found = clients?.instances.get(name)
    if (found === undefined) throw new Error(`${name} has not been started yet`)
    return found
  }

  return {
    can,
    async killBroker(node) {
      await cluster().kill(node)
      brokers?.told(node, 'killed')
    },
    async stopBroker(node) {
      await cluster().stopBroker(node)
      brokers?.told(node, 'stopped')
    },
    async startBroker(node) {
      await cluster().start(node)
      brokers?.told(node, 'started')
    },
    async pauseBroker(node) {
      await cluster().pause(node)
      brokers?.told(node, 'paused')
    },
    async resumeBroker(node) {
      await cluster().resume(node)
      brokers?.told(node, 'resumed')
    },
    async killClient(name) {
      const found = instance(name)
      const pid = await found.kill()
      if (pid !== undefined) clients?.told(name, 'killed')
      return pid
    },
    async startClient(name) {
      const found = instance(name)
      await found.restart()
      const pid = found.pid()
      if (pid !== undefined) clients?.told(name, 'started')
      return pid
    },
    async pauseClient(name) {
      const found = instance(name)
      await found.pause()
      const pid = found.pid()
      if (pid !== undefined) clients?.told(name, 'paused')
      return pid
    },
    async resumeClient(name) {
      await instance(name).resume()
      clients?.told(name, 'resumed')
    },
    async runHook(order) {
      if (hooks === undefined) throw new Error('commands are not run here')
      return hooks.run(order)
    },
  }
}
