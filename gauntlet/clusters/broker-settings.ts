// What a broker of an embedded cluster is told: its configuration, its log's, and its JVM's.
// The aim is that failures show within seconds, that nothing moves which no plan asked for, and that three
// brokers fit on a laptop. A plan may override all of it except what ties the cluster to our ports.
import { OperatorError } from '../../proxy/errors.ts'
import type { Address, BrokerPorts, ClusterSpec, PlaneAddresses } from './cluster.ts'

export type Settings = Record<string, string | number | boolean>

const host = '127.0.0.1'

/** Twice the usual number of brokers: each leads two, so losing one moves some coordinators and not all. */
const internalPartitions = 6
const replicasMax = 3

function defaults(brokers: number): Settings {
  const replicas = Math.min(replicasMax, brokers)
  const inSync = Math.min(2, brokers)
  return {
    // Only a plan creates topics, and only a plan moves leaders.
    'auto.create.topics.enable': false,
    'auto.leader.rebalance.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.num.partitions': internalPartitions,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': internalPartitions,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': internalPartitions,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // A silent broker is fenced after three seconds (Kafka: nine), a follower that falls behind leaves the
    // in-sync set after five (Kafka: thirty). Shorter than that, a busy laptop would cause it by itself.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3_000,
    'replica.lag.time.max.ms': 5_000,
    // Transactions past their timeout are looked for every second instead of every ten.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000,
    // Long enough for instances that start together to meet in the first generation (Kafka: 3 s): the first one
    // alone would learn of the others with its next heartbeat. A plan may use sessions as short as it likes.
    'group.initial.rebalance.delay.ms': 500,
    'group.min.session.timeout.ms': 1_000,
    'group.consumer.min.session.timeout.ms': 1_000,
    'group.consumer.session.timeout.ms': 10_000,
    'group.consumer.min.heartbeat.interval.ms': 500,
    'group.consumer.heartbeat.interval.ms': 1_000,
    // Memory and threads of a small machine.
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'num.recovery.threads.per.data.dir': 1,
    'log.cleaner.threads': 1,
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    'log.index.size.max.bytes': 1024 * 1024,
    // Brokers live for minutes: nothing needs to be forced to disk or given back.
    'log.segment.delete.delay.ms': 1_000,
  }
}

/** Ours to decide: without these the cluster would not be the one that was reserved and formatted. */
const reservedSettings = new Set([
  'process.roles',
  'node.id',
  'broker.id',
  'controller.quorum.voters',
  'controller.quorum.bootstrap.servers',
  'controller.listener.names',
  'listeners',
  'advertised.listeners',
  'listener.security.protocol.map',
  'inter.broker.listener.name',
  'security.inter.broker.protocol',
  'log.dir',
  'log.dirs',
  'metadata.log.dir',
])

/** Refuses what a plan may not set. */
export function checkReserved(config: ClusterSpec['config']): void {
  const taken = Object.keys(config).find((name) => reservedSettings.has(name))
  if (taken === undefined) return
  throw new OperatorError(
    'cluster-unavailable',
    `The broker configuration sets ${taken}, which the embedded cluster decides itself.`,
    `Remove ${taken} from the plan.`,
  )
}

function at(address: Address): string {
  return `${address.host}:${address.port}`
}

export interface BrokerSettings {
  spec: ClusterSpec
  ports: BrokerPorts
  allPorts: readonly BrokerPorts[]
  planes: PlaneAddresses
  dataFolder: string
  /** The client listener's, where clients come with TLS and SASL. */
  clientListener?: Settings
}

/** The whole configuration of one broker. */
export function brokerSettings(settings: BrokerSettings): Settings {
  const { spec, ports, allPorts, planes, dataFolder, clientListener } = settings
  const protocol = clientListener === undefined ? 'PLAINTEXT' : 'SASL_SSL'
  const interBroker = planes['inter-broker']?.get(ports.node) ?? { host, port: ports.interBroker }
  const controllerOf = ({ node, controller }: BrokerPorts) =>
    planes.controller?.get(node) ?? { host, port: controller }
  return {
    ...defaults(spec.brokers),
    ...spec.config,
    'process.roles': 'broker,controller',
    'node.id': ports.node,
    'controller.quorum.voters': allPorts
      .map((each) => `${each.node}@${at(controllerOf(each))}`)
      .join(','),
    listeners: [
      `CLIENT://${host}:${ports.client}`,
      `INTERNAL://${host}:${ports.interBroker}`,
      `CONTROLLER://${host}:${ports.controller}`,
    ].join(','),
    // The controllers' too: followers learn their leader's address from this, not only from the voters.
    'advertised.listeners': [
      `CLIENT://${host}:${ports.client}`,
      `INTERNAL://${at(interBroker)}`,
      `CONTROLLER://${at(controllerOf(ports))}`,
    ].join(','),
    'listener.security.protocol.map': `CLIENT:${protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    ...clientListener,
    'inter.broker.listener.name': 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataFolder,
  }
}

/** Quick to start and small, rather than quick in the long run. */
export const jvmFlags: readonly string[] = [
  '-Xmx256m',
  '-Xss512k',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.awt.headless=true',
  '-Djava.net.preferIPv4Stack=true',
]
