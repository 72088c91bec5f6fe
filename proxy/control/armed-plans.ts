// Plans that come by REST: all their faults are armed together, or none is, and they are stopped together. The
// workload of such a plan is somebody else's: only its faults concern the proxy.

import { OperatorError } from '../errors.ts'
import type { Reach } from '../faults/reach.ts'
import { readProxyPlan } from '../plans/read-plan.ts'
import type { Runtime } from '../runtime.ts'
import type { ArmedFault, ArmedFaults } from './armed-faults.ts'
import { type FieldProblem, fieldProblems, RestError } from './problem.ts'

const expiresDefaultMs = 3_600_000

export interface ArmedPlan {
  name: string
  startedAtMs: number
  expiresAtMs: number
  faults: ArmedFault[]
}

export interface ArmedPlans {
  /** How long its faults stay armed unless the caller says otherwise. */
  expiresDefaultMs: number
  problemsOf(body: unknown): FieldProblem[]
  start(body: unknown, expiresMs: number): Promise<ArmedPlan>
  list(): Promise<ArmedPlan[]>
  named(name: string): Promise<ArmedPlan>
  stop(name: string): Promise<void>
  /** Nothing more happens by the clock. */
  close(): void
}

/** YAML arrives as text, JSON as a value; the reader of plans takes both as text. */
function textOf(body: unknown): string {
  if (typeof body === 'string') return body
  if (typeof body === 'object' && body !== null) return JSON.stringify(body)
  throw new RestError('wrong-body', 'there is no plan in the body', 'Send one as JSON or YAML.')
}

export function createArmedPlans(parts: {
  faults: ArmedFaults
  runtime: Runtime
  reach: Reach
}): ArmedPlans {
  const { faults, runtime, reach } = parts
  const plans = new Map<string, { startedAtMs: number; expiresAtMs: number; forget: () => void }>()

  async function list(): Promise<ArmedPlan[]> {
    const armed = await faults.list()
    return [...plans].map(([name, { startedAtMs, expiresAtMs }]) => ({
      name,
      startedAtMs,
      expiresAtMs,
      faults: armed.filter(({ plan }) => plan === name),
    }))
  }

  async function named(name: string): Promise<ArmedPlan> {
    const found = (await list()).find((plan) => plan.name === name)
    if (found !== undefined) return found
    throw new RestError('not-found', `no plan is called "${name}"`, 'GET /v1/plans lists them.')
  }

  return {
    expiresDefaultMs,
    problemsOf(body) {
      const read = readProxyPlan(textOf(body), 'the body', { reach })
      return 'problems' in read ? fieldProblems(read.problems) : []
    },
    async start(body, expiresMs) {
      const read = readProxyPlan(textOf(body), 'the body', { reach })
      if ('problems' in read) {
        const problems = fieldProblems(read.problems)
        const detail = problems[0]?.message ?? 'the plan is not right'
        throw new RestError('wrong-body', detail, 'Mend the places under `problems`.', problems)
      }
      if (read.plan.policies.length > 0) {
        throw new OperatorError(
          'cannot-do-here',
          'a plan by REST brings faults, and this one has `policies`',
          'Start the proxy with a plan that has them: `gauntlet proxy --plan FILE`.',
        )
      }
      const name = read.plan.name ?? 'plan'
      if (plans.has(name)) {
        throw new RestError(
          'conflict',
          `the plan "${name}" is started already`,
          `Stop it first: DELETE /v1/plans/${name}.`,
        )
      }
      await faults.armAll(read.plan.faults, expiresMs, name)
      const startedAtMs = runtime.nowMs()
      const forget = runtime.after(expiresMs, () => void plans.delete(name))
      plans.set(name, { startedAtMs, expiresAtMs: startedAtMs + expiresMs, forget })
      return named(name)
    },
    list,
    named,
    async stop(name) {
      const plan = await named(name)
      for (const fault of plan.faults) await faults.disarm(fault.name)
      plans.get(name)?.forget()
      plans.delete(name)
    },
    close() {
      for (const { forget } of plans.values()) forget()
    },
  }
}
