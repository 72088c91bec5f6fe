// A third client library for tests: librdkafka by its Python package, in an environment of the test's own. Where
// Python or the package index cannot be had it says so; with GAUNTLET_THIRD_CLIENT set that is a failure.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../../gauntlet/children.ts'
import { findProgram } from '../../gauntlet/prerequisites.ts'

const wanted = 'confluent-kafka==2.16.1'
const installLimitMs = 120_000
const runLimitMs = 60_000

export interface ThirdClient {
  /** Runs a program in Python; what it prints. */
  run(program: string, ...args: string[]): Promise<string>
  close(): Promise<void>
}

function cannot(why: string): undefined {
  const text = `the third client (${wanted}, for Python 3) was not run: ${why}`
  if (process.env.GAUNTLET_THIRD_CLIENT !== undefined) throw new Error(text)
  console.warn(text)
  return undefined
}

export async function installThirdClient(): Promise<ThirdClient | undefined> {
  const python = await findProgram('python3')
  if (python === undefined) return cannot('there is no python3')
  const folder = await mkdtemp(join(tmpdir(), 'gauntlet-third-client-'))
  const program = join(folder, 'bin', 'python')
  const close = () => rm(folder, { recursive: true, force: true })
  const steps: Array<[string, string[]]> = [
    [python, ['-m', 'venv', folder]],
    [program, ['-m', 'pip', 'install', '-q', '--only-binary', ':all:', wanted]],
  ]
  for (const [command, args] of steps) {
    const { code, stderr } = await runTool({
      name: 'python',
      command,
      args,
      limitMs: installLimitMs,
    })
    if (code === 0) continue
    await close()
    return cannot(`it could not be installed (${stderr.trim().split('\n').at(-1)})`)
  }
  return {
    async run(text, ...args) {
      const { code, stdout, stderr } = await runTool({
        name: 'third-client',
        command: program,
        args: ['-c', text, ...args],
        limitMs: runLimitMs,
      })
      if (code !== 0) throw new Error(`the third client failed: ${stderr}`)
      return stdout
    },
    close,
  }
}
