// Plans on disk: by path, or by name for the ones that come with the package; and what is kept of a plan in
// the folder of its run.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../proxy/errors.ts'
import { nearestWord } from '../proxy/plans/nearest.ts'
import type { Plan } from '../proxy/plans/plan.ts'
import { planBytesMax } from '../proxy/plans/plan-source.ts'
import { packageRoot } from './entry.ts'

const extension = '.yaml'
const keptPlan = 'plan.yaml'

function shippedFolder(): string {
  return join(packageRoot(), 'chaos-plans')
}

export interface PlanPlace {
  /** The file's name without its ending: how a plan is called on the command line. */
  name: string
  /** Below the folder that was searched, with `/` between its parts; empty at the top. */
  folder: string
  file: string
}

/** All plans of a folder and of the folders in it: those at the top first, each folder by the alphabet. */
export function plansIn(root: string, folder = ''): PlanPlace[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  const here = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => entry.name.slice(0, -extension.length))
    .sort()
    .map((name) => ({ name, folder, file: join(root, folder, `${name}${extension}`) }))
  const below = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .flatMap((name) => plansIn(root, folder === '' ? name : `${folder}/${name}`))
  return [...here, ...below]
}

/** The plans that come with the package. */
export const shippedPlaces = (): PlanPlace[] => plansIn(shippedFolder())

/** Their names; no two folders hold the same one. */
export const shippedPlans = (): string[] => shippedPlaces().map(({ name }) => name)

export interface PlanFile {
  /** As problems name it. */
  file: string
  text: string
}

/** A path first; then the name of a shipped plan, whichever folder it lies in, or its path within them. */
export function readPlanFile(nameOrPath: string): PlanFile {
  if (existsSync(nameOrPath) && statSync(nameOrPath).isFile()) {
    return { file: nameOrPath, text: readText(nameOrPath) }
  }
  const shipped = shippedPlaces()
  const wanted = nameOrPath.replace(/\.yaml$/, '')
  const found = shipped.find(
    ({ name, folder }) => name === wanted || (folder !== '' && `${folder}/${name}` === wanted),
  )
  if (found !== undefined) return { file: found.file, text: readText(found.file) }
  if (existsSync(nameOrPath)) return { file: nameOrPath, text: readText(nameOrPath) }
  const nearest = nearestWord(
    wanted,
    shipped.map(({ name }) => name),
  )
  throw new OperatorError(
    'file-not-found',
    `there is no plan ${nameOrPath}`,
    nearest === undefined
      ? '`gauntlet plans` lists those that come with the package; for your own, give the path.'
      : `Did you mean "${nearest}"? \`gauntlet plans\` lists those that come with the package.`,
  )
}

function readText(file: string): string {
  const status = statSync(file)
  if (!status.isFile()) {
    throw new OperatorError('file-not-found', `${file} is not a file`, 'Name one YAML file.')
  }
  // The reader says that it is too large; it need not be loaded for that.
  if (status.size > planBytesMax) return ' '.repeat(planBytesMax + 1)
  return readFileSync(file, 'utf8')
}

/** The plan as it was run, overrides included, for `gauntlet replay`. */
export function keepPlan(plan: Plan, folder: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, keptPlan), plan.text)
}

/** The plan that a run's folder keeps; a history that is only judged has none. */
export function keptPlanText(folder: string): string | undefined {
  const file = join(folder, keptPlan)
  return existsSync(file) ? readText(file) : undefined
}

/** What a replay needs from the folder of a run. */
export function readRunFolder(folder: string): { plan: PlanFile; seed: number } {
  const file = join(folder, keptPlan)
  const resultFile = join(folder, 'result.json')
  for (const needed of [file, resultFile]) {
    if (existsSync(needed)) continue
    throw new OperatorError(
      'file-not-found',
      `${folder} is no folder of a run: there is no ${needed}`,
      'Give the folder that the run named at its end, by default gauntlet-out/PLAN-TIME.',
    )
  }
  return { plan: { file, text: readText(file) }, seed: seedOf(resultFile) }
}

function seedOf(resultFile: string): number {
  const { seed } = parsed(resultFile)
  if (typeof seed === 'number' && Number.isInteger(seed)) return seed
  throw new OperatorError(
    'file-not-found',
    `${resultFile} names no seed`,
    'Give the folder of a run that came to its end.',
  )
}

function parsed(file: string): { seed?: unknown } {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { seed?: unknown }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new OperatorError(
      'file-not-found',
      `${file} is not JSON: ${error.message}`,
      'Give the folder of a run that came to its end.',
    )
  }
}
