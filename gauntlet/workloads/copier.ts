// How the copiers are run: the kafkajs one by our own Node, the Java one by the JDK, compiled once per version
// of the client and of the compiler.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { cachedDirectory } from '../clusters/cache.ts'
import { clientClasspath, versionCache } from '../clusters/jars.ts'
import { entryFile, packageRoot } from '../entry.ts'
import { findJdk } from '../prerequisites.ts'
import { type CopierSpec, copierEnvironment, instanceEnvironment } from './copier-settings.ts'
import type { Program } from './program.ts'
import type { InstanceSetup } from './workload.ts'

/** The newest that the wire facts were checked with. */
export const defaultClientVersion = '4.3.1'
const compileLimitMs = 120_000
/** Small and quick to start: a copier's JVM shares two cores with the brokers. */
const jvmFlags = ['-Xmx160m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] as const
const ready = /^\S+ ready$/

export async function copierProgram(
  spec: CopierSpec,
  setup: InstanceSetup,
  seed: number,
): Promise<Program> {
  const env = {
    ...instanceEnvironment(setup),
    ...copierEnvironment(spec, setup, seed),
    // Kafkajs has other retry settings under test than anywhere else.
    NODE_ENV: undefined,
  }
  switch (spec.client) {
    case 'kafkajs':
      return {
        command: process.execPath,
        args: [entryFile('gauntlet/workloads/kafkajs-copier.js')],
        env,
        ready,
      }
    case 'java': {
      const { java, classpath } = await compiledJavaCopier(
        spec.clientVersion ?? defaultClientVersion,
      )
      return { command: java, args: [...jvmFlags, '-cp', classpath, 'JavaCopier'], env, ready }
    }
  }
}

interface CompiledCopier {
  java: string
  classpath: string
}

const compiled = new Map<string, Promise<CompiledCopier>>()

/** The Java copier for a version of the client, compiled at the first call on this machine. */
export function compiledJavaCopier(clientVersion: string): Promise<CompiledCopier> {
  let found = compiled.get(clientVersion)
  if (found === undefined) {
    found = compile(clientVersion)
    compiled.set(clientVersion, found)
    // A failure may be mended (a JDK installed) before the next call.
    found.catch(() => compiled.delete(clientVersion))
  }
  return found
}

async function compile(clientVersion: string): Promise<CompiledCopier> {
  const source = join(packageRoot(), 'gauntlet', 'workloads', 'java', 'JavaCopier.java')
  const jdk = await findJdk()
  const classpath = await clientClasspath(clientVersion)
  const hash = createHash('sha256')
    .update(await readFile(source))
    .update(jdk.build)
    .digest('hex')
    .slice(0, 16)
  const { javac } = jdk
  if (javac === undefined) throw new Error('a JDK without javac')
  const directory = await cachedDirectory(
    join(versionCache(clientVersion), `copier-${hash}`),
    async (temporary) => {
      await promisify(execFile)(javac, ['-nowarn', '-d', temporary, '-cp', classpath, source], {
        timeout: compileLimitMs,
      })
    },
  )
  return { java: jdk.java, classpath: [directory, classpath].join(delimiter) }
}
