// `gauntlet proxy`: the proxy alone in front of a cluster, with the faults of a plan armed, until Ctrl-C.
import type { RunView } from '../../proxy/control/runs.ts'
import { exitCodes } from '../../proxy/errors.ts'
import type { Reach } from '../../proxy/faults/reach.ts'
import { durationMs } from '../../proxy/faults/vocabulary.ts'
import type { ProxyPlan } from '../../proxy/plans/plan.ts'
import type { WrittenDoorTls } from '../../proxy/plans/plan-schema.ts'
import { readProxyPlan } from '../../proxy/plans/read-plan.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { readAccess, readDoor } from '../clusters/credentials.ts'
import { exitCodeOf } from '../exit-code.ts'
import { readPlanFile } from '../plan-files.ts'
import { eventLine } from '../reports/event-line.ts'
import { historyBytesDefault, historyFilesDefault } from '../rotating-history.ts'
import type { ListeningPlace, RestOptions, StandaloneOptions } from '../standalone-proxy.ts'
import {
  addressOf,
  type CommandContext,
  portMax,
  type RawOptions,
  randomSeed,
  restToken,
  text,
  texts,
  usageError,
  wholeNumber,
} from './flags.ts'
import { refusePlans } from './load-plans.ts'
import { dockerBrokersFlag, interBrokerFlag, runPortsFlag } from './proxy-reach.ts'

const listenDefault = '127.0.0.1:19092'
const restDefault = '127.0.0.1:8474'
/** Shorter than the ten seconds that containers are given to stop in. */
const drainDefaultMs = 8_000
/** The command line kills whatever has not stopped within a minute. */
const drainMaxMs = 50_000
const windowDefaultMs = 15 * 60_000
const windowMinMs = 10_000
const megabyte = 1024 * 1024

export async function proxyCommand(options: RawOptions, context: CommandContext): Promise<number> {
  const interBroker = interBrokerFlag(options)
  const containers = dockerBrokersFlag(options)
  const runPorts = runPortsFlag(options)
  const { reachOf, runProxy } = await import('../standalone-proxy.ts')
  const read = readRules(options, reachOf({ interBroker, containers }))
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
    .map((given) => addressOf('--bootstrap', given))
  const places = listeningPlaces(options)
  const map = { ...plan.external?.map, ...translations(options) }
  const access = readAccess({
    ...plan.external,
    ...(Object.keys(map).length === 0 ? {} : { map }),
  })
  const names = places.flatMap(({ host, advertisedHost }) => [advertisedHost, host])
  const written = options.tls === undefined ? plan.doorTls : doorFlag(options)
  const door =
    written === undefined
      ? undefined
      : await readDoor(
          written,
          [...new Set([...names, 'localhost'])],
          systemRuntime(plan.seed).nowMs(),
        )
  const { output, signal } = context
  const rest = restOptions(options)
  const awaitClusterMs = lengthOfTime('--await-cluster', options.awaitCluster, 0)
  const drainMs = lengthOfTime('--drain', options.drain, drainDefaultMs)
  if (drainMs > drainMaxMs) {
    const most = `${drainMaxMs / 1_000}s`
    throw usageError(`--drain ${options.drain} is too long`, `Give ${most} at most.`)
  }
  const verdictWindowMs = lengthOfTime('--window', options.window, windowDefaultMs)
  if (verdictWindowMs < windowMinMs) {
    throw usageError(`--window ${options.window} is too short`, 'Give 10s at least.')
  }
  const history = historyOptions(options)
  const { runs, drained } = await runProxy(
    {
      bootstrap,
      doors: places,
      interBroker,
      containers,
      ...(runPorts === undefined ? {} : { runPorts }),
      ...(access === undefined ? {} : { access }),
      ...(door === undefined ? {} : { door: door.tls }),
      advertise: plan.advertise,
      topicAliases: plan.topicAliases,
      policies: plan.policies,
      faults: plan.faults,
      seed: plan.seed,
      ...(rest === undefined ? {} : { rest }),
      awaitClusterMs,
      drainMs,
      verdictWindowMs,
      ...(history === undefined ? {} : { history }),
      onProblem: (message) => output.writeError(`${message}\n`),
      onEvents(events) {
        for (const event of events) {
          const line = eventLine(event, options.verbose === true)
          if (line !== undefined) output.write(`${line}\n`)
        }
      },
    },
    signal,
    ({ doors: [first, ...others], rest: at }) => {
      if (first === undefined) throw new Error('a proxy has a door')
      const { host, port } = first
      const armed = plan.faults.map(({ name }) => name).join(', ')
      output.write(`Proxy ${host}:${port}   seed ${plan.seed}\n`)
      for (const other of others) output.write(`and as ${other.host}:${other.port}\n`)
      if (door?.ca !== undefined) {
        output.write(`TLS: clients must trust this authority, made for this process:\n${door.ca}\n`)
      }
      for (const { node, listen } of interBroker) {
        output.write(`Broker ${node} for other brokers: port ${listen.port}\n`)
      }
      output.write(`Faults armed: ${armed === '' ? 'none' : armed}\n`)
      for (const { name, require, onViolation } of plan.policies) {
        const otherwise = onViolation === 'refuse' ? 'refused' : 'reported'
        output.write(`Policy ${name}: ${require.join(', ')}, or ${otherwise}\n`)
      }
      output.write(`Check: kcat -b ${host}:${port} -L\n`)
      if (at !== undefined) {
        output.write(`Page: http://${at.host}:${at.port}/\n`)
        output.write(`REST: http://${at.host}:${at.port}/docs\n`)
      }
    },
    context.hurry,
  )
  const ofRuns = options.exitWithVerdict === true ? exitCodeOfRuns(runs) : exitCodes.asExpected
  if (drained.transactions === 0 && drained.connections === 0) return ofRuns
  output.writeError(
    `Cut off: ${drained.transactions} open transactions, ${drained.connections} connections with requests under way\n`,
  )
  // There is no other way to end it, so ending it is no accident; cutting somebody off leaves outcomes unknown.
  return ofRuns === exitCodes.asExpected && drainMs > 0 ? exitCodes.inconclusive : ofRuns
}

