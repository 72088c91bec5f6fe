// What can start the brokers that a plan wants, on this machine: Java, or containers where there is no Java. The brokers
// are the same ones either way, so a plan need not say.
import { OperatorError } from '../../proxy/errors.ts'
import { type ClusterPlan, imageOf } from '../../proxy/plans/plan.ts'
import { findJava } from '../prerequisites.ts'
import { loadDocker } from './docker.ts'

export interface AtHand {
  findJava(): Promise<unknown>
  /** Rejects where there is no engine, or nothing to speak to it with. */
  findDocker(): Promise<unknown>
}

const here: AtHand = {
  findJava: () => findJava(),
  findDocker: async () => (await loadDocker()).findEngine(),
}

/** The plan's cluster, or the same in containers; says so when it is another one. */
export async function clusterAtHand(
  wanted: ClusterPlan,
  say: (text: string) => void,
  { findJava: java, findDocker: docker }: AtHand = here,
): Promise<ClusterPlan> {
  if (wanted.kind !== 'embedded') return wanted
  const noJava = await java().then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (noJava === undefined) return wanted
  // Certificates and users are made with Kafka's own classes, which need Java.
  if (wanted.isSecured || !(noJava instanceof OperatorError)) throw noJava
  const noDocker = await docker().then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (noDocker !== undefined) {
    const why = noDocker instanceof Error ? noDocker.message : String(noDocker)
    throw new OperatorError(
      noJava.code,
      noJava.message,
      `${noJava.remedy} Containers would do as well, but ${why}.`,
    )
  }
  const { brokers, version, features, config } = wanted
  const image = imageOf(version)
  say(`no Java here, so the brokers run in containers (${image})`)
  return { kind: 'docker', image, brokers, features, config }
}
