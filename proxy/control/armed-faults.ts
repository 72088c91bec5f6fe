// Faults that come by REST: checked by the same reader as a plan's, armed, and disarmed again by themselves when
// their time is over, so that nobody forgets one in a cluster that others use.
import { OperatorError } from '../errors.ts'
import type { FaultStatus } from '../events.ts'
import type { FaultSpec } from '../faults/fault.ts'
import type { Reach } from '../faults/reach.ts'
import { readProxyPlan } from '../plans/read-plan.ts'
import type { Runtime } from '../runtime.ts'
import type { RemoteEngine } from '../start-proxy.ts'
import { fieldProblems, RestError } from './problem.ts'

/** How long a fault stays armed unless the caller says otherwise, and the longest it may ask for. */
export const expiresDefaultMs = 60_000
export const expiresMaxMs = 24 * 3_600_000

export interface ArmedFault extends FaultStatus {
  spec: FaultSpec
  /** The plan that brought it; absent for one of its own. */
  plan?: string
  /** When it is disarmed by itself; absent for faults that the proxy was started with. */
  expiresAtMs?: number
}

export interface ArmedFaults {
  list(): Promise<ArmedFault[]>
  /** Of every fault that ever was, the disarmed ones included, what became of it. */
  history(): Promise<FaultStatus[]>
  named(name: string): Promise<ArmedFault>
  names(): string[]
  /** Arms a new one; an armed one of that name is a conflict. */
  arm(body: unknown, expiresMs: number, plan?: string): Promise<ArmedFault>
  /** The same body again changes nothing but its expiry; another body takes the place of the old one. */
  put(
    name: string,
    body: unknown,
    expiresMs: number,
  ): Promise<{ fault: ArmedFault; created: boolean }>
  disarm(name: string): Promise<void>
  /** Heals and disarms all. */
  healAll(): Promise<void>
  /** Arms what was checked elsewhere: the faults of a plan, all of them or none. */
  armAll(specs: readonly FaultSpec[], expiresMs: number, plan: string): Promise<void>
  stop(): void
}

/** The fault in a body, checked as a plan's entry is; throws with the path of each wrong field. */
export function faultOfBody(body: unknown, terminatesTls: boolean, reach: Reach): FaultSpec {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RestError('wrong-body', 'a fault is an object', 'See /docs for its fields.')
  }
  const surroundings = terminatesTls ? { proxy: { tls: 'generated' } } : {}
  const text = JSON.stringify({ ...surroundings, faults: [body] })
  const read = readProxyPlan(text, 'the body', { reach })
  if ('problems' in read) {
    const problems = fieldProblems(read.problems, (path) => path.split('.').slice(2).join('.'))
    const code = 'wrong-body'
    const detail = problems[0]?.message ?? 'the fault is not right'
    throw new RestError(code, detail, 'Mend the fields named under `problems`.', problems)
  }
  const [spec] = read.plan.faults
  if (spec === undefined) throw new Error('one fault went in and none came out')
  return spec
}

/** The path says the name, whatever the body says; it comes first, so that equal faults are equal texts. */
function withName(name: string, body: object): object {
  const { name: _own, ...rest } = body as { name?: unknown }
  return { name, ...rest }
}

export function createArmedFaults(parts: {
  engine: RemoteEngine
  runtime: Runtime
  /** Faults that the proxy was started with: they do not expire. */
  given: readonly FaultSpec[]
  /** Whether faults may be about TLS with clients. */
  terminatesTls: boolean
  reach: Reach
  /** Something failed that nobody waits for. */
  failed: (cause: unknown) => void
}): ArmedFaults {
  const { engine, runtime } = parts
  const known = new Map<
    string,
    {
      spec: FaultSpec
      plan?: string
      expiresAtMs?: number
      cancel?: () => void
    }
  >(parts.given.map((spec) => [spec.name, { spec }]))

  async function list(): Promise<ArmedFault[]> {
    const faults: ArmedFault[] = []
    // A name may have been armed before: the newest status is the last.
    const statuses = new Map((await engine.status()).map((status) => [status.name, status]))
    for (const [name, { spec, plan, expiresAtMs }] of known) {
      const status = statuses.get(name)
      if (status === undefined) continue
      faults.push({
        ...status,
        spec,
        ...(plan === undefined ? {} : { plan }),
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      })
    }
    return faults
  }

  async function named(name: string): Promise<ArmedFault> {
    const found = (await list()).find((fault) => fault.name === name)
    if (found !== undefined) return found
    const names = [...known.keys()]
    throw new OperatorError(
      'unknown-fault',
      `no fault is called "${name}"`,
      names.length === 0 ? 'Arm one first.' : `There are: ${names.join(', ')}.`,
    )
  }

  async function disarm(name: string): Promise<void> {
    const entry = known.get(name)
    if (entry === undefined) await named(name)
    entry?.cancel?.()
    known.delete(name)
    await engine.disarm(name)
  }

  /** Disarms by itself when its time is over. */
  function expiry(name: string, expiresMs: number): { expiresAtMs: number; cancel: () => void } {
    const cancel = runtime.after(expiresMs, () => void disarm(name).catch(parts.failed))
    return { expiresAtMs: runtime.nowMs() + expiresMs, cancel }
  }

  async function arm(spec: FaultSpec, expiresMs: number, plan?: string): Promise<void> {
    if (known.has(spec.name)) {
      throw new RestError(
        'conflict',
        `a fault called "${spec.name}" is armed already`,
        `Disarm it first, give this one another name, or PUT /v1/faults/${spec.name}.`,
      )
    }
    await engine.arm(spec, 'rest')
    const { name } = spec
    known.set(name, { spec, ...expiry(name, expiresMs), ...(plan === undefined ? {} : { plan }) })
  }

  return {
    list,
    history: () => engine.status(),
    named,
    names: () => [...known.keys()],
    async arm(body, expiresMs, plan) {
      const spec = faultOfBody(body, parts.terminatesTls, parts.reach)
      await arm(spec, expiresMs, plan)
      return named(spec.name)
    },
    async put(name, body, expiresMs) {
      const given = typeof body === 'object' && body !== null ? withName(name, body) : body
      const spec = faultOfBody(given, parts.terminatesTls, parts.reach)
      const before = known.get(name)
      if (before !== undefined) {
        if (JSON.stringify(before.spec) === JSON.stringify(spec)) {
          before.cancel?.()
          known.set(name, { ...before, ...expiry(name, expiresMs) })
          return { fault: await named(name), created: false }
        }
        await disarm(name)
      }
      await arm(spec, expiresMs)
      return { fault: await named(name), created: before === undefined }
    },
    disarm,
    async healAll() {
      for (const name of [...known.keys()]) await disarm(name)
    },
    async armAll(specs, expiresMs, plan) {
      const armed: string[] = []
      try {
        for (const spec of specs) {
          await arm(spec, expiresMs, plan)
          armed.push(spec.name)
        }
      } catch (cause) {
        for (const name of armed) await disarm(name)
        throw cause
      }
    },
    stop() {
      for (const { cancel } of known.values()) cancel?.()
    },
  }
}
