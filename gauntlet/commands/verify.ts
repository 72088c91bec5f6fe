// `gauntlet verify HISTORY` judges a finished history again; `gauntlet verify --bootstrap … --topics in,out` reads and
// judges topics of a cluster that never stood behind the proxy. Neither needs a plan.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { durationMs } from '../../proxy/faults/vocabulary.ts'
import type { Contract } from '../../validators/history-line.ts'
import { defaultIdSelector, idSelector } from '../../validators/selector.ts'
import { exitCodeOf } from '../exit-code.ts'
import {
  historyName,
  judgeWithHistory,
  resultName,
  resultText,
  writeResult,
} from '../judge-history.ts'
import { writeRunReport } from '../report-files.ts'
import { dataOutput, type Output } from '../reports/output.ts'
import { quietLine, verdictLines } from '../reports/terminal-verdict.ts'
import type { Result } from '../run-events.ts'
import type { TopicsToVerify } from '../verify-topics.ts'
import { accessOf } from './access-flags.ts'
import { runFolders } from './execute.ts'
import { type CommandContext, proxyOf, type RawOptions, text, usageError } from './flags.ts'

/** A transaction of Java's default timeout, and the time that a coordinator takes to notice that it is over. */
const drainDefaultMs = 75_000
const copiesMax = 255

export async function verifyCommand(
  history: string | undefined,
  options: RawOptions,
  context: CommandContext,
): Promise<number> {
  if (options.proxy !== undefined) return verifyBehind(options, context)
  const isTopics = options.bootstrap !== undefined || options.topics !== undefined
  if ((history === undefined) === !isTopics) {
    throw usageError(
      history === undefined ? 'there is nothing to verify' : 'a history and a cluster at once',
      'Give the history.ndjson of a run, or --bootstrap HOST:PORT --topics INPUT,OUTPUT.',
    )
  }
  const output = options.json === true ? dataOutput(context.output) : context.output
  const out = options.out === undefined ? undefined : text('--out', options.out)
  const { result, folder } =
    history === undefined
      ? await verifyTopics(topicsOf(options, out), output, options.quiet === true)
      : await verifyHistory(history, out)
  const words =
    options.quiet === true
      ? [quietLine(result)]
      : [
          ...verdictLines(
            { result, ...(folder === undefined ? {} : { outDir: folder }) },
            output.colours,
          ),
          ...(history === undefined ? [] : [comparedWithKept(fileOf(history), result), '']),
        ]
  output.write(`${words.join('\n')}\n`)
  if (options.json === true) context.output.write(resultText(result))
  return exitCodeOf([result])
}

/** Topics whose application worked through a proxy that runs and keeps what it sees. */
async function verifyBehind(options: RawOptions, context: CommandContext): Promise<number> {
  const { farVerdict } = await import('../library/far-verdict.ts')
  const out = options.out === undefined ? undefined : text('--out', options.out)
  const { outDir, ...wanted } = topicsOf({ bootstrap: 'of-the-proxy:0', ...options }, out)
  const result = await farVerdict({
    name: 'verify',
    output: wanted.outputs,
    ...(wanted.input === undefined ? {} : { input: wanted.input }),
    ...(wanted.group === undefined ? {} : { group: wanted.group }),
    id: wanted.id,
    inputId: wanted.inputId,
    contract: wanted.contract,
    ...(options.drain === undefined ? {} : { drain: `${wanted.drainMs}ms` }),
    ...(options.bootstrap === undefined ? {} : { bootstrap: wanted.bootstrap }),
    proxy: proxyOf(options),
    seen: text('--seen', options.seen ?? ''),
    outDir,
  })
  const output = options.json === true ? dataOutput(context.output) : context.output
  const words =
    options.quiet === true ? [quietLine(result)] : verdictLines({ result, outDir }, output.colours)
  output.write(`${words.join('\n')}\n`)
  if (options.json === true) context.output.write(resultText(result))
  return exitCodeOf([result])
}

interface Verified {
  result: Result
  /** Where the result was written; undefined when nobody asked for it. */
  folder: string | undefined
}

/** The file itself, or the one in the folder of a run. */
function fileOf(given: string): string {
  return existsSync(given) && statSync(given).isDirectory() ? join(given, historyName) : given
}

async function verifyHistory(given: string, folder: string | undefined): Promise<Verified> {
  const { history, result } = judgeWithHistory(fileOf(given))
  if (folder !== undefined) {
    await writeResult(folder, result)
    writeRunReport(folder, history, result)
  }
  return { result, folder }
}

