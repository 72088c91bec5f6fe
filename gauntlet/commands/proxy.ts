// `gauntlet proxy`: the proxy alone in front of a cluster, with the faults of a plan armed, until Ctrl-C.
import { readFileSync } from 'node:fs'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import { durationMs } from '../../proxy/faults/vocabulary.ts'
import type { ProxyPlan } from '../../proxy/plans/plan.ts'
import type { WrittenDoorTls } from '../../proxy/plans/plan-schema.ts'
import { readProxyPlan } from '../../proxy/plans/read-plan.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { readAccess, readDoor } from '../clusters/credentials.ts'
import { readPlanFile } from '../plan-files.ts'
import { eventLine } from '../reports/event-line.ts'
import type { RestOptions } from '../standalone-proxy.ts'
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
const restDefault = '127.0.0.1:8474'

interface HostAndPort {
  host: string
  port: number
}

export async function proxyCommand(options: RawOptions, context: CommandContext): Promise<number> {
  const read = readRules(options)
  if ('problems' in read) return refusePlans(read.problems, context.output)
  const { plan } = read
  if (options.bootstrap === undefined && plan.external === undefined) {
    throw usageError(
      'there is no cluster to stand in front of',
      'Name its brokers: --bootstrap HOST:PORT,HOST:PORT, or `cluster: { external: … }` in the plan.',
    )
  }
  const bootstrap = (
    options.bootstrap === undefined ? (plan.external?.bootstrap ?? []) : texts(options.bootstrap)
  )
    .flatMap((list) => list.split(','))
    .map((given) => address('--bootstrap', given))
  const listen = address('--listen', text('--listen', options.listen ?? listenDefault))
  const map = { ...plan.external?.map, ...translations(options) }
  const access = readAccess({
    ...plan.external,
    ...(Object.keys(map).length === 0 ? {} : { map }),
  })
  const advertisedHost =
    options.advertisedHost === undefined
      ? listen.host
      : text('--advertised-host', options.advertisedHost)
  const written = options.tls === undefined ? plan.doorTls : doorFlag(options)
  const door =
    written === undefined
      ? undefined
      : await readDoor(
          written,
          [...new Set([advertisedHost, listen.host, 'localhost'])],
          systemRuntime(plan.seed).nowMs(),
        )
  const { output, signal } = context
  const rest = restOptions(options)
  const awaitClusterMs = waiting(options)
  const { runProxy } = await import('../standalone-proxy.ts')
  await runProxy(
    {
      bootstrap,
      listen,
      advertisedHost,
      ...(access === undefined ? {} : { access }),
      ...(door === undefined ? {} : { door: door.tls }),
      advertise: plan.advertise,
      topicAliases: plan.topicAliases,
      faults: plan.faults,
      seed: plan.seed,
      ...(rest === undefined ? {} : { rest }),
      awaitClusterMs,
      onProblem: (message) => output.writeError(`${message}\n`),
      onEvents(events) {
        for (const event of events) {
          const line = eventLine(event, options.verbose === true)
          if (line !== undefined) output.write(`${line}\n`)
        }
      },
    },
    signal,
    ({ bootstrap: { host, port }, rest: at }) => {
      const armed = plan.faults.map(({ name }) => name).join(', ')
      output.write(`Proxy ${host}:${port}   seed ${plan.seed}\n`)
      if (door?.ca !== undefined) {
        output.write(`TLS: clients must trust this authority, made for this process:\n${door.ca}\n`)
      }
      output.write(`Faults armed: ${armed === '' ? 'none' : armed}\n`)
      output.write(`Check: kcat -b ${host}:${port} -L\n`)
      if (at !== undefined) {
        output.write(`Page: http://${at.host}:${at.port}/\n`)
        output.write(`REST: http://${at.host}:${at.port}/docs\n`)
      }
    },
  )
  // There is no other way to end it, so ending it is no accident.
  return exitCodes.asExpected
}

/** `--map kafka-1:9092=localhost:31092` */
function translations(options: RawOptions): Record<string, string> {
  const pairs = texts(options.map).map((given) => {
    const [from = '', to = ''] = given.split('=')
    address('--map', from)
    address('--map', to)
    return [from, to] as const
  })
  return Object.fromEntries(pairs)
}

/** `--tls generated`, or `--tls CERTIFICATE,KEY` */
function doorFlag(options: RawOptions): WrittenDoorTls {
  const given = text('--tls', options.tls)
  if (given === 'generated') return given
  const [certificate, key, ...more] = given.split(',')
  if (certificate !== undefined && key !== undefined && more.length === 0) {
    return { 'certificate-file': certificate, 'key-file': key }
  }
  throw usageError(
    `--tls ${given} names no certificate`,
    'Write --tls generated, or --tls CERTIFICATE-FILE,KEY-FILE.',
  )
}

/** Where REST listens and who may call it; nothing with `--rest off`. */
function restOptions(options: RawOptions): RestOptions | undefined {
  const given = text('--rest', options.rest ?? restDefault)
  if (given === 'off') return undefined
  return {
    listen: address('--rest', given),
    token: tokenOf(options),
    hosts: texts(options.restHost),
  }
}

/** The token never stands on the command line, where every user of the machine can read it. */
function tokenOf(options: RawOptions): string | undefined {
  const token =
    options.tokenFile === undefined
      ? process.env.GAUNTLET_TOKEN
      : readText('--token-file', text('--token-file', options.tokenFile))
  const trimmed = token?.trim()
  return trimmed === undefined || trimmed === '' ? undefined : trimmed
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new OperatorError(
      'file-not-found',
      `${flag} ${file} cannot be read (${cause instanceof Error ? cause.message : cause})`,
      'Give a file that is there.',
    )
  }
}

function waiting(options: RawOptions): number {
  if (options.awaitCluster === undefined) return 0
  const given = text('--await-cluster', options.awaitCluster)
  if (/^[0-9]+(\.[0-9]+)?(ms|s|m|h)$/.test(given)) return durationMs(given)
  throw usageError(`--await-cluster ${given} is no length of time`, 'Write 30s or 2m.')
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
