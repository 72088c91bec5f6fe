// `gauntlet proxy`: the proxy alone in front of a cluster, with the faults of a plan armed, until Ctrl-C.
import { exitCodes } from '../../proxy/errors.ts'
import type { Firing, ProxyEvent } from '../../proxy/events.ts'
import type { ProxyPlan } from '../../proxy/plans/plan.ts'
import { readProxyPlan } from '../../proxy/plans/read-plan.ts'
import { readPlanFile } from '../plan-files.ts'
import {
  type CommandContext,
  type RawOptions,
  randomSeed,
  text,
  texts,
  usageError,
} from './flags.ts'
import { refusePlans } from './load-plans.ts'

const portMax = 65_535
const listenDefault = '127.0.0.1:19092'

interface HostAndPort {
  host: string
  port: number
}

export async function proxyCommand(options: RawOptions, context: CommandContext): Promise<number> {
  if (options.bootstrap === undefined) {
    throw usageError(
      'there is no cluster to stand in front of',
      'Name its brokers: --bootstrap HOST:PORT,HOST:PORT.',
    )
  }
  const bootstrap = texts(options.bootstrap)
    .flatMap((list) => list.split(','))
    .map((given) => address('--bootstrap', given))
  const listen = address('--listen', text('--listen', options.listen ?? listenDefault))
  const read = readRules(options)
  if ('problems' in read) return refusePlans(read.problems, context.output)
  const { plan } = read
  const { output, signal } = context
  const { runProxy } = await import('../standalone-proxy.ts')
  await runProxy(
    {
      bootstrap,
      listen,
      ...(options.advertisedHost === undefined
        ? {}
        : { advertisedHost: text('--advertised-host', options.advertisedHost) }),
      advertise: plan.advertise,
      topicAliases: plan.topicAliases,
      faults: plan.faults,
      seed: plan.seed,
      onEvents(events) {
        for (const event of events) {
          const line = eventLine(event, options.verbose === true)
          if (line !== undefined) output.write(`${line}\n`)
        }
      },
    },
    signal,
    ({ host, port }) => {
      const armed = plan.faults.map(({ name }) => name).join(', ')
      output.write(`Proxy ${host}:${port}   seed ${plan.seed}\n`)
      output.write(`Faults armed: ${armed === '' ? 'none' : armed}\n`)
      output.write(`Check: kcat -b ${host}:${port} -L\n`)
    },
  )
  // There is no other way to end it, so ending it is no accident.
  return exitCodes.asExpected
}

function readRules(options: RawOptions): ReturnType<typeof readProxyPlan> {
  const seed = options.seed === undefined ? [] : [`seed=${String(options.seed)}`]
  const set = [...texts(options.set), ...seed]
  const file =
    options.plan === undefined
      ? { file: 'the proxy’s rules', text: '{}' }
      : readPlanFile(text('--plan', options.plan))
  const read = readProxyPlan(file.text, file.file, { set, seedDefault: randomSeed() })
  if ('problems' in read || options.advertise === undefined) return read
  return { plan: { ...read.plan, advertise: levels(texts(options.advertise), read.plan) } }
}

/** `--advertise transaction.version=1` on top of the plan's. */
function levels(given: readonly string[], plan: ProxyPlan): Record<string, number> {
  const all = { ...plan.advertise }
  for (const entry of given) {
    const match = /^([a-z.]+)=([0-9]+)$/.exec(entry)
    if (match === null) {
      throw usageError(`--advertise ${entry} is no feature level`, 'Write FEATURE=LEVEL.')
    }
    all[match[1] ?? ''] = Number(match[2])
  }
  return all
}

function address(flag: string, given: string): HostAndPort {
  const match = /^([^\s:]+):([0-9]{1,5})$/.exec(given)
  const port = Number(match?.[2])
  if (match === null || port > portMax) {
    throw usageError(`${flag} ${given} is no address`, 'Write HOST:PORT.')
  }
  return { host: match[1] ?? '', port }
}

function firingText({ number, exchange, effect, brokerAnswer }: Firing): string {
  const by =
    exchange === undefined ? '' : ` on ${exchange.api} of ${exchange.clientId ?? 'a client'}`
  const what = effect === undefined ? '' : `: ${effect}`
  const answer = brokerAnswer === undefined ? '' : ` (the broker answered ${brokerAnswer})`
  return `#${number}${by}${what}${answer}`
}

function eventLine(event: ProxyEvent, verbose: boolean): string | undefined {
  const time = new Date(event.atMs).toISOString().slice(11, 23)
  switch (event.type) {
    case 'fault-fired':
    case 'fault-applied':
    case 'fault-answered':
    case 'fault-healed':
      return `${time}  ${event.fault} ${event.type.replace('fault-', '')} ${firingText(event.firing)}`
    case 'error':
      return `${time}  error: ${event.message}`
    case 'loop-stalled':
      return `${time}  the proxy stood still for ${Math.round(event.stalledMs)} ms`
    case 'broker-seen':
      return `${time}  broker ${event.node} is at ${event.host}:${event.port}`
    default:
      return verbose ? `${time}  ${JSON.stringify(event)}` : undefined
  }
}