/** What the run itself had come to, if that is still there. */
function comparedWithKept(file: string, result: Result): string {
  const kept = join(dirname(file), resultName)
  if (!existsSync(kept)) return `  there is no ${kept} to compare with`
  return readFileSync(kept, 'utf8') === resultText(result)
    ? `  the same, byte for byte, as ${kept}`
    : `  not the same as ${kept}, which another version may have written`
}

async function verifyTopics(
  wanted: TopicsToVerify,
  output: Output,
  quiet: boolean,
): Promise<Verified> {
  const { auditTopics } = await import('../verify-topics.ts')
  const { file, summary } = await auditTopics(wanted)
  if (!quiet) {
    output.write(
      `  ${summary.committedRecords} committed records read twice in ${Math.round(summary.tookMs)} ms\n`,
    )
  }
  const { history, result } = judgeWithHistory(file)
  await writeResult(wanted.outDir, result)
  writeRunReport(wanted.outDir, history, result)
  return { result, folder: wanted.outDir }
}

function topicsOf(options: RawOptions, out: string | undefined): TopicsToVerify {
  const bootstrap = list('--bootstrap', options.bootstrap)
  for (const address of bootstrap) {
    if (/^[^\s:]+:[0-9]{1,5}$/.test(address)) continue
    throw usageError(`--bootstrap ${address} is no address`, 'Give HOST:PORT,HOST:PORT.')
  }
  const topics = list('--topics', options.topics)
  const contract = contractOf(options.contract, topics.length)
  const input = contract === 'acked' ? undefined : topics[0]
  const outputs = input === undefined ? topics : topics.slice(1)
  const id = selectorOf('--id', options.id, defaultIdSelector)
  const [folder] = runFolders(['verify'], out)
  if (folder === undefined) throw new Error('a folder for one run')
  const access = accessOf(options)
  return {
    bootstrap,
    ...(access === undefined ? {} : { access }),
    input,
    outputs,
    group: options.group === undefined ? undefined : text('--group', options.group),
    id,
    inputId: selectorOf('--input-id', options.inputId, id),
    contract,
    drainMs: drainOf(options.drain),
    outDir: folder,
  }
}

function list(flag: string, value: unknown): string[] {
  const items =
    value === undefined
      ? []
      : text(flag, value)
          .split(',')
          .filter((item) => item !== '')
  if (items.length > 0) return items
  throw usageError(
    `${flag} is missing`,
    'Give --bootstrap HOST:PORT,… and --topics INPUT,OUTPUT,… (with --contract acked: outputs only).',
  )
}

const simpleContracts = ['one-per-input', 'at-least-once', 'at-most-once', 'acked'] as const

/** One topic alone has no input: then each id may be there once, and no more can be said. */
function contractOf(given: unknown, topics: number): Contract {
  if (given === undefined) return topics === 1 ? 'acked' : 'one-per-input'
  const written = text('--contract', given)
  const simple = simpleContracts.find((one) => one === written)
  if (simple !== undefined) {
    if (simple === 'acked' || topics > 1) return simple
    throw usageError(
      `--contract ${written} needs an input`,
      'Name the input first: --topics INPUT,OUTPUT.',
    )
  }
  const copies = Number(/^fan-out:([0-9]+)$/.exec(written)?.[1] ?? Number.NaN)
  if (copies >= 1 && copies <= copiesMax && topics > 1) return { 'fan-out': copies }
  throw usageError(
    `--contract ${written} is no contract`,
    `There are ${simpleContracts.join(', ')}, and fan-out:N (N up to ${copiesMax}).`,
  )
}

function selectorOf(flag: string, given: unknown, otherwise: string): string {
  const selector = given === undefined ? otherwise : text(flag, given)
  try {
    idSelector(selector)
    return selector
  } catch (cause) {
    throw usageError(
      `${flag}: ${(cause as Error).message}`,
      'Use header:NAME, key, value, json:$.path or regex:PATTERN.',
    )
  }
}

function drainOf(given: unknown): number {
  if (given === undefined) return drainDefaultMs
  const written = text('--drain', given)
  if (/^[0-9]+(\.[0-9]+)?(ms|s|m|h)$/.test(written)) return durationMs(written)
  throw usageError(`--drain ${written} is no duration`, 'Write it like 500ms, 5s or 2m.')
}
