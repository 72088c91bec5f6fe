// `--github`: annotations on the standard output, where the runner of GitHub Actions reads them, and the job's summary
// into the file that it names.
import { appendFileSync, existsSync, statSync } from 'node:fs'
import { isAbsolute, relative, sep } from 'node:path'
import type { Plan } from '../../proxy/plans/plan.ts'
import { placeFlaws, readSource } from '../../proxy/plans/plan-source.ts'
import { readPlanFile } from '../plan-files.ts'
import {
  annotations,
  type GithubRun,
  jobSummary,
  type PlanLine,
  summaryBytesMax,
} from '../reports/github.ts'
import type { Output } from '../reports/output.ts'

export function tellGithub(
  runs: readonly GithubRun[],
  output: Output,
  summaryFile: string | undefined = process.env.GITHUB_STEP_SUMMARY,
): void {
  for (const line of annotations(runs)) output.write(`${line}\n`)
  if (summaryFile === undefined || summaryFile === '') {
    output.writeError('  --github: GITHUB_STEP_SUMMARY names no file, so there is no summary\n')
    return
  }
  const usedBytes = existsSync(summaryFile) ? statSync(summaryFile).size : 0
  appendFileSync(summaryFile, jobSummary(runs, summaryBytesMax - usedBytes))
}

/** Where the plan's file speaks of a fault, else of what it expects, else its first line. */
export function planLines(
  plan: Pick<Plan, 'file' | 'faults'>,
  root: string = process.env.GITHUB_WORKSPACE ?? process.cwd(),
): (fault: string | undefined) => PlanLine | undefined {
  const file = relative(root, plan.file)
  // GitHub cannot show a line of a file that is not in the checkout, such as a plan of the package.
  const isOutside = file.startsWith('..') || isAbsolute(file)
  const isInstalled = file.split(sep).includes('node_modules')
  if (isOutside || isInstalled || !existsSync(plan.file)) return () => undefined
  const read = readSource(readPlanFile(plan.file).text, plan.file)
  return (fault) => {
    const top = { file: file.split(sep).join('/'), line: 1, column: 1 }
    if ('problems' in read) return top
    const index = plan.faults.findIndex(({ name }) => name === fault)
    const path = index < 0 ? ['expect'] : ['faults', index]
    const [place] = placeFlaws(read.source, [{ path, at: 'key', message: '' }])
    return place === undefined ? top : { ...top, line: place.line, column: place.column }
  }
}
