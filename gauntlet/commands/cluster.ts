// `gauntlet cluster up | down | status`: real brokers on this machine that stay until they are taken down.
import { exitCodes } from '../../proxy/errors.ts'
import { brokersDefault, kafkaVersionDefault } from '../../proxy/plans/plan.ts'
import { brokersMax } from '../../proxy/plans/plan-schema.ts'
import {
  type CommandContext,
  chosenWord,
  type RawOptions,
  text,
  texts,
  usageError,
  wholeNumber,
} from './flags.ts'

export const clusterActions = ['up', 'down', 'status'] as const
type Action = (typeof clusterActions)[number]

export async function clusterCommand(
  given: string,
  options: RawOptions,
  context: CommandContext,
): Promise<number> {
  const action = chosenWord('cluster action', given, clusterActions)
  return await actions[action](options, context)
}

const actions: Record<Action, (options: RawOptions, context: CommandContext) => Promise<number>> = {
  up: bringUp,
  down: takeDown,
  status: tellStatus,
}

function nameOf(options: RawOptions): { name?: string } {
  return options.name === undefined ? {} : { name: text('--name', options.name) }
}

async function bringUp(options: RawOptions, { output }: CommandContext): Promise<number> {
  const { clusterUp } = await import('../clusters/standing.ts')
  const brokers =
    options.brokers === undefined
      ? brokersDefault
      : wholeNumber('--brokers', options.brokers, brokersMax)
  const cluster = await clusterUp({
    ...nameOf(options),
    spec: {
      version: options.kafka === undefined ? kafkaVersionDefault : text('--kafka', options.kafka),
      brokers,
      features: featureLevels(texts(options.feature)),
      config: {},
    },
    onLog: (line) => output.writeError(`  ${line}\n`),
  })
  output.write(`Kafka ${cluster.version} is up at ${cluster.bootstrap.join(',')}\n`)
  output.write(`Take it down: gauntlet cluster down${suffix(options)}\n`)
  return exitCodes.asExpected
}

const suffix = (options: RawOptions) =>
  options.name === undefined ? '' : ` --name ${String(options.name)}`

/** `--feature transaction.version=1` */
function featureLevels(given: readonly string[]): Record<string, number> {
  const entries = given.map((entry) => {
    const match = /^([a-z.]+)=([0-9]+)$/.exec(entry)
    if (match === null) {
      throw usageError(`--feature ${entry} is no feature level`, 'Write FEATURE=LEVEL.')
    }
    return [match[1], Number(match[2])]
  })
  return Object.fromEntries(entries) as Record<string, number>
}

async function takeDown(options: RawOptions, { output }: CommandContext): Promise<number> {
  const { clusterDown } = await import('../clusters/standing.ts')
  const { name } = nameOf(options)
  const wasUp = await clusterDown(name)
  output.write(wasUp ? 'The cluster is down and its data is gone.\n' : 'No cluster was up.\n')
  return exitCodes.asExpected
}

async function tellStatus(options: RawOptions, { output }: CommandContext): Promise<number> {
  const { clusterStatus } = await import('../clusters/standing.ts')
  const { name } = nameOf(options)
  const all = await clusterStatus(name)
  if (options.json === true) {
    output.write(`${JSON.stringify(all, null, 2)}\n`)
  } else if (all.length === 0) {
    output.write('No cluster is up.\n')
  }
  if (options.json !== true) {
    for (const { cluster, alive } of all) {
      const state = `${alive.length} of ${cluster.brokers.length} brokers answer`
      output.write(`${cluster.name}  Kafka ${cluster.version}  ${state}\n`)
      output.write(`  bootstrap ${cluster.bootstrap.join(',')}\n  log ${cluster.logFile}\n`)
    }
  }
  const isUp =
    all.length > 0 && all.every(({ cluster, alive }) => alive.length === cluster.brokers.length)
  return isUp ? exitCodes.asExpected : exitCodes.unavailable
}
