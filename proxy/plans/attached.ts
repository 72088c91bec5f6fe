// `workload.attach` of a plan: an application that somebody else starts. What is written, as the run sees it, and
// what cannot be written together.
import { durationMs } from '../faults/vocabulary.ts'
import type { PlanDocument } from './plan-schema.ts'
import type { Flaw } from './problem.ts'

export const attachedInstancesDefault = 1
/** Somebody has to notice that it is to be started, and start it. */
export const attachStartGraceDefaultMs = 300_000
/** Kafka's own default for a group is none; ours is what the copiers use. */
export const groupDefault = 'gauntlet'

export interface AttachedInstance {
  /** Glob; with neither this nor the next, the instance has a port of its own. */
  clientId?: string
  transactionalId?: string
  /** Holds the id of its process, newest start. */
  pidFile?: string
}

export interface AttachPlan {
  kind: 'attach'
  /** `header:NAME`, `key`, `value`, `json:$.PATH` or `regex:EXPRESSION` */
  id: string
  group: string
  instances: number
  /** One for each instance. */
  known: AttachedInstance[]
  /** Where it is to connect; absent: any free port of this machine. */
  listen?: { host: string; port: number }
  /** The host that it is told, where that is another than the one listened on. */
  advertisedHost?: string
  /** How long it may take until every instance has connected, and then until each has committed. */
  startGraceMs: number
  /** How long it is under load at least. */
  forMs: number
}

type Written = NonNullable<PlanDocument['workload']['attach']>

export function attachedCount({ instances }: Written): number {
  return Array.isArray(instances) ? instances.length : (instances ?? attachedInstancesDefault)
}

function knownOf(written: Written): AttachedInstance[] {
  const { instances } = written
  if (!Array.isArray(instances)) return Array.from({ length: attachedCount(written) }, () => ({}))
  return instances.map((one) => ({
    ...(one['client-id'] === undefined ? {} : { clientId: one['client-id'] }),
    ...(one['transactional-id'] === undefined ? {} : { transactionalId: one['transactional-id'] }),
    ...(one['pid-file'] === undefined ? {} : { pidFile: one['pid-file'] }),
  }))
}

export function attachOf(written: Written, idDefault: string): AttachPlan {
  const { listen, for: lasts } = written
  const at = listen?.lastIndexOf(':') ?? -1
  const grace = written['start-grace']
  const advertised = written['advertised-host']
  return {
    kind: 'attach',
    id: written.id ?? idDefault,
    group: written.group ?? groupDefault,
    instances: attachedCount(written),
    known: knownOf(written),
    ...(listen === undefined
      ? {}
      : { listen: { host: listen.slice(0, at), port: Number(listen.slice(at + 1)) } }),
    ...(advertised === undefined ? {} : { advertisedHost: advertised }),
    startGraceMs: grace === undefined ? attachStartGraceDefaultMs : durationMs(grace),
    forMs: lasts === undefined ? 0 : durationMs(lasts),
  }
}

/** Whether it comes by a port that it shares, and is told apart by what it says. */
export function sharesDoor({ clientId, transactionalId }: AttachedInstance): boolean {
  return clientId !== undefined || transactionalId !== undefined
}

export function attachFlaws({ workload }: PlanDocument): Flaw[] {
  // The proxy alone has no workload, whatever the type of a whole plan says.
  const attach = (workload as PlanDocument['workload'] | undefined)?.attach
  if (attach === undefined) return []
  const path = ['workload', 'attach']
  const flaws: Flaw[] = []
  const isEverywhere = attach.listen !== undefined && /^(0\.0\.0\.0|\[?::\]?):/.test(attach.listen)
  if (isEverywhere && attach['advertised-host'] === undefined) {
    const message =
      'listens on every address, so say by which name the application reaches it: `advertised-host:`'
    flaws.push({ path: [...path, 'listen'], at: 'value', message })
  }
  const port = Number(attach.listen?.slice(attach.listen.lastIndexOf(':') + 1) ?? 1)
  if (port < 1 || port > 65_535) {
    const message = `there is no port ${port}: leave \`listen\` out for any free one`
    flaws.push({ path: [...path, 'listen'], at: 'value', message })
  }
  return flaws
}

/** Instances whose process is known, and can therefore be hurt. */
export function withPid({ instances }: Written): number[] {
  if (!Array.isArray(instances)) return []
  return instances.flatMap((one, index) => (one['pid-file'] === undefined ? [] : [index]))
}
