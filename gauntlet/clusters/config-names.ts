// Whether a broker setting exists in that Kafka version. Kafka ignores names that it does not know, so a
// slip of the pen in a plan would quietly test something else than was meant.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import { nearestWord } from '../../proxy/plans/nearest.ts'
import { runTool } from '../children.ts'
import { packageRoot } from '../entry.ts'
import type { Java } from '../prerequisites.ts'
import { cachedDirectory } from './cache.ts'
import { kafkaClasspath, versionCache } from './jars.ts'

const listLimitMs = 60_000
const namesFile = 'names.txt'

/** Settings of plug-ins and of single listeners have names of their own making. */
const freePrefixes = ['listener.name.', 'config.providers.', 'metrics.jmx.', 'plugin.']
/** Read by the standard authorizer, which keeps no list. */
const authorizerNames = ['super.users', 'allow.everyone.if.no.acl.found']

async function knownNames(java: Java, version: string): Promise<string[]> {
  const folder = await cachedDirectory(
    join(versionCache(version), 'config-names'),
    async (temporary) => {
      const { code, stdout, stderr } = await runTool({
        name: 'config-names',
        command: java.java,
        args: [
          '-XX:TieredStopAtLevel=1',
          '-cp',
          await kafkaClasspath(version),
          join(packageRoot(), 'gauntlet/clusters/embedded/ConfigNames.java'),
        ],
        limitMs: listLimitMs,
      })
      if (code !== 0) throw new Error(`the names of broker settings could not be read: ${stderr}`)
      await writeFile(join(temporary, namesFile), stdout)
    },
  )
  const text = await readFile(join(folder, namesFile), 'utf8')
  return text.split('\n').filter((name) => name !== '')
}

/** Refuses the first setting that this Kafka version does not know. */
export async function checkConfigNames(
  java: Java,
  version: string,
  config: Readonly<Record<string, unknown>>,
): Promise<void> {
  const given = Object.keys(config).filter(
    (name) =>
      !authorizerNames.includes(name) && !freePrefixes.some((prefix) => name.startsWith(prefix)),
  )
  // Without settings there is nothing to compare; without a compiler there is nothing to compare with.
  if (given.length === 0 || java.javac === undefined) return
  const known = await knownNames(java, version)
  const unknown = given.find((name) => !known.includes(name))
  if (unknown === undefined) return
  const nearest = nearestWord(unknown, known)
  throw new OperatorError(
    'cluster-unavailable',
    `Brokers of Kafka ${version} have no setting ${unknown}.`,
    nearest === undefined ? 'Remove it from the plan.' : `Did you mean ${nearest}?`,
  )
}
