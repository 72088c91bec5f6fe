// The bench's hand on its load generator: commands go in, results come out, one at a time.

import { spawnChild } from '../gauntlet/children.ts'
import { entryFile } from '../gauntlet/entry.ts'
import type {
  GeneratorCommand,
  GeneratorLine,
  LoadCommand,
  LoadResult,
  OpenCommand,
} from './commands.ts'

export interface Generator {
  pid: number
  /** `mark` is called when the measured time begins and when it ends. */
  load(command: Omit<LoadCommand, 'do'>, mark: (at: 'begin' | 'end') => void): Promise<LoadResult>
  open(command: Omit<OpenCommand, 'do'>): Promise<void>
  close(): Promise<void>
  stop(): Promise<void>
}

export async function startGenerator(): Promise<Generator> {
  let hear: (line: GeneratorLine) => void = () => undefined
  let end: (cause: Error) => void = () => undefined
  const child = await spawnChild({
    name: 'generator',
    command: process.execPath,
    args: [entryFile('bench/generator.js')],
    output: {
      onLine(line, stream) {
        if (stream === 'stderr') process.stderr.write(`generator: ${line}\n`)
        else hear(JSON.parse(line) as GeneratorLine)
      },
    },
  })
  void child.exited.then(({ code }) => end(new Error(`the load generator ended with ${code}`)))

  function until(
    last: GeneratorLine['at'],
    each: (line: GeneratorLine) => void = () => undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      end = reject
      hear = (line) => {
        each(line)
        if (line.at === 'failed') reject(new Error(line.message))
        else if (line.at === last) resolve()
      }
    })
  }
  async function perform(
    command: GeneratorCommand,
    each?: (line: GeneratorLine) => void,
  ): Promise<void> {
    const done = until('done', each)
    child.stdin.write(`${JSON.stringify(command)}\n`)
    await done
  }

  await until('ready')
  return {
    pid: child.pid,
    async load(command, mark) {
      let result: LoadResult | undefined
      await perform({ do: 'load', ...command }, (line) => {
        if (line.at === 'begin' || line.at === 'end') mark(line.at)
        else if (line.at === 'result') result = line
      })
      if (result === undefined) throw new Error('the load generator gave no result')
      return result
    },
    open: (command) => perform({ do: 'open', ...command }),
    close: () => perform({ do: 'close' }),
    stop: async () => void (await child.kill()),
  }
}
