// From what stands on the command line to typed settings, and back: the line that repeats a run.
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { OperatorError } from '../../proxy/errors.ts'
import { nearestWord } from '../../proxy/plans/nearest.ts'
import type { Output } from '../reports/output.ts'
import type { RestProxy } from '../rest-client.ts'

const seedMax = 0xffff_ffff
export const portMax = 65_535
/** Where a proxy's REST listens unless told otherwise. */
const proxyDefault = 'http://127.0.0.1:8474'

/** What every command is given beside its own arguments. */
export interface CommandContext {
  output: Output
  /** Aborted by Ctrl-C: heal, clean up, return. */
  signal: AbortSignal
  /** Aborted by the second one: whatever is still waited for is not. */
  hurry?: AbortSignal
}

/** Options as the parser hands them over: by camel-cased name, repeated ones as lists. */
export type RawOptions = Readonly<Record<string, unknown>>

export interface RunFlags {
  seed: number | undefined
  cluster: string | undefined
  /** A running proxy to conduct the run with, by its REST address. */
  proxy: string | undefined
  set: readonly string[]
  out: string | undefined
  /** Annotations and a job summary for GitHub Actions. */
  github: boolean
  json: boolean
  quiet: boolean
  verbose: boolean
}

export function runFlags(options: RawOptions): RunFlags {
  return {
    seed: options.seed === undefined ? undefined : wholeNumber('--seed', options.seed, seedMax),
    cluster:
      options.cluster === undefined ? undefined : clusterName(text('--cluster', options.cluster)),
    proxy: options.proxy === undefined ? undefined : proxyAddress(text('--proxy', options.proxy)),
    set: texts(options.set),
    out: options.out === undefined ? undefined : text('--out', options.out),
    github: options.github === true,
    json: options.json === true,
    quiet: options.quiet === true,
    verbose: options.verbose === true,
  }
}

export function usageError(message: string, remedy: string): OperatorError {
  return new OperatorError('wrong-arguments', message, remedy)
}

/** One of a few words, or the nearest of them and all that there are. */
export function chosenWord<Word extends string>(
  what: string,
  given: string,
  words: readonly Word[],
): Word {
  const found = words.find((word) => word === given)
  if (found !== undefined) return found
  const nearest = nearestWord(given, words)
  const meant = nearest === undefined ? '' : `Did you mean "${nearest}"? `
  throw usageError(`unknown ${what} "${given}"`, `${meant}There are: ${words.join(', ')}.`)
}

export function wholeNumber(flag: string, value: unknown, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) {
    return value
  }
  throw usageError(`${flag} ${String(value)} is not a whole number`, `Give one from 0 to ${max}.`)
}

export function text(flag: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw usageError(`${flag} was given more than once`, 'Give it once.')
}

export function texts(value: unknown): string[] {
  if (value === undefined) return []
  return (Array.isArray(value) ? value : [value]).map(String)
}

export function proxyAddress(given: string): string {
  const url = /^https?:\/\//.test(given) ? given : `http://${given}`
  if (URL.canParse(url)) return url.replace(/\/$/, '')
  throw usageError(`${given} is no address of a proxy`, 'Write http://HOST:PORT of its REST.')
}

/** The proxy that a command speaks to: the one named, or GAUNTLET_URL, or where one listens unless told otherwise. */
export function proxyOf(options: RawOptions): RestProxy {
  const given = options.proxy ?? process.env.GAUNTLET_URL ?? proxyDefault
  return { url: proxyAddress(text('--proxy', given)), token: restToken() }
}

/** `HOST:PORT` */
export function addressOf(flag: string, given: string): { host: string; port: number } {
  const match = /^([^\s:]+):([0-9]{1,5})$/.exec(given)
  const port = Number(match?.[2])
  if (match === null || port > portMax) {
    throw usageError(`${flag} ${given} is no address`, 'Write HOST:PORT.')
  }
  return { host: match[1] ?? '', port }
}

/** `HOST:PORT,…`, given once or more often. */
export function addressesOf(flag: string, given: unknown): Array<{ host: string; port: number }> {
  return texts(given)
    .flatMap((list) => list.split(','))
    .map((one) => addressOf(flag, one))
}

function clusterName(given: string): string {
  const isAddresses = given.split(',').every((address) => /^[^\s:]+:[0-9]{1,5}$/.test(address))
  if (given === 'embedded' || given === 'docker' || isAddresses) return given
  throw usageError(
    `--cluster ${given} is no cluster`,
    'Use `embedded`, or the addresses of one that runs: HOST:PORT,HOST:PORT.',
  )
}

/** For plans that name no seed; printed with the run, so that it can be had again. */
export function randomSeed(): number {
  return randomInt(seedMax)
}

/** The command that does the same run again. */
export function againLine(plan: string, seed: number, flags: RunFlags): string {
  const words = ['gauntlet', 'run', plan, '--seed', String(seed)]
  if (flags.cluster !== undefined) words.push('--cluster', flags.cluster)
  if (flags.proxy !== undefined) words.push('--proxy', flags.proxy)
  for (const change of flags.set) {
    if (!change.startsWith('seed=')) words.push('--set', change)
  }
  return words.map(quoted).join(' ')
}

/** Quoted for a shell where that is needed. */
export function quoted(word: string): string {
  return /^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/**
 * The token for a proxy's REST: of the file given or named by GAUNTLET_TOKEN_FILE, or GAUNTLET_TOKEN itself. Never on
 * the command line, where every user of the machine can read it.
 */
export function restToken(options: { tokenFile?: unknown } = {}): string | undefined {
  const { GAUNTLET_TOKEN: own, GAUNTLET_TOKEN_FILE: named = '' } = process.env
  const token =
    options.tokenFile !== undefined
      ? tokenIn('--token-file', text('--token-file', options.tokenFile))
      : (own?.trim() ?? '') === '' && named !== ''
        ? tokenIn('GAUNTLET_TOKEN_FILE', named)
        : own?.trim()
  return token === '' ? undefined : token
}

function tokenIn(from: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new OperatorError(
      'file-not-found',
      `${from} ${file} cannot be read (${cause instanceof Error ? cause.message : cause})`,
      'Give a file that is there.',
    )
  }
}
