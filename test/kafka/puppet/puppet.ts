// A Java client in a process of its own that does one call after the other as a test says (KafkaPuppet.java).
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, runTool, spawnChild } from '../../../gauntlet/children.ts'
import { cachedDirectory } from '../../../gauntlet/clusters/cache.ts'
import { clientClasspath, versionCache } from '../../../gauntlet/clusters/jars.ts'
import { findJdk } from '../../../gauntlet/prerequisites.ts'

const source = fileURLToPath(new URL('./KafkaPuppet.java', import.meta.url))
const compileLimitMs = 120_000
const jvmFlags = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** The library threw. */
export class PuppetError extends Error {
  /** The exception's class without its package. */
  readonly thrown: string

  constructor(thrown: string, message: string) {
    super(`${thrown}: ${message}`)
    this.thrown = thrown
  }
}

export interface Puppet {
  child: Child
  /** One call; its values, or a PuppetError. Calls are done one after the other. */
  call(...words: string[]): Promise<string>
  /** Creates a client: `producer` or `consumer`. */
  create(
    kind: 'producer' | 'consumer',
    name: string,
    settings: Record<string, string | number | boolean>,
  ): Promise<void>
  stop(): Promise<void>
}

async function compiled(clientVersion: string): Promise<{ java: string; classpath: string }> {
  const jdk = await findJdk()
  const classpath = await clientClasspath(clientVersion)
  const { javac } = jdk
  if (javac === undefined) throw new Error('a JDK without javac')
  const hash = createHash('sha256')
    .update(await readFile(source))
    .update(jdk.build)
    .digest('hex')
  const directory = await cachedDirectory(
    join(versionCache(clientVersion), `puppet-${hash.slice(0, 16)}`),
    async (temporary) => {
      const { code, stderr } = await runTool({
        name: 'javac',
        command: javac,
        args: ['-nowarn', '-d', temporary, '-cp', classpath, source],
        limitMs: compileLimitMs,
      })
      if (code !== 0) throw new Error(`the puppet does not compile: ${stderr}`)
    },
  )
  return { java: jdk.java, classpath: [directory, classpath].join(delimiter) }
}

export async function startPuppet(clientVersion = '4.3.1'): Promise<Puppet> {
  const { java, classpath } = await compiled(clientVersion)
  const waiting: Array<{ resolve: (text: string) => void; reject: (cause: Error) => void }> = []
  const complaints: string[] = []
  const child = await spawnChild({
    name: 'puppet',
    command: java,
    args: [...jvmFlags, '-cp', classpath, 'KafkaPuppet'],
    output: {
      onLine(line, stream) {
        if (stream === 'stderr') {
          complaints.push(line)
          return
        }
        const next = waiting.shift()
        const [state, first = '', second = ''] = line.split('\t')
        if (state === 'OK') next?.resolve(first)
        else next?.reject(new PuppetError(first, second))
      },
    },
  })
  void child.exited.then(() => {
    for (const next of waiting.splice(0)) {
      next.reject(new Error(`the puppet has ended: ${complaints.join('\n')}`))
    }
  })
  function call(...words: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
      child.stdin.write(`${words.join('\t')}\n`)
    })
  }
  return {
    child,
    call,
    async create(kind, name, settings) {
      await call(
        kind,
        name,
        ...Object.entries(settings).map(([setting, value]) => `${setting}=${value}`),
      )
    },
    stop: async () => void (await child.kill()),
  }
}
