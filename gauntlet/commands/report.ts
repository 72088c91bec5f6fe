// `gauntlet report DIR`: the page of a finished run or suite again, from what its folder holds; and opened, if that is wanted.
import { spawn } from 'node:child_process'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import { rewriteReport } from '../report-files.ts'
import type { CommandContext, RawOptions } from './flags.ts'

export async function reportCommand(
  folder: string,
  options: RawOptions,
  { output }: CommandContext,
): Promise<number> {
  const file = rewriteReport(folder)
  output.write(`${file}\n`)
  if (options.open === true) await openInBrowser(file)
  return exitCodes.asExpected
}

/** The program by which each system opens a file. */
const openers: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

async function openInBrowser(file: string): Promise<void> {
  const [program = 'xdg-open', ...words] = openers[process.platform] ?? ['xdg-open']
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, [...words, file], { stdio: 'ignore', detached: true })
    child.once('error', (cause) => {
      reject(
        new OperatorError(
          'missing-prerequisite',
          `the page cannot be opened with ${program}: ${cause.message}`,
          `Open ${file} yourself.`,
        ),
      )
    })
    child.once('spawn', () => {
      child.unref()
      resolve()
    })
  })
}
