// A whole plan on a cluster that a program keeps: a proxy of its own in front of it, as in a suite, and its topics and
// group deleted afterwards, so that the same plan can be run again.
import { OperatorError } from '../../proxy/errors.ts'
import { planesOf } from '../../proxy/faults/planes.ts'
import type { Plan } from '../../proxy/plans/plan.ts'
import { problemText } from '../../proxy/plans/problem.ts'
import { readPlan } from '../../proxy/plans/read-plan.ts'
import type { RunResult } from '../../validators/result.ts'
import { openAdmin } from '../clusters/admin.ts'
import type { Cluster } from '../clusters/cluster.ts'
import { deleteGroup } from '../clusters/cluster-health.ts'
import { keepPlan, readPlanFile } from '../plan-files.ts'
import { runPlan } from '../run.ts'
import type { Report } from '../run-events.ts'
import { groupOf } from '../run-line.ts'
import { type Stage, stageOn } from '../run-stage.ts'

export interface RunWish {
  /** `PATH=VALUE` texts, as `--set` takes them. */
  set?: readonly string[]
  /** Told as the run goes on. */
  onEvent?: Report
}

function textOf(given: string | object): { file: string; text: string } {
  if (typeof given !== 'string') return { file: 'the plan', text: JSON.stringify(given) }
  return given.includes('\n') ? { file: 'the plan', text: given } : readPlanFile(given)
}

/** A plan by its path, its name among those that come with the package, its YAML, or as an object; on this cluster. */
function planHere(given: string | object, cluster: unknown, { set = [] }: RunWish): Plan {
  const { file, text } = textOf(given)
  const read = readPlan(text, file, { set: [...set, `cluster=${JSON.stringify(cluster)}`] })
  if ('problems' in read) {
    throw new OperatorError(
      'wrong-plan',
      read.problems.map(problemText).join('\n'),
      'Mend the plan; docs/plan-language.md has every word.',
    )
  }
  const beyond = [...planesOf(read.plan.faults)].filter((plane) => plane !== 'client')
  if (beyond.length === 0) return read.plan
  throw new OperatorError(
    'cannot-do-here',
    `plan ${read.plan.name} speaks of the ${beyond.join(' and ')} plane, and brokers must be told of its ports before they start`,
    'Run it with `gauntlet run`, on a cluster of its own.',
  )
}

/** Topics and group of a plan, which a second run would find otherwise. */
async function forget(
  { brokers }: Cluster,
  topics: readonly string[],
  group: string,
): Promise<void> {
  if (topics.length === 0) return
  const admin = openAdmin(brokers)
  try {
    await admin.deleteTopics([...topics])
  } finally {
    admin.close()
  }
  await deleteGroup(brokers, group)
}

export async function runHere(
  given: string | object,
  wish: RunWish,
  parts: { cluster: Cluster; written: unknown; outDir: string; signal: AbortSignal },
): Promise<RunResult> {
  const { cluster, outDir, signal } = parts
  const plan = planHere(given, parts.written, wish)
  keepPlan(plan, outDir)
  let stage: Stage | undefined
  try {
    const settings = { outDir, verbose: false }
    return await runPlan(plan, settings, wish.onEvent ?? (() => undefined), signal, async (own) => {
      stage = await stageOn(own, cluster)
      return stage
    })
  } finally {
    await forget(cluster, stage?.created ?? [], groupOf(plan))
  }
}
