#!/usr/bin/env node
// The command line: words and flags in, an exit code out. The only place that ends the process.
import { writeSync } from 'node:fs'
import { cac } from 'cac'
import { exitCodes, OperatorError } from '../proxy/errors.ts'
import { nearestWord } from '../proxy/plans/nearest.ts'
import { accessFlags } from './commands/access-flags.ts'
import { clusterCommand } from './commands/cluster.ts'
import { demoCommand } from './commands/demo.ts'
import { faultsCommand } from './commands/faults.ts'
import { type CommandContext, type RawOptions, runFlags, usageError } from './commands/flags.ts'
import { healthCommand } from './commands/health.ts'
import { initCommand } from './commands/init.ts'
import { plansCommand } from './commands/plans.ts'
import { postureCommand } from './commands/posture.ts'
import { proxyCommand } from './commands/proxy.ts'
import { replayCommand } from './commands/replay.ts'
import { reportCommand } from './commands/report.ts'
import { runCommand } from './commands/run.ts'
import { suiteCommand, suiteFlags } from './commands/suite.ts'
import { txnCommand } from './commands/txn.ts'
import { validateCommand } from './commands/validate.ts'
import { verifyCommand } from './commands/verify.ts'
import { watchCommand } from './commands/watch.ts'
import { packageVersion } from './entry.ts'
import { processOutput } from './reports/output.ts'

/** After Ctrl-C a run heals, stops its children and cleans up; past this it is left behind. */
const cleanUpMs = 60_000

/** Commands that nothing else than Ctrl-C ends: it is how they end well. */
const untilStopped: ReadonlySet<string> = new Set(['proxy', 'watch'])

const githubHelp = 'Annotations and a job summary for GitHub Actions'

type Cli = ReturnType<typeof cac>
type HelpSection = { title?: string; body: string }
type Command = ReturnType<Cli['command']>

const output = processOutput()
const stopping = new AbortController()
const hurrying = new AbortController()
const context: CommandContext = { output, signal: stopping.signal, hurry: hurrying.signal }

function withRunFlags(command: Command): Command {
  return command
    .option('--seed <number>', 'Seed of every random choice; default: the plan’s')
    .option('--cluster <cluster>', 'embedded, or HOST:PORT,… of one that runs')
    .option('--set <path=value>', 'Change a place of the plan; may be repeated')
    .option('--out <folder>', 'Where the run is kept; default: gauntlet-out/PLAN-TIME')
    .option('--json', 'Print the result as JSON; everything else goes to the error stream')
    .option('--quiet', 'Print the verdict only')
}

function withAccessFlags(command: Command): Command {
  for (const [flag, help] of accessFlags) command.option(flag, help)
  return command
}

function withRestFlags(command: Command): Command {
  return command.option('--proxy <url>', 'Its REST; default: GAUNTLET_URL, or 127.0.0.1:8474')
}

/** Instead of one line per command that says where help is: where to begin. */
function overview(sections: HelpSection[]): HelpSection[] {
  return sections.map((section) =>
    section.title?.startsWith('For more info') === true
      ? {
          title: 'Where to begin',
          body: [
            '  gauntlet demo                          a right application and a wrong one, under one fault',
            '  gauntlet init                          a first plan for your own application',
            '  gauntlet proxy --bootstrap HOST:PORT   in front of a cluster that runs',
            '  gauntlet COMMAND --help                flags and examples of a command',
          ].join('\n'),
        }
      : section,
  )
}

