// What the machine must have before a run can start: Node, Java, and Maven where jars are not there yet.
// Each missing thing is one OperatorError with one sentence that names what to install.
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { OperatorError } from '../proxy/errors.ts'

const run = promisify(execFile)

const leastNode = { major: 20, minor: 19 } as const
const leastJavaMajor = 17
/** Even a starved machine prints a version in this time. */
const versionTimeoutMs = 30_000

export interface Java {
  /** The `java` program. */
  java: string
  /** The compiler beside it; a runtime without one cannot start source files. */
  javac?: string
  /** As Java prints it, e.g. `17.0.15`. */
  version: string
  /** Version, vendor and build: what a class data archive depends on. */
  build: string
}

/** Where programs are looked for; the process's own environment unless a test says otherwise. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Refuses a Node that is too old. */
export function checkNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > leastNode.major || (major === leastNode.major && minor >= leastNode.minor)) return
  throw new OperatorError(
    'missing-prerequisite',
    `Node ${version} is too old.`,
    `Install Node ${leastNode.major}.${leastNode.minor} or later.`,
  )
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The first program of that name on PATH. */
export async function findProgram(
  name: string,
  environment: Environment = process.env,
): Promise<string | undefined> {
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    if (folder === '') continue
    const file = join(folder, name)
    if (await isProgram(file)) return file
  }
  return undefined
}

/** Reads `java -version`, which goes to standard error. */
export function parseJavaVersion(text: string): { version: string; major: number } | undefined {
  const version = /version "([^"]+)"/.exec(text)?.[1]
  if (version === undefined) return undefined
  const parts = version.split(/[._-]/).map(Number)
  // Java 8 calls itself 1.8.
  const major = parts[0] === 1 ? parts[1] : parts[0]
  return major === undefined || Number.isNaN(major) ? undefined : { version, major }
}

const javaRemedy = `Install a JDK of version ${leastJavaMajor} or later and point JAVA_HOME at it, or put it on PATH.`

/** Java of JAVA_HOME, else of PATH; asked once per process and environment. */
export async function findJava(environment: Environment = process.env): Promise<Java> {
  const home = environment.JAVA_HOME
  const java =
    home !== undefined && home !== ''
      ? join(home, 'bin', 'java')
      : await findProgram('java', environment)
  if (java === undefined || !(await isProgram(java))) {
    const where = java === undefined ? 'on PATH' : `at JAVA_HOME (${home})`
    throw new OperatorError('missing-prerequisite', `No Java was found ${where}.`, javaRemedy)
  }
  const printed = await run(java, ['-version'], { timeout: versionTimeoutMs })
  const found = parseJavaVersion(printed.stderr)
  if (found === undefined || found.major < leastJavaMajor) {
    const what = found === undefined ? 'does not say its version' : `is version ${found.version}`
    throw new OperatorError('missing-prerequisite', `The Java at ${java} ${what}.`, javaRemedy)
  }
  const javac =
    home !== undefined && home !== ''
      ? join(home, 'bin', 'javac')
      : await findProgram('javac', environment)
  return {
    java,
    ...(javac !== undefined && (await isProgram(javac)) ? { javac } : {}),
    version: found.version,
    build: printed.stderr.trim(),
  }
}

/** Java with its compiler: what runs our Java source files. */
export async function findJdk(environment: Environment = process.env): Promise<Java> {
  const found = await findJava(environment)
  if (found.javac !== undefined) return found
  throw new OperatorError(
    'missing-prerequisite',
    `The Java at ${found.java} is a runtime without a compiler.`,
    javaRemedy,
  )
}

/** Maven, needed only as long as Kafka's jars are not in the cache. */
export async function findMaven(environment: Environment = process.env): Promise<string> {
  const home = environment.MAVEN_HOME
  if (home !== undefined && home !== '') {
    const ofHome = join(home, 'bin', 'mvn')
    if (await isProgram(ofHome)) return ofHome
  }
  const found = await findProgram('mvn', environment)
  if (found !== undefined) return found
  throw new OperatorError(
    'missing-prerequisite',
    "Kafka's jars are not in the cache, and no Maven was found on PATH to fetch them.",
    'Install Maven 3.6 or later, or point KAFKA_HOME at an unpacked Kafka of the same version.',
  )
}
