// A child that takes a job a line and answers with lines of JSON: the load generator, and the Java producer.
import { spawnChild } from '../gauntlet/children.ts'

/** Every job's answer ends with `done`, or with `failed` and a reason. */
export interface Line {
  at: string
}

export interface LineProcess<Answer extends Line> {
  pid: number
  /** Sends a job and resolves at its `done`; `each` is shown every line before that. */
  perform(job: string, each?: (line: Answer) => void): Promise<void>
  stop(): Promise<void>
}

/** Resolves when the child has said that it is ready. */
export async function startLineProcess<Answer extends Line>(
  name: string,
  command: string,
  args: readonly string[],
): Promise<LineProcess<Answer>> {
  let hear: (line: Answer) => void = () => undefined
  let fail: (cause: Error) => void = () => undefined
  const child = await spawnChild({
    name,
    command,
    args,
    output: {
      onLine(line, stream) {
        if (stream === 'stderr') process.stderr.write(`${name}: ${line}\n`)
        else hear(JSON.parse(line) as Answer)
      },
    },
  })
  void child.exited.then(({ code }) => fail(new Error(`${name} ended with ${code}`)))

  function until(last: string, each: (line: Answer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      fail = reject
      hear = (line) => {
        each(line)
        if (line.at === 'failed') reject(new Error(`${name}: ${JSON.stringify(line)}`))
        else if (line.at === last) resolve()
      }
    })
  }

  await until('ready', () => undefined)
  return {
    pid: child.pid,
    async perform(job, each = () => undefined) {
      const done = until('done', each)
      child.stdin.write(`${job}\n`)
      await done
    },
    stop: async () => void (await child.kill()),
  }
}
