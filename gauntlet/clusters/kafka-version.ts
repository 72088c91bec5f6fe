// What a Kafka version says about its brokers. Versions are texts such as `4.3.1`.
import { OperatorError } from '../../proxy/errors.ts'

/** Earlier brokers know other controllers, or none. */
const least = { major: 3, minor: 9 }

export function majorOf(version: string): number {
  return Number(version.split('.')[0])
}

/** Refuses brokers that are too old to be started here. */
export function checkServerVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > least.major || (major === least.major && minor >= least.minor)) return
  throw new OperatorError(
    'cluster-unavailable',
    `Kafka ${version} cannot be started as an embedded cluster.`,
    `Use Kafka ${least.major}.${least.minor} or later, or run your own cluster and name its address.`,
  )
}
