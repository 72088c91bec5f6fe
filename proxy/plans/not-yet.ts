// What the plan language has and this release cannot do. Such a plan is refused at that place, never run
// without it. The list shrinks: an entry goes when its part is there.
import type { Flaw, PlanPath } from './problem.ts'

interface NotYet {
  /** Keys from the top of the plan; `*` stands for any key or position. */
  path: readonly string[]
  /** Only this value, or a map with this key; without it, whatever stands there. */
  value?: string
  /** What to do instead, when there is something. */
  instead?: string
}

const notYet: readonly NotYet[] = [
  {
    path: ['cluster', 'docker'],
    instead: 'use `embedded:`, which starts the same brokers without containers',
  },
]

export function notYetFlaws(data: unknown): Flaw[] {
  return notYet.flatMap(({ path, value, instead }) =>
    placesOf(data, path)
      .filter((place) => value === undefined || holds(place.value, value))
      .map((place) => {
        const what = value ?? place.path.filter((step) => typeof step === 'string').join('.')
        const advice = instead === undefined ? '' : `: ${instead}`
        return {
          path: place.path,
          at: value === undefined ? ('key' as const) : ('value' as const),
          message: `\`${what}\` is not in this release yet${advice}`,
        }
      }),
  )
}

const holds = (there: unknown, value: string): boolean =>
  there === value || (typeof there === 'object' && there !== null && Object.hasOwn(there, value))

/** Every place of the data that a pattern names. */
function placesOf(
  data: unknown,
  pattern: readonly string[],
  path: PlanPath = [],
): { path: PlanPath; value: unknown }[] {
  const [step, ...rest] = pattern
  if (step === undefined) return data === undefined ? [] : [{ path, value: data }]
  if (typeof data !== 'object' || data === null) return []
  const entries: [string | number, unknown][] = Array.isArray(data)
    ? data.map((value, index) => [index, value])
    : Object.entries(data)
  return entries
    .filter(([key]) => step === '*' || key === step)
    .flatMap(([key, value]) => placesOf(value, rest, [...path, key]))
}
