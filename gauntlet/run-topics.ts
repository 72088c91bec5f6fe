// The topics of a run: made for it, or, where an application that somebody else runs needs them before, found empty.
import { OperatorError } from '../proxy/errors.ts'
import type { Plan, TopicPlan } from '../proxy/plans/plan.ts'
import type { ClusterAdmin, TopicWish } from './clusters/admin.ts'

type Admin = Pick<ClusterAdmin, 'createTopics' | 'placesOf' | 'logEnds'>

/** Resolves with the names of those that were made. */
export async function prepareTopics(
  admin: Admin,
  topics: readonly TopicPlan[],
  workload: Plan['workload']['kind'],
): Promise<string[]> {
  const isThere = workload === 'attach' ? await existing(admin, topics) : new Set<string>()
  const missing = topics.filter(({ name }) => !isThere.has(name))
  await admin.createTopics(missing.map(wishOf))
  return missing.map(({ name }) => name)
}

function wishOf({ name, partitions, leaders, config }: TopicPlan): TopicWish {
  return { name, partitions, ...(leaders.length === 0 ? {} : { leaders }), config }
}

/** What is in them already would be counted, so they must be empty; and as the plan has them. */
async function existing(admin: Admin, topics: readonly TopicPlan[]): Promise<Set<string>> {
  const found = new Set<string>()
  for (const { name, partitions } of topics) {
    const places = await admin.placesOf(name)
    if (places === undefined) continue
    if (places.length !== partitions) {
      throw new OperatorError(
        'cannot-do-here',
        `topic ${name} has ${places.length} partitions, and the plan says ${partitions}`,
        `Write \`partitions: ${places.length}\` for it under \`topics:\`.`,
      )
    }
    const records = (await admin.logEnds(name)).reduce(
      (sum, { highWatermark }) => sum + highWatermark,
      0,
    )
    if (records > 0) {
      throw new OperatorError(
        'cannot-do-here',
        `topic ${name} is not empty, and what is in it would be counted`,
        'Give the application topics of its own for the run, or delete this one and make it again.',
      )
    }
    found.add(name)
  }
  return found
}