function commandLine(): Cli {
  const cli = cac('gauntlet')
  cli.usage('COMMAND [flags]')
  cli.option('--verbose', 'Say more, and where an error came from')
  withRunFlags(cli.command('run <...plans>', 'Run plans, each from a fresh cluster to a verdict'))
    .option('--proxy <url>', 'Drive a running `gauntlet proxy` by its REST instead of starting one')
    .option('--github', githubHelp)
    .example('  gauntlet run baseline')
    .example('  gauntlet run my-plan.yaml --seed 7 --out results')
    .example('  gauntlet run late-commit --set workload.copier.instances=1 --json')
    .action((plans: string[], options: RawOptions) => runCommand(plans, runFlags(options), context))
  withRunFlags(cli.command('demo', 'The same fault against a correct application and a wrong one'))
    .example('  gauntlet demo')
    .example('  gauntlet demo --seed 4 --out demo')
    .action((options: RawOptions) => demoCommand(runFlags(options), context))
  cli
    .command('validate <...plans>', 'Say whether plans are right; start nothing')
    .option('--seed <number>', 'As for run')
    .option('--cluster <cluster>', 'As for run')
    .option('--set <path=value>', 'As for run')
    .option('--json', 'Print the problems as JSON')
    .option('--quiet', 'Print problems only')
    .example('  gauntlet validate chaos/*.yaml')
    .action((plans: string[], options: RawOptions) =>
      validateCommand(plans, runFlags(options), context),
    )
  cli
    .command('proxy', 'The proxy alone in front of a cluster, until Ctrl-C')
    .option('--bootstrap <addresses>', 'HOST:PORT,… of the cluster’s brokers')
    .option(
      '--listen <address>',
      'Where clients bootstrap: HOST:PORT, or HOST:PORT@NAME where they know us by another name; may be repeated; default: 127.0.0.1:19092',
    )
    .option(
      '--advertised-host <host>',
      'The host name that clients are told where --listen says none',
    )
    .option(
      '--map <from=to>',
      'Where to dial for an address that the cluster tells; may be repeated',
    )
    .option(
      '--inter-broker <addresses>',
      'NODE=HOST:PORT,… of the brokers’ inter-broker listeners, where those advertise our ports',
    )
    .option(
      '--inter-broker-listen <address>',
      'Where they come in: a broker’s port is its node id further; default: 127.0.0.1:19192',
    )
    .option(
      '--docker-brokers <containers>',
      'NODE=CONTAINER,… of brokers that faults may kill, stop and pause by the Docker socket; default: the environment’s GAUNTLET_DOCKER_BROKERS',
    )
    .option('--run-ports <range>', 'FIRST-LAST: where listeners of runs go; default: anywhere')
    .option(
      '--published <port=port>',
      'What clients are told instead of a port that we listen on, where something before us maps ports; PORT=PUBLISHED,…',
    )
    .option('--tls <certificate>', 'TLS towards clients: generated, or CERTIFICATE-FILE,KEY-FILE')
    .option('--plan <file>', 'A file whose faults are armed and whose policies are kept')
    .option('--set <path=value>', 'Change a place of the plan; may be repeated')
    .option('--advertise <feature=level>', 'A feature level to tell clients; may be repeated')
    .option('--seed <number>', 'Seed of every random choice')
    .option('--rest <address>', 'Where REST listens, or off; default: 127.0.0.1:8474')
    .option(
      '--rest-host <name>',
      'A name by which callers without a token may call; may be repeated',
    )
    .option(
      '--token-file <file>',
      'REST’s token; default: the environment’s GAUNTLET_TOKEN or GAUNTLET_TOKEN_FILE',
    )
    .option('--await-cluster <time>', 'Wait so long for a first broker to answer')
    .option(
      '--drain <time>',
      'Told to stop, let what is under way get through for so long; default: 8s, 0s: not at all',
    )
    .option('--history <folder>', 'Keep what passes as histories there, one after the other')
    .option('--history-size <megabytes>', 'Size of one of them; default: 64')
    .option('--history-files <number>', 'How many are kept; default: 16')
    .option('--window <time>', 'How far back the rolling verdict looks; default: 15m')
    .option('--exit-with-verdict', 'Stopped, end as the runs that were conducted with it ended')
    .example('  gauntlet proxy --bootstrap kafka-1:9092,kafka-2:9092')
    .example('  gauntlet proxy --bootstrap kafka-1:9092 --plan proxy.yaml   # faults and policies')
    .example('  gauntlet proxy --bootstrap kafka:9092 --history /var/lib/gauntlet --drain 20s')
    .action((options: RawOptions) => proxyCommand(options, context))
  withRestFlags(
    cli.command(
      'faults [action] [name]',
      'Faults of a running proxy: list, arm FILE, fire, release, heal, disarm, heal-all',
    ),
  )
    .option('--expires <time>', 'Disarmed by itself after this time; default: 60s (arm)')
    .option('--json', 'Print the list as JSON')
    .example('  gauntlet faults')
    .example('  gauntlet faults arm lost-reply.yaml --expires 10m')
    .example('  gauntlet faults fire crash')
    .action((action: string | undefined, name: string | undefined, options: RawOptions) =>
      faultsCommand(action, name, options, context),
    )
  withRestFlags(cli.command('watch', 'Follow a running proxy until Ctrl-C'))
    .example('  gauntlet watch')
    .example('  gauntlet watch --verbose --proxy http://127.0.0.1:8474')
    .action((options: RawOptions) => watchCommand(options, context))
  cli
    .command('init [file]', 'Write a first plan, from three answers or from flags')
    .option('--command <command>', 'What starts your application; default: our copier')
    .option('--input <topic>', 'The topic that it reads')
    .option('--output <topic>', 'The topic that it writes')
    .option('--fault <fault>', 'coordinator-crash, network-partition, broker-outage, rebalance, …')
    .option('--force', 'Replace a file that is there')
    .example('  gauntlet init')
    .example('  gauntlet init orders.yaml --command "java -jar orders.jar" --fault rebalance')
    .action((file: string | undefined, options: RawOptions) => initCommand(file, options, context))
  cli
    .command('posture', 'Who uses Kafka how, as a running proxy has seen it')
    .option('--proxy <url>', 'The proxy’s REST; default: GAUNTLET_URL, or 127.0.0.1:8474')
    .option('--json', 'Print it as JSON')
    .example('  gauntlet posture')
    .example('  gauntlet posture --proxy http://127.0.0.1:8474 --json')
    .action((options: RawOptions) => postureCommand(options, context))
  withAccessFlags(
    cli.command('txn [action] [id]', 'Transactions: list, describe, find-hanging, abort'),
  )
    .option('--bootstrap <addresses>', 'HOST:PORT,… of the brokers to ask')
    .option('--proxy <url>', 'Or a proxy’s REST; default: GAUNTLET_URL, or 127.0.0.1:8474')
    .option('--older-than <time>', 'Open for longer than this is worth a look; default: 1m')
    .option('--yes', 'Abort without a question')
    .option('--json', 'Print it as JSON')
    .example('  gauntlet txn list --bootstrap kafka-1:9092')
    .example('  gauntlet txn describe payments-7 --proxy http://127.0.0.1:8474')
    .example('  gauntlet txn find-hanging --older-than 10m')
    .example('  gauntlet txn abort payments-7 --yes')
    .action((action: string | undefined, id: string | undefined, options: RawOptions) =>
      txnCommand(action, id, options, context),
    )
  cli
    .command('health [url]', 'Whether a running proxy works; for health checks of containers')
    .option('--ready', 'Whether it also reaches its cluster')
    .example('  gauntlet health http://127.0.0.1:8474 --ready')
    .action((url: string | undefined, options: RawOptions) => healthCommand(url, options, context))
  cli
    .command('cluster <action>', 'up, down or status of brokers that stay on this machine')
    .option('--name <name>', 'Which one, where there are several')
    .option('--kafka <version>', 'Kafka’s version (up)')
    .option('--brokers <number>', 'How many (up)')
    .option('--feature <feature=level>', 'A feature level to format with; may be repeated (up)')
    .option('--json', 'Print the status as JSON')
    .example('  gauntlet cluster up --brokers 3 --feature transaction.version=1')
    .example('  gauntlet cluster down')
    .action((action: string, options: RawOptions) => clusterCommand(action, options, context))
  withRunFlags(
    cli.command(
      'suite [...words]',
      'Run a folder or a tag of the library, or all of it, in one go',
    ),
  )
    .option('--client <clients>', 'java, kafkajs or java,kafkajs; default: as each plan says')
    .option('--table <file>', 'Write the results as a Markdown table, too')
    .option(
      '--clusters <number>',
      'Plans at the same time, each with a cluster of its own (default: 1)',
    )
    .option(
      '--from <folder>',
      'With --table: of earlier suites (or a suite.json), running nothing; may be repeated',
    )
    .option('--github', githubHelp)
    .example('  gauntlet suite smoke')
    .example('  gauntlet suite mistakes late-messages --client java,kafkajs --out results')
    .action((words: string[], options: RawOptions) =>
      suiteCommand(words, suiteFlags(options, runFlags(options)), context),
    )
  cli
    .command(
      'plans [...words]',
      'List the library, or a folder or tag of it, and what each plan asks',
    )
    .option('--json', 'Print them as JSON')
    .example('  gauntlet plans mistakes')
    .example('  gauntlet plans smoke')
    .action((words: string[], options: RawOptions) =>
      plansCommand(words, { json: options.json === true }, context),
    )
  cli
    .command('replay <folder>', 'Run again what a run’s folder holds, with its seed')
    .option('--out <folder>', 'Where the run is kept; default: gauntlet-out/PLAN-TIME')
    .option('--json', 'Print the result as JSON; everything else goes to the error stream')
    .option('--quiet', 'Print the verdict only')
    .example('  gauntlet replay gauntlet-out/baseline-20261124-101500')
    .action((folder: string, options: RawOptions) =>
      replayCommand(folder, runFlags(options), context),
    )
  cli
    .command('report <folder>', 'Write the page of a finished run again, and say where it is')
    .option('--open', 'Open it in a browser')
    .example('  gauntlet report gauntlet-out/baseline-20261124-101500 --open')
    .action((folder: string, options: RawOptions) => reportCommand(folder, options, context))
  withAccessFlags(
    cli.command('verify [history]', 'Judge a finished history again, or topics that are there'),
  )
    .option('--bootstrap <addresses>', 'HOST:PORT,… of a cluster that was never proxied')
    .option('--topics <topics>', 'INPUT,OUTPUT,… to read there')
    .option('--proxy <url>', 'A running proxy that the application worked through')
    .option('--seen <folder>', 'What that proxy keeps with its --history')
    .option('--group <group>', 'The application’s consumer group')
    .option('--id <place>', 'Where outputs keep the id; default: header:gauntlet-id')
    .option('--input-id <place>', 'Where inputs keep it; default: as outputs')
    .option('--contract <contract>', 'What the outputs owe; default: one-per-input')
    .option('--drain <duration>', 'How long everything may take to come to rest; default: 75s')
    .option('--out <folder>', 'Where the result is written')
    .option('--json', 'Print the result as JSON; everything else goes to the error stream')
    .option('--quiet', 'Print the verdict only')
    .example('  gauntlet verify gauntlet-out/baseline-20261124-101500')
    .example(
      '  gauntlet verify --bootstrap kafka-1:9092 --topics orders,payments --id json:$.orderId',
    )
    .example(
      '  gauntlet verify --bootstrap kafka-1:9093 --topics orders,payments --ca-file ca.pem --sasl scram-sha-512 --username audit --password-env KAFKA_PASSWORD',
    )
    .action((history: string | undefined, options: RawOptions) =>
      verifyCommand(history, options, context),
    )
  cli.help(overview)
  cli.version(packageVersion())
  return cli
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Our own words for what the parser would say, with the nearest right one. */
function checkFlags(cli: Cli, command: Command): void {
  const known = [...command.options, ...cli.globalCommand.options].flatMap(({ names }) => names)
  for (const name of Object.keys(cli.options)) {
    if (name === '--' || known.includes(name)) continue
    const flag = name.length > 1 ? `--${kebab(name)}` : `-${name}`
    const nearest = nearestWord(kebab(name), known.filter((one) => one.length > 1).map(kebab))
    throw usageError(
      `unknown flag ${flag}`,
      nearest === undefined
        ? `See \`gauntlet ${command.name} --help\`.`
        : `Did you mean --${nearest}?`,
    )
  }
}

function noCommand(cli: Cli): OperatorError {
  const [given] = cli.args
  if (given === undefined) {
    cli.globalCommand.outputHelp()
    return usageError('no command was given', 'Start with `gauntlet demo`.')
  }
  const nearest = nearestWord(
    given,
    cli.commands.map(({ name }) => name),
  )
  return usageError(
    `unknown command "${given}"`,
    nearest === undefined ? 'See `gauntlet --help`.' : `Did you mean "${nearest}"?`,
  )
}

async function run(argv: string[]): Promise<number> {
  const cli = commandLine()
  cli.parse(argv, { run: false })
  // The parser has shown what was asked for.
  if (cli.options.help === true || cli.options.version === true) return exitCodes.asExpected
  const command = cli.matchedCommand
  if (command === undefined) throw noCommand(cli)
  checkFlags(cli, command)
  const exitCode: unknown = await cli.runMatchedCommand()
  if (typeof exitCode !== 'number') throw new Error(`${command.name} gave no exit code`)
  return stopping.signal.aborted && !untilStopped.has(command.name)
    ? exitCodes.interrupted
    : exitCode
}

/** Says what went wrong and what to do; gives the exit code for it. */
function explain(error: unknown): number {
  const { red, bold } = output.colours
  const verbose = process.argv.includes('--verbose')
  if (stopping.signal.aborted) {
    // Whatever broke while everything was being stopped is a consequence of that.
    if (verbose && error instanceof Error) output.writeError(`${error.stack}\n`)
    return exitCodes.interrupted
  }
  const title = (text: string) => output.writeError(`${bold(red('error'))}  ${text}\n`)
  if (error instanceof OperatorError) {
    title(error.message)
    output.writeError(`       ${error.remedy}\n`)
    if (verbose) output.writeError(`${error.stack}\n`)
    return error.exitCode
  }
  if (error instanceof Error && error.name === 'CACError') {
    const text = error.message.replaceAll('`', '')
    const [, command, missing] = /^missing required args for command (\S+) (.*)$/.exec(text) ?? []
    const [, extra] = /^Unused args: (.*)$/.exec(text) ?? []
    if (command !== undefined) title(`${command} needs ${missing}`)
    else title(extra === undefined ? text : `${extra}: more words than it takes`)
    output.writeError(`       See \`gauntlet ${command ?? 'COMMAND'} --help\`.\n`)
    return exitCodes.usage
  }
  title(error instanceof Error ? error.message : String(error))
  output.writeError(
    verbose && error instanceof Error
      ? `${error.stack}\n`
      : '       This is a bug of eos-gauntlet. --verbose shows where; please report it.\n',
  )
  return exitCodes.bug
}

function onStopSignal(): void {
  if (stopping.signal.aborted) {
    output.writeError('\n  still healing and cleaning up\n')
    hurrying.abort()
    return
  }
  output.writeError('\n  interrupted: healing, stopping, cleaning up\n')
  stopping.abort()
  setTimeout(() => {
    // Not by process.exit: that waits for our threads, and one of them may be what we waited for. Whatever we
    // started is killed by its warden as soon as we are gone.
    writeSync(process.stderr.fd, '  gave up waiting; everything that was started is killed\n')
    process.kill(process.pid, 'SIGKILL')
  }, cleanUpMs).unref()
}

/** Ends the process once everything that was written has left it. */
function end(exitCode: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
}

process.on('SIGINT', onStopSignal)
process.on('SIGTERM', onStopSignal)
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read us is gone (`| head`); the run itself goes on to its clean end.
    if (error.code !== 'EPIPE') throw error
  })
}
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => end(explain(error)))
}
run(process.argv).then(end, (error: unknown) => end(explain(error)))
