// Which plans a few words mean: a folder or a tag of the library, a folder on disk, a plan by name or path. No
// word means the whole library.
import { existsSync, statSync } from 'node:fs'
import { OperatorError } from '../proxy/errors.ts'
import { nearestWord } from '../proxy/plans/nearest.ts'
import { readPlan } from '../proxy/plans/read-plan.ts'
import { type PlanPlace, plansIn, readPlanFile, shippedPlaces } from './plan-files.ts'

/** A shipped plan with what it can be chosen by. */
interface Choosable extends PlanPlace {
  tags: readonly string[]
}

function choosable(place: PlanPlace): Choosable {
  const { file, text } = readPlanFile(place.file)
  const read = readPlan(text, file)
  // A plan that is wrong has no tags; whoever names it is told what is wrong with it.
  return { ...place, tags: 'plan' in read ? read.plan.tags : [] }
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

/** Files of the chosen plans, each once, in the order of the words and within a word by folder. */
export function choosePlans(words: readonly string[]): PlanPlace[] {
  const library = shippedPlaces()
  if (words.length === 0) return library
  let withTags: Choosable[] | undefined
  const chosen = new Map<string, PlanPlace>()
  for (const word of words) {
    const byFolder = library.filter(
      ({ folder }) => folder === word || folder.startsWith(`${word}/`),
    )
    withTags ??= library.map(choosable)
    const byTag = withTags.filter(({ tags }) => tags.includes(word))
    const found =
      byFolder.length > 0
        ? byFolder
        : byTag.length > 0
          ? byTag
          : isFolder(word)
            ? plansIn(word)
            : [onePlan(word, library, withTags)]
    if (found.length === 0) throw noPlans(word)
    for (const place of found) chosen.set(place.file, place)
  }
  return [...chosen.values()]
}

function onePlan(
  word: string,
  library: readonly PlanPlace[],
  withTags: readonly Choosable[],
): PlanPlace {
  const known = library.find(({ name, folder }) => name === word || `${folder}/${name}` === word)
  if (known !== undefined) return known
  if (existsSync(word)) return { name: word, folder: '', file: word }
  const words = new Set([
    ...library.flatMap(({ name, folder }) => (folder === '' ? [name] : [name, folder])),
    ...withTags.flatMap(({ tags }) => tags),
  ])
  const nearest = nearestWord(word, [...words])
  throw new OperatorError(
    'file-not-found',
    `there is no folder, tag or plan ${word}`,
    nearest === undefined
      ? '`gauntlet plans` lists the library; for your own, give a path.'
      : `Did you mean "${nearest}"? \`gauntlet plans\` lists the library.`,
  )
}

function noPlans(word: string): OperatorError {
  return new OperatorError(
    'file-not-found',
    `there is no plan in ${word}`,
    'Plans are files that end in .yaml.',
  )
}
