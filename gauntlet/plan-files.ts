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

/** Names of the plans that come with the package, in the order of the alphabet. */
export function shippedPlans(): string[] {
  return readdirSync(shippedFolder())
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length))
    .sort()
}

export interface PlanFile {
  /** As problems name it. */
  file: string
  text: string
}

/** A path first; then the name of a shipped plan. */
export function readPlanFile(nameOrPath: string): PlanFile {
  if (existsSync(nameOrPath)) return { file: nameOrPath, text: readText(nameOrPath) }
  const shipped = shippedPlans()
  const name = nameOrPath.replace(/\.yaml$/, '')
  if (shipped.includes(name)) {
    const file = join(shippedFolder(), `${name}${extension}`)
    return { file, text: readText(file) }
  }
  const nearest = nearestWord(name, shipped)
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
