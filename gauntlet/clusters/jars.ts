// Kafka's jars for any version: from KAFKA_HOME if it is of that version, else by Maven into the cache.
// After the first time no Maven is started, and nothing needs the network.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import { runTool } from '../children.ts'
import { findMaven } from '../prerequisites.ts'
import { cacheDirectory, cachedDirectory, exists } from './cache.ts'
import { majorOf } from './kafka-version.ts'

/** A slow line may need minutes for some 50 MB; after this the download is given up. */
const mavenLimitMs = 15 * 60_000

const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
const libraryFolder = 'libs'
/** Listed before Kafka, so that Maven takes the rest of log4j in this version too. */
const log4jVersion = '2.25.4'
const log4j: Artifact = {
  group: 'org.apache.logging.log4j',
  name: 'log4j-slf4j-impl',
  version: log4jVersion,
}
/** kafka-clients asks for this generation of SLF4J in every version from 3.9 on. */
const slf4jVersion = '1.7.36'

/** Brokers before 4.0 call the first log4j by its own name; its successor of the same names brings it. */
const reload4j: Artifact = { group: 'org.slf4j', name: 'slf4j-reload4j', version: slf4jVersion }

interface Artifact {
  group: string
  name: string
  version: string
}

function pomOf(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map(
    ({ group, name, version }) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  )
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>eos-gauntlet</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${dependencies.join('\n')}
  </dependencies>
</project>
`
}

/** Versions end up in file names and in a POM, so nothing but a version may pass. */
function checkVersion(version: string): void {
  if (/^[0-9]+(\.[0-9]+){1,3}(-[A-Za-z0-9.]+)?$/.test(version)) return
  throw new OperatorError(
    'cluster-unavailable',
    `"${version}" is not a Kafka version.`,
    'Write a released version, such as 4.3.1.',
  )
}

/** What Maven said went wrong, without its own frame. */
function mavenComplaint(output: string): string {
  const line = output.split('\n').find((text) => text.includes('[ERROR]') && text.length > 12)
  return (line ?? 'no reason given').replace(/^.*\[ERROR\]\s*/, '').slice(0, 400)
}

async function fetchJars(
  what: string,
  artifacts: readonly Artifact[],
  into: string,
): Promise<void> {
  const maven = await findMaven()
  const pom = join(into, 'pom.xml')
  await writeFile(pom, pomOf(artifacts))
  const libraries = join(into, libraryFolder)
  await mkdir(libraries)
  const args = [
    '--batch-mode',
    '--quiet',
    '-Dstyle.color=never',
    '-f',
    pom,
    copyDependencies,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${libraries}`,
  ]
  const { code, stdout, stderr } = await runTool({
    name: 'maven',
    command: maven,
    args,
    limitMs: mavenLimitMs,
  })
  if (code === 0) return
  const unknown = /Could not find artifact/.test(stdout)
  throw new OperatorError(
    'cluster-unavailable',
    `Maven could not fetch ${what}: ${mavenComplaint(stdout || stderr)}`,
    unknown
      ? 'Use a version that is on Maven Central, such as 4.3.1.'
      : 'Check the network and the Maven settings, or point KAFKA_HOME at an unpacked Kafka.',
  )
}

/** The version of the Kafka that KAFKA_HOME points at, as its jars say. */
async function versionOfHome(home: string): Promise<string | undefined> {
  const libraries = join(home, libraryFolder)
  if (!(await exists(libraries))) return undefined
  for (const name of await readdir(libraries)) {
    const version = /^kafka-clients-(.+)\.jar$/.exec(name)?.[1]
    if (version !== undefined) return version
  }
  return undefined
}

async function homeOf(version: string): Promise<string | undefined> {
  const home = process.env.KAFKA_HOME
  if (home === undefined || home === '') return undefined
  return (await versionOfHome(home)) === version ? home : undefined
}

/** Jars in a fixed order: a class data archive is only good for the very same class path. */
async function jarsIn(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar')).sort()
  return names.map((name) => join(folder, name)).join(delimiter)
}

/** Where everything that belongs to one Kafka version is kept. */
export function versionCache(version: string): string {
  return join(cacheDirectory(), 'kafka', version)
}

/** Class path with Kafka's server (and all its tools and clients) of that version. */
export async function kafkaClasspath(version: string): Promise<string> {
  checkVersion(version)
  const home = await homeOf(version)
  if (home !== undefined) return jarsIn(join(home, libraryFolder))
  const directory = await cachedDirectory(join(versionCache(version), 'server'), (temporary) =>
    fetchJars(
      `Kafka ${version}`,
      [
        majorOf(version) < 4 ? reload4j : log4j,
        { group: 'org.apache.kafka', name: 'kafka_2.13', version },
      ],
      temporary,
    ),
  )
  return jarsIn(join(directory, libraryFolder))
}

/** Class path with Kafka's Java client alone, silent; its version is free of the cluster's. */
export async function clientClasspath(version: string): Promise<string> {
  checkVersion(version)
  const directory = await cachedDirectory(join(versionCache(version), 'client'), (temporary) =>
    fetchJars(
      `the Kafka client ${version}`,
      [
        { group: 'org.apache.kafka', name: 'kafka-clients', version },
        { group: 'org.slf4j', name: 'slf4j-nop', version: slf4jVersion },
      ],
      temporary,
    ),
  )
  return jarsIn(join(directory, libraryFolder))
}
