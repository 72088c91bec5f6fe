// From the file of a history to its result, and from the result to the bytes on disk: the one way that a run and
// `gauntlet verify` share, so that the same history gives the same result.json whenever it is judged.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type History, openHistory } from '../validators/history.ts'
import { junitOf } from '../validators/junit.ts'
import { type RunResult, resultOf } from '../validators/result.ts'
import { judge } from '../validators/verdict.ts'

export const historyName = 'history.ndjson'
export const resultName = 'result.json'

export interface Judged {
  history: History
  result: RunResult
}

export function judgeWithHistory(file: string): Judged {
  const history = openHistory(file)
  return { history, result: resultOf(history, judge(history)) }
}

export function judgeHistory(file: string): RunResult {
  return judgeWithHistory(file).result
}

/** The very bytes of result.json. */
export function resultText(result: RunResult): string {
  return `${JSON.stringify(result, undefined, 2)}\n`
}

export async function writeResult(folder: string, result: RunResult): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, resultName), resultText(result))
  await writeFile(join(folder, 'junit.xml'), junitOf([result]))
}