/** As if the runs had been one command of ours; no verdict at all keeps us from saying that all is well. */
function exitCodeOfRuns(runs: readonly RunView[]): number {
  if (runs.length === 0) return exitCodes.inconclusive
  return exitCodeOf(
    runs.map(({ verdict = 'INCONCLUSIVE', expected = 'PASS' }) => ({
      verdict,
      asExpected: verdict === expected,
    })),
  )
}

/** `HOST:PORT` or `HOST:PORT@NAME`: where clients bootstrap, and by which name they are to come again. */
function listeningPlaces(options: RawOptions): [ListeningPlace, ...ListeningPlace[]] {
  const [first = listenDefault, ...others] = texts(options.listen)
  const general =
    options.advertisedHost === undefined
      ? undefined
      : text('--advertised-host', options.advertisedHost)
  const advertisedPorts = publishedPorts(options)
  const place = (given: string): ListeningPlace => {
    const at = given.indexOf('@')
    const { host, port } = addressOf('--listen', at < 0 ? given : given.slice(0, at))
    const advertisedHost = at < 0 ? (general ?? host) : given.slice(at + 1)
    if (!/^[\w.:-]+$/.test(advertisedHost)) {
      throw usageError(`--listen ${given} is no address`, 'Write HOST:PORT or HOST:PORT@NAME.')
    }
    if (advertisedHost === '0.0.0.0' || advertisedHost === '::') {
      throw usageError(
        `clients cannot be told to come to ${advertisedHost}`,
        `Say by which name they reach this machine: --listen ${host}:${port}@NAME.`,
      )
    }
    return { host, port, advertisedHost, advertisedPorts }
  }
  return [place(first), ...others.map(place)]
}

/** `--published 19092=32768,19093=32769`: where the ports that we listen on are found from outside. */
function publishedPorts(options: RawOptions): Record<number, number> {
  const pairs = texts(options.published)
    .flatMap((list) => list.split(','))
    .map((given) => {
      const match = /^([0-9]{1,5})=([0-9]{1,5})$/.exec(given)
      const [own, told] = [Number(match?.[1]), Number(match?.[2])]
      if (match !== null && own <= portMax && told <= portMax) return [own, told] as const
      throw usageError(`--published ${given} is no pair of ports`, 'Write PORT=PUBLISHED-PORT.')
    })
  return Object.fromEntries(pairs)
}

/** `--map kafka-1:9092=localhost:31092` */
function translations(options: RawOptions): Record<string, string> {
  const pairs = texts(options.map).map((given) => {
    const [from = '', to = ''] = given.split('=')
    addressOf('--map', from)
    addressOf('--map', to)
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
    listen: addressOf('--rest', given),
    token: restToken(options),
    hosts: texts(options.restHost),
  }
}

function lengthOfTime(flag: string, value: unknown, defaultMs: number): number {
  if (value === undefined) return defaultMs
  const given = text(flag, value)
  if (/^[0-9]+(\.[0-9]+)?(ms|s|m|h)$/.test(given)) return durationMs(given)
  throw usageError(`${flag} ${given} is no length of time`, 'Write 30s or 2m.')
}

function historyOptions(options: RawOptions): StandaloneOptions['history'] {
  const { history, historySize, historyFiles } = options
  if (history === undefined) {
    if (historySize === undefined && historyFiles === undefined) return undefined
    throw usageError('no history is kept', 'Say where: --history FOLDER.')
  }
  const megabytes = atLeastOne('--history-size', historySize ?? historyBytesDefault / megabyte)
  return {
    folder: text('--history', history),
    fileBytes: megabytes * megabyte,
    filesMax: atLeastOne('--history-files', historyFiles ?? historyFilesDefault),
  }
}

function atLeastOne(flag: string, value: unknown): number {
  const number = wholeNumber(flag, value, 10_000)
  if (number > 0) return number
  throw usageError(`${flag} 0 keeps nothing`, 'Give at least 1.')
}

function readRules(options: RawOptions, reach: Reach): ReturnType<typeof readProxyPlan> {
  const seed = options.seed === undefined ? [] : [`seed=${String(options.seed)}`]
  const set = [...texts(options.set), ...seed]
  const file =
    options.plan === undefined
      ? { file: 'the proxy’s rules', text: '{}' }
      : readPlanFile(text('--plan', options.plan))
  const read = readProxyPlan(file.text, file.file, { set, seedDefault: randomSeed(), reach })
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
