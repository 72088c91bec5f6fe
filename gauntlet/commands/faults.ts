// `gauntlet faults …`: what REST does with faults, for people on a terminal: list, arm from a file, fire, release,
// heal, disarm.
import { readFileSync } from 'node:fs'
import { exitCodes, OperatorError } from '../../proxy/errors.ts'
import type { FaultStatus } from '../../proxy/events.ts'
import { readSource, sourceData } from '../../proxy/plans/plan-source.ts'
import { problemText } from '../../proxy/plans/problem.ts'
import { count, duration } from '../reports/words.ts'
import { askRest, type RestProxy } from '../rest-client.ts'
import {
  type CommandContext,
  chosenWord,
  proxyOf,
  type RawOptions,
  text,
  usageError,
} from './flags.ts'

type Listed = FaultStatus & { expiresAtMs?: number; plan?: string }

const actions = ['list', 'arm', 'fire', 'release', 'heal', 'disarm', 'heal-all'] as const
type Action = (typeof actions)[number]

const path = (name: string): string => `/v1/faults/${encodeURIComponent(name)}`

export async function faultsCommand(
  action: string | undefined,
  subject: string | undefined,
  options: RawOptions,
  context: CommandContext,
): Promise<number> {
  const wanted = chosenWord('action of faults', action ?? 'list', actions)
  await act(wanted, subject, options, proxyOf(options), context)
  return exitCodes.asExpected
}

async function act(
  action: Action,
  subject: string | undefined,
  options: RawOptions,
  proxy: RestProxy,
  { output }: CommandContext,
): Promise<void> {
  const named = (): string => {
    if (subject !== undefined) return subject
    throw usageError(`faults ${action} needs a name`, '`gauntlet faults list` shows them.')
  }
  switch (action) {
    case 'list': {
      const { body } = await askRest<{ faults: Listed[] }>(proxy, 'GET', '/v1/faults')
      if (options.json === true) output.write(`${JSON.stringify(body.faults, null, 2)}\n`)
      else output.write(`${faultLines(body.faults, Date.now()).join('\n')}\n`)
      return
    }
    case 'arm': {
      for (const fault of faultsIn(subject)) {
        const query =
          options.expires === undefined
            ? ''
            : `?expires=${encodeURIComponent(text('--expires', options.expires))}`
        const { body } = await askRest<Listed>(proxy, 'POST', `/v1/faults${query}`, fault)
        output.write(`${faultLines([body], Date.now()).slice(1).join('\n')}\n`)
      }
      return
    }
    case 'fire':
    case 'release':
    case 'heal': {
      const { body } = await askRest<Listed>(proxy, 'POST', `${path(named())}/${action}`)
      output.write(`${faultLines([body], Date.now()).slice(1).join('\n')}\n`)
      return
    }
    case 'disarm':
      await askRest(proxy, 'DELETE', path(named()))
      output.write(`${subject} is disarmed\n`)
      return
    case 'heal-all':
      await askRest(proxy, 'POST', '/v1/heal')
      output.write('everything is healed and disarmed\n')
      return
  }
}

/** One fault, a list of them, or a plan with `faults`, in YAML or JSON; what they say is checked by the proxy. */
function faultsIn(file: string | undefined): unknown[] {
  if (file === undefined) {
    throw usageError('faults arm needs a file', 'Give one that holds a fault, or `-` for stdin.')
  }
  let content: string
  try {
    content = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError('file-not-found', `${file} cannot be read (${why})`, 'Give another.')
  }
  const read = readSource(content, file)
  const result = 'problems' in read ? read : sourceData(read.source)
  if ('problems' in result) {
    const said = result.problems.map(problemText).join('\n')
    throw new OperatorError('wrong-fault', said, 'Mend the file; nothing was armed.')
  }
  const { data } = result
  if (Array.isArray(data)) return data
  if (typeof data === 'object' && data !== null && 'faults' in data) {
    return Array.isArray(data.faults) ? data.faults : []
  }
  return [data]
}

/** A table with its head; faults in the order in which they were armed. */
export function faultLines(faults: readonly Listed[], nowMs: number): string[] {
  if (faults.length === 0) return ['no fault is armed']
  const head = ['fault', 'kind', 'state', 'matched', 'fired', 'applied', 'healed', 'expires in']
  const rows = faults.map((fault) => [
    fault.name,
    fault.kind,
    fault.state,
    count(fault.matched),
    count(fault.fired),
    count(fault.applied),
    count(fault.healed),
    fault.expiresAtMs === undefined ? '-' : duration(Math.max(0, fault.expiresAtMs - nowMs)),
  ])
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
