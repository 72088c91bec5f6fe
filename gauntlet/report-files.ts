// report.html in the folder of a run or a suite: written at its end, and again whenever somebody asks, from what lies there.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../proxy/errors.ts'
import { type History, openHistory } from '../validators/history.ts'
import type { RunResult } from '../validators/result.ts'
import { quoted } from './commands/flags.ts'
import { historyName, resultName } from './judge-history.ts'
import { keptPlanText } from './plan-files.ts'
import { runReport } from './reports/html/run-report.ts'
import { suiteReport } from './reports/html/suite-report.ts'
import type { SuiteResult } from './suite/suite-result.ts'

export const reportName = 'report.html'
export const suiteName = 'suite.json'

/** Gives the path of the page. */
export function writeRunReport(folder: string, history: History, result: RunResult): string {
  const planText = keptPlanText(folder)
  const commands = [
    ...(planText === undefined
      ? []
      : [
          {
            does: 'The same run again, with its plan and its seed:',
            line: `gauntlet replay ${quoted(folder)}`,
          },
        ]),
    {
      does: 'The same judgement again, without a cluster:',
      line: `gauntlet verify ${quoted(folder)}`,
    },
  ]
  const file = join(folder, reportName)
  writeFileSync(file, runReport({ result, history, planText, commands }))
  return file
}

/** The page of a suite, with links to those of its runs that have one. Gives its path. */
export function writeSuiteReport(folder: string, suite: SuiteResult): string {
  const pages = new Set(
    suite.entries.map(({ run }) => run).filter((run) => existsSync(join(folder, run, reportName))),
  )
  const file = join(folder, reportName)
  writeFileSync(file, suiteReport(suite, pages))
  return file
}

/** Writes the page of a finished run or suite again, from what its folder holds. */
export function rewriteReport(folder: string): string {
  const suiteFile = join(folder, suiteName)
  if (!existsSync(suiteFile)) return rewriteRunReport(folder)
  const suite = parsed<SuiteResult>(readFileSync(suiteFile, 'utf8'), suiteFile)
  for (const { run } of suite.entries) {
    const own = join(folder, run)
    if (existsSync(join(own, resultName))) rewriteRunReport(own)
  }
  return writeSuiteReport(folder, suite)
}

function rewriteRunReport(folder: string): string {
  const resultFile = join(folder, resultName)
  const historyFile = join(folder, historyName)
  for (const needed of [resultFile, historyFile]) {
    if (existsSync(needed)) continue
    throw new OperatorError(
      'file-not-found',
      `${folder} is no folder of a run or a suite: there is no ${needed}`,
      'Give the folder that the run named at its end, by default gauntlet-out/PLAN-TIME.',
    )
  }
  const text = readFileSync(resultFile, 'utf8')
  return writeRunReport(folder, openHistory(historyFile), parsed<RunResult>(text, resultFile))
}

function parsed<Value>(text: string, file: string): Value {
  try {
    return JSON.parse(text) as Value
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new OperatorError(
      'file-not-found',
      `${file} is not JSON: ${cause.message}`,
      'Give the folder of a run that came to its end; `gauntlet verify` judges a history again.',
    )
  }
}
