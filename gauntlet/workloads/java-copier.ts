// The Java copier made ready to run: compiled once per version of the client and of the compiler, packed into a jar,
// and with a class data archive beside it, which takes a third of the CPU time of its start away. Without an
// archive it starts all the same.
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { removeTemporaryFolder, temporaryFolder } from '../child-registry.ts'
import { runTool, spawnChild } from '../children.ts'
import { cachedDirectory, exists } from '../clusters/cache.ts'
import { clientClasspath, versionCache } from '../clusters/jars.ts'
import { releasePorts, reservePorts } from '../clusters/ports.ts'
import { packageRoot } from '../entry.ts'
import { findJdk } from '../prerequisites.ts'

const toolLimitMs = 120_000
/** Small and quick to start: a copier's JVM shares two cores with the brokers. */
const jvmFlags = ['-Xmx160m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] as const
const jarName = 'copier.jar'
const archiveName = 'copier.jsa'
/** How long the training copier waits for an answer that does not come. */
const trainingBlockMs = 1_000
const trainingLimitMs = 30_000
/** The archive is written while the JVM ends. */
const stopGraceMs = 60_000

export interface JavaCopier {
  java: string
  /** All arguments of `java`. */
  args: readonly string[]
}

const ready = new Map<string, Promise<JavaCopier>>()

/** The Java copier for a version of the client; the first call on a machine takes some seconds. */
export function javaCopier(clientVersion: string): Promise<JavaCopier> {
  let found = ready.get(clientVersion)
  if (found === undefined) {
    found = prepare(clientVersion)
    ready.set(clientVersion, found)
    // A failure may be mended (a JDK installed) before the next call.
    found.catch(() => ready.delete(clientVersion))
  }
  return found
}

async function prepare(clientVersion: string): Promise<JavaCopier> {
  const source = join(packageRoot(), 'gauntlet', 'workloads', 'java', 'JavaCopier.java')
  const jdk = await findJdk()
  const libraries = await clientClasspath(clientVersion)
  const { java, javac } = jdk
  if (javac === undefined) throw new Error('a JDK without javac')
  // An archive fits one Java, one class path and one collector only.
  const hash = createHash('sha256')
    .update(await readFile(source))
    .update(JSON.stringify([jdk.build, java, libraries, jvmFlags]))
    .digest('hex')
    .slice(0, 16)
  const compiled = await cachedDirectory(
    join(versionCache(clientVersion), `copier-${hash}`),
    (temporary) => compile({ javac, source, libraries, into: temporary }),
  )
  const classpath = [join(compiled, jarName), libraries].join(delimiter)
  const trained = await cachedDirectory(
    join(versionCache(clientVersion), `copier-classes-${hash}`),
    (temporary) => train({ java, classpath, archive: join(temporary, archiveName) }),
  )
  const archive = join(trained, archiveName)
  const shared = (await exists(archive)) ? [`-XX:SharedArchiveFile=${archive}`] : []
  return { java, args: [...jvmFlags, ...shared, '-cp', classpath, 'JavaCopier'] }
}

/** Into a jar, because an archive does not take classes from a folder. */
async function compile(parts: {
  javac: string
  source: string
  libraries: string
  into: string
}): Promise<void> {
  const { javac, source, libraries, into } = parts
  const classes = join(into, 'classes')
  await mkdir(classes)
  await runOrThrow('javac', javac, ['-nowarn', '-d', classes, '-cp', libraries, source])
  const jar = join(dirname(javac), 'jar')
  await runOrThrow('jar', jar, ['--create', '--file', join(into, jarName), '-C', classes, '.'])
}

async function runOrThrow(name: string, command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runTool({ name, command, args, limitMs: toolLimitMs })
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr || stdout}`)
}

/** Lets a copier try to reach brokers where there are none: that loads most of what it needs. */
async function train(parts: { java: string; classpath: string; archive: string }): Promise<void> {
  const { java, classpath, archive } = parts
  const folder = await temporaryFolder('copier-classes')
  const ports = await reservePorts(1)
  try {
    let hasTried: () => void = () => undefined
    const tried = new Promise<void>((resolve) => {
      hasTried = resolve
    })
    const copier = await spawnChild({
      name: 'copier-classes',
      command: java,
      args: [...jvmFlags, `-XX:ArchiveClassesAtExit=${archive}`, '-cp', classpath, 'JavaCopier'],
      cwd: folder,
      env: {
        JAVA_TOOL_OPTIONS: undefined,
        KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${ports[0]}`,
        GAUNTLET_INPUT: 'input',
        GAUNTLET_OUTPUT: 'output',
        GAUNTLET_GROUP: 'training',
        GAUNTLET_TRANSACTIONAL_ID: 'training',
        GAUNTLET_JOURNAL: join(folder, 'journal.ndjson'),
        GAUNTLET_BLOCK_MS: String(trainingBlockMs),
      },
      output: {
        onLine(line) {
          if (line.includes(' initialising: ')) hasTried()
        },
      },
    })
    const limit = setTimeout(hasTried, trainingLimitMs)
    await Promise.race([tried, copier.exited])
    clearTimeout(limit)
    // A Java that cannot archive leaves no file; the empty entry keeps us from asking again.
    await copier.stop(stopGraceMs)
  } finally {
    await releasePorts(ports)
    await removeTemporaryFolder(folder)
  }
}
