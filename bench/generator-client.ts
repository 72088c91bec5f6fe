// The bench's hand on its load generator: commands go in, results come out, one at a time.
import { entryFile } from '../gauntlet/entry.ts'
import type {
  GeneratorCommand,
  GeneratorLine,
  LoadCommand,
  LoadResult,
  OpenCommand,
} from './commands.ts'
import { startLineProcess } from './line-process.ts'

export interface Generator {
  pid: number
  /** `mark` is called when the measured time begins and when it ends. */
  load(command: Omit<LoadCommand, 'do'>, mark: (at: 'begin' | 'end') => void): Promise<LoadResult>
  open(command: Omit<OpenCommand, 'do'>): Promise<void>
  close(): Promise<void>
  stop(): Promise<void>
}

export async function startGenerator(): Promise<Generator> {
  const file = entryFile('bench/generator.js')
  const child = await startLineProcess<GeneratorLine>('generator', process.execPath, [file])
  const perform = (command: GeneratorCommand, each?: (line: GeneratorLine) => void) =>
    child.perform(JSON.stringify(command), each)
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
    stop: child.stop,
  }
}
