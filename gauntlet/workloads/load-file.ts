// Values of generated records that stand in a file: one template a line, used in turn. The file is named from the
// folder of the plan.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import type { LoadPhase as PlannedPhase } from '../../proxy/plans/plan.ts'
import type { LoadPhase } from './load.ts'

const linesMax = 100_000

/** The phases of a plan with the lines of every file that one of them names. */
export function loadWithFiles(
  phases: readonly PlannedPhase[],
  planFile: string,
): Promise<LoadPhase[]> {
  return Promise.all(
    phases.map(async (phase): Promise<LoadPhase> => {
      if (phase.kind === 'wait' || phase.value?.endsWith('.ndjson') !== true) return phase
      return { ...phase, value: await templatesOf(resolve(dirname(planFile), phase.value)) }
    }),
  )
}

async function templatesOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new OperatorError(
      'file-not-found',
      `the values of the load cannot be read from ${file}: ${cause.code}`,
      'Name it in `load.value` from the folder of the plan.',
    )
  })
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length > 0 && lines.length <= linesMax) return lines
  throw new OperatorError(
    'wrong-plan',
    `${file} has ${lines.length} lines`,
    `Give it between 1 and ${linesMax} lines, each the value of a record.`,
  )
}
